"""deepface's shape, as its documentation has it; the module says where."""

import json

import numpy as np
import pytest

from posterv2.adapters import deepface
from posterv2.errors import PosterError
from tests.adapters.conftest import LANDMARKS, PHOTO, Answer, face

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
PICTURE = np.zeros((60, 50, 3), np.uint8)


def test_the_photo_in_their_shape():
    (entry,) = deepface.analyze(str(PHOTO))
    assert list(entry) == ["emotion", "dominant_emotion", "region", "face_confidence"]
    assert list(entry["emotion"]) == EMOTIONS
    assert all(type(percent) is float and 0 <= percent <= 100 for percent in entry["emotion"].values())
    assert sum(entry["emotion"].values()) == pytest.approx(100)
    assert entry["dominant_emotion"] == "happy"
    assert list(entry["region"])[:6] == ["x", "y", "w", "h", "left_eye", "right_eye"]
    assert all(type(entry["region"][side]) is int for side in "xywh")
    assert type(entry["face_confidence"]) is float
    assert 0.5 < entry["face_confidence"] <= 1
    json.dumps(entry)  # people send it over the wire


def test_percentages_confidence_and_a_detector_without_eyes(answer: Answer):
    answer(face())
    (entry,) = deepface.analyze(PICTURE)
    assert entry["emotion"]["happy"] == pytest.approx(100 * 0.34 / 0.84)
    assert entry["face_confidence"] == 0.99
    assert entry["region"] == {"x": 10, "y": 20, "w": 30, "h": 39, "left_eye": None, "right_eye": None}


def test_eyes_are_the_persons_own_and_points_outside_are_none(answer: Answer):
    answer(face(landmarks=LANDMARKS))
    region = deepface.analyze(PICTURE)[0]["region"]
    assert (region["left_eye"], region["right_eye"]) == ((40, 30), (20, 30))
    assert (region["nose"], region["mouth_right"], region["mouth_left"]) == ((30, 40), (22, 50), None)


def test_arrays_are_bgr(answer: Answer):
    asked = answer(face())
    deepface.analyze(np.full((4, 4, 3), (255, 0, 0), np.uint8))
    assert asked[0][0, 0].tolist() == [0, 0, 255]


def test_a_picture_without_a_face(answer: Answer):
    answer()
    with pytest.raises(ValueError, match="Face could not be detected") as caught:
        deepface.analyze(PICTURE)
    assert isinstance(caught.value, PosterError)
    whole = deepface.analyze(PICTURE, enforce_detection=False), deepface.analyze(PICTURE, detector_backend="skip")
    for (entry,) in whole:
        assert entry["face_confidence"] == 0
        assert entry["region"] == {"x": 0, "y": 0, "w": 49, "h": 59, "left_eye": None, "right_eye": None}


def test_a_batch_has_a_list_for_each_picture(answer: Answer):
    answer(face(), face())
    for batch in ([PICTURE, str(PHOTO)], np.stack([PICTURE, PICTURE])):
        assert [len(entries) for entries in deepface.analyze(batch)] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"actions": ("emotion", "age")}, "ask deepface"),
        ({"actions": "gender"}, "ask deepface"),
        ({"actions": []}, "ask deepface"),
        ({"expand_percentage": 10}, "got 10"),
        ({"anti_spoofing": True}, "anti_spoofing"),
        ({"img_path": "no-such.jpg"}, "no-such.jpg: No such file"),
    ],
)
def test_what_there_is_not_is_a_value_error_in_words(arguments: dict, words: str):
    with pytest.raises(ValueError, match=words) as caught:
        deepface.analyze(**{"img_path": PICTURE, **arguments})
    assert isinstance(caught.value, PosterError)


def test_one_action_may_be_a_word(answer: Answer):
    answer(face())
    assert deepface.analyze(PICTURE, actions="emotion")[0]["dominant_emotion"] == "happy"
