"""What is written beside a face in a drawn picture: a card with bars, or a small tag in a crowd; and where."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from PIL import ImageDraw, ImageFont

from posterv2.inference.results import Face
from posterv2.preprocessing import Box

Colour = tuple[int, int, int, int]
Corner = tuple[int, int]

_TEXT_SHARE = 1 / 42  # of the picture's longest side: it stays readable when a large picture is shown small
_SMALLEST_TEXT = 14  # pixels
_BACK: Colour = (16, 18, 24, 200)
_TRACK: Colour = (255, 255, 255, 50)
_WHITE: Colour = (255, 255, 255, 255)
_OTHER: Colour = (150, 205, 225, 255)
_COLOURS: dict[str, Colour] = {
    "neutral": (190, 200, 210, 255),
    "happiness": (255, 202, 40, 255),
    "surprise": (255, 138, 76, 255),
    "sadness": (92, 158, 255, 255),
    "anger": (255, 86, 86, 255),
    "disgust": (124, 200, 80, 255),
    "fear": (186, 120, 255, 255),
    "contempt": (240, 130, 190, 255),
}


def colour(expression: str) -> Colour:
    """The colour of an expression's box and bars, RGBA."""
    return _COLOURS.get(expression, _OTHER)


class Label(Protocol):
    """Something to write beside a face; `size` is its width and height in pixels."""

    size: tuple[int, int]

    def draw(self, pen: ImageDraw.ImageDraw, corner: Corner) -> None:
        """Draw it with its upper left corner at `corner`."""
        ...


class Card:
    """The likeliest expressions of a face, each a row of name, bar and percentage."""

    def __init__(self, face: Face, text_size: int, rows: int) -> None:
        self._rows = sorted(face.probabilities.items(), key=lambda item: -item[1])[:rows]
        self._font = _font(text_size)
        self._row = round(1.35 * text_size)
        self._pad = round(0.45 * text_size)
        self._bar_start = 2 * self._pad + max(self._font.getlength(name) for name, _ in self._rows)
        self._bar = 4 * text_size
        width = self._bar_start + self._bar + self._font.getlength("100%") + 2 * self._pad
        self.size = round(width), self._row * len(self._rows) + self._pad

    def draw(self, pen: ImageDraw.ImageDraw, corner: Corner) -> None:
        """Draw it with its upper left corner at `corner`."""
        left, top = corner
        right = left + self.size[0]
        pen.rounded_rectangle((left, top, right, top + self.size[1]), self._pad, _BACK)
        start, half = left + self._bar_start, max(2, self._row // 6)
        for number, (name, probability) in enumerate(self._rows):
            middle = top + self._pad / 2 + (number + 0.5) * self._row
            pen.text((left + self._pad, middle), name, _WHITE, self._font, anchor="lm")
            pen.rectangle((start, middle - half, start + self._bar, middle + half), _TRACK)
            pen.rectangle((start, middle - half, start + self._bar * probability, middle + half), colour(name))
            pen.text((right - self._pad, middle), f"{probability:.0%}", _WHITE, self._font, anchor="rm")


class Tag:
    """The name alone over a thin bar, for crowds."""

    def __init__(self, face: Face, text_size: int) -> None:
        self._face = face
        self._font = _font(round(0.9 * text_size))
        self._bar = max(3, text_size // 5)
        self.size = round(self._font.getlength(face.expression)) + text_size // 2, round(1.25 * text_size) + self._bar

    def draw(self, pen: ImageDraw.ImageDraw, corner: Corner) -> None:
        """Draw it with its upper left corner at `corner`."""
        (left, top), (width, height) = corner, self.size
        bottom, name = top + height, self._face.expression
        pen.rectangle((left, top, left + width, bottom), _BACK)
        pen.text((left + width / 2, top + (height - self._bar) / 2), name, _WHITE, self._font, anchor="mm")
        pen.rectangle((left, bottom - self._bar, left + width * self._face.probability, bottom), colour(name))


def placed_labels(faces: Sequence[Face], size: tuple[int, int], gap: int) -> list[tuple[Label, Corner]]:
    """Labels and their upper left corners in a picture of `size`, none over another or over another face.

    All faces get the richest kind for which there is room; where there is none at all, tags overlap.
    """
    largest = max(_SMALLEST_TEXT, round(max(size) * _TEXT_SHARE))

    def text_size(face: Face) -> int:
        return min(largest, max(largest * 2 // 3, face.box[3] // 6))

    kinds: tuple[Callable[[Face], Label], ...] = (
        lambda face: Card(face, text_size(face), rows=3),
        lambda face: Card(face, text_size(face), rows=1),
        lambda face: Tag(face, text_size(face)),
    )
    labels: list[Label] = []
    corners: list[Corner | None] = []
    for kind in kinds:
        labels = [kind(face) for face in faces]
        taken = [face.box for face in faces]
        corners = []
        for face, label in zip(faces, labels, strict=True):
            corner = _free_corner(face.box, label.size, size, taken, gap)
            corners.append(corner)
            if corner:
                taken.append((*corner, *label.size))
        if all(corners):
            break
    return [
        (label, corner or _below(face.box, label.size, size, gap))
        for face, label, corner in zip(faces, labels, corners, strict=True)
    ]


def _free_corner(box: Box, label: tuple[int, int], size: tuple[int, int], taken: list[Box], gap: int) -> Corner | None:
    """Below a face, right, left or above, or over the chin of a large one; None where all of that is taken."""
    x, y, width, height = box
    below, chin = _below(box, label, size, gap), _below(box, label, size, -gap - label[1])
    above = below[0], y - label[1] - gap
    for corner in (below, (x + width + gap, y), (x - label[0] - gap, y), above):
        if _fits((*corner, *label), taken, size):
            return corner
    others = [place for place in taken if place != box]
    return chin if height > 3 * label[1] and _fits((*chin, *label), others, size) else None


def _below(box: Box, label: tuple[int, int], size: tuple[int, int], gap: int) -> Corner:
    """Centred `gap` pixels below the lower edge of `box`, moved into the picture."""
    x, y, width, height = box
    left = min(x + (width - label[0]) // 2, size[0] - label[0])
    top = min(y + height + gap, size[1] - label[1])
    return max(0, left), max(0, top)


def _fits(place: Box, taken: Sequence[Box], size: tuple[int, int]) -> bool:
    left, top, width, height = place
    if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
        return False
    return not any(
        left < x + other_width and x < left + width and top < y + other_height and y < top + height
        for x, y, other_width, other_height in taken
    )


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
