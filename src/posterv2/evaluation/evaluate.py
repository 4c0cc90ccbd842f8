"""Any classifier over any split of a data set."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posterv2.data.split import Split
from posterv2.errors import DatasetError, ImageError
from posterv2.evaluation import metrics
from posterv2.inference.classifier import Classifier, probabilities
from posterv2.labels import LabelSet

_BATCH = 64


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a classifier did on a split.

    Attributes:
        labels: the classifier's label set, which names the matrix's rows and columns.
        confusion_matrix: (C, C), int64, rows true, columns predicted.
        weights: the classifier's name.
        data: where the data set lies.
        dataset: what it was read as, one of `data.dataset.READERS`.
        split: the split's name.
    """

    labels: LabelSet
    confusion_matrix: np.ndarray
    weights: str
    data: str
    dataset: str
    split: str

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values; shares lie in 0..1, and a share of nothing (see `metrics`) is None."""
        matrix = self.confusion_matrix
        samples = matrix.sum(axis=1).tolist()
        columns = (metrics.precision(matrix), metrics.recall(matrix), metrics.f1(matrix))
        return {
            "accuracy": metrics.accuracy(matrix),
            "mean_class_accuracy": metrics.mean_class_accuracy(matrix),
            "samples": sum(samples),
            "labels": list(self.labels.names),
            "confusion_matrix": matrix.tolist(),
            "per_class": {
                name: {"precision": p, "recall": r, "f1": f, "samples": count}
                for name, p, r, f, count in zip(self.labels.names, *map(_optional, columns), samples, strict=True)
            },
            "weights": self.weights,
            "data": self.data,
            "dataset": self.dataset,
            "split": self.split,
        }


def evaluate(classifier: Classifier, split: Split, advance: Callable[[str], None] = lambda words: None) -> Evaluation:
    """Classify every picture of `split`, each taken as a face crop, and count.

    Classes are matched by name; those that only the classifier knows count as wrong where it predicts them.

    Args:
        advance: called after each picture with how it goes so far, in words.

    Raises:
        LabelsError: the classifier lacks a class that has pictures; the message shows both lists.
        DatasetError: a picture cannot be read. None is skipped: a share over fewer pictures is another share.
        WeightsError: the network gave numbers that are not finite.
    """
    labels = classifier.header.labels
    split = split.relabel(labels)
    matrix = np.zeros((len(labels), len(labels)), np.int64)
    for start in range(0, len(split), _BATCH):
        targets = split.targets[start : start + _BATCH]
        faces = [_face(split, start + offset) for offset in range(len(targets))]
        predictions = probabilities(classifier, faces, _BATCH).argmax(axis=1)
        matrix += metrics.confusion_matrix(targets, predictions, len(labels))
        for _ in faces:
            advance(f"{metrics.accuracy(matrix):.1%} right")
    return Evaluation(
        labels, matrix, classifier.header.name, data=str(split.store.path), dataset=split.dataset, split=split.name
    )


def _face(split: Split, index: int) -> np.ndarray:
    try:
        return split.image(index)
    except ImageError as error:
        raise DatasetError(f"{error}; nothing was evaluated: mend or remove this picture first") from error


def _optional(shares: np.ndarray) -> list[float | None]:
    return [None if np.isnan(share) else float(share) for share in shares]
