"""From logits to probabilities that mean what they say; how, travels inside the weight file.

Fitted by `posterv2 calibrate`. An array of logits is (N, C), float.
"""

import math
from dataclasses import dataclass

import numpy as np

from posterv2.errors import UsageError

COVERAGES = tuple(percent / 100 for percent in range(50, 100))
"""The probabilities with which a set of classes can be asked to hold the right one."""


@dataclass(frozen=True)
class Calibration:
    """Vector scaling (Guo et al. 2017), of which temperature scaling is the case with one scale for all, and no bias.

    Attributes:
        scale: each class's logit is multiplied by it; 1 / T for a temperature T.
        bias: and this is added then.
        quantiles: for each of `COVERAGES`, what 1 - p of the right class is at most, for that share of faces.
        fitted_on: which faces, in words.

    Raises:
        UsageError: values that cannot be.
    """

    scale: tuple[float, ...]
    bias: tuple[float, ...]
    quantiles: tuple[float, ...]
    fitted_on: str

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.bias) or not all(value > 0 for value in self.scale):
            raise UsageError(f"a calibration needs a scale above 0 and a bias for each class, got {self.scale}")
        if len(self.quantiles) != len(COVERAGES) or not all(0 <= value <= 1 for value in self.quantiles):
            raise UsageError(f"a calibration needs {len(COVERAGES)} quantiles in 0..1, got {len(self.quantiles)}")

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Better logits, (N, C)."""
        return logits * np.asarray(self.scale, logits.dtype) + np.asarray(self.bias, logits.dtype)

    def least(self, coverage: float) -> float:
        """From which probability on a class belongs to the set that holds the right one with probability `coverage`.

        Split conformal prediction (Vovk et al. 2005; Sadinle et al. 2019): it holds on average over faces like those it
        was fitted on, and says nothing about faces of another kind.

        Raises:
            UsageError: a coverage outside of `COVERAGES`; one between two of them is taken as the higher one.
        """
        if not COVERAGES[0] <= coverage <= COVERAGES[-1]:
            raise UsageError(f"a coverage is a probability from {COVERAGES[0]} to {COVERAGES[-1]}, got {coverage}")
        return 1 - self.quantiles[math.ceil(round(100 * (coverage - COVERAGES[0]), 6))]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) that sum to 1 in each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
