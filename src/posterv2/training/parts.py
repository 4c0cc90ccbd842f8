"""The parts of a data set that a run uses: to learn from, to choose the epoch on, to be measured on."""

import platform
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from posterv2.data.dataset import open_split
from posterv2.data.manifest import Entry, entries, hash_of
from posterv2.data.split import UNDIVIDED, Split
from posterv2.errors import DatasetError, UsageError
from posterv2.files import DRAFT
from posterv2.labels import LabelSet, label_set
from posterv2.preprocessing import Preprocessing
from posterv2.training.augment import needs_all_pixels
from posterv2.training.config import DATA_LABELS, TrainConfig
from posterv2.training.distributed import World
from posterv2.training.faces import Crop, Faces, decode
from posterv2.training.plan import Plan


@dataclass(frozen=True)
class DecodedParts:
    """The parts' faces, decoded."""

    train: Faces
    chosen_on: Faces
    evaluated: Faces


@dataclass(frozen=True)
class Parts:
    """Splits of one label set.

    Attributes:
        train: what is learned from.
        chosen_on: what the best epoch is chosen on: held out of the training set, or `evaluated` itself, as published
            and where there are too few faces to hold any out.
        evaluated: the evaluation split.
        whole: the training set before any of it was held out.
    """

    train: Split
    chosen_on: Split
    evaluated: Split
    whole: Split

    @property
    def labels(self) -> LabelSet:
        """The classes of all parts."""
        return self.train.labels

    def splits(self) -> list[Split]:
        """The parts, each once."""
        return [self.train, self.evaluated, *([] if self.chosen_on is self.evaluated else [self.chosen_on])]

    @cached_property
    def manifests(self) -> dict[str, str]:
        """The hash of each part's manifest."""
        return {part: hash_of(self._entries(split)) for part, split in self._named.items()}

    @cached_property
    def _read(self) -> dict[int, dict[tuple[str, int], Entry]]:
        """The lines of the two manifests, by picture and class, under their splits' ids: all bytes are read once."""
        return {
            id(split): dict(zip(zip(split.sources, split.targets.tolist(), strict=True), entries(split), strict=True))
            for split in (self.whole, self.evaluated)
        }

    def _entries(self, part: Split) -> list[Entry]:
        lines = self._read[id(self._origin(part))]
        return [lines[key] for key in zip(part.sources, part.targets.tolist(), strict=True)]

    def _origin(self, part: Split) -> Split:
        """The split of the data set that a part is of."""
        return self.whole if part.name.partition(",")[0] == self.whole.name else self.evaluated

    @property
    def _named(self) -> dict[str, Split]:
        return {"train": self.train, "chosen_on": self.chosen_on, "evaluated": self.evaluated}

    @property
    def description(self) -> dict[str, object]:
        """What each part is: plain JSON values.

        Its name, how many faces of each class it has, its manifest's hash, and as `split_manifest` that of the whole
        split it is of, which `posterv2 data check --manifest` writes.
        """
        return {
            part: {
                "split": split.name,
                "classes": split.counts(),
                "manifest": self.manifests[part],
                "split_manifest": hash_of(self._entries(self._origin(split))),
            }
            for part, split in self._named.items()
        }

    def decode(
        self, preprocessing: Preprocessing, stride: int, config: TrainConfig, out: Path, world: World
    ) -> DecodedParts:
        """Decode all parts, through files in `out`.

        Raises:
            ImageError, DatasetError: a picture cannot be read; the message names it.
            OutputError: the disk is full.
        """
        crop = face_crop(preprocessing) if config.crop == "face" else None

        def faces(split: Split, row_step: int, soft_labels: bool) -> Faces:
            file = out / f".faces-{platform.node()}{DRAFT}"
            return decode(
                split, preprocessing, file, row_step=row_step, soft_labels=soft_labels, crop=crop, world=world
            )

        train = faces(self.train, 1 if needs_all_pixels(config) else stride, config.soft_labels)
        evaluated = faces(self.evaluated, stride, False)
        held_out = self.chosen_on is not self.evaluated
        return DecodedParts(train, faces(self.chosen_on, stride, False) if held_out else evaluated, evaluated)


def open_parts(plan: Plan) -> Parts:
    """Open a plan's data; classes are matched by name to the config's labels.

    Raises:
        DatasetError, LabelsError: the data cannot be read, or has classes that the labels lack.
        UsageError: a set without splits shall be selected on as published.
    """
    config = plan.config
    labels = None if config.labels == DATA_LABELS else label_set(config.labels)
    try:
        train = open_split(plan.data, plan.dataset, "train", labels)
    except DatasetError as error:
        return _divided(plan, labels, error)
    evaluated = evaluation_split(plan, train.labels)
    if config.selection == "published":
        return Parts(train, evaluated, evaluated, train)
    left, held_out = hold_out(train, config.holdout, config.seed)
    return Parts(left, held_out if len(held_out) else evaluated, evaluated, train)


def _divided(plan: Plan, labels: LabelSet | None, missing: DatasetError) -> Parts:
    """A set without splits: a share of each class to measure on, another to choose on, the rest to learn from."""
    config = plan.config
    try:
        whole = open_split(plan.data, plan.dataset, UNDIVIDED, labels)
    except DatasetError:
        raise missing from None
    if config.selection == "published":
        raise UsageError(f"{plan.data} has no split to choose the epoch on as published; take selection=holdout")
    left, evaluated = hold_out(whole, config.holdout, config.seed, "put aside")
    left, held_out = hold_out(left, config.holdout, config.seed)
    if not len(evaluated):
        raise DatasetError(f"{plan.data}: no class has two pictures, so none can be put aside to measure on")
    return Parts(left, held_out if len(held_out) else evaluated, evaluated, whole)


def evaluation_split(plan: Plan, labels: LabelSet) -> Split:
    """The split to measure on: `valid`, or the only one there is beside `train`, such as AffectNet-8's `test`."""
    try:
        return open_split(plan.data, plan.dataset, "valid", labels)
    except DatasetError as error:
        try:
            return open_split(plan.data, plan.dataset, None, labels)
        except DatasetError:
            raise error from None


def hold_out(split: Split, share: float, seed: int, name: str = "held out") -> tuple[Split, Split]:
    """A split without a share of each class, and those faces under a name; the same ones for the same seed.

    Each class gives at least one face and keeps at least one to learn from: a class of one face gives none.
    """
    generator = np.random.default_rng(seed)
    held = np.zeros(len(split), bool)
    for index in range(len(split.labels)):
        members = generator.permutation(np.flatnonzero(split.targets == index))
        held[members[: max(0, min(max(round(share * len(members)), 1), len(members) - 1))]] = True
    return split.subset(~held), split.subset(held, f"{split.name}, {name}")


def face_crop(preprocessing: Preprocessing) -> Crop:
    """Takes the square around the likeliest face of a picture; all of it where none is found."""
    from posterv2.inference.detection.factory import open_detector

    detectors = threading.local()  # a detector serves one thread

    def crop(image: np.ndarray) -> np.ndarray:
        if not hasattr(detectors, "own"):
            detectors.own = open_detector()
        found = detectors.own.detect(image)
        if not found:
            return image
        best = max(found, key=lambda face: face.score)
        return preprocessing.crop(image, best.box, best.landmarks)

    return crop
