"""`analyze` as deepface has it: `from posterv2.adapters import deepface as DeepFace`.

Its shape is that of deepface 0.0.103, as documented in github.com/serengil/deepface by the docstrings of `analyze`
(deepface/DeepFace.py) and `extract_faces` (deepface/modules/detection.py); that a left eye is the person's own, on the
right in the picture, is pull request 1140 there. Emotions are percentages, arrays BGR.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from posterv2.adapters.answers import predict, seven
from posterv2.adapters.pictures import Picture, rgb_of
from posterv2.errors import ImageError, UsageError
from posterv2.inference.results import Face, Result


class FaceNotDetected(ImageError, ValueError):  # noqa: N818 - their name
    """There is no face in a picture, and `enforce_detection` asks for one."""


class ImgNotFound(ImageError, ValueError):  # noqa: N818 - their name
    """A picture that is missing or cannot be read."""


class UnimplementedError(UsageError, ValueError):
    """Something that deepface does and posterv2 does not."""


def analyze(
    img_path: Picture | Sequence[Picture],
    actions: Sequence[str] = ("emotion",),
    enforce_detection: bool = True,
    detector_backend: str = "opencv",
    align: bool = True,
    expand_percentage: int = 0,
    silent: bool = False,
    anti_spoofing: bool = False,
) -> list[Any]:
    """Find the faces and name the emotion of each.

    Args:
        img_path: a path, `data:image/...;base64,` text, a binary file, a BGR array; a list or a 4-D array is a batch.
        actions: `emotion` alone; what deepface says of age, gender and race is refused.
        enforce_detection: a picture without a face is an error; else its answer is that of the whole picture.
        detector_backend: `skip` takes the whole picture as the face; any other name leaves it to posterv2's detector.
        align: without effect, as `silent` is: faces are cut out as the network was trained.
        expand_percentage: 0 alone, for the same reason.
        silent: without effect: nothing is printed.
        anti_spoofing: False alone: posterv2 does not tell a photo of a photo.

    Returns:
        A dictionary for each face; for a batch a list of them for each picture.
        `emotion`: seven names to percent, 0..100, that sum to 100; contempt is left out, as `answers.seven` says.
        `dominant_emotion`: the name with the highest one.
        `region`: `x`, `y`, `w`, `h` in pixels; `left_eye` and `right_eye` of the person as (x, y), or None where the
        detector tells none; from detectors that tell them also `nose`, `mouth_left`, `mouth_right`.
        `face_confidence`: how sure the detector is, 0..1, two decimals; 0 where the whole picture was taken.

    Raises:
        FaceNotDetected, ImgNotFound, UnimplementedError: all of them are ValueErrors, as they are in deepface.
    """
    _refuse(actions, expand_percentage, anti_spoofing)
    if isinstance(img_path, list | tuple) or (isinstance(img_path, np.ndarray) and img_path.ndim == 4):
        return [_analyze(picture, enforce_detection, detector_backend) for picture in img_path]
    return _analyze(img_path, enforce_detection, detector_backend)  # type: ignore[arg-type]


def _refuse(actions: Sequence[str], expand_percentage: int, anti_spoofing: bool) -> None:
    asked = [actions] if isinstance(actions, str) else list(actions)
    if asked != ["emotion"]:
        raise UnimplementedError(
            f"posterv2 names expressions alone, got actions {asked}; give actions=['emotion'], and ask deepface "
            "for age, gender and race"
        )
    if expand_percentage:
        raise UnimplementedError(
            f"faces are cut out as the network was trained: expand_percentage is 0, got {expand_percentage}"
        )
    if anti_spoofing:
        raise UnimplementedError("posterv2 does not tell a photo of a photo: anti_spoofing is False")


def _analyze(picture: Picture, enforce_detection: bool, detector_backend: str) -> list[dict[str, Any]]:
    try:
        image = rgb_of(picture)
    except ImageError as error:
        raise ImgNotFound(str(error)) from error
    if detector_backend != "skip":
        result = predict(image)
        if result.faces:
            return [_entry(face, result, face.score) for face in result.faces]
        if enforce_detection:
            raise FaceNotDetected(
                "Face could not be detected: look at the picture, or set enforce_detection to False to take "
                f"the whole of its {result.width} x {result.height} pixels as a face"
            )
    result = predict(image, aligned=True)
    return [_entry(result.faces[0], result, 0.0)]


def _entry(face: Face, result: Result, confidence: float) -> dict[str, Any]:
    emotion = {name: 100 * share for name, share in seven(face).items()}
    return {
        "emotion": emotion,
        "dominant_emotion": max(emotion, key=emotion.__getitem__),
        "region": _region(face, result.width, result.height),
        "face_confidence": round(confidence, 2),
    }


def _region(face: Face, width: int, height: int) -> dict[str, int | tuple[int, int] | None]:
    x, y, w, h = face.box
    # Their regions end at the last pixel, not behind it.
    region: dict[str, Any] = {"x": x, "y": y, "w": min(w, width - x - 1), "h": min(h, height - y - 1)}
    if face.landmarks is None:
        return region | {"left_eye": None, "right_eye": None}
    points = [(int(x), int(y)) if 0 <= x < width and 0 <= y < height else None for x, y in face.landmarks]
    right_eye, left_eye, nose, mouth_right, mouth_left = points  # the person's right is on the left in the picture
    eyes = {"left_eye": left_eye, "right_eye": right_eye}
    return region | eyes | {"nose": nose, "mouth_left": mouth_left, "mouth_right": mouth_right}
