"""The photo, and a predictor that answers what a test wants and keeps what it was given."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posterv2.adapters import answers
from posterv2.inference.results import Face, Result

PHOTO = Path(__file__).parents[2] / "samples" / "astronaut.jpg"

EIGHT = {
    "neutral": 0.05,
    "happiness": 0.34,
    "surprise": 0.05,
    "sadness": 0.1,
    "anger": 0.15,
    "disgust": 0.1,
    "fear": 0.05,
    "contempt": 0.16,
}
LANDMARKS = ((20.9, 30.0), (40.2, 30.0), (30.0, 40.0), (22.0, 50.0), (-1.0, 50.0))

Answer = Callable[..., list[np.ndarray]]


def face(probabilities: dict[str, float] = EIGHT, **more: object) -> Face:
    best = max(probabilities, key=probabilities.__getitem__)
    values = {"box": (10, 20, 30, 40), "score": 0.987, **more}
    return Face(expression=best, probability=probabilities[best], probabilities=probabilities, **values)  # type: ignore


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Lets the functions of `adapters` find these faces in every picture; gives the list of pictures they ask for."""

    def answer(*faces: Face) -> list[np.ndarray]:
        asked: list[np.ndarray] = []

        def predict(image: np.ndarray, aligned: bool = False) -> Result:
            asked.append(image)
            height, width = image.shape[:2]
            whole = face(box=(0, 0, width, height), score=1.0)
            return Result("picture", width, height, (whole,) if aligned else faces, pixels=image)

        monkeypatch.setattr(answers, "_predictor", lambda: predict)
        return asked

    return answer
