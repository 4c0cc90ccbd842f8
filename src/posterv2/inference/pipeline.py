"""Frames of a video or a camera to results: decoding, finding faces and naming expressions at the same time.

Three stages, each ahead of the next one: frames are decoded in one thread, faces are found and followed in another, and
the caller's thread classifies the faces of several frames at once. What comes out depends on the frames alone, never on
timing, so a run that goes on from a `Step.state` ends as one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from posterv2.errors import VideoError
from posterv2.inference.ahead import ahead
from posterv2.inference.classifier import probabilities
from posterv2.inference.detection.detector import Detection, FaceFollower, overlap
from posterv2.inference.frames import Frame
from posterv2.inference.quality import quality_of
from posterv2.inference.results import Quality, Result
from posterv2.inference.smoothing import TIME_CONSTANT, Smoother
from posterv2.inference.tracking import Tracker

if TYPE_CHECKING:
    from posterv2.inference.predictor import Predictor
    from posterv2.preprocessing import Landmarks

DETECT_EVERY = 0.2
"""Seconds of video between two searches of the whole frame; in between, known faces are followed."""

STATE_EVERY = 32
"""Frames between two steps that carry a state to go on from."""

_AHEAD = 4  # decoded frames that wait, and as many with their faces found
_BATCH_FRAMES = 16
_BATCH_FACES = 32
_SAME_FACE = 0.5  # boxes that share more of their union have come to follow one face
_ROUNDING = 1e-3  # seconds; the times of frames are rounded by their files


@dataclass(frozen=True)
class Step:
    """A frame, what is in it, and what it takes to go on after it.

    Attributes:
        state: plain JSON values; only some steps carry it.
    """

    frame: Frame
    result: Result
    state: dict[str, Any] | None = None


@dataclass(frozen=True)
class Seen:
    """A frame whose faces are found, told apart, and cut out at the network's size."""

    frame: Frame
    faces: list[tuple[Detection, int, Quality]]
    pixels: list[np.ndarray]
    state: dict[str, Any] | None


class FaceFinder:
    """Finds the faces of one frame after the other: searches some frames, and follows known faces in the others.

    A frame is searched `DETECT_EVERY` seconds after the last one that was, and at once when a followed face is lost.
    """

    def __init__(self, predictor: Predictor, state: dict[str, Any] | None = None) -> None:
        self._detector = predictor.detector
        self._preprocessing = predictor.classifier.header.preprocessing
        self._tracker = Tracker.from_state(state["tracker"]) if state else Tracker()
        self._known = [_detection(values) for values in state["known"]] if state else []
        self._searched: float | None = state["searched"] if state else None

    def __call__(self, frame: Frame, with_state: bool = False) -> Seen:
        """The faces of the next frame, from left to right."""
        time = frame.time or 0.0
        self._known = self._found(frame.image, time)
        tracks = self._tracker.update(self._known, time, frame.image)
        faces = [(face, track, quality_of(frame.image, face)) for face, track in zip(self._known, tracks, strict=True)]
        crops = [self._preprocessing.crop(frame.image, face.box, face.landmarks) for face in self._known]
        pixels = [self._preprocessing.pixels(crop) for crop in crops]
        return Seen(frame, faces, pixels, self._state() if with_state else None)

    def _found(self, image: np.ndarray, time: float) -> list[Detection]:
        if isinstance(self._detector, FaceFollower) and not self._due(time):
            followed = self._detector.follow(image, self._known)
            faces = [face for face in followed if face is not None]
            if len(faces) == len(followed):
                return _apart(faces)
        self._searched = time
        return self._detector.detect(image)

    def _due(self, time: float) -> bool:
        return self._searched is None or time - self._searched > DETECT_EVERY - _ROUNDING

    def _state(self) -> dict[str, Any]:
        known = [[face.box, face.score, face.landmarks] for face in self._known]
        return {"tracker": self._tracker.to_state(), "known": known, "searched": self._searched}


def predict_frames(
    predictor: Predictor,
    frames: Iterable[Frame],
    *,
    smooth: float = TIME_CONSTANT,
    state: dict[str, Any] | None = None,
) -> Generator[Step]:
    """Steps in the order of the frames, one for each; every `STATE_EVERY`-th carries a state.

    Args:
        predictor: no other thread uses it in the meantime.
        frames: of one video; their times rise.
        smooth: time constant in seconds of the smoothing of each face's probabilities; 0 leaves them.
        state: of the step after whose frame `frames` begin.
    """
    smoother = Smoother.from_state(state["smoother"]) if state else Smoother(smooth)
    finder = FaceFinder(predictor, state)

    def found() -> Iterator[Seen]:
        for count, frame in enumerate(ahead(frames, _AHEAD), start=1):
            yield finder(frame, with_state=count % STATE_EVERY == 0)

    for batch in _batches(ahead(found(), _AHEAD)):
        rows = iter(probabilities(predictor.classifier, [face for seen in batch for face in seen.pixels]))
        for seen in batch:
            result = named(predictor, seen, rows, smoother)
            state = None if seen.state is None else {**seen.state, "smoother": smoother.to_state()}
            yield Step(seen.frame, result, state)


def named(predictor: Predictor, seen: Seen, rows: Iterator[np.ndarray], smoother: Smoother) -> Result:
    """The answers for the faces of a frame, from the next of `rows`, probabilities of each class (C,), smoothed."""
    frame = seen.frame
    faces = tuple(
        predictor.face(detection, smoother(track, frame.time or 0.0, next(rows)), quality, track)
        for detection, track, quality in seen.faces
    )
    height, width = frame.image.shape[:2]
    return Result(frame.source, width, height, faces, frame.index, frame.time)


def _batches(found: Iterable[Seen]) -> Iterator[list[Seen]]:
    """A batch ends with a state: a run that goes on there forms the same ones, and sums the same last bits."""
    batch: list[Seen] = []
    broken: VideoError | None = None
    try:
        for seen in found:
            batch.append(seen)
            if seen.state or len(batch) >= _BATCH_FRAMES or sum(len(each.pixels) for each in batch) >= _BATCH_FACES:
                yield batch
                batch = []
    except VideoError as error:  # it is raised behind what came before the break
        broken = error
    if batch:
        yield batch
    if broken is not None:
        raise broken


def _detection(values: list[Any]) -> Detection:
    box, score, landmarks = values
    points = cast("Landmarks | None", landmarks and tuple(map(tuple, landmarks)))
    return Detection(tuple(box), score, points)


def _apart(faces: list[Detection]) -> list[Detection]:
    """The faces without those that have come to follow another one's face, the surest of each kept."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) <= _SAME_FACE for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda face: face.box)
