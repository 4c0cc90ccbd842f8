"""What is written beside a face in a drawn picture: a card with bars, or a small tag in a crowd.

A label knows its size before it is drawn, and draws into pixels of exactly that size; what stays the same from frame
to frame, text and rounded corners, is kept.
"""

from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np

from posterv2.inference import lettering
from posterv2.inference.colours import DARK, MUTED, WHITE, Colour, colours
from posterv2.inference.results import UNCERTAIN, Face

_BACK = 205  # of 256: how much of the picture a card covers
_RAIL: Colour = (62, 65, 72)  # what a bar would fill at 100 %
_FAINT: Colour = (196, 200, 206)
_NAME = 9  # times the size of the text: longer names of classes are shortened; those of tags at twice that


class Label(Protocol):
    """Something to write beside a face; `size` is its width and height in pixels."""

    size: tuple[int, int]

    def draw(self, pixels: np.ndarray) -> None:
        """Draw it over `pixels`, (height, width, 3) uint8 RGB, the part of the picture that it lies on."""
        ...


class Card:
    """The likeliest expressions of a face, each a row of name, bar and percentage; `title` above them."""

    def __init__(self, face: Face, text: int, rows: int) -> None:
        self._shares = sorted(face.probabilities.items(), key=lambda item: -item[1])[:rows]
        self._colours = face_colours(face)
        self._text, self._row, self._pad = text, round(1.35 * text), round(0.5 * text)
        self._title = title(face)
        # By all names, so that a card keeps its width from frame to frame.
        self._name = max(lettering.width(_name(name, text), text) for name in face.probabilities)
        self._bar, self._share = 4 * text, lettering.width("100%", text)
        width = self._name + self._bar + self._share + 4 * self._pad
        self.size = width, self._row * (len(self._shares) + bool(self._title)) + self._pad

    def draw(self, pixels: np.ndarray) -> None:
        """Draw it over `pixels`, (height, width, 3) uint8 RGB."""
        _plate(pixels, self._pad)
        left, middle, text = self._pad, self._pad // 2 + self._row // 2, self._text
        if self._title:
            lettering.write(pixels, self._title, text, left, middle, _FAINT)
            middle += self._row
        start = left + self._name + self._pad
        for name, share in self._shares:
            lettering.write(pixels, _name(name, text), text, left, middle, WHITE)
            _bar(pixels, start, middle, self._bar, max(3, text // 3), share, self._colours[name])
            percent = f"{share:.0%}"
            right = pixels.shape[1] - self._pad - lettering.width(percent, text)
            lettering.write(pixels, percent, text, right, middle, WHITE)
            middle += self._row


class Tag:
    """The name alone over a thin bar, for crowds."""

    def __init__(self, face: Face, text: int) -> None:
        self._share, self._text, self._bar = face.probability, text, max(2, text // 5)
        self._name = lettering.shortened(tag_name(face), text, 2 * _NAME * text)
        self._colour = face_colours(face)[likeliest(face)]
        self.size = lettering.width(self._name, text) + round(0.7 * text), round(1.2 * text) + self._bar + 2

    def draw(self, pixels: np.ndarray) -> None:
        """Draw it over `pixels`, (height, width, 3) uint8 RGB."""
        height, width = pixels.shape[:2]
        _plate(pixels, self._text // 4)
        left = (width - lettering.width(self._name, self._text)) // 2
        lettering.write(pixels, self._name, self._text, left, (height - self._bar - 1) // 2, WHITE)
        edge = self._text // 4
        _bar(pixels, edge, height - self._bar // 2 - 2, width - 2 * edge, self._bar, self._share, self._colour)


def likeliest(face: Face) -> str:
    """The class with the highest probability, also where the answer is `uncertain`."""
    return max(face.probabilities, key=face.probabilities.__getitem__)


def face_colours(face: Face) -> dict[str, Colour]:
    """A colour for each of the face's classes; all muted where the answer is `uncertain`."""
    if face.expression == UNCERTAIN:
        return dict.fromkeys(face.probabilities, MUTED)
    return colours(face.probabilities)


def title(face: Face) -> str:
    """What stands over the rows of a card: the track's number, and that the answer is uncertain."""
    parts = [f"#{face.track}"] if face.track is not None else []
    return "  ".join(parts + [UNCERTAIN] * (face.expression == UNCERTAIN))


def tag_name(face: Face) -> str:
    """A face's answer in one short line: `#3 happiness`, or `fear?` where fear is likeliest but uncertain."""
    name = likeliest(face) + "?" * (face.expression == UNCERTAIN)
    return name if face.track is None else f"#{face.track} {name}"


def _name(name: str, text: int) -> str:
    return lettering.shortened(name, text, _NAME * text)


def _plate(pixels: np.ndarray, radius: int) -> None:
    lettering.blend(pixels, _rounded(pixels.shape[1], pixels.shape[0], radius), DARK)


@lru_cache(maxsize=32)
def _rounded(width: int, height: int, radius: int) -> np.ndarray:
    """A plate with round corners: (height, width, 3) uint16, 0.._BACK."""
    mask = np.zeros((height, width), np.uint8)
    radius = max(1, min(radius, width // 2 - 1, height // 2 - 1))
    right, bottom = width - 1 - radius, height - 1 - radius
    inner = np.array([[radius, radius], [right, radius], [right, bottom], [radius, bottom]], np.int32)
    cv2.fillConvexPoly(mask, inner, 255)
    cv2.polylines(mask, [inner], True, 255, 2 * radius, cv2.LINE_AA)
    return lettering.cover(mask, _BACK)


def _bar(pixels: np.ndarray, left: int, middle: int, length: int, thick: int, share: float, colour: Colour) -> None:
    """A bar with round ends; what is above nothing can be seen, if only as a dot."""
    end = left + thick // 2, left + length - thick // 2
    until = end[0] + round(share * (end[1] - end[0]))
    cv2.line(pixels, (end[0], middle), (end[1], middle), _RAIL, thick, cv2.LINE_AA)
    cv2.line(pixels, (end[0], middle), (until, middle), colour, thick, cv2.LINE_AA)
