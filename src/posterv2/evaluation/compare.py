"""Two evaluations of the same faces: is the difference real?"""

import math
from dataclasses import dataclass

import numpy as np

from posterv2.errors import UsageError, cut
from posterv2.evaluation.answers import Answers
from posterv2.evaluation.intervals import Interval, figures, interval, replicates
from posterv2.evaluation.kept import Kept
from posterv2.labels import LabelSet

_CHANCE = 0.05  # p-value from which a difference could be chance


@dataclass(frozen=True)
class Comparison:
    """B less A, over the same faces.

    Attributes:
        samples: how many faces.
        first: A's figures by name.
        second: B's figures.
        differences: metric -> B less A and its interval, by a paired bootstrap: both on the same draws of the faces.
        only_first: faces that A alone has right.
        only_second: faces that B alone has right.
        p_value: of McNemar's exact test (1947): how likely a split at least as uneven as theirs is if both are alike.
    """

    samples: int
    first: dict[str, float]
    second: dict[str, float]
    differences: dict[str, tuple[float, Interval]]
    only_first: int
    only_second: int
    p_value: float

    @property
    def sentence(self) -> str:
        """Is the difference real?"""
        if not self.only_first + self.only_second:
            return f"There is no difference in accuracy: each of {self.samples:,} faces is right in both or in neither."
        gain, (low, high) = self.differences["accuracy"]
        evidence = f"95 % interval {100 * low:+.2f} to {100 * high:+.2f}, McNemar p = {self.p_value:.2g}"
        if self.p_value < _CHANCE and (low > 0 or high < 0):
            better, worse = ("B", "A") if gain > 0 else ("A", "B")
            return (
                f"The difference is real: {better} is right on {100 * abs(gain):.2f} points more of the faces than "
                f"{worse} ({evidence} for B less A)."
            )
        return f"The difference could be chance: B is right on {100 * gain:+.2f} points more of the faces ({evidence})."

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values; a figure of nothing is None."""
        return {
            "samples": self.samples,
            "a": {name: _optional(value) for name, value in self.first.items()},
            "b": {name: _optional(value) for name, value in self.second.items()},
            "differences": {
                name: {"difference": _optional(value), "interval": [_optional(end) for end in ends]}
                for name, (value, ends) in self.differences.items()
            },
            "only_a_right": self.only_first,
            "only_b_right": self.only_second,
            "p_value": self.p_value,
            "sentence": self.sentence,
        }


def compare(first: Kept, second: Kept) -> Comparison:
    """Compare two evaluations, face by face.

    Raises:
        UsageError: they are not of the same faces with the same truths; it says what differs.
    """
    one, other = _aligned(first, second)
    both = figures(one).single, figures(other).single
    drawn = replicates(one), replicates(other)  # the same draws: these depend on the true classes and the seed alone
    right, also = one.right, other.right
    only_first, only_second = int((right & ~also).sum()), int((also & ~right).sum())
    return Comparison(
        len(one),
        {name: float(values[0]) for name, values in both[0].items()},
        {name: float(values[0]) for name, values in both[1].items()},
        {
            name: (float(both[1][name][0] - both[0][name][0]), interval(drawn[1].single[name] - drawn[0].single[name]))
            for name in both[0]
        },
        only_first,
        only_second,
        mcnemar(only_first, only_second),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """The p-value of McNemar's exact test, two-sided: of fair coins, as many as the faces that one alone has right."""
    total, fewer = only_first + only_second, min(only_first, only_second)
    if 2 * fewer == total:
        return 1.0
    # In logarithms, for half to the power of many underflows.
    terms = [math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(math.exp(term - total * math.log(2)) for term in terms))


def _aligned(first: Kept, second: Kept) -> tuple[Answers, Answers]:
    """Both in the first one's order of faces, in the classes that any of them knows."""
    one, other = first.answers, second.answers
    places = {source: index for index, source in enumerate(other.sources)}
    if set(one.sources) != places.keys():
        alone = sorted(set(one.sources) ^ places.keys())
        raise UsageError(
            f"{first.path} and {second.path} are not of the same faces: {len(one)} and {len(other)}, and "
            f"{len(alone)} are in one of them alone, such as {cut(alone[0])!r}; evaluate both on one set"
        )
    more = [name for name in other.labels.names if name not in one.labels.names]
    labels = LabelSet("custom", (*one.labels.names, *more)) if more else one.labels
    rows = np.array([places[source] for source in one.sources], np.int64)
    one, other = _in_classes(one, labels, np.arange(len(one))), _in_classes(other, labels, rows)
    if differing := np.flatnonzero(other.targets != one.targets).tolist():
        raise UsageError(
            f"{first.path} and {second.path} disagree on the true class of {len(differing)} faces, such as "
            f"{cut(one.sources[differing[0]])!r}; evaluate both on one set"
        )
    if first.manifest != second.manifest:
        raise UsageError(
            f"{first.path} and {second.path} name the same faces, but the pictures differ: their manifests are "
            f"{cut(first.manifest, 12)} and {cut(second.manifest, 12)}; evaluate both on one set"
        )
    return one, other


def _in_classes(answers: Answers, labels: LabelSet, rows: np.ndarray) -> Answers:
    """These rows in other classes, by name; a class that the answers do not know has no probability."""
    columns = np.array([labels.names.index(name) for name in answers.labels.names])
    shares = np.zeros((len(rows), len(labels)))
    shares[:, columns] = answers.probabilities[rows]
    return Answers(labels, tuple(answers.sources[row] for row in rows), columns[answers.targets[rows]], shares)


def _optional(value: float) -> float | None:
    return None if math.isnan(value) else value
