"""From pictures to results: find the faces, crop, classify, all faces of a call in shared batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np
from PIL import Image

from posterv2.errors import ImageError, UsageError
from posterv2.inference.classifier import Classifier, probabilities
from posterv2.inference.detection.detector import Detection, FaceDetector
from posterv2.inference.detection.factory import open_detector
from posterv2.inference.engines.choice import Engine, open_classifier
from posterv2.inference.engines.precision import Precision
from posterv2.inference.quality import quality_of
from posterv2.inference.results import UNCERTAIN, Face, Quality, Result
from posterv2.inference.smoothing import TIME_CONSTANT
from posterv2.labels import LabelSet
from posterv2.preprocessing import read_image, to_rgb

Source = str | Path | Image.Image | np.ndarray
"""A path, a Pillow picture, or an RGB array (H, W, 3), uint8."""


@dataclass(frozen=True, eq=False)
class Look:
    """A picture whose faces are found and have no names yet.

    Attributes:
        picture: its result, still without faces.
        faces: where they are, and how good a look at each is.
        pixels: each face at the network's size, (S, S, 3), uint8.
    """

    picture: Result
    faces: list[tuple[Detection, Quality]]
    pixels: list[np.ndarray]


class Predictor:
    """Names the expressions of the faces in pictures and videos.

    predictor = posterv2.load()
    predictor("photo.jpg").faces[0].expression

    Args:
        classifier: names the expressions.
        detector: finds the faces.
        uncertain_below: the answer is `uncertain` where the likeliest class is less probable than this, 0..1.
        coverage: with it, each face has `choices`, the classes that hold the right one with this probability.

    Raises:
        UsageError: `uncertain_below` is no probability, or `coverage` none that these weights know a set for.
    """

    def __init__(
        self,
        classifier: Classifier,
        detector: FaceDetector,
        uncertain_below: float = 0.0,
        coverage: float | None = None,
    ) -> None:
        if not 0 <= uncertain_below <= 1:
            raise UsageError(f"answers are uncertain below a probability from 0 to 1, got {uncertain_below}")
        calibration = classifier.header.calibration
        if coverage is not None and calibration is None:
            raise UsageError(f"{classifier.header.name} is not calibrated, so it knows no sets: see posterv2 calibrate")
        self._least = None if coverage is None or calibration is None else calibration.least(coverage)
        self.classifier = classifier
        self.detector = detector
        self.uncertain_below = uncertain_below

    @property
    def labels(self) -> LabelSet:
        """The classes it tells apart, in the order of each face's `probabilities`."""
        return self.classifier.header.labels

    @overload
    def __call__(self, source: Source, aligned: bool = False) -> Result: ...

    @overload
    def __call__(self, source: Sequence[Source], aligned: bool = False) -> list[Result]: ...

    def __call__(self, source: Source | Sequence[Source], aligned: bool = False) -> Result | list[Result]:
        """The result of one picture, or of each picture of a list, in its order.

        Args:
            source: a path, a Pillow picture, an array (H, W, 3) uint8 RGB, or a list of them.
            aligned: each picture is a face crop already: its one face is the whole picture, with score 1.

        Raises:
            ImageError: a picture that cannot be read, or an array of another shape or type.
        """
        if isinstance(source, Sequence) and not isinstance(source, str):
            return self._predict(source, aligned)
        return self._predict([source], aligned)[0]

    def video(
        self,
        path: str | Path,
        *,
        fps: float | None = None,
        start: float | None = None,
        end: float | None = None,
        smooth: float = TIME_CONSTANT,
    ) -> Iterator[Result]:
        """The results of a video's frames, in their order, as they come; memory does not grow with the video.

        Args:
            path: told by its content, whatever it is called.
            fps: frames a second that are looked at, chosen by their times; all without.
            start: seconds; the first frame is the first one at this time or behind it.
            end: seconds; frames at this time or behind it are left out.
            smooth: time constant in seconds of the smoothing of each face's probabilities; 0 leaves them.

        Raises:
            VideoError: missing, no video, or broken; the results of all frames before the break come first.
            UsageError: settings that cannot be.
            MissingExtraError: the extra `video` is not installed.
        """
        from posterv2.inference.pipeline import predict_frames
        from posterv2.inference.video import VideoReader

        frames = VideoReader(path, fps, start, end)
        return (step.result for step in predict_frames(self, frames, smooth=smooth))

    def face(
        self, detection: Detection, probabilities: np.ndarray, quality: Quality | None = None, track: int | None = None
    ) -> Face:
        """A found face with its answer, from the probability of each class, (C,)."""
        named = dict(zip(self.labels.names, map(float, probabilities), strict=True))
        best = max(named, key=named.__getitem__)
        answer = UNCERTAIN if named[best] < self.uncertain_below else best
        choices = None
        if self._least is not None:
            order = sorted(named, key=lambda name: -named[name])
            choices = tuple(name for name in order if name == best or named[name] >= self._least)
        marks = detection.landmarks, quality, track, choices
        return Face(detection.box, detection.score, answer, named[best], named, *marks)

    def look(self, source: Source, aligned: bool = False) -> Look:
        """Find the faces of a picture and cut them out, for `named` to be told what the network says of them.

        Raises:
            ImageError: as from a call.
        """
        preprocessing = self.classifier.header.preprocessing
        image = pixels_of(source)
        height, width = image.shape[:2]
        found = [Detection((0, 0, width, height), 1.0)] if aligned else self.detector.detect(image)
        crops = [image] if aligned else [preprocessing.crop(image, face.box, face.landmarks) for face in found]
        kept = None if isinstance(source, str | Path) else image
        faces = [(face, quality_of(image, face)) for face in found]
        # Kept at the network's size: a call with many large pictures must not hold them all.
        return Look(
            Result(name_of(source), width, height, (), pixels=kept), faces, list(map(preprocessing.pixels, crops))
        )

    def named(self, look: Look, rows: Iterator[np.ndarray]) -> Result:
        """The result of a picture, from the next of `rows`: probabilities of each class, (C,), one for each face."""
        faces = tuple(self.face(detection, next(rows), quality) for detection, quality in look.faces)
        return replace(look.picture, faces=faces)

    def _predict(self, sources: Sequence[Source], aligned: bool) -> list[Result]:
        looks = [self.look(source, aligned) for source in sources]
        rows = iter(probabilities(self.classifier, [face for look in looks for face in look.pixels]))
        return [self.named(look, rows) for look in looks]


