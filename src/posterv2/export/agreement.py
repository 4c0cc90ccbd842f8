"""Whether a file answers as the network does: what may differ, and what does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posterv2.errors import WeightsError
from posterv2.inference.classifier import Classifier

FilePrecision = Literal["fp32", "fp16", "int8"]
"""Of the numbers in a file: as they are, rounded to half the size, or a quarter and computed with as whole numbers."""

BATCHES = (1, 3, 64)
LOGITS = 1e-4
"""In fp32: of the logits; of the largest one where that is below 1, as an untrained network's are."""
NORMS: Mapping[FilePrecision, float] = {"fp16": 5e-3, "int8": 5e-2}
"""In other precisions: the difference of all logits, as a share of their norm."""
SAME_ANSWERS = 0.97
"""In int8, of labelled faces: enough of them with the network's own answer, ..."""
LOST_ACCURACY = 0.005
"""... and no more accuracy lost, will do instead."""


@dataclass(frozen=True)
class Agreement:
    """How two arrays of logits (N, C) compare.

    Attributes:
        difference: the largest one between two logits.
        largest: the largest logit of the network.
        of_norm: the norm of all differences over that of all logits.
        same_answers: the share of faces of which both say the same.
    """

    difference: float
    largest: float
    of_norm: float
    same_answers: float

    @classmethod
    def of(cls, expected: np.ndarray, got: np.ndarray) -> "Agreement":
        """Of what a file gave with what the network gives."""
        difference = got.astype(np.float64) - expected
        return cls(
            float(np.abs(difference).max()),
            float(np.abs(expected).max()),
            float(np.linalg.norm(difference) / max(np.linalg.norm(expected), np.finfo(np.float32).tiny)),
            float((got.argmax(axis=1) == expected.argmax(axis=1)).mean()),
        )

    def holds(self, precision: FilePrecision) -> bool:
        """Whether the difference is within what the precision may bring; not a number never is."""
        if precision == "fp32":
            return self.difference <= LOGITS * min(1, self.largest)
        return self.of_norm <= NORMS[precision]

    def __str__(self) -> str:
        return f"up to {self.difference:.2g} in logits up to {self.largest:.2g}, {self.of_norm:.2%} of their norm"


def compare(
    network: Classifier, file: Classifier, pixels: np.ndarray, precision: FilePrecision, path: object
) -> Agreement:
    """Run both on faces at each of `BATCHES`; `path` names the file in errors.

    Args:
        pixels: (B, S, S, 3), uint8, B the largest of `BATCHES`.
        network: what the file was made of, as it was trained.
        precision: int8 is judged by faces with labels (`quantised.judged`), so here it need only run.

    Returns:
        The agreement at the last batch.

    Raises:
        WeightsError: the file does not run at a batch, or above tolerance differs from the network there; the message
            holds the difference.
    """
    agreements = []
    for batch in BATCHES:
        agreement = Agreement.of(network.logits(pixels[:batch]), file.logits(pixels[:batch]))
        agreements.append(agreement)
        if precision != "int8" and not agreement.holds(precision):
            raise WeightsError(
                f"{path}: not written, at batch {batch} it disagrees with the network by {agreement}; allowed is "
                + (f"{LOGITS:g}" if precision == "fp32" else f"{NORMS[precision]:.1%} of the norm")
            )
    return agreements[-1]
