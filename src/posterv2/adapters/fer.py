"""`FER` and its answers as fer has them: `from posterv2.adapters.fer import FER`.

Its shape is that of fer 25.10.3, as documented in github.com/JustinShenk/fer by README.md and by the docstrings of
`FER.detect_emotions` and `FER.top_emotion` (src/fer/fer.py). Shares have two decimals, arrays are BGR or grey.
"""

from typing import Any

from posterv2.adapters.answers import predict, seven
from posterv2.adapters.pictures import Picture, rgb_of


def detect_emotions(img: Picture) -> list[dict[str, Any]]:
    """Find the faces of a picture and name the emotion of each.

    Args:
        img: an array, BGR (H, W, 3) or grey (H, W), uint8; a path; or `data:image/...;base64,` text.

    Returns:
        A dictionary for each face, from left to right; an empty list without one.
        `box`: [x, y, width, height] in pixels.
        `emotions`: seven names to shares, 0..1 in two decimals; contempt is left out, as `answers.seven` says.

    Raises:
        ImageError: a picture that cannot be read.
    """
    return [
        {
            "box": list(face.box),
            "emotions": {name: round(share, 2) for name, share in seven(face).items()},
        }
        for face in predict(rgb_of(img)).faces
    ]


class FER:
    """Their class; posterv2's detector finds the faces, so there is no cascade to be tuned."""

    def __init__(self, mtcnn: bool = False) -> None:
        """Load nothing yet.

        Args:
            mtcnn: taken and without effect.
        """

    def detect_emotions(self, img: Picture) -> list[dict[str, Any]]:
        """As the function `detect_emotions`."""
        return detect_emotions(img)

    def top_emotion(self, img: Picture) -> tuple[str, float] | tuple[None, None]:
        """The name and the share of the first face's likeliest emotion; (None, None) without a face."""
        faces = detect_emotions(img)
        if not faces:
            return None, None
        shares = faces[0]["emotions"]
        best = max(shares, key=shares.__getitem__)
        return best, shares[best]
