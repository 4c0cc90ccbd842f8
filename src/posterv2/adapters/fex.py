"""A table as py-feat gives it. This file alone imports pandas as it is imported itself."""

from typing import Any

import pandas

FACEBOX_COLUMNS = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
EMOTION_COLUMNS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
COLUMNS = [*FACEBOX_COLUMNS, *EMOTION_COLUMNS, "FrameHeight", "FrameWidth", "input", "frame"]


class Fex(pandas.DataFrame):
    """A DataFrame with py-feat's names for groups of its columns."""

    @property
    def _constructor(self) -> type["Fex"]:
        return Fex

    @property
    def faceboxes(self) -> Any:
        """The box and the score of each face."""
        return self[FACEBOX_COLUMNS]

    @property
    def emotions(self) -> Any:
        """The seven shares of each face."""
        return self[EMOTION_COLUMNS]

    @property
    def inputs(self) -> Any:
        """The picture of each face."""
        return self["input"]
