"""Answering only where one is sure, against the definition."""

import numpy as np
import pytest

from posterv2.evaluation.answers import Answers
from posterv2.evaluation.selective import risk_coverage
from posterv2.labels import LABEL_SETS
from tests.evaluation.test_intervals import made


def test_the_curve_is_that_of_its_definition() -> None:
    answers = made(200)
    curve = risk_coverage(answers)
    for count in (1, 7, 120, 200):
        threshold = np.sort(answers.confidences)[::-1][count - 1]
        kept = answers.confidences >= threshold
        assert curve.coverages[count - 1] == kept.mean() == count / 200
        assert curve.risks[count - 1] == pytest.approx(1 - answers.right[kept].mean())
        assert curve.confidences[count - 1] == threshold
    assert curve.area == pytest.approx(curve.risks.mean())
    assert curve.risks[-1] == pytest.approx(1 - answers.right.mean())


@pytest.mark.parametrize("seed", range(5))
def test_answers_of_one_confidence_are_kept_together_in_whatever_order_they_come(seed: int) -> None:
    answers = made(60, seed)
    shares = answers.probabilities.round(1)
    order = np.random.default_rng(seed).permutation(60)
    tied = Answers(answers.labels, answers.sources, answers.targets[order], shares[order])
    curve = risk_coverage(tied)
    assert curve.confidences.tolist() == sorted(set(tied.confidences.tolist()), reverse=True)
    for threshold, coverage, risk in zip(curve.confidences, curve.coverages, curve.risks, strict=True):
        kept = tied.confidences >= threshold
        assert coverage == pytest.approx(kept.mean())
        assert risk == pytest.approx(1 - tied.right[kept].mean())
    own = [1 - tied.right[tied.confidences >= confidence].mean() for confidence in tied.confidences]
    assert curve.area == pytest.approx(np.mean(own))


def test_no_threshold_parts_answers_that_are_equally_sure() -> None:
    shares = np.tile([1.0, 0, 0, 0, 0, 0, 0], (4, 1))
    curve = risk_coverage(Answers(LABEL_SETS["rafdb"], tuple("abcd"), np.array([0, 0, 1, 1]), shares))
    assert (curve.coverage_at(0), curve.threshold_at(0), curve.area) == (0, None, 0.5)


def test_how_much_can_be_answered_at_a_risk() -> None:
    answers = made(500)
    curve = risk_coverage(answers)
    coverage, threshold = curve.coverage_at(0.1), curve.threshold_at(0.1)
    assert threshold is not None
    kept = answers.confidences >= threshold
    assert kept.mean() == coverage
    assert 1 - answers.right[kept].mean() <= 0.1
    assert curve.coverage_at(1.0) == 1


def test_a_network_that_knows_when_it_is_wrong_has_no_risk_until_then() -> None:
    shares = np.array([[0.9, 0.1, 0, 0, 0, 0, 0], [0.6, 0.4, 0, 0, 0, 0, 0], [0.7, 0.3, 0, 0, 0, 0, 0]])
    answers = Answers(LABEL_SETS["rafdb"], tuple("abc"), np.array([0, 1, 0]), shares)
    curve = risk_coverage(answers)
    assert curve.risks.tolist() == [0, 0, pytest.approx(1 / 3)]
    assert curve.coverage_at(0) == pytest.approx(2 / 3)
    wrong = risk_coverage(Answers(LABEL_SETS["rafdb"], ("a",), np.array([3]), shares[:1]))
    assert (wrong.coverage_at(0.5), wrong.threshold_at(0.5)) == (0, None)
