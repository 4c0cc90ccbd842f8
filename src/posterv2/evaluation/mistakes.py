"""The mistakes that a classifier was surest of, as pictures: often it is the label that is wrong."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from posterv2.data.split import Split
from posterv2.evaluation.answers import Answers

MOST = 40
_SIDE = 112  # pixels


@dataclass(frozen=True)
class Mistake:
    """A face, and what was said about it.

    Attributes:
        source: the picture's name.
        true: its class.
        said: the answer.
        probability: of the answer.
        jpeg: the face, its longer side `_SIDE` pixels.
    """

    source: str
    true: str
    said: str
    probability: float
    jpeg: bytes

    @property
    def address(self) -> str:
        """The picture as a data address, for a page that asks for nothing."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode()}"


def surest_mistakes(answers: Answers, split: Split) -> list[Mistake]:
    """Up to `MOST` wrong answers, the surest first.

    Args:
        split: the pictures that were answered about, by their names.
    """
    places = {source: index for index, source in enumerate(split.sources)}
    wrong = np.flatnonzero(~answers.right & (answers.predictions < len(answers.labels)))
    wrong = wrong[np.argsort(-answers.confidences[wrong], kind="stable")][:MOST]
    names = answers.labels.names
    return [
        Mistake(
            answers.sources[index],
            names[answers.targets[index]],
            names[answers.predictions[index]],
            float(answers.confidences[index]),
            _jpeg(split.image(places[answers.sources[index]])),
        )
        for index in wrong
    ]


def _jpeg(image: np.ndarray) -> bytes:
    small = ImageOps.contain(Image.fromarray(image), (_SIDE, _SIDE), Image.Resampling.BICUBIC)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=85)
    return data.getvalue()
