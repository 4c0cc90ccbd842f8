"""The cascade finds the portrait's face wherever it is and however large the picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterv2.inference.detection.haar import SEARCH_SIDE, HaarDetector
from posterv2.preprocessing import read_image

PORTRAIT = Path(__file__).parents[3] / "samples" / "astronaut.jpg"
EYES = (208, 240, 100)  # between which columns, and in which row, the eyes are


@pytest.fixture(scope="module")
def detector() -> HaarDetector:
    return HaarDetector()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return read_image(PORTRAIT)


def test_portrait_has_one_face(detector: HaarDetector, portrait: np.ndarray):
    [face] = detector.detect(portrait)
    x, y, width, height = face.box
    left, right, row = EYES
    assert x < left < right < x + width
    assert y < row < y + height / 2
    assert 0.8 < face.score <= 1
    assert face.landmarks is None


def test_large_picture_is_searched_small(detector: HaarDetector, portrait: np.ndarray):
    [small] = detector.detect(portrait)
    large = np.asarray(Image.fromarray(portrait).resize((3072, 3072)))
    [found] = detector.detect(large)
    np.testing.assert_allclose(np.array(found.box) / 6, small.box, atol=8)
    assert max(large.shape) > SEARCH_SIDE


def test_small_faces_from_left_to_right(detector: HaarDetector, portrait: np.ndarray):
    [face] = detector.detect(portrait)
    x, y, side, _ = face.box
    head = Image.fromarray(portrait).crop((x - side // 2, y - side // 2, x + side * 3 // 2, y + side * 3 // 2))
    picture = Image.new("RGB", (1000, 300), "grey")
    for left in (800, 50, 420):
        picture.paste(head.resize((80, 80)), (left, 100))  # a face of 40 pixels
    found = detector.detect(np.asarray(picture))
    assert [round(face.box[0], -2) for face in found] == [100, 400, 800]
    assert all(30 <= face.box[2] <= 55 for face in found)


def test_boxes_stay_inside(detector: HaarDetector, portrait: np.ndarray):
    [face] = detector.detect(portrait)
    x, y, side, _ = face.box
    for cut in range(0, side // 6, 4):
        picture = portrait[y + cut :, x + cut : x + side - cut]
        for found in detector.detect(np.ascontiguousarray(picture)):
            left, top, width, height = found.box
            assert left >= 0
            assert top >= 0
            assert left + width <= picture.shape[1]
            assert top + height <= picture.shape[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (23, 23), (300, 300)])
def test_nothing_to_find(detector: HaarDetector, shape: tuple[int, int]):
    assert detector.detect(np.full((*shape, 3), 127, np.uint8)) == []
