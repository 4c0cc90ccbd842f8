"""What comes out of an evaluation: figures with intervals, and in words what they do and do not say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from posterv2.data.manifest import manifest_hash
from posterv2.data.split import Split
from posterv2.evaluation.answering import Strangers, answer, answer_as_shipped, match
from posterv2.evaluation.answers import BINS, Answers
from posterv2.evaluation.detective import Permutation, permutation_in
from posterv2.evaluation.groups import FEW, Attribute, by_attribute
from posterv2.evaluation.intervals import COVERAGE, REPLICATES, SEED, Figures, figures, interval, replicates
from posterv2.inference.classifier import Classifier
from posterv2.inference.detection.detector import FaceDetector
from posterv2.labels import LabelSet

_DIGITS = 6  # of a probability that are written, zeros in front not counted, so that its logarithm stays what it is


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a classifier did on a split.

    Attributes:
        answers: about each picture as a given face crop.
        as_shipped: about the same pictures through detection and alignment, where that was asked for.
        weights: the classifier's name.
        labels_named: the user named the classifier's labels, because its file carries none.
        data: where the data set lies.
        dataset: what it was read as, one of `data.dataset.READERS`.
        split: the split's name.
        manifest: the hash of the split's pictures and classes, as `data.manifest.manifest_hash` gives it.
        matching: what was done about classes that only one side knows, in words.
        attributes: figures group by group, where attributes were given.
    """

    answers: Answers
    weights: str
    data: str
    dataset: str
    split: str
    manifest: str
    as_shipped: Answers | None = None
    labels_named: bool = False
    matching: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    @property
    def labels(self) -> LabelSet:
        """The classes; they name the matrix's rows and columns."""
        return self.answers.labels

    @property
    def confusion_matrix(self) -> np.ndarray:
        """(C, C), int64, rows true, columns predicted."""
        return self.answers.confusion_matrix[:, :-1]

    @cached_property
    def figures(self) -> Figures:
        """Of the answers as they are."""
        return figures(self.answers)

    @cached_property
    def replicates(self) -> Figures:
        """Of the answers drawn again and again."""
        return replicates(self.answers)

    @cached_property
    def shipped_figures(self) -> tuple[Figures, Figures] | None:
        """Figures and replicates of the answers as shipped."""
        return None if self.as_shipped is None else (figures(self.as_shipped), replicates(self.as_shipped))

    @cached_property
    def permutation(self) -> Permutation | None:
        """The order that the classes really have, if it is another one."""
        return permutation_in(self.confusion_matrix, self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; shares lie in 0..1, and a share of nothing (see `metrics`) is None.

        `docs/evaluation.md` says what each key holds.
        """
        matrix, names = self.confusion_matrix, self.labels.names
        samples = self.answers.confusion_matrix.sum(axis=1).tolist()
        return {
            **{name: _optional(values[0]) for name, values in self.figures.single.items()},
            "intervals": {name: _interval(values) for name, values in self.replicates.single.items()},
            "samples": len(self.answers),
            "labels": list(names),
            "confusion_matrix": matrix.tolist(),
            "per_class": {name: self._of_class(index, samples[index]) for index, name in enumerate(names)},
            "weights": self.weights,
            "data": self.data,
            "dataset": self.dataset,
            "split": self.split,
            "manifest": self.manifest,
            "as_shipped": self._as_shipped(),
            "groups": {attribute.name: attribute.to_dict() for attribute in self.attributes},
            "notes": self.notes(),
            "method": METHOD,
            "answers": {
                "sources": list(self.answers.sources),
                "targets": self.answers.targets.tolist(),
                "probabilities": [
                    [float(f"{share:.{_DIGITS}g}") for share in row] for row in self.answers.probabilities.tolist()
                ],
            },
        }

    @property
    def gravest(self) -> str | None:
        """That the classes stand in another order, where they do: no other figure says anything then."""
        return None if self.permutation is None else _in_words(self.permutation, self.labels_named)

    def notes(self) -> list[str]:
        """What the figures do and do not say, in words, the gravest first."""
        notes = [] if self.gravest is None else [self.gravest]
        notes += self.matching
        counts = dict(zip(self.labels.names, self.answers.confusion_matrix.sum(axis=1).tolist(), strict=True))
        if empty := [name for name, count in counts.items() if count == 0]:
            notes.append(f"no faces of {', '.join(empty)}: left out of the means over classes")
        if few := [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEW]:
            notes.append(f"fewer than {FEW} faces of {', '.join(few)}: too few to say much about them")
        if self.as_shipped is not None:
            missed = _missed(self.as_shipped)
            notes.append(
                f"as shipped, no face was found in {len(missed)} of {len(self.as_shipped)} pictures: all wrong"
            )
        for attribute in self.attributes:
            notes += _of_attribute(attribute)
        return notes

    def _as_shipped(self) -> dict[str, object] | None:
        if self.as_shipped is None or self.shipped_figures is None:
            return None
        values, spread = self.shipped_figures
        return {
            **{name: _optional(value[0]) for name, value in values.single.items()},
            "intervals": {name: _interval(each) for name, each in spread.single.items()},
            "missed": _missed(self.as_shipped),
        }

    def _of_class(self, index: int, samples: int) -> dict[str, object]:
        values = {name: _optional(shares[0, index]) for name, shares in self.figures.per_class.items()}
        spread = {name: _interval(shares[:, index]) for name, shares in self.replicates.per_class.items()}
        return {**values, "samples": samples, "intervals": spread}


METHOD = {
    "intervals": (
        f"{COVERAGE:.0%} percentiles of {REPLICATES} bootstrap replicates, stratified by true class, seed {SEED}"
    ),
    "ece": f"{BINS} bins of equal mass by confidence",
    "brier": "squared distance of all probabilities from the truth, 0..2",
}
"""How the figures came to be, in words."""


def evaluate(
    classifier: Classifier,
    split: Split,
    advance: Callable[[str], None] = lambda words: None,
    *,
    strangers: Strangers = "refuse",
    detector: FaceDetector | None = None,
    labels_named: bool = False,
    groups: Callable[[Sequence[str]], Mapping[str, Sequence[str]]] | None = None,
) -> Evaluation:
    """Classify every picture of `split`, each taken as a face crop, and count.

    Args:
        advance: called after each picture with how it goes so far, in words.
        strangers: what becomes of classes that only one side knows.
        detector: with it, the pictures go through detection and alignment as well.
        labels_named: the user named the classifier's labels, because its file carries none.
        groups: gives the value of each attribute for each of the pictures, by their names: `groups.read_attributes`.

    Raises:
        LabelsError: the classifier lacks a class that has pictures, and strangers are refused; or none is shared.
        DatasetError: a picture cannot be read.
        WeightsError: the network gave numbers that are not finite.
    """
    matched = match(split, classifier.header.labels, strangers)
    attributes = {} if groups is None else groups(matched.split.sources)
    answers = answer(classifier, matched, advance)
    shipped = None if detector is None else answer_as_shipped(classifier, detector, matched, advance)
    return Evaluation(
        answers,
        classifier.header.name,
        str(split.store.path),
        split.dataset,
        split.name,
        manifest_hash(matched.split),
        shipped,
        labels_named,
        matched.notes,
        tuple(by_attribute(answers, name, values) for name, values in attributes.items()),
    )


def _of_attribute(attribute: Attribute) -> list[str]:
    notes = []
    if few := [f"{group.name} ({group.samples})" for group in attribute.groups if group.few]:
        notes.append(f"{attribute.name}: fewer than {FEW} faces of {', '.join(few)}, too few to say much about them")
    if "accuracy" in attribute.gaps:
        gap, (low, high) = attribute.gaps["accuracy"]
        best, worst = attribute.between["accuracy"]
        notes.append(
            f"{attribute.name}: accuracy is {gap:.1%} higher for {best} than for {worst} "
            f"(95 % interval {low:.1%} to {high:.1%})"
        )
    if attribute.unknown:
        notes.append(f"{attribute.name}: not told of {attribute.unknown} faces")
    return notes


def _missed(answers: Answers) -> list[str]:
    nobody = answers.predictions == len(answers.labels)
    return [source for source, missed in zip(answers.sources, nobody, strict=True) if missed]


def _in_words(permutation: Permutation, labels_named: bool) -> str:
    order = permutation.order
    known = permutation.known
    flag = f"--labels {known or ','.join(order.names)}"
    cure = f"give {flag}" if labels_named else f"make the weight file again with {flag}, or put the data set's right"
    return (
        f"the classes stand in another order than their names say: in {f'that of {known}' if known else 'this one'} "
        f"({', '.join(order.names)}) the accuracy would be {permutation.accuracy:.2%}, not {permutation.before:.2%}; "
        f"{cure}"
    )


def _optional(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(values: np.ndarray) -> list[float | None]:
    return [_optional(end) for end in interval(values)]
