"""Figures agree with kept libraries, and intervals hold what they say they hold."""

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss, top_k_accuracy_score

from posterv2.evaluation import metrics
from posterv2.evaluation.answers import BINS, Answers
from posterv2.evaluation.intervals import draws, figures, interval, replicates
from posterv2.labels import LABEL_SETS
from tests.evaluation.test_metrics import RAFDB

LABELS = LABEL_SETS["rafdb"]


def made(count: int = 600, seed: int = 0, sharp: float = 2.0) -> Answers:
    """Answers that are what they say: each truth is drawn from its own probabilities."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(7, 1 / sharp), count)
    targets = np.array([generator.choice(7, p=row) for row in shares])
    return Answers(LABELS, tuple(map(str, range(count))), targets, shares)


def published() -> Answers:
    rows, columns = np.indices(RAFDB.shape)
    targets, said = (np.repeat(indices, RAFDB.ravel()) for indices in (rows, columns))
    return Answers(LABELS, ("",) * len(targets), targets, np.eye(7)[said])


def test_figures_agree_with_kept_libraries() -> None:
    answers = made()
    single = {name: values[0] for name, values in figures(answers).single.items()}
    assert single["accuracy"] == (answers.probabilities.argmax(axis=1) == answers.targets).mean()
    assert single["nll"] == pytest.approx(log_loss(answers.targets, answers.probabilities, labels=range(7)))
    assert single["top2_accuracy"] == top_k_accuracy_score(answers.targets, answers.probabilities, k=2, labels=range(7))
    brier = brier_score_loss(answers.targets, answers.probabilities, labels=range(7))
    assert single["brier"] == pytest.approx(brier)


def test_ece_is_that_of_bins_of_equal_mass() -> None:
    answers = made(601)
    order = np.argsort(answers.confidences, kind="stable")
    parts = np.array_split(order, BINS)
    sizes = np.bincount(answers.bins(), minlength=BINS)
    assert sizes.max() - sizes.min() <= 1
    expected = sum(
        len(part) / len(order) * abs(answers.confidences[part].mean() - answers.right[part].mean()) for part in parts
    )
    assert figures(answers).single["ece"][0] == pytest.approx(expected, abs=2e-3)  # the parts may differ by a face


def test_ece_of_answers_that_are_what_they_say_is_small_and_of_boasting_ones_large() -> None:
    honest = made(4000)
    boasting = Answers(LABELS, honest.sources, honest.targets, honest.probabilities**4)
    boasting = Answers(
        LABELS, honest.sources, honest.targets, boasting.probabilities / boasting.probabilities.sum(1, keepdims=True)
    )
    assert figures(honest).single["ece"][0] < 0.03
    assert figures(boasting).single["ece"][0] > 0.15


def test_the_published_matrix_and_its_interval() -> None:
    low, high = interval(replicates(published()).single["accuracy"])
    assert figures(published()).single["accuracy"][0] == 2829 / 3068
    normal = 1.96 * (0.9221 * 0.0779 / 3068) ** 0.5  # what the binomial gives without strata, a little wider
    assert (low, high) == pytest.approx((0.9221 - normal, 0.9221 + normal), abs=0.0015)


def test_each_class_keeps_its_number_and_the_seed_its_draws() -> None:
    targets = np.repeat(np.arange(3), (1, 10, 100))
    drawn = np.concatenate(list(draws(targets, 150, seed=1)))
    assert drawn.shape == (150, 111)
    for target, count in enumerate((1, 10, 100)):
        assert (drawn[:, targets == target].sum(axis=1) == count).all()
    assert drawn[:, targets == 2].var() == pytest.approx(0.99, abs=0.05)
    assert np.array_equal(drawn, np.concatenate(list(draws(targets, 150, seed=1))))
    assert not np.array_equal(drawn, np.concatenate(list(draws(targets, 150, seed=2))))


def test_replicates_are_the_figures_of_what_was_drawn() -> None:
    answers = made(200)
    chunk = next(draws(answers.targets, 3))
    several = replicates(answers, 3)
    for row, counts in enumerate(chunk):
        index = np.repeat(np.arange(200), counts.astype(int))
        matrix = metrics.confusion_matrix(answers.targets[index], answers.predictions[index], 7)
        assert several.single["macro_f1"][row] == pytest.approx(metrics.macro_f1(matrix))
        assert several.per_class["precision"][row] == pytest.approx(metrics.precision(matrix), nan_ok=True)
        assert several.single["nll"][row] == pytest.approx(answers.losses()["nll"][index].mean())


def test_nineteen_of_twenty_intervals_hold_the_true_accuracy() -> None:
    """Of sets of one kind, drawn again; what is true is what a very large one shows."""
    truth = made(100_000, seed=99).right.mean()
    held = 0
    for seed in range(200):
        low, high = interval(replicates(made(300, seed=seed), 300).single["accuracy"])
        held += low <= truth <= high
    assert 180 <= held <= 199


def test_pictures_without_an_answer_are_wrong_and_guesses() -> None:
    shares = np.array([[1.0, 0, 0, 0, 0, 0, 0], [0] * 7, [0] * 7, [0, 1, 0, 0, 0, 0, 0]])
    answers = Answers(LABELS, tuple("abcd"), np.array([0, 0, 1, 1]), shares)
    assert answers.predictions.tolist() == [0, 7, 7, 1]
    single = figures(answers).single
    assert single["accuracy"] == single["top2_accuracy"] == 0.5
    assert single["nll"] == pytest.approx(np.log(7) / 2)
    assert figures(answers).per_class["recall"][0, :2].tolist() == [0.5, 0.5]


def test_a_figure_of_nothing_has_no_interval() -> None:
    assert np.isnan(interval(np.full(10, np.nan))).all()
    assert np.isnan(figures(published().subset(np.zeros(3068, bool))).single["accuracy"]).all()


def test_torchmetrics_agrees_on_equal_bins() -> None:
    """Its bins are of equal width: where the confidences are spread evenly, both are the same."""
    from torchmetrics.functional.classification import binary_calibration_error

    confidences = (np.arange(1500) + 0.5) / 1500
    right = np.random.default_rng(0).random(1500) < confidences**2
    theirs = binary_calibration_error(torch.from_numpy(confidences), torch.from_numpy(right.astype(int)), n_bins=BINS)
    order = np.arange(1500) * BINS // 1500
    ours = np.abs(np.bincount(order, weights=confidences - right)).sum() / 1500
    assert ours == pytest.approx(float(theirs), abs=1e-6)
