"""Where labels go in a drawn picture: beside their faces, over no face and no other label."""

from collections.abc import Callable, Sequence

from posterv2.inference.cards import Card, Label, Tag
from posterv2.inference.results import Face
from posterv2.preprocessing import Box

Corner = tuple[int, int]

_TEXT_SHARE = 1 / 52  # of the picture's longer side: it stays readable when a large picture is shown small
_LONGEST = 4  # a panorama longer than this many times its height is written in as one that is not
_SMALLEST_TEXT = 13  # pixels
_SMALLEST_TAG = 10


def placed_labels(faces: Sequence[Face], size: tuple[int, int], gap: int) -> list[tuple[Label, Corner]]:
    """Labels and their upper left corners in a picture of `size`, none over another or over another face.

    All faces get the richest kind for which there is room. Where there is none at all, tags that found no place lie on
    the chin of their own face, and over whatever else is there.
    """
    longer, shorter = max(size), min(size)
    text = max(_SMALLEST_TEXT, round(min(longer, _LONGEST * shorter) * _TEXT_SHARE))
    small, least = max(_SMALLEST_TEXT, text * 3 // 4), max(_SMALLEST_TAG, text // 2)
    kinds: tuple[Callable[[Face], Label], ...] = (
        lambda face: Card(face, text, rows=3),
        lambda face: Card(face, small, rows=3),
        lambda face: Card(face, small, rows=1),
        lambda face: Tag(face, small),
        lambda face: Tag(face, least),
    )
    for kind in kinds:
        last = kind is kinds[-1]
        labels = [kind(face) for face in faces]
        corners = _placed(faces, labels, size, 2 if last else gap, all_or_none=not last)
        if corners is not None:
            return list(zip(labels, corners, strict=True))
    raise AssertionError("the last kind is always placed")


def _placed(
    faces: Sequence[Face], labels: Sequence[Label], size: tuple[int, int], gap: int, all_or_none: bool
) -> list[Corner] | None:
    taken = [face.box for face in faces]
    corners: list[Corner] = []
    for face, label in zip(faces, labels, strict=True):
        corner = _free_corner(face.box, label.size, size, taken, gap)
        if corner is None and all_or_none:
            return None
        corner = corner or _inside(face.box, label.size, size, gap)
        corners.append(corner)
        taken.append((*corner, *label.size))
    return corners


def _free_corner(box: Box, label: tuple[int, int], size: tuple[int, int], taken: list[Box], gap: int) -> Corner | None:
    """Below a face, right, left or above, or over the chin of a large one; None where all of that is taken."""
    x, y, width, height = box
    right, left, below, above = x + width + gap, x - label[0] - gap, y + height + gap, y - label[1] - gap
    middle = _within(x + (width - label[0]) // 2, size[0] - label[0])
    beside = _within(y, size[1] - label[1]), _within(y + height - label[1], size[1] - label[1])
    places = [(middle, below), *((right, top) for top in beside), *((left, top) for top in beside), (middle, above)]
    for corner in places:
        if _fits((*corner, *label), taken, size):
            return corner
    chin = _inside(box, label, size, gap)
    others = [place for place in taken if place != box]
    return chin if height > 3 * label[1] and _fits((*chin, *label), others, size) else None


def _inside(box: Box, label: tuple[int, int], size: tuple[int, int], gap: int) -> Corner:
    """Over the lower edge of `box`, moved into the picture."""
    x, y, width, height = box
    left, top = x + (width - label[0]) // 2, y + height - gap - label[1]
    return _within(left, size[0] - label[0]), _within(top, size[1] - label[1])


def _within(value: int, most: int) -> int:
    return max(0, min(value, most))


def _fits(place: Box, taken: Sequence[Box], size: tuple[int, int]) -> bool:
    left, top, width, height = place
    if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
        return False
    return not any(
        left < x + other_width and x < left + width and top < y + other_height and y < top + height
        for x, y, other_width, other_height in taken
    )
