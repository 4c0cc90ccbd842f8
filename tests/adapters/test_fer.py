"""fer's shape, as its documentation has it; the module says where."""

import json

import numpy as np
import pytest

from posterv2.adapters.fer import FER, detect_emotions
from posterv2.errors import ImageError
from tests.adapters.conftest import EIGHT, PHOTO, Answer, face

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def test_the_photo_in_their_shape():
    (entry,) = detect_emotions(str(PHOTO))
    assert list(entry) == ["box", "emotions"]
    assert type(entry["box"]) is list
    assert [type(side) for side in entry["box"]] == [int] * 4
    assert list(entry["emotions"]) == EMOTIONS
    assert all(type(share) is float and 0 <= share <= 1 for share in entry["emotions"].values())
    json.dumps(entry)
    assert FER(mtcnn=True).detect_emotions(str(PHOTO)) == [entry]
    emotion, share = FER().top_emotion(str(PHOTO))
    assert emotion == "happy"
    assert share == entry["emotions"]["happy"]


def test_shares_have_two_decimals_and_the_first_face_is_the_top_one(answer: Answer):
    asked = answer(face(), face({**dict.fromkeys(EIGHT, 0.0), "anger": 0.1, "happiness": 0.2, "sadness": 0.7}))
    blue = np.full((60, 50, 3), (255, 0, 0), np.uint8)
    first, second = detect_emotions(blue)
    assert asked[0][0, 0].tolist() == [0, 0, 255]
    assert first["box"] == [10, 20, 30, 40]
    assert first["emotions"]["happy"] == 0.4
    assert second["emotions"]["sad"] == 0.7
    assert FER().top_emotion(blue) == ("happy", 0.4)


def test_no_face(answer: Answer):
    answer()
    grey = np.zeros((60, 50), np.uint8)
    assert detect_emotions(grey) == []
    assert FER().top_emotion(grey) == (None, None)


def test_a_picture_that_is_none():
    with pytest.raises(ImageError, match="got int"):
        FER().detect_emotions(3)  # type: ignore[arg-type]
