"""What a prediction is: one `Result` a picture, one `Face` a face in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from posterv2.errors import PosterError, first_line
from posterv2.preprocessing import Box, Landmarks

if TYPE_CHECKING:
    from pandas import DataFrame

_DIGITS = 6  # decimals of a probability, score or time that are written

UNCERTAIN = "uncertain"
"""The answer where the likeliest class is less probable than the user asks for."""

_UNFIT = (AttributeError, KeyError, TypeError, ValueError)  # what values of another shape raise


@dataclass(frozen=True)
class Quality:
    """How good a look at a face was, so that a weak answer can be told from a weak picture.

    Attributes:
        size: shorter side of the box in pixels of the picture.
        sharpness: 0 (blurred) to 1 (sharp).
        roll: degrees that the head is tilted to its side, positive clockwise in the picture; None without landmarks.
        yaw: degrees that it is turned, positive towards the picture's right, roughly; None without landmarks.
        at_border: the picture's border cuts the face off.
        notes: what is wrong in words: `small`, `blurred`, `tilted`, `turned`, `cut off`; empty where nothing is.
    """

    size: int
    sharpness: float
    roll: float | None
    yaw: float | None
    at_border: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Face:
    """One face and its expression.

    Attributes:
        box: x, y, width, height in pixels of the picture, inside it.
        score: how sure the detector is that this is a face, 0..1; 1 where the picture was given as a face.
        expression: the class with the highest probability, or `uncertain` where the user asks for more than it has.
        probability: the highest probability, 0..1.
        probabilities: every class's probability, in the order of the label contract; they sum to 1.
        landmarks: where eyes, nose and mouth are, in pixels of the picture, from detectors that tell.
        quality: how good a look at the face was.
        track: the face's number over the frames of a video; None in photos.
        choices: the classes that hold the right one with the probability that was asked for, likeliest first.
    """

    box: Box
    score: float
    expression: str
    probability: float
    probabilities: dict[str, float]
    landmarks: Landmarks | None = None
    quality: Quality | None = None
    track: int | None = None
    choices: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, rounded to six decimals."""
        return {
            "box": list(self.box),
            "score": round(self.score, _DIGITS),
            "expression": self.expression,
            "probability": round(self.probability, _DIGITS),
            "probabilities": {name: round(value, _DIGITS) for name, value in self.probabilities.items()},
            "landmarks": None if self.landmarks is None else [[round(x, 1), round(y, 1)] for x, y in self.landmarks],
            "quality": None if self.quality is None else asdict(self.quality),
            "track": self.track,
            "choices": None if self.choices is None else list(self.choices),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Face:
        """The face that `to_dict` gave these values for, whether or not they have been JSON in between.

        Raises:
            PosterError: something of a face is missing or of another type.
        """
        try:
            marks, quality, choices = values["landmarks"], values["quality"], values["choices"]
            x, y, width, height = map(int, values["box"])
            return cls(
                (x, y, width, height),
                float(values["score"]),
                str(values["expression"]),
                float(values["probability"]),
                {str(name): float(value) for name, value in values["probabilities"].items()},
                None if marks is None else _landmarks(marks),
                None if quality is None else Quality(**{**quality, "notes": tuple(quality["notes"])}),
                None if values["track"] is None else int(values["track"]),
                None if choices is None else tuple(map(str, choices)),
            )
        except _UNFIT as error:
            raise PosterError(f"not a face as to_dict gives one: {first_line(error)}") from error


@dataclass(frozen=True)
class Result:
    """The faces of one picture or of one frame of a video, from left to right; none is a result too.

    Attributes:
        source: the path as it was given, or `picture` for one that came as pixels.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        faces: from left to right.
        frame: the frame's number in its video, from 0; 0 for a picture.
        time: seconds from the video's begin; None for a picture.
        pixels: (height, width, 3), uint8, RGB, where the picture came as pixels; a file is read again when shown.
    """

    source: str
    width: int
    height: int
    faces: tuple[Face, ...]
    frame: int = 0
    time: float | None = None
    pixels: np.ndarray | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values: one entry of the list that `posterv2 predict --format json` prints."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "frame": self.frame,
            "time": None if self.time is None else round(self.time, _DIGITS),
            "faces": [face.to_dict() for face in self.faces],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """The result that `to_dict` gave these values for, such as an entry of `posterv2 predict --format json`.

        Raises:
            PosterError: something of a result is missing or of another type.
        """
        try:
            return cls(
                str(values["source"]),
                int(values["width"]),
                int(values["height"]),
                tuple(map(Face.from_dict, values["faces"])),
                int(values["frame"]),
                None if values["time"] is None else float(values["time"]),
            )
        except _UNFIT as error:
            raise PosterError(f"not a result as to_dict gives one: {first_line(error)}") from error

    def to_pandas(self) -> DataFrame:
        """A row for each face, as `posterv2.to_pandas` gives the rows of many results.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from posterv2.inference.tables import to_pandas

        return to_pandas([self])

    def _repr_html_(self) -> str:
        """For notebooks: the picture with its boxes, where its pixels are at hand, and a table."""
        from posterv2.inference.drawing import inline_picture

        rows = "".join(
            f"<tr><td>{number}</td><td>{escape(face.expression)}</td><td>{face.probability:.1%}</td>"
            f"<td>{', '.join(map(str, face.box))}</td></tr>"
            for number, face in enumerate(self.faces, start=1)
        )
        head = "<tr><th>face</th><th>expression</th><th>probability</th><th>box</th></tr>"
        table = f"<table>{head}{rows}</table>" if self.faces else "<p>no face</p>"
        return f"<p>{escape(self.source)} ({self.width} x {self.height})</p>{inline_picture(self)}{table}"


def _landmarks(points: Any) -> Landmarks:
    left_eye, right_eye, nose, left_mouth, right_mouth = ((float(x), float(y)) for x, y in points)
    return left_eye, right_eye, nose, left_mouth, right_mouth
