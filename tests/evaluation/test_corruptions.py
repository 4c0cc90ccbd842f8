"""Each corruption does what its name and its unit say, the same each time, and more of it the stronger it is."""

import cv2
import numpy as np
import pytest

from posterv2.evaluation.corruptions import CORRUPTIONS, STRENGTHS, Corruption, is_grey
from posterv2.preprocessing import read_image

NAMED = {kind.name: kind for kind in CORRUPTIONS}
KINDS = pytest.mark.parametrize("kind", CORRUPTIONS, ids=lambda kind: kind.name)
SIDE = 96


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """A face in colour: (96, 96, 3)."""
    photo = read_image("samples/astronaut.jpg")[60:190, 160:290]
    return cv2.resize(photo, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def grey(value: int, side: int = SIDE) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def point() -> np.ndarray:
    """One white pixel in the middle of black."""
    picture = grey(0, SIDE + 1)
    picture[SIDE // 2, SIDE // 2] = 255
    return picture


@KINDS
def test_it_is_the_same_each_time_and_leaves_the_face_alone(kind: Corruption, face: np.ndarray) -> None:
    before = face.copy()
    for strength in kind.strengths:
        once, again = kind(face, strength, 3), kind(face, strength, 3)
        assert (once == again).all()
        assert once.dtype == np.uint8
        assert once.shape[2] == 3
        assert once.shape != face.shape or (once != face).any()
    assert (face == before).all()


@pytest.mark.parametrize("kind", [kind for kind in CORRUPTIONS if kind.name != "rotated"], ids=lambda kind: kind.name)
def test_the_stronger_the_further_from_the_face(kind: Corruption, face: np.ndarray) -> None:
    apart = []
    for strength in kind.strengths:
        seen = cv2.resize(kind(face, strength, 0), (SIDE, SIDE)).astype(float)
        apart.append(np.abs(seen - face).mean())
    assert len(apart) == STRENGTHS
    assert all(np.diff(apart) > 0), apart


@pytest.mark.parametrize("name", ["rotated", "motion blur", "noise", "rectangle", "colour cast"])
def test_chances_depend_on_the_face(name: str, face: np.ndarray) -> None:
    kind = NAMED[name]
    looks = {kind(face, kind.strengths[2], index).tobytes() for index in range(16)}
    assert len(looks) > 1


@KINDS
def test_any_size_and_shape_will_do(kind: Corruption) -> None:
    for height, width in ((1, 1), (3, 7), (200, 90)):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        for strength in kind.strengths:
            assert kind(picture, strength, 0).ndim == 3


@KINDS
def test_a_grey_face_stays_grey(kind: Corruption) -> None:
    picture = np.repeat(np.random.default_rng(0).integers(0, 256, (48, 48, 1), np.uint8), 3, axis=2)
    assert is_grey(picture)
    assert is_grey(kind(picture, kind.strengths[-1], 0))


def test_degrees_are_degrees(face: np.ndarray) -> None:
    picture = grey(0, 101)
    picture[50, 80:90] = 255  # to the right of the middle
    for index in range(8):
        turned = NAMED["rotated"](picture, 30, index)[:, :, 0].astype(float)
        rows, columns = np.nonzero(turned > 100)
        assert abs(np.degrees(np.arctan2(rows.mean() - 50, columns.mean() - 50))) == pytest.approx(30, abs=1.5)


def test_brightness_and_contrast_are_shares() -> None:
    assert (NAMED["darkened"](grey(200), 0.3, 0) == 60).all()
    assert (NAMED["brightened"](grey(60), 2.5, 0) == 150).all()
    assert (NAMED["brightened"](grey(200), 2, 0) == 255).all()
    halves = np.concatenate([grey(50), grey(150)])
    assert np.unique(NAMED["low contrast"](halves, 0.3, 0)).tolist() == [85, 115]


def test_sigma_and_length_are_shares_of_the_side() -> None:
    edge = np.concatenate([grey(0), grey(255)], axis=1)
    slope = np.diff(NAMED["blurred"](edge, 0.03, 0)[SIDE // 2, :, 0].astype(float))
    places = np.arange(len(slope)) - (SIDE - 1)
    assert np.sqrt((slope * places**2).sum() / slope.sum()) == pytest.approx(0.03 * 2 * SIDE, rel=0.05)
    for index in range(4):
        rows, columns = np.nonzero(NAMED["motion blur"](point(), 0.3, index)[:, :, 0])
        length = np.hypot(np.ptp(rows), np.ptp(columns))
        assert length == pytest.approx(0.3 * len(point()), abs=2.5)


def test_pixels_are_pixels() -> None:
    kind = NAMED["low resolution"]
    assert kind(grey(9, 100)[:60], 16, 0).shape == (10, 16, 3)
    assert kind(grey(9, 10), 16, 0).shape == (10, 10, 3), "nothing gets larger"


def test_noise_is_a_share_of_white() -> None:
    noisy = NAMED["noise"](grey(128), 0.1, 0)
    assert noisy[:, :, 0].std() == pytest.approx(25.5, rel=0.05)
    assert noisy.mean() == pytest.approx(128, abs=1)


def test_covers_take_the_share_that_they_name() -> None:
    rows = (NAMED["mask"](grey(100), 0.3, 0) != 100).any(axis=(1, 2))
    assert rows.tolist() == [False] * 67 + [True] * 29
    rows = (NAMED["sunglasses"](grey(100), 0.22, 0) != 100).any(axis=(1, 2))
    middle = np.flatnonzero(rows).mean() / SIDE
    assert rows.mean() == pytest.approx(0.22, abs=0.01)
    assert middle == pytest.approx(0.37, abs=0.01)
    shares = [(NAMED["rectangle"](grey(100), 0.3, index) != 100).any(axis=2).mean() for index in range(20)]
    assert shares == pytest.approx([0.3] * 20, abs=0.01)


def test_a_colour_cast_takes_one_channel() -> None:
    picture = grey(200)
    picture[0, 0] = (200, 0, 0)
    channels = {tuple(NAMED["colour cast"](picture, 0.4, index)[5, 5]) for index in range(30)}
    assert channels == {(80, 200, 200), (200, 80, 200), (200, 200, 80)}


def test_strengths_are_told_in_their_units() -> None:
    said = {kind.name: kind.says(kind.strengths[0]) for kind in CORRUPTIONS}
    assert said["rotated"] == "10 degrees"
    assert said["darkened"] == "70% brightness"
    assert said["low resolution"] == "32 pixels a side"
    assert len({kind.says(strength) for kind in CORRUPTIONS for strength in kind.strengths}) == STRENGTHS * len(NAMED)
