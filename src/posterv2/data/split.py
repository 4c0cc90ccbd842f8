"""One part of a data set: pictures, their classes, and the label set that names the classes."""

from dataclasses import dataclass, replace

import numpy as np

from posterv2.data.store import Store
from posterv2.labels import LabelSet, mapping
from posterv2.preprocessing import read_image

UNDIVIDED = "all"
"""The one split of a set that is not divided."""

SPLITS = ("train", "valid", "val", "test", UNDIVIDED)
"""The names that splits have."""

SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "dev", "publictest"), "valid"),
    "val": "val",
    **dict.fromkeys(("test", "testing", "privatetest"), "test"),
}
"""The split that a word means, in small letters."""


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled pictures, in a fixed order.

    Attributes:
        name: the split's name in its data set, one of `SPLITS`.
        labels: which index is which class.
        sources: the N pictures' names in `store`.
        targets: (N,), int64, each picture's index in `labels`.
        distributions: (N, C), float32, rows that sum to 1: how the annotators voted; None where nobody knows.
        store: where the pictures' bytes lie.
        dataset: what it was read as, one of `dataset.READERS`.
    """

    name: str
    labels: LabelSet
    sources: tuple[str, ...]
    targets: np.ndarray
    distributions: np.ndarray | None
    store: Store
    dataset: str

    def __len__(self) -> int:
        return len(self.sources)

    def image(self, index: int) -> np.ndarray:
        """One picture, decoded: (H, W, 3), uint8, RGB.

        Raises:
            ImageError: it is no picture, or broken; the message names it.
            DatasetError: it cannot be read; the message names it.
        """
        source = self.sources[index]
        return read_image(self.store.read(source), name=str(self.store.path / source))

    def counts(self) -> dict[str, int]:
        """How many pictures each class has."""
        counts = np.bincount(self.targets, minlength=len(self.labels))
        return {name: int(count) for name, count in zip(self.labels.names, counts, strict=True)}

    def empty_classes(self) -> list[str]:
        """The classes without a picture."""
        return [name for name, count in self.counts().items() if count == 0]

    def subset(self, kept: np.ndarray, name: str | None = None) -> "Split":
        """The pictures at which `kept`, (N,), bool, is set, as a split of their own."""
        return replace(
            self,
            name=name or self.name,
            sources=tuple(source for source, keep in zip(self.sources, kept, strict=True) if keep),
            targets=self.targets[kept],
            distributions=None if self.distributions is None else self.distributions[kept],
        )

    def relabel(self, target: LabelSet) -> "Split":
        """The same pictures under another label set: classes are matched by name, never by position.

        Classes without a picture need no partner in `target`.

        Raises:
            LabelsError: `target` lacks a class that has pictures; the message shows both lists.
        """
        partners = mapping(self.labels, target, unused=self.empty_classes())
        kept, places = list(partners), list(partners.values())
        table = np.full(len(self.labels), -1, np.int64)
        table[kept] = places
        distributions = None
        if self.distributions is not None:
            distributions = np.zeros((len(self), len(target)), np.float32)
            distributions[:, places] = self.distributions[:, kept]
            distributions /= distributions.sum(axis=1, keepdims=True)
        return replace(self, labels=target, targets=table[self.targets], distributions=distributions)
