"""Pictures and videos drawn again with what was found in them, as files of their own."""

import io
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from posterv2.errors import OutputError, UsageError
from posterv2.files import write_whole
from posterv2.inference.blurring import blurred
from posterv2.inference.drawing import drawn
from posterv2.inference.results import Result
from posterv2.inference.sources import VIDEO_SUFFIXES, Source
from posterv2.inference.steps import Failed, Viewing
from posterv2.inference.video import VideoReader
from posterv2.inference.videowriter import VideoWriter
from posterv2.preprocessing import SUFFIXES, Box

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")  # other pictures are drawn as .png
_LINGER = 1.0  # seconds that a face of a video stays blurred where it was last found: it may be there, unseen
_CAMERA_RATE = 30  # frames a second, roughly: each has its own time


class Drawings:
    """Draws each result into a file; those of videos are whole when the block ends well.

    with Drawings(sources, Path("drawn"), Viewing(), failed) as drawings:
        drawings.add(pixels, result)

    Args:
        sources: what results will come of.
        place: a folder, which is made; or a file, .mp4 or a picture, for a single source of that kind.
        viewing: how videos are looked at.
        failed: told of each source that cannot be drawn; the others are.
        blur: make the found faces unknowable.

    Raises:
        UsageError: a file for several sources or one of another kind, a place that cannot be, or a drawing would
            overwrite a source.
    """

    def __init__(
        self, sources: Sequence[Source], place: Path, viewing: Viewing, failed: Failed, blur: bool = False
    ) -> None:
        self.places = _places(sources, place)
        self._sources = {source.name: source for source in sources}
        self._viewing, self._failed, self._blur = viewing, failed, blur
        self._video = ExitStack()
        self._writer: VideoWriter | None = None  # of the video whose frames come
        self._last: tuple[str, int] | None = None  # source and frame
        self._lingering: dict[int, tuple[Box, float]] = {}  # of each track, where and when it was last found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._finish()
        else:
            self._video.__exit__(kind, error, traceback)

    def add(self, image: np.ndarray, result: Result) -> None:
        """Draw a result on its picture or frame, (H, W, 3) uint8 RGB."""
        source = self._sources[result.source]
        fresh = self._last is None or self._last[0] != result.source or self._last[1] >= result.frame
        if fresh:
            self._finish()
        self._last = result.source, result.frame
        picture = drawn(blurred(image, self._hidden(result, fresh)) if self._blur else image, result.faces)
        try:
            if source.kind == "picture":
                _write(picture, self.places[source.name], source.name)
            else:
                if fresh:
                    self._writer = self._video.enter_context(VideoWriter(self.places[source.name], self._rate(source)))
                if self._writer is not None:
                    self._writer.write(picture, result.time)
        except OutputError as error:
            self._give_up(source, error)

    def _hidden(self, result: Result, fresh: bool) -> list[Box]:
        """The boxes to blur: of the faces, and in a video of those that were found a moment ago."""
        if fresh:
            self._lingering = {}
        time = result.time or 0.0
        self._lingering = {
            track: (box, seen) for track, (box, seen) in self._lingering.items() if time - seen <= _LINGER
        } | {face.track: (face.box, time) for face in result.faces if face.track is not None}
        return [face.box for face in result.faces] + [box for box, _ in self._lingering.values()]

    def _rate(self, source: Source) -> float:
        return VideoReader(source.path, self._viewing.fps).rate if source.kind == "video" else _CAMERA_RATE

    def _finish(self) -> None:
        """Bring the last video to its end."""
        self._writer = None
        try:
            self._video.close()
        except OutputError as error:
            if self._last is not None:
                self._failed(self._sources[self._last[0]], error)

    def _give_up(self, source: Source, error: OutputError) -> None:
        self._writer = None
        self._failed(source, error)
        self._video.__exit__(OutputError, error, error.__traceback__)


def _places(sources: Sequence[Source], place: Path) -> dict[str, Path]:
    """Where each source is drawn, by its name: in a folder under its own one, with a number where that is taken."""
    suffix = place.suffix.lower()
    if (suffix in _PICTURES or suffix == ".mp4") and not place.is_dir():
        kinds = ("video", "camera") if suffix == ".mp4" else ("picture",)
        if len(sources) != 1 or sources[0].kind not in kinds:
            got = f"a {sources[0].kind}" if len(sources) == 1 else f"{len(sources)} sources"
            raise UsageError(f"the drawing {place} is for one {kinds[0]}, got {got}; give a folder")
        if not place.absolute().parent.is_dir():
            raise UsageError(f"the drawing {place} needs a folder that is there")
        places = {sources[0].name: place}
    elif not place.is_dir() and (place.exists() or suffix in SUFFIXES | VIDEO_SUFFIXES):
        raise UsageError(f"--draw needs a folder, or a file that ends with {', '.join(_PICTURES)} or .mp4, got {place}")
    else:
        place.mkdir(parents=True, exist_ok=True)
        places = {}
        taken: set[str] = set()
        for source in {source.name: source for source in sources}.values():
            path = Path(source.name.replace(":", "-") if source.kind == "camera" else source.name)
            ending = path.suffix if path.suffix.lower() in _PICTURES else ".png"
            ending = ending if source.kind == "picture" else ".mp4"
            name, number = f"{path.stem}{ending}", 1
            while name.lower() in taken:
                number += 1
                name = f"{path.stem}-{number}{ending}"
            taken.add(name.lower())
            places[source.name] = place / name
    originals = {os.path.realpath(source.path) for source in sources}
    for path in places.values():
        if os.path.realpath(path) in originals:
            raise UsageError(f"--draw {place} would overwrite {path}; name another place")
    return places


def _write(pixels: np.ndarray, path: Path, name: str) -> None:
    data = io.BytesIO()
    try:
        Image.fromarray(pixels).save(data, Image.registered_extensions()[path.suffix.lower()], quality=92)
    except (OSError, ValueError) as error:  # each format has its own limits
        raise OutputError(f"{name}: cannot be drawn as {path.suffix}: {error}") from error
    write_whole(path, data.getvalue())
