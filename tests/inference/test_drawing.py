"""Boxes and labels are in the picture, say what is uncertain and whose face it is, and touch nothing else."""

import numpy as np
import pytest

from posterv2.inference.drawing import draw, drawn
from posterv2.inference.results import UNCERTAIN, Face
from posterv2.preprocessing import Box

YELLOW = (255, 225, 26)


def face(box: Box, expression: str = "happiness", track: int | None = None) -> Face:
    return Face(box, 0.9, expression, 0.7, {"neutral": 0.1, "happiness": 0.7, "sadness": 0.2}, track=track)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def share(pixels: np.ndarray, colour: tuple[int, int, int]) -> float:
    return (pixels == colour).all(axis=-1).mean()


def test_box_and_bars_are_drawn():
    image = np.zeros((700, 900, 3), np.uint8)
    pixels = np.asarray(draw(image, [face((100, 200, 150, 160))]))
    assert pixels.shape == image.shape
    for edge in (
        pixels[200:202, 110:240],
        pixels[358:360, 110:240],
        pixels[210:350, 100:102],
        pixels[210:350, 248:250],
    ):
        assert share(edge, YELLOW) > 0.4
    assert not pixels[210:350, 110:240].any()  # the face itself is left alone
    assert share(pixels[361:], YELLOW) > 0  # the bar
    assert not image.any()


def test_what_is_uncertain_is_grey_and_dashed():
    image = np.full((720, 1280, 3), 255, np.uint8)
    box = (500, 200, 200, 240)
    sure, unsure = drawn(image, [face(box)]), drawn(image, [face(box, UNCERTAIN)])
    assert share(sure, YELLOW) > 0
    assert share(unsure, YELLOW) == 0
    edge = unsure[201, 520:680].astype(int)
    assert (edge.max(axis=-1) - edge.min(axis=-1)).max() < 12  # grey, all of it
    assert np.diff(edge.mean(axis=-1) > 80).sum() >= 6  # and again and again interrupted


def test_the_answer_changes_the_label_alone():
    """A track's number and `uncertain` stand in the label: the picture outside of it is the same."""
    image = noise(1280, 720)
    one, other = (drawn(image, [face((500, 200, 200, 240), track=track)]) for track in (1, 234))
    rows, columns = np.nonzero((one != other).any(axis=-1))
    assert 0 < rows.max() - rows.min() < 40
    assert 0 < columns.max() - columns.min() < 80


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (700, 90), (90, 700), (2000, 100), (1280, 720)])
@pytest.mark.parametrize("where", ["all", "corner", "pixel"])
def test_anything_can_be_drawn(size: tuple[int, int], where: str):
    width, height = size
    box = {
        "all": (0, 0, width, height),
        "corner": (width // 2, height // 2, width - width // 2, height - height // 2),
        "pixel": (width - 1, height - 1, 1, 1),
    }[where]
    long = {f"{'a class of a very long name' * 3} {number}": 0.125 for number in range(8)}
    for shown in (face(box, track=3), Face(box, 1.0, UNCERTAIN, 0.125, long, track=10**6)):
        assert drawn(noise(width, height), [shown]).shape[0] >= height


def test_small_pictures_are_enlarged():
    assert draw(noise(48, 40), [face((0, 0, 48, 40))]).size == (672, 560)
    assert draw(noise(640, 10), []).size == (640, 10)
    assert draw(noise(1, 1), []).size == (640, 640)


def test_a_frame_that_may_not_be_written_to_is_drawn_all_the_same():
    image = noise(1280, 720)
    image.flags.writeable = False
    pixels = drawn(image[:, ::-1], [face((10, 10, 100, 100))])
    assert pixels.flags.writeable
    assert not np.array_equal(pixels, image[:, ::-1])


def test_no_face_leaves_the_picture_as_it_was():
    image = noise(700, 650)
    np.testing.assert_array_equal(drawn(image, []), image)


def test_only_labels_are_blended():
    """What one frame costs is what its boxes and labels cover: all the rest is the frame's own, bit for bit."""
    image = noise(1280, 720)
    pixels = drawn(image, [face((500, 200, 200, 240))])
    changed = (pixels != image).any(axis=-1)
    assert 0.02 < changed.mean() < 0.1
    assert not changed[:190].any()
    assert not changed[:, :400].any()
