"""Answering only where one is sure: what is won by leaving the other faces to somebody else."""

from dataclasses import dataclass

import numpy as np

from posterv2.evaluation.answers import Answers


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The share of wrong answers among those that are kept, the surest ones first (El-Yaniv & Wiener 2010).

    Answers of one confidence are kept or withheld together, for no threshold parts them: of N answers there are T
    points, one a confidence.

    Attributes:
        coverages: (T,), the share of faces that are answered, 1 at the end.
        risks: (T,), the share of these answers that is wrong.
        confidences: (T,), the probability of the least sure of them.
    """

    coverages: np.ndarray
    risks: np.ndarray
    confidences: np.ndarray

    @property
    def area(self) -> float:
        """The area under the curve (AURC, Geifman & El-Yaniv 2017): the mean risk at each answer's own confidence."""
        return float(np.diff(self.coverages, prepend=0) @ self.risks) if len(self.risks) else float("nan")

    def coverage_at(self, risk: float) -> float:
        """The largest share of faces that can be answered with at most this share of wrong answers; 0 for none."""
        kept = np.flatnonzero(self.risks <= risk)
        return float(self.coverages[kept[-1]]) if len(kept) else 0.0

    def threshold_at(self, risk: float) -> float | None:
        """The probability below which answers are withheld then, for `--uncertain-below`; None where all are."""
        kept = np.flatnonzero(self.risks <= risk)
        return float(self.confidences[kept[-1]]) if len(kept) else None


def risk_coverage(answers: Answers) -> RiskCoverage:
    """The curve of a set of answers."""
    order = np.argsort(-answers.confidences, kind="stable")
    confidences = answers.confidences[order]
    last = np.flatnonzero(np.diff(confidences, append=-1.0))  # of each run of equal ones
    wrong = (~answers.right[order]).cumsum()[last]
    return RiskCoverage((last + 1) / max(1, len(answers)), wrong / (last + 1), confidences[last])
