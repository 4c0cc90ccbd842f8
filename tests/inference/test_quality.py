"""A weak look at a face is called so, and a good one is not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from posterv2.inference.detection.detector import Detection
from posterv2.inference.quality import quality_of
from posterv2.preprocessing import Landmarks, read_image

PORTRAIT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"
BOX = (181, 62, 86, 111)
UPRIGHT: Landmarks = ((205.0, 105.0), (245.0, 105.0), (225.0, 127.0), (208.0, 146.0), (242.0, 146.0))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return read_image(PORTRAIT)


def turned(landmarks: Landmarks, degrees: float) -> Landmarks:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (np.array(landmarks) - (225, 120)) @ matrix.T + (225, 120)
    first, second, third, fourth, fifth = map(tuple, points.tolist())
    return first, second, third, fourth, fifth


def test_a_good_look(portrait: np.ndarray):
    quality = quality_of(portrait, Detection(BOX, 1.0, UPRIGHT))
    assert (quality.size, quality.roll, quality.yaw, quality.at_border, quality.notes) == (86, 0, 0, False, ())
    assert quality.sharpness > 0.9


def test_blur_falls_with_sharpness(portrait: np.ndarray):
    values = [
        quality_of(cv2.GaussianBlur(portrait, (0, 0), sigma), Detection(BOX, 1.0)) for sigma in (0.5, 1.5, 5, 8, 20)
    ]
    sharpness = [quality.sharpness for quality in values]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] > 0.8
    assert sharpness[-1] < 0.3
    assert [("blurred" in quality.notes) for quality in values] == [False, False, True, True, True]


def test_faces_of_the_data_set_are_sharp(face_files: list[Path]):
    for file in face_files:
        image = read_image(file)
        assert quality_of(image, Detection((0, 0, 48, 48), 1.0)).notes == ()
        soft = cv2.GaussianBlur(image, (0, 0), 1.7)
        assert quality_of(soft, Detection((0, 0, 48, 48), 1.0)).notes == ("blurred",)


def test_contrast_and_light_do_not_matter(portrait: np.ndarray):
    plain = quality_of(portrait, Detection(BOX, 1.0)).sharpness
    dim = quality_of((portrait // 3 + 20).astype(np.uint8), Detection(BOX, 1.0)).sharpness
    assert abs(plain - dim) < 0.1


@pytest.mark.parametrize("angle", [-80, -20, 15, 50])
def test_roll(portrait: np.ndarray, angle: int):
    quality = quality_of(portrait, Detection(BOX, 1.0, turned(UPRIGHT, angle)))
    assert quality.roll == pytest.approx(angle, abs=0.1)
    assert quality.yaw == pytest.approx(0, abs=1)
    assert ("tilted" in quality.notes) == (abs(angle) > 45)


@pytest.mark.parametrize("angle", [0, 40, -120])
def test_yaw_is_towards_the_nose(portrait: np.ndarray, angle: int):
    left_eye, right_eye, _, left_mouth, right_mouth = UPRIGHT
    for aside, yaw in ((5.0, 17), (-5.0, -17), (25.0, 58)):
        landmarks = turned((left_eye, right_eye, (225.0 + aside, 127.0), left_mouth, right_mouth), angle)
        quality = quality_of(portrait, Detection(BOX, 1.0, landmarks))
        assert quality.yaw == pytest.approx(yaw, abs=3)
        assert ("turned" in quality.notes) == (abs(yaw) > 45)


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((0, 62, 86, 111), True),
        ((181, 0, 86, 111), True),
        ((426, 62, 86, 111), True),
        ((181, 401, 86, 111), True),
        ((1, 1, 510, 510), False),
        ((0, 0, 512, 512), False),  # the picture was given as a face
    ],
)
def test_at_border(portrait: np.ndarray, box: tuple[int, int, int, int], cut: bool):
    quality = quality_of(portrait, Detection(box, 1.0))
    assert (quality.at_border, "cut off" in quality.notes) == (cut, cut)


def test_tiny_and_plain_faces(portrait: np.ndarray):
    assert quality_of(portrait, Detection((200, 100, 1, 1), 1.0)).notes == ("small", "blurred")
    assert quality_of(portrait, Detection((200, 100, 31, 60), 1.0)).size == 31
    assert "small" in quality_of(portrait, Detection((200, 100, 31, 60), 1.0)).notes
    assert quality_of(np.full((50, 50, 3), 9, np.uint8), Detection((0, 0, 50, 50), 1.0)).sharpness == 0
    point = (5.0, 5.0)
    same = (point, point, point, point, point)
    assert quality_of(portrait, Detection(BOX, 1.0, same)).yaw == 0
