"""Labels are in the picture, off the faces and off each other, for as long as there is room."""

import pytest

from posterv2.inference.cards import Card, Tag, tag_name
from posterv2.inference.placing import placed_labels
from posterv2.inference.results import UNCERTAIN, Face
from posterv2.preprocessing import Box


def face(box: Box, expression: str = "happiness", track: int | None = None) -> Face:
    return Face(box, 0.9, expression, 0.7, {"neutral": 0.1, "happiness": 0.7, "sadness": 0.2}, track=track)


def overlap(one: Box, other: Box) -> bool:
    return all(one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2] for axis in (0, 1))


@pytest.mark.parametrize("size", [(640, 480), (4000, 6000), (700, 90), (8000, 1000)])
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
    labels = placed_labels([face(box) for box in boxes], (640, 640), gap=4)
    assert len(labels) == len(boxes)
    for box, (label, corner) in zip(boxes, labels, strict=True):
        assert overlap((*corner, *label.size), box)  # each lies on its own face


def test_text_grows_with_the_picture():
    heights = []
    for side in (1000, 8000):
        box = (side // 3, side // 3, side // 4, side // 4)
        [(label, _)] = placed_labels([face(box)], (side, side), gap=4)
        heights.append(label.size[1])
    assert heights[1] / heights[0] == pytest.approx(8, rel=0.1)


def test_a_card_keeps_its_width_from_frame_to_frame():
    box = (100, 100, 50, 50)
    one = Face(box, 0.9, "fear", 0.9, {"fear": 0.9, "anger": 0.06, "sadness": 0.03, "happiness": 0.01})
    other = Face(box, 0.9, "happiness", 1.0, {"fear": 0.0, "anger": 0.0, "sadness": 0.0, "happiness": 1.0})
    assert Card(one, 20, rows=3).size == Card(other, 20, rows=3).size


def test_the_track_and_what_is_uncertain_are_said():
    box = (100, 100, 50, 50)
    assert tag_name(face(box)) == "happiness"
    assert tag_name(face(box, track=3)) == "#3 happiness"
    assert tag_name(face(box, UNCERTAIN, track=3)) == "#3 happiness?"
    plain, titled = Card(face(box), 20, rows=3).size, Card(face(box, UNCERTAIN), 20, rows=3).size
    assert titled[1] > plain[1]
    assert titled[0] == plain[0]
