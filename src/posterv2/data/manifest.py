"""What a data set held: each picture with its class and the hash of its bytes, and one hash over all of it.

Two sets have one hash if they hold the same bytes under the same names in the same classes. Classes go by name and
rows are sorted, so neither a label set's order nor a reader's changes it, nor whether the set lies in a folder or a
zip. Annotators' votes, label lists, pictures that are left out, and the names of splits are not in it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posterv2.data.split import Split
from posterv2.data.workers import spread
from posterv2.errors import DatasetError
from posterv2.files import write_whole

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """One picture.

    Attributes:
        source: its name in the data set.
        expression: its class, by name.
        size: its length in bytes; None where it cannot be read.
        sha256: of its bytes; None where they cannot be read. For FER2013's CSV of the PGM file that a row makes.
    """

    source: str
    expression: str
    size: int | None
    sha256: str | None


def manifest_hash(split: Split) -> str:
    """The hash of a split, as it stands in its manifest: over each picture's name, class and bytes.

    All bytes are read, by several threads; nothing is decoded.
    """
    return hash_of(entries(split))


def entries(split: Split) -> list[Entry]:
    """A split's lines in the manifest, in its order; bytes are read as by `manifest_hash`."""
    return list(spread(lambda index: entry(split, index, content(split, index)), len(split)))


def listing_hash(split: Split) -> str:
    """A hash over each picture's name, class and length in bytes: no file is opened, and bytes may differ unseen.

    Raises:
        DatasetError: a file is gone.
    """
    sizes = spread(lambda index: split.store.size(split.sources[index]), len(split))
    names = (split.labels.names[target] for target in split.targets)
    return _hash(f"{source}\t{name}\t{size}" for source, name, size in zip(split.sources, names, sizes, strict=True))


def content(split: Split, index: int) -> bytes | None:
    """A picture's bytes; None where they cannot be read."""
    try:
        return split.store.read(split.sources[index])
    except DatasetError:
        return None


def entry(split: Split, index: int, data: bytes | None) -> Entry:
    """A picture's line in the manifest, from its bytes."""
    name = split.labels.names[split.targets[index]]
    if data is None:
        return Entry(split.sources[index], name, None, None)
    return Entry(split.sources[index], name, len(data), hashlib.sha256(data).hexdigest())


def hash_of(entries: Iterable[Entry]) -> str:
    """One hash over the names, classes and contents of these pictures, in whatever order they come."""
    return _hash(f"{entry.source}\t{entry.expression}\t{entry.sha256}" for entry in entries)


def write_manifest(path: Path, data: str, dataset: str, splits: Mapping[str, Sequence[Entry]]) -> str:
    """Write a manifest as JSON, whole or not at all.

    Args:
        data: where the data set lay, in words.
        dataset: what it was read as.
        splits: the pictures of each split.

    Returns:
        The set's hash: over the pictures of all splits.

    Raises:
        OutputError: it cannot be written.
    """
    everything = hash_of(entry for entries in splits.values() for entry in entries)
    document = {
        "format": FORMAT,
        "data": data,
        "dataset": dataset,
        "hash": everything,
        "splits": {
            name: {
                "hash": hash_of(entries),
                "pictures": [
                    {"source": one.source, "class": one.expression, "bytes": one.size, "sha256": one.sha256}
                    for one in sorted(entries, key=lambda one: one.source)
                ],
            }
            for name, entries in splits.items()
        },
    }
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    return everything


def _hash(rows: Iterable[str]) -> str:
    whole = hashlib.sha256()
    for row in sorted(rows):
        whole.update(row.encode("utf-8", "surrogateescape") + b"\n")
    return whole.hexdigest()
