"""The pictures of a shard, one after the other, each with its name: what cannot be read is an error in its place."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from posterv2.batch.shards import Shard
from posterv2.errors import ImageError, PosterError, UsageError, cut, first_line, require
from posterv2.places import Place
from posterv2.preprocessing import SUFFIXES

MOST_BYTES = 256 * 2**20
"""Of one picture's file."""

_BYTES = ("bytes", "image", "jpg", "jpeg", "png", "webp", "content")
_PATHS = ("path", "file", "file_path", "filename", "source", "image_path", "url", "uri")
_NAMES = ("source", "path", "file", "file_path", "filename", "name", "id", "key", "__key__")


@dataclass(frozen=True)
class Item:
    """One picture of a shard.

    Attributes:
        source: what rows call it.
        content: its bytes, or why there are none.
    """

    source: str
    content: bytes | PosterError


def items_of(shard: Shard) -> Iterator[Item]:
    """The pictures of a shard that is no video.

    Raises:
        ImageError: the whole file of the shard cannot be read, or no further.
        UsageError: a Parquet file has no column that holds pictures or their paths.
    """
    if shard.kind == "pictures":
        return (_read(path) for path in shard.paths)
    return _rows(shard) if shard.kind == "parquet" else _members(shard.paths[0])


def _read(path: str) -> Item:
    try:
        content = Place(path).read(MOST_BYTES + 1)
        return Item(path, content if len(content) <= MOST_BYTES else _too_large(path))
    except PosterError as error:
        return Item(path, error)


def _too_large(name: str) -> ImageError:
    return ImageError(f"{name}: the file is over the limit of {MOST_BYTES:,} bytes")


def _members(tar: str) -> Iterator[Item]:
    """A tar is read from its begin to its end, as it may come over a network."""
    with Place(tar).opened() as file:
        try:
            with tarfile.open(fileobj=file, mode="r|*") as archive:
                for member in archive:
                    if not member.isfile() or os.path.splitext(member.name)[1].lower() not in SUFFIXES:
                        continue
                    name = f"{tar}/{member.name}"
                    if member.size > MOST_BYTES:
                        yield Item(name, _too_large(name))
                        continue
                    content = archive.extractfile(member)
                    assert content is not None  # it is a file
                    yield Item(name, content.read())
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ImageError(f"{tar}: the tar is broken: {first_line(error)}") from error


def _rows(shard: Shard) -> Iterator[Item]:
    parquet, [path] = require("pyarrow.parquet", "batch"), shard.paths
    with Place(path).opened() as file:
        try:
            table = parquet.ParquetFile(file)
            groups, first, start = [], None, 0
            for number in range(table.num_row_groups):
                end = start + table.metadata.row_group(number).num_rows
                if end > shard.begin and start < shard.end:
                    first = start if first is None else first
                    groups.append(number)
                start = end
            names = table.schema_arrow.names
            held = next((name for name in _BYTES if name in names), None)
            told = next((name for name in _NAMES if name in names and name != held), None)
            paths = next((name for name in _PATHS if name in names), None)
            if held is None and paths is None:
                raise UsageError(
                    f"{path}: no column holds pictures ({', '.join(_BYTES)}) or paths ({', '.join(_PATHS)}); "
                    f"it has {cut(', '.join(names), 200)}"
                )
            number = first or 0
            columns = sorted({name for name in (held, told, paths) if name})
            for batch in table.iter_batches(64, row_groups=groups, columns=columns):
                for row in batch.to_pylist():
                    if shard.begin <= number < shard.end:
                        yield _item(f"{path}#{number}", row, held, told, paths)
                    number += 1
        except PosterError:
            raise
        except Exception as error:  # pyarrow's errors share no base but this
            raise ImageError(f"{path}: the Parquet file is broken: {first_line(error)}") from error


def _item(place: str, row: dict[str, Any], held: str | None, told: str | None, paths: str | None) -> Item:
    if held is None:
        where = row[str(paths)]
        if not isinstance(where, str):
            return Item(place, ImageError(f"{place}: there is no path in {paths}"))
        return _read(where)
    value = row[held]
    name = row.get(told) if told else None
    if isinstance(value, dict):  # as data sets keep images: their bytes, and the path that they came from
        name, value = name or value.get("path"), value.get("bytes")
    source = place if name is None else str(name)
    if not isinstance(value, bytes):
        return Item(source, ImageError(f"{source}: there are no bytes in {held}"))
    return Item(source, value if len(value) <= MOST_BYTES else _too_large(source))
