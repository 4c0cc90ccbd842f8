import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score, f1_score
from torchmetrics.functional.classification import multiclass_f1_score, multiclass_precision, multiclass_recall

from posterv2.evaluation import metrics

# The published RAF-DB result: surprise, fear, disgust, happiness, sadness, anger, neutral.
RAFDB = np.array(
    [
        [299, 6, 5, 3, 1, 4, 11],
        [9, 51, 0, 2, 8, 2, 2],
        [2, 1, 120, 6, 13, 9, 9],
        [5, 1, 7, 1148, 2, 4, 18],
        [0, 0, 9, 4, 442, 1, 22],
        [2, 0, 7, 3, 0, 145, 5],
        [10, 0, 6, 11, 29, 0, 624],
    ]
)


def test_the_published_matrix_gives_the_published_accuracy() -> None:
    assert metrics.accuracy(RAFDB) == 2829 / 3068
    assert round(100 * float(metrics.accuracy(RAFDB)), 2) == 92.21
    shares = [299 / 329, 51 / 74, 120 / 160, 1148 / 1185, 442 / 478, 145 / 162, 624 / 680]
    assert metrics.mean_class_accuracy(RAFDB) == pytest.approx(sum(shares) / 7)
    assert metrics.recall(RAFDB) == pytest.approx(shares)
    assert metrics.precision(RAFDB)[:3] == pytest.approx([299 / 327, 51 / 59, 120 / 154])


def test_they_agree_with_a_kept_library() -> None:
    rows, columns = np.indices(RAFDB.shape)
    targets, predictions = np.repeat(rows, RAFDB.ravel()), np.repeat(columns, RAFDB.ravel())
    assert np.array_equal(metrics.confusion_matrix(targets, predictions, 7), RAFDB)
    for ours, theirs in (
        (metrics.precision, multiclass_precision),
        (metrics.recall, multiclass_recall),
        (metrics.f1, multiclass_f1_score),
    ):
        expected = theirs(torch.from_numpy(predictions), torch.from_numpy(targets), num_classes=7, average="none")
        assert ours(RAFDB) == pytest.approx(expected.numpy(), rel=1e-6)


def test_the_matrix_has_the_truth_in_its_rows_and_every_class() -> None:
    matrix = metrics.confusion_matrix(np.array([0, 0, 2]), np.array([2, 0, 2]), 4)
    assert matrix.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert matrix.dtype == np.int64


def test_a_class_without_samples_is_left_out_of_the_mean() -> None:
    matrix = np.array([[3, 0, 1], [0, 0, 0], [0, 1, 1]])
    assert metrics.mean_class_accuracy(matrix) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics.recall(matrix) == pytest.approx([3 / 4, np.nan, 1 / 2], nan_ok=True)
    assert metrics.f1(matrix) == pytest.approx([6 / 7, 0, 1 / 2])  # it was predicted once, wrongly


def test_a_share_of_nothing_is_not_a_number() -> None:
    never = np.array([[2, 0], [1, 0]])
    assert metrics.precision(never) == pytest.approx([2 / 3, np.nan], nan_ok=True)
    assert metrics.f1(never) == pytest.approx([4 / 5, 0])
    nothing = np.zeros((2, 2), int)
    assert np.isnan([metrics.accuracy(nothing), metrics.mean_class_accuracy(nothing), *metrics.f1(nothing)]).all()


def test_single_figures_agree_with_a_kept_library() -> None:
    rows, columns = np.indices(RAFDB.shape)
    truth, said = np.repeat(rows, RAFDB.ravel()), np.repeat(columns, RAFDB.ravel())
    assert metrics.macro_f1(RAFDB) == pytest.approx(f1_score(truth, said, average="macro"))
    assert metrics.weighted_f1(RAFDB) == pytest.approx(f1_score(truth, said, average="weighted"))
    assert metrics.kappa(RAFDB) == pytest.approx(cohen_kappa_score(truth, said))


def test_many_matrices_at_once_give_what_each_gives_alone() -> None:
    many = np.stack([RAFDB, RAFDB.T, np.zeros_like(RAFDB), np.diag(np.arange(7))])
    single = (metrics.accuracy, metrics.mean_class_accuracy, metrics.macro_f1, metrics.weighted_f1, metrics.kappa)
    for metric in (*single, metrics.precision, metrics.recall, metrics.f1):
        assert metric(many) == pytest.approx(np.stack([metric(matrix) for matrix in many]), nan_ok=True)


def test_samples_without_an_answer_are_wrong() -> None:
    matrix = np.array([[3, 0, 1], [0, 2, 2]])  # of four and four, one and two unanswered
    assert metrics.accuracy(matrix) == 5 / 8
    assert metrics.recall(matrix).tolist() == [3 / 4, 2 / 4]
    assert metrics.precision(matrix).tolist() == [1, 1]
    assert metrics.f1(matrix) == pytest.approx([6 / 7, 4 / 6])
    assert metrics.kappa(matrix) == pytest.approx((5 / 8 - (4 * 3 + 4 * 2) / 64) / (1 - (4 * 3 + 4 * 2) / 64))
