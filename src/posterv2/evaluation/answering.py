"""Any classifier over any split of a data set: pictures as given face crops, or as shipped, through detection."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posterv2.data.split import Split
from posterv2.errors import DatasetError, ImageError, LabelsError
from posterv2.evaluation.answers import Answers
from posterv2.inference.classifier import Classifier, probabilities
from posterv2.inference.detection.detector import FaceDetector
from posterv2.inference.predictor import Predictor
from posterv2.labels import LabelSet

Strangers = Literal["refuse", "ignore", "count"]
"""What becomes of classes that only one side knows.

`refuse`: the data set may have none that the classifier lacks; those that the data set lacks are wrong where they are
answered. `ignore`: pictures of such classes are left out, and such answers are not given: the likeliest of the shared
classes is. `count`: both are wrong.
"""

_BATCH = 64


@dataclass(frozen=True, eq=False)
class Matched:
    """A split in the classes of a classifier, or in those that both share.

    Attributes:
        split: its pictures, relabelled.
        labels: the classes that answers are counted in.
        columns: of the classifier's classes, the place of each in `labels`; -1 where it is never answered.
        notes: what was done about strangers, in words.
    """

    split: Split
    labels: LabelSet
    columns: np.ndarray
    notes: tuple[str, ...]

    def answers(self, shares: np.ndarray) -> np.ndarray:
        """The classifier's probabilities (N, C) over `labels`: rows sum to 1, or are 0 where there is no answer."""
        kept = self.columns >= 0
        placed = np.zeros((len(shares), len(self.labels)), np.float64)
        placed[:, self.columns[kept]] = shares[:, kept]
        return np.divide(placed, placed.sum(axis=1, keepdims=True), out=placed, where=placed.any(axis=1, keepdims=True))


def match(split: Split, labels: LabelSet, strangers: Strangers = "refuse") -> Matched:
    """A split in the classes `labels` of a classifier, matched by name.

    Raises:
        LabelsError: the classifier lacks a class that has pictures, and strangers are refused; or none is shared.
    """
    there = [name for name, count in split.counts().items() if count]
    lacking = [name for name in there if name not in labels.names]
    unused = [name for name in labels.names if name not in there]
    if len(lacking) == len(there):
        raise LabelsError(f"{split.labels} and {labels} have no class in common")
    if not lacking or strangers == "refuse":
        split = split.relabel(labels)  # refuses what is lacking
        if strangers != "ignore" or not unused:
            return Matched(split, labels, np.arange(len(labels)), ())
    if strangers == "count":
        union = LabelSet("custom", (*labels.names, *lacking))
        pictures = sum(split.counts()[name] for name in lacking)
        note = f"the weights do not know {', '.join(lacking)}: its {pictures} faces are counted as wrong"
        return Matched(split.relabel(union), union, np.arange(len(labels)), (note,))
    shared = LabelSet("custom", tuple(name for name in labels.names if name in there))
    notes = []
    if lacking:
        kept = ~np.isin(split.targets, [split.labels.index(name) for name in lacking])
        notes.append(f"the weights do not know {', '.join(lacking)}: its {(~kept).sum()} faces are left out")
        split = split.subset(kept)
    if unused:
        notes.append(f"there are no faces of {', '.join(unused)}: never given as an answer")
    columns = [shared.names.index(name) if name in shared.names else -1 for name in labels.names]
    return Matched(split.relabel(shared), shared, np.array(columns), tuple(notes))


def answer(classifier: Classifier, matched: Matched, advance: Callable[[str], None] = lambda words: None) -> Answers:
    """What the classifier answers about each picture, taken as a face crop: all of it, as it is.

    Args:
        advance: called after each picture with how it goes so far, in words.

    Raises:
        DatasetError: a picture cannot be read. None is skipped: a share over fewer pictures is another share.
        WeightsError: the network gave numbers that are not finite.
    """
    return _answered(matched, advance, lambda images: probabilities(classifier, images, _BATCH))


def answer_as_shipped(
    classifier: Classifier,
    detector: FaceDetector,
    matched: Matched,
    advance: Callable[[str], None] = lambda words: None,
) -> Answers:
    """The same through detection and alignment, as a user's photo: the largest face that is found in a picture counts.

    A picture without one has no answer, and is wrong. Arguments and errors are those of `answer`.
    """
    predictor = Predictor(classifier, detector)

    def shares(images: list[np.ndarray]) -> np.ndarray:
        rows = np.zeros((len(images), len(classifier.header.labels)), np.float32)
        for row, result in zip(rows, predictor(images), strict=True):
            if result.faces:
                face = max(result.faces, key=lambda face: face.box[2] * face.box[3])
                row[:] = list(face.probabilities.values())
        return rows

    return _answered(matched, advance, shares)


def _answered(
    matched: Matched, advance: Callable[[str], None], shares: Callable[[list[np.ndarray]], np.ndarray]
) -> Answers:
    split, right, done = matched.split, 0, 0
    parts: list[np.ndarray] = []
    for images in images_of(split):
        targets = split.targets[done : done + len(images)]
        parts.append(matched.answers(shares(images)))
        right += int((parts[-1].any(axis=1) & (parts[-1].argmax(axis=1) == targets)).sum())
        done += len(images)
        for _ in images:
            advance(f"{right / done:.1%} right")
    rows = np.concatenate(parts) if parts else np.empty((0, len(matched.labels)))
    return Answers(matched.labels, split.sources, split.targets, rows)


def images_of(split: Split) -> Iterator[list[np.ndarray]]:
    """The pictures of a split, some at a time: (H, W, 3), uint8, RGB each.

    Raises:
        DatasetError: one cannot be read.
    """
    for start in range(0, len(split), _BATCH):
        yield [_face(split, index) for index in range(start, min(start + _BATCH, len(split)))]


def _face(split: Split, index: int) -> np.ndarray:
    try:
        return split.image(index)
    except ImageError as error:
        raise DatasetError(f"{error}; nothing was evaluated: mend or remove this picture first") from error
