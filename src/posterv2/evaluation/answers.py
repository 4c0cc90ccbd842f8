"""What a classifier answered about each picture of a set, beside the truth: all that any figure is made of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posterv2.evaluation import metrics
from posterv2.labels import LabelSet

BINS = 15
"""Bins of equal mass for the expected calibration error: each holds the same number of faces, by confidence."""

_LEAST = 1e-12  # probability, so that a log-likelihood is finite


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers about N pictures.

    Attributes:
        labels: the classes.
        sources: the pictures' names.
        targets: (N,), int64, the true classes.
        probabilities: (N, C), rows that sum to 1; of a picture without an answer all 0, and it is wrong.
    """

    labels: LabelSet
    sources: tuple[str, ...]
    targets: np.ndarray
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def predictions(self) -> np.ndarray:
        """(N,), int64, the likeliest class of each picture; C where there is no answer."""
        return np.where(self.probabilities.any(axis=1), self.probabilities.argmax(axis=1), len(self.labels))

    @property
    def right(self) -> np.ndarray:
        """(N,), bool."""
        return self.predictions == self.targets

    @property
    def confidences(self) -> np.ndarray:
        """(N,), the probability of each picture's answer."""
        return self.probabilities.max(axis=1)

    @property
    def confusion_matrix(self) -> np.ndarray:
        """(C, C + 1), int64, rows true, columns predicted; the last column counts pictures without an answer."""
        classes = len(self.labels)
        return metrics.confusion_matrix(self.targets, self.predictions, classes + 1)[:classes]

    def losses(self) -> dict[str, np.ndarray]:
        """Figures that are means over pictures, (N,) each: `top2_accuracy`, `nll`, `brier`.

        Top-2 is 1 where the truth is one of the two likeliest classes. NLL is -log of the truth's probability. Brier's
        score (1950) is the squared distance of the probabilities from the truth, 0..2. For the latter two, a picture
        without an answer is a guess, all classes alike.
        """
        answered = self.predictions < len(self.labels)
        shares = np.where(answered[:, None], self.probabilities, 1 / len(self.labels)).astype(float)
        truth = np.take_along_axis(shares, self.targets[:, None], axis=1)[:, 0]
        likeliest = np.argsort(-shares, axis=1, kind="stable")[:, :2]
        squares = np.square(shares).sum(axis=1)
        return {
            "top2_accuracy": (answered & (likeliest == self.targets[:, None]).any(axis=1)).astype(float),
            "nll": -np.log(np.maximum(truth, _LEAST)),
            "brier": squares - 2 * truth + 1,
        }

    def bins(self) -> np.ndarray:
        """(N,), int64, the bin of each picture: `BINS` of equal mass, from the least confident to the surest."""
        order = np.argsort(self.confidences, kind="stable")
        bins = np.empty(len(self), np.int64)
        bins[order] = np.arange(len(self)) * BINS // max(1, len(self))
        return bins

    def subset(self, kept: np.ndarray) -> "Answers":
        """The pictures at which `kept`, (N,), bool, is set."""
        sources = tuple(source for source, keep in zip(self.sources, kept, strict=True) if keep)
        return Answers(self.labels, sources, self.targets[kept], self.probabilities[kept])
