"""Labels are in the picture and off the faces; a blurred face holds nothing of the face."""

import numpy as np
import pytest
from PIL import Image

from posterv2.inference.blurring import blurred
from posterv2.inference.cards import Card, Tag, placed_labels
from posterv2.inference.drawing import draw
from posterv2.inference.results import Face
from posterv2.preprocessing import Box


def face(box: Box) -> Face:
    return Face(box, 0.9, "happiness", 0.7, {"neutral": 0.1, "happiness": 0.7, "sadness": 0.2})


def overlap(one: Box, other: Box) -> bool:
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(640, 480), (4000, 6000), (700, 90)])
@pytest.mark.parametrize("corner", [(0, 0), (0.4, 0.3), (0.8, 0.8)])
def test_one_face_gets_a_card_beside_it(size: tuple[int, int], corner: tuple[float, float]):
    side = round(min(size) * 0.2)
    box = (round(size[0] * corner[0]), round(size[1] * corner[1]), side, side)
    [(label, place)] = placed_labels([face(box)], size, gap=4)
    assert isinstance(label, Card)
    assert not overlap((*place, *label.size), box)
    assert min(place) >= 0
    assert place[0] + label.size[0] <= size[0]
    assert place[1] + label.size[1] <= size[1]


def test_a_crowd_gets_tags_that_cover_no_face():
    boxes = [(x, y, 40, 40) for x in range(20, 960, 100) for y in range(20, 640, 90)]
    labels = placed_labels([face(box) for box in boxes], (1000, 700), gap=4)
    assert all(isinstance(label, Tag) for label, _ in labels)
    places = [(*corner, *label.size) for label, corner in labels]
    assert not any(overlap(place, box) for place in places for box in boxes)
    assert not any(overlap(one, other) for index, one in enumerate(places) for other in places[:index])


def test_a_face_that_fills_the_picture_gets_its_card_over_the_chin():
    [(label, (_, top))] = placed_labels([face((0, 0, 640, 640))], (640, 640), gap=4)
    assert isinstance(label, Card)
    assert top > 400
    assert top + label.size[1] <= 640


def test_every_face_has_a_label_where_there_is_no_room():
    boxes = [(x, y, 50, 50) for x in range(0, 640, 50) for y in range(0, 640, 50)]
    assert len(placed_labels([face(box) for box in boxes], (640, 640), gap=4)) == len(boxes)


def test_text_grows_with_the_picture():
    heights = []
    for side in (640, 6400):
        box = (side // 3, side // 3, side // 4, side // 4)
        [(label, _)] = placed_labels([face(box)], (side, side), gap=4)
        heights.append(label.size[1])
    assert heights[1] / heights[0] == pytest.approx(10, rel=0.1)


def test_box_and_bars_are_drawn():
    image = np.zeros((700, 900, 3), np.uint8)
    drawn = np.asarray(draw(image, [face((100, 200, 150, 160))]))
    assert drawn.shape == image.shape
    assert (drawn[200, 100:250] == (255, 202, 40)).all()  # the upper edge, in the colour of happiness
    assert (drawn[200:360, 249] == (255, 202, 40)).all()
    assert not drawn[210:350, 110:240].any()  # the face itself is left alone
    assert not image.any()


def test_small_pictures_are_enlarged():
    assert draw(noise(48, 40), [face((0, 0, 48, 40))]).size == (672, 560)
    assert draw(noise(640, 10), []).size == (640, 10)
    assert draw(noise(1, 1), []).size == (640, 640)


def test_blurring_throws_the_face_away():
    """Only the mean colour of each of the mosaic's cells is left, so nothing brings the face back."""
    box = (36, 36, 48, 48)  # with its margin a patch of 72 pixels, so cells of 12
    image = noise(120, 120)
    other = image.copy()
    cells = other[24:96, 24:96].reshape(6, 12, 6, 12, 3).swapaxes(1, 2).reshape(36, 144, 3)
    np.random.default_rng(1).shuffle(cells, axis=1)
    other[24:96, 24:96] = cells.reshape(6, 6, 12, 12, 3).swapaxes(1, 2).reshape(72, 72, 3)
    assert (other != image).mean() > 0.3
    np.testing.assert_allclose(blurred(image, [box]).astype(int), blurred(other, [box]), atol=1)  # of 255: rounding


def test_blurring_leaves_the_rest_alone():
    image = noise(200, 200)
    done = blurred(image, [(80, 80, 40, 40)])
    assert (done[70:130, 70:130] != image[70:130, 70:130]).mean() > 0.9
    done = done.copy()
    done[70:130, 70:130] = image[70:130, 70:130]
    np.testing.assert_array_equal(done, image)


@pytest.mark.parametrize("box", [(0, 0, 200, 200), (199, 199, 1, 1), (0, 150, 7, 50)])
def test_blurring_at_the_border(box: Box):
    image = noise(200, 200)
    assert blurred(image, [box]).shape == image.shape
    assert Image.fromarray(blurred(image, [box]))