def load(
    weights: str | Path | None = None,
    labels: str | Sequence[str] | LabelSet | None = None,
    device: str | None = None,
    detector: str | Path = "mtcnn",
    uncertain_below: float = 0.0,
    coverage: float | None = None,
    engine: Engine = "auto",
    precision: Precision = "fp32",
    threads: int = 0,
) -> Predictor:
    """A predictor with an embedded model (the default one without `weights`) or any weight file.

    Args:
        weights: an embedded model's name or the path of a weight file, published ones included.
        labels: the classes of a published file, which carries none: a label set's name or the names in index order.
        device: `auto`, `cpu`, `cuda` or `mps`.
        detector: what finds the faces: `mtcnn`, `haar`, or the path of a YuNet file.
        uncertain_below: the answer is `uncertain` where the likeliest class is less probable than this, 0..1.
        coverage: with it, each face has `choices`, the classes that hold the right one with this probability.
        engine: `auto`, `onnxruntime`, `openvino`, `torch` or `torch-compiled`; `auto` is the fastest one installed.
        precision: `fp32`, or `bf16` for more speed where the processor has it.
        threads: of the processor; 0 is one a core.

    Raises:
        WeightsError, LabelsError, UsageError, MissingExtraError: as `open_classifier`, `open_detector` and `Predictor`
            raise them.
    """
    classifier = open_classifier(weights, labels, device, engine, precision, threads)
    return Predictor(classifier, open_detector(detector, threads), uncertain_below, coverage)


def pixels_of(source: Source) -> np.ndarray:
    """A picture of any kind as (H, W, 3), uint8, RGB, upright.

    Raises:
        ImageError: it cannot be read, or is an array of another shape or type.
    """
    if isinstance(source, str | Path):
        return read_image(source)
    if isinstance(source, Image.Image):
        try:
            return to_rgb(source)
        except Exception as error:  # Pillow decodes an opened file only now, and its decoders raise many kinds
            raise ImageError(f"{name_of(source)}: the picture is broken: {error}") from error
    if not isinstance(source, np.ndarray):
        raise ImageError(f"a picture is a path, a Pillow picture or an array, got {type(source).__name__}")
    if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or not source.size:
        raise ImageError(
            f"an array must be RGB of shape (height, width, 3) and type uint8, 0..255; "
            f"got shape {source.shape} and type {source.dtype}"
        )
    return source


def name_of(source: Source) -> str:
    """What results and errors call a picture: its path as it was given, or `picture`."""
    if isinstance(source, str | Path):
        return str(source)
    return str(getattr(source, "filename", "") or "picture")
