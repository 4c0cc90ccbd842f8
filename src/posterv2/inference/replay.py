"""From rows that are kept back to results and frames: a run that goes on shows what came before it, too."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from posterv2.errors import ImageError
from posterv2.inference.results import Face, Result
from posterv2.inference.rows import Row, as_text
from posterv2.inference.sources import Source
from posterv2.inference.steps import Viewing
from posterv2.preprocessing import Box


def results_in(rows: Iterable[Row], names: Sequence[str], sources: Iterable[Source]) -> Iterator[Result]:
    """The results of `sources` that rows were made of, without what rows do not hold: sizes, landmarks, quality."""
    called = {as_text(source.name): source.name for source in sources}
    for (source, frame, time), group in groupby(rows, key=lambda row: (row["source"], row["frame"], row["time"])):
        values: list[dict[str, Any]] = list(group)
        boxes = [_box(row) for row in values]
        size = len(values) // boxes.count(boxes[0])  # a picture that is named twice in a row has the same faces twice
        for begin in range(0, len(values), size):
            faces = tuple(_face(row, names) for row in values[begin : begin + size] if row["x"] is not None)
            yield Result(called[str(source)], 0, 0, faces, int(frame or 0), _number(time))


def with_pixels(
    results: Iterable[Result], sources: Sequence[Source], viewing: Viewing
) -> Iterator[tuple[np.ndarray, Result]]:
    """Results of `sources`, in their order, each with its picture or frame, (H, W, 3) uint8 RGB, read again.

    Raises:
        ImageError: a picture or video that cannot be read any more, or a frame that is not there any more.
    """
    by_name = {source.name: source for source in sources}
    for name, group in groupby(results, key=lambda result: result.source):
        frames = iter(())
        before = None
        for result in group:
            if before is None or result.frame <= before:  # the same source once more
                frames = viewing.frames(by_name[name])
            before = result.frame
            frame = next((frame for frame in frames if frame.index == result.frame), None)
            if frame is None:
                raise ImageError(f"{name}: has no frame {result.frame} any more; give the same file, or begin anew")
            yield frame.image, result


def _face(row: dict[str, Any], names: Sequence[str]) -> Face:
    shares = {name: row[f"p_{name}"] for name in names}
    return Face(_box(row), row["score"], row["expression"], row["probability"], shares, track=row["track"])


def _box(row: dict[str, Any]) -> Box:
    return row["x"], row["y"], row["width"], row["height"]


def _number(value: str | float | None) -> float | None:
    return None if value is None else float(value)
