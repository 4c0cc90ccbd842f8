"""Metrics from confusion matrices: (..., C, C) counts, rows true, columns predicted; leading axes stay.

A further column, (..., C, C + 1), counts the samples without an answer, which are wrong.

Written here, and checked against a kept library in the tests: an interval needs them for thousands of matrices at once,
and evaluation works without torch. Shares lie in 0..1; a share of nothing, such as the recall of a class without
samples, is NaN.
"""

import numpy as np


def confusion_matrix(targets: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts of each pair of a true and a predicted index, both (N,): (C, C), int64, rows true."""
    pairs = targets.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """The share of all samples that is right: (...)."""
    return _share(_diagonal(matrix).sum(axis=-1), matrix.sum(axis=(-2, -1)))


def mean_class_accuracy(matrix: np.ndarray) -> np.ndarray:
    """The mean of the classes' recalls (also called UAR): (...); classes without samples are left out."""
    return _mean(recall(matrix))


def macro_f1(matrix: np.ndarray) -> np.ndarray:
    """The mean of the classes' F1: (...); classes that are neither there nor predicted are left out."""
    return _mean(f1(matrix))


def weighted_f1(matrix: np.ndarray) -> np.ndarray:
    """The mean of the classes' F1, each weighted by its samples: (...)."""
    samples = matrix.sum(axis=-1)
    return _share((np.nan_to_num(f1(matrix)) * samples).sum(axis=-1), samples.sum(axis=-1))


def kappa(matrix: np.ndarray) -> np.ndarray:
    """Cohen's kappa (1960): (...), agreement beyond chance, 1 at most; NaN where chance alone agrees wholly."""
    total = matrix.sum(axis=(-2, -1))
    chance = _share((matrix.sum(axis=-1) * _predicted(matrix)).sum(axis=-1), np.square(total, dtype=float))
    return _share(accuracy(matrix) - chance, 1 - chance)


def precision(matrix: np.ndarray) -> np.ndarray:
    """Of what was predicted as each class, the share that is right: (..., C); NaN where it never was."""
    return _share(_diagonal(matrix), _predicted(matrix))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Of each class's samples, the share that is right: (..., C); NaN for a class without samples."""
    return _share(_diagonal(matrix), matrix.sum(axis=-1))


def f1(matrix: np.ndarray) -> np.ndarray:
    """The harmonic mean of precision and recall: (..., C); NaN for a class neither there nor predicted."""
    return _share(2 * _diagonal(matrix), _predicted(matrix) + matrix.sum(axis=-1))


def _diagonal(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _predicted(matrix: np.ndarray) -> np.ndarray:
    """How often each class was predicted: (..., C)."""
    return matrix.sum(axis=-2)[..., : matrix.shape[-2]]


def _mean(shares: np.ndarray) -> np.ndarray:
    """Over the last axis, without what is NaN."""
    there = ~np.isnan(shares)
    return _share(np.where(there, shares, 0).sum(axis=-1), there.sum(axis=-1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.greater(whole, 0))
