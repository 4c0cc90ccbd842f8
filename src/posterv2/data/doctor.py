"""Look at every picture and label of a data set, and say what would go wrong in a training."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posterv2.data import findings
from posterv2.data.dataset import find_reader
from posterv2.data.findings import Finding, Picture
from posterv2.data.manifest import content, entry
from posterv2.data.reading import Reading
from posterv2.data.split import Split
from posterv2.data.store import open_store
from posterv2.data.workers import spread
from posterv2.errors import DatasetError, ImageError
from posterv2.preprocessing import read_image


@dataclass(frozen=True)
class Labels:
    """The labels of a data set.

    Attributes:
        readings: the splits that could be read.
        broken: the others, and why.
    """

    readings: Mapping[str, Reading]
    broken: Mapping[str, str]

    def __len__(self) -> int:
        return sum(len(reading.split) for reading in self.readings.values())

    @property
    def dataset(self) -> str:
        """What it was read as."""
        return next(iter(self.readings.values())).split.dataset


@dataclass(frozen=True)
class Checkup:
    """What was found.

    Attributes:
        pictures: those of each split, readable or not.
        findings: what is wrong, the worst first.
    """

    pictures: Mapping[str, Sequence[Picture]]
    findings: Sequence[Finding]

    @property
    def spoilt(self) -> bool:
        """Whether a training on it would fail, or teach or measure something wrong."""
        return any(finding.spoils for finding in self.findings)


def read_labels(path: str | Path, dataset: str | None = None) -> Labels:
    """The labels of all splits of the data set at `path`; wrong rows are kept for `check` to tell.

    Raises:
        UsageError, DatasetError: as from `open_split`, where no split can be read.
    """
    store, reader = find_reader(open_store(path), dataset)
    readings: dict[str, Reading] = {}
    broken: dict[str, str] = {}
    for split in reader.splits(store):
        try:
            readings[split] = reader.read(store, split)
        except DatasetError as error:
            broken[split] = str(error)
    if not readings:
        raise DatasetError("; ".join(dict.fromkeys(broken.values())))
    return Labels(readings, broken)


def check(labels: Labels, advance: Callable[[str], None] = lambda words: None) -> Checkup:
    """Read and decode every picture, and tell all that is wrong; no picture, however broken, ends it.

    Args:
        advance: called after each picture, with its name.
    """
    pictures: dict[str, list[Picture]] = {}
    for name, reading in labels.readings.items():
        pictures[name] = []
        for picture in spread(lambda index, split=reading.split: _look(split, index), len(reading.split)):
            pictures[name].append(picture)
            advance(picture.entry.source)
    found = [*findings.of_labels(labels.readings, labels.broken), *findings.of_pictures(pictures)]
    return Checkup(pictures, sorted(found, key=lambda finding: not finding.spoils))


def _look(split: Split, index: int) -> Picture:
    """One picture, read and decoded."""
    data = content(split, index)
    found = entry(split, index, data)
    if data is None:
        return Picture(split.name, found, error="cannot be read")
    try:
        pixels = read_image(data, name=found.source)
    except ImageError as error:
        return Picture(split.name, found, error=str(error).removeprefix(f"{found.source}: "))
    height, width, _ = pixels.shape
    return Picture(
        split.name, found, hashlib.blake2b(pixels.tobytes(), digest_size=16).hexdigest() + f" {width}", (width, height)
    )
