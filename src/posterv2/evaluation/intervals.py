"""Every figure of a set of answers, and how far it would move if the pictures were drawn again.

Intervals are percentiles of a bootstrap (Efron 1979) that draws as many pictures of each true class as there are, with
replacement, from a seed that is stated: what differs is which pictures, not how many of each class.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posterv2.evaluation import metrics
from posterv2.evaluation.answers import BINS, Answers

REPLICATES = 2000
SEED = 0
COVERAGE = 0.95
"""Of an interval."""

METRICS = {
    "accuracy": metrics.accuracy,
    "mean_class_accuracy": metrics.mean_class_accuracy,
    "macro_f1": metrics.macro_f1,
    "weighted_f1": metrics.weighted_f1,
    "kappa": metrics.kappa,
}
"""Those of one number that a confusion matrix gives."""

PER_CLASS = {"precision": metrics.precision, "recall": metrics.recall, "f1": metrics.f1}

_CHUNK = 100  # replicates that are counted at once

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Figures:
    """Figures of one set, or of R replicates of it.

    Attributes:
        single: metric -> (R,).
        per_class: metric -> (R, C).
    """

    single: dict[str, np.ndarray]
    per_class: dict[str, np.ndarray]


def figures(answers: Answers) -> Figures:
    """The figures of the answers as they are; R is 1."""
    return _figures(answers, iter([np.ones((1, len(answers)))]))


def replicates(answers: Answers, count: int = REPLICATES, seed: int = SEED) -> Figures:
    """The figures of `count` bootstrap replicates."""
    return _figures(answers, draws(answers.targets, count, seed))


def draws(targets: np.ndarray, count: int = REPLICATES, seed: int = SEED) -> Iterator[np.ndarray]:
    """How often each of N pictures is drawn in `count` replicates, stratified by `targets`: chunks (R, N) of them."""
    generator = np.random.default_rng(seed)
    strata = [np.flatnonzero(targets == target) for target in np.unique(targets)]
    for start in range(0, count, _CHUNK):
        rows = min(_CHUNK, count - start)
        drawn = np.zeros((rows, len(targets)))
        for stratum in strata:
            places = generator.integers(0, len(stratum), (rows, len(stratum)))
            places += np.arange(rows)[:, None] * len(stratum)
            drawn[:, stratum] = np.bincount(places.ravel(), minlength=rows * len(stratum)).reshape(rows, -1)
        yield drawn


def interval(values: np.ndarray) -> Interval:
    """The percentiles of replicates (R,) that hold `COVERAGE` of them; NaN where all are."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return float(low), float(high)


def _figures(answers: Answers, chunks: Iterator[np.ndarray]) -> Figures:
    """Of sets in which each picture counts as often as a row says: (R, N)."""
    classes, total = len(answers.labels), len(answers)
    losses = answers.losses()
    pairs = np.eye(classes * (classes + 1))[answers.targets * (classes + 1) + answers.predictions]
    gaps = np.eye(BINS)[answers.bins()] * (answers.confidences - answers.right)[:, None]
    columns = np.concatenate([pairs, gaps, np.stack(list(losses.values()), axis=1), np.ones((total, 1))], axis=1)
    sums = np.concatenate([counts @ columns for counts in chunks])
    matrices = sums[:, : pairs.shape[1]].reshape(-1, classes, classes + 1)
    number, sums = np.maximum(sums[:, -1], np.finfo(float).tiny), sums[:, pairs.shape[1] :]
    single = {name: metric(matrices) for name, metric in METRICS.items()}
    single |= {name: sums[:, BINS + place] / number for place, name in enumerate(losses)}
    single["ece"] = np.abs(sums[:, :BINS]).sum(axis=1) / number
    return Figures(single, {name: metric(matrices) for name, metric in PER_CLASS.items()})
