"""MTCNN finds the portrait's face however it is tilted, placed and cut, and follows it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from posterv2.errors import UsageError
from posterv2.inference.detection import mtcnn
from posterv2.inference.detection.detector import Detection, FaceFollower
from posterv2.inference.detection.haar import HaarDetector
from posterv2.inference.detection.mtcnn import MtcnnDetector
from posterv2.preprocessing import read_image, roll_of

PORTRAIT = Path(__file__).parents[3] / "samples" / "astronaut.jpg"
POINTS = np.array([(206, 105), (244, 108), (225, 127), (207, 145), (241, 146)])  # as the photo shows them, read by eye
MIDDLE = (224.0, 118.0)  # of the face


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return read_image(PORTRAIT)


def placed(portrait: np.ndarray, roll: float, scale: float, place: tuple[float, float], size: tuple[int, int]):
    """A grey picture of `size` with the head at `place`, turned clockwise by `roll`; and where its landmarks are."""
    matrix = cv2.getRotationMatrix2D(MIDDLE, -roll, scale)
    matrix[:, 2] += np.array(place) - MIDDLE
    head = np.zeros(portrait.shape[:2], np.uint8)
    cv2.circle(head, (224, 118), 100, (255,), -1)
    mask = cv2.warpAffine(head, matrix, size) > 0
    picture = np.full((size[1], size[0], 3), 110, np.uint8)
    picture[mask] = cv2.warpAffine(portrait, matrix, size, flags=cv2.INTER_AREA)[mask]
    return picture, POINTS @ matrix[:, :2].T + matrix[:, 2]


def test_portrait_has_one_face_with_landmarks(detector: MtcnnDetector, portrait: np.ndarray):
    [face] = detector.detect(portrait)
    x, y, width, height = face.box
    assert x < POINTS[:, 0].min() < POINTS[:, 0].max() < x + width
    assert y < POINTS[:, 1].min() < POINTS[:, 1].max() < y + height
    assert 0.95 < face.score <= 1
    assert face.landmarks is not None
    np.testing.assert_allclose(np.array(face.landmarks), POINTS, atol=6)
    assert all(type(value) is float for point in face.landmarks for value in point)
    assert [type(value) for value in face.box] == [int] * 4


@pytest.mark.parametrize("roll", [-45, -30, 0, 20, 45])
@pytest.mark.parametrize("height", [45, 110, 300])
def test_tilted_faces_of_every_size(detector: MtcnnDetector, portrait: np.ndarray, roll: int, height: int):
    picture, points = placed(portrait, roll, height / 110, (320, 240), (640, 480))
    [face] = detector.detect(picture)
    assert face.landmarks is not None
    assert np.abs(np.array(face.landmarks) - points).max() < 0.1 * height
    assert abs(roll_of(face.landmarks) - roll - 3) < 10  # she tilts her head by three degrees herself
    assert 0.8 * height < face.box[3] < 1.3 * height


def test_faces_from_left_to_right(detector: MtcnnDetector, portrait: np.ndarray):
    picture = np.full((300, 1000, 3), 110, np.uint8)
    for left in (700, 50, 400):
        head, _ = placed(portrait, 0, 0.6, (100, 100), (200, 200))
        picture[50:250, left : left + 200] = head
    found = detector.detect(picture)
    assert [round((face.box[0] + face.box[2] / 2) / 50) * 50 for face in found] == [150, 500, 800]


def test_the_smallest_face(detector: MtcnnDetector, portrait: np.ndarray):
    picture, _ = placed(portrait, 0, 18 / 110, (100, 100), (200, 200))
    assert detector.detect(picture) == []
    assert len(MtcnnDetector(16).detect(picture)) == 1
    with pytest.raises(UsageError, match="at least 12 pixels, got 5"):
        MtcnnDetector(5)


def test_large_photos_are_searched_smaller(
    detector: MtcnnDetector, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    picture, _ = placed(portrait, 0, 0.5, (300, 300), (800, 800))
    assert len(detector.detect(picture)) == 1
    monkeypatch.setattr(mtcnn, "FULL_SEARCH", 60_000)  # a copy of 245 x 245, so 17 of the face's 55 pixels are left
    assert detector.detect(picture) == []
    large, _ = placed(portrait, 0, 2.0, (400, 400), (800, 800))
    [face] = detector.detect(large)
    assert 180 < face.box[3] < 280


def test_boxes_of_cut_faces_stay_inside(detector: MtcnnDetector, portrait: np.ndarray):
    for cut in (0, 30, 60):
        picture = np.ascontiguousarray(portrait[60 + cut // 2 :, 175 + cut // 3 :])
        for face in detector.detect(picture):
            x, y, width, height = face.box
            assert min(x, y) >= 0
            assert x + width <= picture.shape[1]
            assert y + height <= picture.shape[0]


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 4000), (4000, 1), (5, 7), (12, 12), (29, 31), (300, 300), (40, 70_000), (40_000, 200)]
)
def test_nothing_to_find(detector: MtcnnDetector, shape: tuple[int, int]):
    assert detector.detect(np.full((*shape, 3), 127, np.uint8)) == []
    assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []


def test_noise_holds_no_face(detector: MtcnnDetector):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    assert detector.detect(noise) == []


def test_wider_than_opencv_can_turn(detector: MtcnnDetector, portrait: np.ndarray):
    strip = np.full((200, 40_000, 3), 110, np.uint8)
    head, _ = placed(portrait, 0, 1.0, (100, 100), (200, 200))
    strip[:, 35_000:35_200] = head
    [face] = detector.detect(strip)
    assert 35_000 < face.box[0] < 35_200


def test_faces_are_followed(detector: MtcnnDetector, portrait: np.ndarray):
    """A head that moves by a tenth of its size and turns a little each frame; one that is gone is None."""
    before, _ = placed(portrait, 20, 1.0, (200, 200), (640, 480))
    [face] = detector.detect(before)
    known: Detection = face
    for frame in range(1, 15):
        picture, points = placed(portrait, 20 - 3 * frame, 1 + 0.02 * frame, (200 + 11 * frame, 200), (640, 480))
        seen, gone = detector.follow(picture, [known, Detection((10, 360, 80, 100), 1.0)])
        assert gone is None
        assert seen is not None
        assert seen.landmarks is not None
        assert np.abs(np.array(seen.landmarks) - points).max() < 14
        known = seen
    assert detector.follow(before, []) == []
    assert detector.follow(np.full((480, 640, 3), 110, np.uint8), [known]) == [None]


def test_what_can_follow():
    assert issubclass(MtcnnDetector, FaceFollower)
    assert not issubclass(HaarDetector, FaceFollower)


def test_a_blank_picture_is_no_place_to_follow_to(detector: MtcnnDetector):
    far = (9e3, 9e3)
    outside = Detection((500, 500, 50, 50), 1.0, (far, far, far, far, far))
    assert detector.follow(np.zeros((30, 20, 3), np.uint8), [outside]) == [None]
