"""Metrics from a confusion matrix: (C, C) counts, rows true, columns predicted.

Shares lie in 0..1; a share of nothing, such as the recall of a class without samples, is NaN.
"""

import numpy as np


def confusion_matrix(targets: np.ndarray, predictions: np.ndarray, classes: int) -> np.ndarray:
    """Counts of each pair of a true and a predicted index, both (N,): (C, C), int64, rows true."""
    pairs = targets.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def accuracy(matrix: np.ndarray) -> float:
    """The share of all samples that is right."""
    return float(_share(np.trace(matrix), matrix.sum()))


def mean_class_accuracy(matrix: np.ndarray) -> float:
    """The mean of the classes' recalls (also called UAR); classes without samples are left out."""
    recalls = recall(matrix)[matrix.sum(axis=1) > 0]
    return float(recalls.mean()) if len(recalls) else float("nan")


def precision(matrix: np.ndarray) -> np.ndarray:
    """Of what was predicted as each class, the share that is right: (C,); NaN where it never was."""
    return _share(np.diag(matrix), matrix.sum(axis=0))


def recall(matrix: np.ndarray) -> np.ndarray:
    """Of each class's samples, the share that is right: (C,); NaN for a class without samples."""
    return _share(np.diag(matrix), matrix.sum(axis=1))


def f1(matrix: np.ndarray) -> np.ndarray:
    """The harmonic mean of precision and recall: (C,); NaN for a class neither there nor predicted."""
    return _share(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.greater(whole, 0))
