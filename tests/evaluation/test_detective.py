"""Permuted class names are told, with the known order and the cure; weak networks are left in peace."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from posterv2.evaluation.detective import assignment, permutation_in
from posterv2.labels import LABEL_SETS, LabelSet
from tests.evaluation.test_metrics import RAFDB

RAF = LABEL_SETS["rafdb"]
SEVEN = [name for name in LABEL_SETS if len(LABEL_SETS[name]) == 7]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 30])
def test_the_assignment_is_the_best_there_is(size: int) -> None:
    generator = np.random.default_rng(size)
    for _ in range(50):
        counts = generator.integers(0, 30, (size, size))
        order = assignment(counts)
        assert sorted(order) == list(range(size))
        rows, columns = linear_sum_assignment(counts, maximize=True)
        assert counts[list(order), range(size)].sum() == counts[rows, columns].sum()


def named(labels: LabelSet, matrix: np.ndarray = RAFDB, truly: LabelSet = RAF) -> np.ndarray:
    """The matrix of a network of `truly` whose indices go by the names of `labels`; the data's own are right."""
    return matrix[[truly.index(name) for name in labels.names]]


@pytest.mark.parametrize("wrong", [name for name in SEVEN if name != "rafdb"])
def test_a_known_order_is_named(wrong: str) -> None:
    matrix = named(LABEL_SETS[wrong])
    found = permutation_in(matrix, LABEL_SETS[wrong])
    assert found is not None
    assert found.known == "rafdb"
    assert found.accuracy == pytest.approx(2829 / 3068)
    assert found.before == pytest.approx(np.trace(matrix) / 3068)


def test_an_unknown_order_is_spelled_out() -> None:
    order = [2, 0, 1, 3, 6, 5, 4]
    found = permutation_in(RAFDB[:, order], RAF)
    assert found is not None
    assert found.known is None
    assert found.order.names == tuple(RAF.names[index] for index in order)
    assert found.accuracy == pytest.approx(2829 / 3068)


@pytest.mark.parametrize("labels", SEVEN)
def test_silent_where_the_names_are_right(labels: str) -> None:
    order = [RAF.index(name) for name in LABEL_SETS[labels].names]
    assert permutation_in(RAFDB[np.ix_(order, order)], LABEL_SETS[labels]) is None


def test_silent_about_weak_networks() -> None:
    """Guesses, one answer for all, two classes that become one, and answers that are half guesses."""
    generator = np.random.default_rng(0)
    samples = RAFDB.sum(axis=1)
    for _ in range(200):
        guesses = np.array([generator.multinomial(count, generator.dirichlet(np.ones(7))) for count in samples])
        assert permutation_in(guesses, RAF) is None
    for answer in range(7):
        one = np.zeros_like(RAFDB)
        one[:, answer] = samples
        for wrong in SEVEN:
            assert permutation_in(one, LABEL_SETS[wrong]) is None
    merged = RAFDB.copy()
    merged[0], merged[1] = np.eye(7, dtype=int)[1] * 329, np.eye(7, dtype=int)[1] * 74  # surprise taken for fear
    assert permutation_in(merged, RAF) is None
    for share in (0.3, 0.5, 0.8):
        blurred = np.round(RAFDB * (1 - share) + samples[:, None] / 7 * share)
        assert permutation_in(blurred, RAF) is None


def test_silent_where_one_class_is_lost_to_others() -> None:
    """The best assignment is right on more faces, but only because two classes are taken for others."""
    labels = LabelSet("custom", ("a", "b", "c"))
    assert permutation_in(np.array([[0, 100, 0], [0, 10, 90], [0, 60, 40]]), labels) is None


def test_a_weak_network_under_wrong_names_is_told_all_the_same() -> None:
    samples = RAFDB.sum(axis=1)
    half = np.round(RAFDB * 0.5 + samples[:, None] / 7 * 0.5)  # right on 53 %
    found = permutation_in(named(LABEL_SETS["affectnet7"], half), LABEL_SETS["affectnet7"])
    assert found is not None
    assert found.known == "rafdb"


def test_few_faces_say_nothing() -> None:
    assert permutation_in(np.eye(7, dtype=int)[::-1] * 2, RAF) is None


def test_classes_of_ones_own() -> None:
    labels = LabelSet("custom", ("bored", "curious", "tired"))
    assert permutation_in(np.array([[0, 50, 1], [60, 2, 3], [2, 2, 40]]), labels) is not None
    assert permutation_in(np.array([[50, 0, 1], [2, 60, 3], [2, 2, 40]]), labels) is None
