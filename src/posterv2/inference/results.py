"""What a prediction is: one `Result` a picture, one `Face` a face in it."""

from dataclasses import dataclass, field
from html import escape

import numpy as np

from posterv2.preprocessing import Box

_DIGITS = 6  # decimals of a probability or score that are written


@dataclass(frozen=True)
class Face:
    """One face and its expression.

    Attributes:
        box: x, y, width, height in pixels of the picture, inside it.
        score: how sure the detector is that this is a face, 0..1; 1 where the picture was given as a face.
        expression: the class with the highest probability.
        probability: that class's probability, 0..1.
        probabilities: every class's probability, in the order of the label contract; they sum to 1.
    """

    box: Box
    score: float
    expression: str
    probability: float
    probabilities: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, rounded to six decimals."""
        return {
            "box": list(self.box),
            "score": round(self.score, _DIGITS),
            "expression": self.expression,
            "probability": round(self.probability, _DIGITS),
            "probabilities": {name: round(value, _DIGITS) for name, value in self.probabilities.items()},
        }


@dataclass(frozen=True)
class Result:
    """The faces of one picture, from left to right; none is a result too.

    Attributes:
        source: the path as it was given, or `picture` for one that came as pixels.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        faces: from left to right.
        pixels: (height, width, 3), uint8, RGB, where the picture came as pixels; a file is read again when shown.
    """

    source: str
    width: int
    height: int
    faces: tuple[Face, ...]
    pixels: np.ndarray | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values: one entry of the list that `posterv2 predict --format json` prints."""
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "faces": [face.to_dict() for face in self.faces],
        }

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
