"""Everything that a user named, pictures and videos in their order, as one stream of steps."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from posterv2.errors import ImageError, MissingExtraError, PosterError, VideoError
from posterv2.inference.ahead import ahead
from posterv2.inference.frames import Frame, frames_of
from posterv2.inference.pipeline import Step, predict_frames
from posterv2.inference.predictor import Predictor
from posterv2.inference.smoothing import TIME_CONSTANT, Smoother
from posterv2.inference.sources import Source
from posterv2.inference.thinning import Thinning
from posterv2.preprocessing import read_image

_BATCH_PICTURES = 8
_BATCH_PIXELS = 25_000_000  # decoded pictures held at once; a larger one is alone

Failed = Callable[[Source, PosterError], None]
"""Told of each source that cannot be read, or not to its end."""


@dataclass(frozen=True)
class Viewing:
    """How sources are looked at.

    Attributes:
        aligned: each picture is a face crop already.
        fps: frames a second of a video that are looked at; all without.
        start: seconds into a video where it begins.
        end: seconds into a video where it ends.
        smooth: time constant in seconds of the smoothing over the frames of a video; 0 for none.

    Raises:
        UsageError: settings that cannot be.
    """

    aligned: bool = False
    fps: float | None = None
    start: float | None = None
    end: float | None = None
    smooth: float = TIME_CONSTANT

    def __post_init__(self) -> None:
        Thinning(self.fps, self.start, self.end)
        Smoother(self.smooth)

    def frames(self, source: Source, first: int = 0) -> Iterator[Frame]:
        """The frames of `source` that are looked at, from number `first` on."""
        return frames_of(source, self.fps, self.start, self.end, first)


def steps(
    predictor: Predictor,
    sources: Sequence[Source],
    viewing: Viewing,
    failed: Failed,
    state: dict[str, Any] | None = None,
) -> Generator[Step]:
    """A step for each picture and for each frame of each video that can be read, in their order.

    Args:
        predictor: no other thread uses it in the meantime.
        sources: as from `find_sources`.
        viewing: how they are looked at.
        failed: called where the source stands in that order; then the next one is begun.
        state: of the step behind which to go on, of the same sources looked at alike.

    Raises:
        UsageError: as from `frames_of`.
        WeightsError: as from `probabilities`.
    """
    first = int(state["source"]) if state else 0
    inside = state.get("video") if state else None
    numbered = list(enumerate(sources))[first:]
    for kind, group in groupby(numbered, key=lambda pair: pair[1].kind):
        if kind == "picture":
            yield from _pictures(predictor, group, viewing, failed)
            continue
        for number, source in group:
            try:
                yield from _video(predictor, number, source, viewing, inside)
            except (ImageError, MissingExtraError) as error:
                failed(source, error)
            inside = None


def _pictures(
    predictor: Predictor, sources: Iterable[tuple[int, Source]], viewing: Viewing, failed: Failed
) -> Iterator[Step]:
    def decoded() -> Generator[tuple[int, Source, np.ndarray | ImageError]]:
        for number, source in sources:
            try:
                yield number, source, read_image(source.path, source.name)
            except ImageError as error:
                yield number, source, error

    batch: list[tuple[int, Source, np.ndarray]] = []
    held = 0
    for number, source, pixels in ahead(decoded(), 1):
        if isinstance(pixels, ImageError):
            yield from _predicted(predictor, batch, viewing)
            batch, held = [], 0
            failed(source, pixels)
            continue
        batch.append((number, source, pixels))
        held += pixels.shape[0] * pixels.shape[1]
        if len(batch) == _BATCH_PICTURES or held > _BATCH_PIXELS:
            yield from _predicted(predictor, batch, viewing)
            batch, held = [], 0
    yield from _predicted(predictor, batch, viewing)


def _predicted(
    predictor: Predictor, batch: Sequence[tuple[int, Source, np.ndarray]], viewing: Viewing
) -> Iterator[Step]:
    results = predictor([pixels for _, _, pixels in batch], viewing.aligned)
    for (number, source, pixels), result in zip(batch, results, strict=True):
        state = {"source": number + 1} if number == batch[-1][0] else None
        yield Step(Frame(source.name, 0, None, pixels), replace(result, source=source.name, pixels=None), state)


def _video(
    predictor: Predictor, number: int, source: Source, viewing: Viewing, inside: dict[str, Any] | None
) -> Iterator[Step]:
    frames = viewing.frames(source, inside["frame"] if inside else 0)
    empty = inside is None
    for step in predict_frames(predictor, frames, smooth=viewing.smooth, state=inside["pipeline"] if inside else None):
        state, empty = None, False
        if step.state is not None:
            state = {"source": number, "video": {"frame": step.frame.index + 1, "pipeline": step.state}}
        yield replace(step, state=state)
    if empty:
        end = "on" if viewing.end is None else f"to {viewing.end:g} s"
        raise VideoError(f"{source.name}: there is no frame from {viewing.start or 0:g} s {end}")


def expected(sources: Sequence[Source], viewing: Viewing) -> int | None:
    """How many steps there will be, about; None where a video does not tell or a camera goes on and on.

    Raises:
        UsageError: as from `VideoReader`.
    """
    total = 0
    for source in sources:
        if source.kind == "picture":
            total += 1
        elif source.kind == "camera":
            return None
        else:
            from posterv2.inference.video import VideoReader

            try:
                frames = VideoReader(source.path, viewing.fps, viewing.start, viewing.end, name=source.name).expected
            except (ImageError, MissingExtraError):  # it is told where it stands in the order
                continue
            if frames is None:
                return None
            total += frames
    return total
