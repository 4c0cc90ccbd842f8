"""Inputs cut into shards: the same words give the same shards, on every machine and at every resumption."""

from __future__ import annotations

import errno
import glob
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, get_args

from posterv2.errors import ImageError, UsageError, cut, first_line, require
from posterv2.inference.sources import VIDEO_SUFFIXES
from posterv2.places import Place
from posterv2.preprocessing import SUFFIXES

Kind = Literal["pictures", "parquet", "tar", "video"]

_LISTS = (".txt", ".lst")
_FEWEST = 64
"""Shards of a small input, so that all workers of a machine have some, and progress is seen."""
_SMALLEST = 50
"""Inputs of a shard that is cut smaller for that; what a shard costs by itself is little beside them."""


@dataclass(frozen=True)
class Shard:
    """What one worker does at a time, and the rows of one file of the output.

    Attributes:
        number: from 0.
        kind: what the paths are.
        paths: of many pictures, or of one other file.
        begin: the first row of a Parquet file.
        end: the row behind the last one.
    """

    number: int
    kind: Kind
    paths: tuple[str, ...]
    begin: int = 0
    end: int = 0

    @classmethod
    def of(cls, values: dict[str, Any]) -> Shard:
        """From its fields, the paths as any sequence of texts or bytes."""
        if values["kind"] not in get_args(Kind):
            raise ValueError(f"there is no kind {values['kind']!r}")
        return replace(cls(**values), paths=tuple(map(os.fsdecode, values["paths"])))


def shards_of(word: str, size: int) -> list[Shard]:
    """The shards of an input.

    It is a picture, a video, a Parquet file, a WebDataset tar, a folder of these, a pattern, or a list (.txt) of
    paths, one a line. Pictures go `size` at a time, and so do rows of a Parquet file, less where a row group ends
    before; either go fewer at a time where they would be less than 64 shards. A tar or a video is one shard.

    Raises:
        ImageError: there is nothing, or what there is cannot be listed.
        UsageError: a list in a list, or a file of a kind that is not known.
        MissingExtraError: the extra `batch` is not installed.
    """
    parts: list[tuple[Kind, tuple[str, ...], int, int]] = []
    pictures: list[str] = []
    paths: list[tuple[str, Kind | None]] = [(path, kind_of(path)) for path in _paths(word)]
    together = _at_most(size, sum(kind == "pictures" for _, kind in paths))

    def flush(least: int) -> None:
        while len(pictures) >= least:
            parts.append(("pictures", tuple(pictures[:together]), 0, 0))
            del pictures[:together]

    for path, kind in paths:
        if kind is None:
            endings = ", ".join((*sorted(SUFFIXES | VIDEO_SUFFIXES), ".parquet", ".tar", *_LISTS))
            raise UsageError(f"{cut(path)}: neither a folder nor a file that ends with {endings}")
        if kind == "pictures":
            pictures.append(path)
            flush(together)
            continue
        flush(1)
        ranges = _ranges(path, size) if kind == "parquet" else [(0, 0)]
        parts.extend((kind, (path,), begin, end) for begin, end in ranges)
    flush(1)
    return [Shard(number, *part) for number, part in enumerate(parts)]


def _at_most(size: int, inputs: int) -> int:
    """Inputs of a shard."""
    return min(size, max(_SMALLEST, -(-inputs // _FEWEST)))


def kind_of(path: str) -> Kind | None:
    """What a file is, by its ending; None for no input."""
    ending = os.path.splitext(path)[1].lower()
    if ending in SUFFIXES:
        return "pictures"
    if ending in VIDEO_SUFFIXES:
        return "video"
    return ending.removeprefix(".") if ending in (".parquet", ".tar") else None  # pyright: ignore[reportReturnType]


def _paths(word: str, listed: bool = False) -> Iterator[str]:
    place = Place(word)
    if place.is_folder():
        found = [path for path in place.below() if kind_of(path)]
        if not found:
            raise ImageError(f"{word}: no pictures, videos, .tar or .parquet files below this folder")
        yield from map(place.named, found)
    elif glob.has_magic(word) and not place.exists():
        found = place.matching()
        if not found:
            raise ImageError(f"{word}: no file fits this pattern")
        yield from (os.path.relpath(path) if _is_relative(place) else place.named(path) for path in found)
    elif word.lower().endswith(_LISTS):
        if listed:
            raise UsageError(f"{word}: a list names no other lists")
        for line in place.read().decode("utf-8", "surrogateescape").splitlines():
            if line.strip():
                # A list may name millions, and whether each is there is found out when it is read.
                yield from [line] if kind_of(line) and not glob.has_magic(line) else _paths(line, listed=True)
    elif not place.exists():
        raise ImageError(f"{word}: {os.strerror(errno.ENOENT)}")
    else:
        yield word


def _is_relative(place: Place) -> bool:
    return place.local and "://" not in place.name and not os.path.isabs(place.name)


def _ranges(path: str, size: int) -> list[tuple[int, int]]:
    """Rows cut where row groups end, for whoever needs a row reads its whole group; larger ones are cut."""
    parquet = require("pyarrow.parquet", "batch")
    with Place(path).opened() as file:
        try:
            metadata = parquet.read_metadata(file)
        except Exception as error:  # pyarrow's errors share no base but this
            raise ImageError(f"{path}: no Parquet file that can be read: {first_line(error)}") from error
    size = _at_most(size, metadata.num_rows)
    ranges: list[tuple[int, int]] = []
    begin = end = 0
    for group in range(metadata.num_row_groups):
        start, end = end, end + metadata.row_group(group).num_rows
        if begin < start and end - begin > size:
            ranges.append((begin, start))
            begin = start
        while end - begin > size:
            ranges.append((begin, begin + size))
            begin += size
    return [*ranges, (begin, end)] if begin < end else ranges


def to_table(shards: Iterable[Shard]) -> bytes:
    """Shards as a Parquet file."""
    pyarrow, parquet = require("pyarrow", "batch"), require("pyarrow.parquet", "batch")
    schema = pyarrow.schema(
        [
            ("number", pyarrow.int64()),
            ("kind", pyarrow.string()),
            ("paths", pyarrow.list_(pyarrow.binary())),  # a path need not be text
            ("begin", pyarrow.int64()),
            ("end", pyarrow.int64()),
        ]
    )
    file, rest = io.BytesIO(), iter(shards)
    with parquet.ParquetWriter(file, schema) as writer:
        while chunk := list(islice(rest, 1000)):
            rows = [vars(shard) | {"paths": list(map(os.fsencode, shard.paths))} for shard in chunk]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    return file.getvalue()


def from_table(content: bytes, name: str) -> list[Shard]:
    """The shards that `to_table` was given.

    Raises:
        UsageError: these are none.
    """
    parquet = require("pyarrow.parquet", "batch")
    try:
        return [Shard.of(row) for row in parquet.read_table(io.BytesIO(content)).to_pylist()]
    except Exception as error:  # pyarrow's errors share no base but this
        raise UsageError(f"{name}: no shards of a job: {first_line(error)}") from error
