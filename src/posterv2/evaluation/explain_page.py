"""The page of `posterv2 explain`: a row for each face, with the two maps over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from posterv2.evaluation.explain import Explanation
from posterv2.inference import lettering
from posterv2.inference.cards import face_colours, likeliest
from posterv2.inference.colours import Colour
from posterv2.inference.results import Face

_SIDE, _GAP, _MARGIN = 300, 24, 36  # pixels: of a face, between faces, around the page
_TITLE, _HEAD, _TEXT = 24, 19, 15  # sizes of text, in pixels
_COLUMNS = 3
_WIDTH = 2 * _MARGIN + _COLUMNS * (_SIDE + _GAP) - _GAP
_TITLE_ROW, _HEAD_ROW, _ROW, _LEGEND_ROW = 76, 60, _SIDE + 60, 60
_PAPER: Colour = (250, 250, 248)
_INK: Colour = (24, 26, 32)
_FAINT: Colour = (92, 96, 104)
_SCALE = 220, 14  # width and height of the colour scale
_MOST = 0.85  # of a face's pixel, covered where there is most; nothing where there is nothing
_DIMMED = 0.75  # brightness of the grey face below a map


@dataclass(frozen=True, eq=False)
class Row:
    """A face of the page.

    Attributes:
        crop: (H, W, 3), uint8, RGB: what the network was given.
        face: the answer.
        expression: the class that the Grad-CAM is about.
        explanation: the maps.
    """

    crop: np.ndarray
    face: Face
    expression: str
    explanation: Explanation


def explain_page(rows: Sequence[Row], title: str) -> Image.Image:
    """The faces in their order, one below the other: the face, its attention rollout, its Grad-CAM.

    Each map reaches from nothing to its own most. The page is 1020 pixels wide.
    """
    return Image.fromarray(np.concatenate([_head(title), *map(_row, rows), _legend()]))


def _head(title: str) -> np.ndarray:
    pixels = _paper(_TITLE_ROW + _HEAD_ROW)
    title = lettering.shortened(title, _TITLE, _WIDTH - 2 * _MARGIN, tail=0.5)
    lettering.write(pixels, title, _TITLE, _MARGIN, _TITLE_ROW // 2 + 4, _INK)
    heads = (
        ("The face", "as it was cut out, and the answer"),
        ("Where the network looked", "attention rollout, whatever the answer"),
        ("What speaks for it", "Grad-CAM, for the expression below"),
    )
    for column, (head, words) in enumerate(heads):
        lettering.write(pixels, head, _HEAD, _left(column), _TITLE_ROW + 14, _INK)
        lettering.write(pixels, words, _TEXT, _left(column), _TITLE_ROW + 39, _FAINT)
    return pixels


def _row(row: Row) -> np.ndarray:
    pixels = _paper(_ROW)
    shrinks = max(row.crop.shape) > _SIDE
    face = cv2.resize(row.crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    maps = row.explanation.rollout, row.explanation.grad_cam
    for column, picture in enumerate((face, *(_over(face, each) for each in maps))):
        pixels[:_SIDE, _left(column) : _left(column) + _SIDE] = picture
    answer = f"{row.face.expression}, {row.face.probability:.0%}"
    _words(pixels, 0, answer, face_colours(row.face)[likeliest(row.face)])
    asked = f"for {row.expression}, {row.face.probabilities[row.expression]:.0%}"
    if not row.explanation.grad_cam.any():
        asked = f"nothing speaks for {row.expression}"
    _words(pixels, 2, asked, face_colours(row.face)[row.expression])
    return pixels


def _over(face: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """The face in grey, and the map over it: (side, side, 3), uint8."""
    grey = cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    large = cv2.resize(relevance, face.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return _coloured(grey, large / max(large.max(), np.finfo(np.float32).tiny))


def _coloured(grey: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Levels (h, w) from 0 to 1 in colour over a grey picture (h, w, 3): the more, the brighter and the less of it."""
    shade = cv2.applyColorMap((level * 255).round().astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1]
    share = (_MOST * level)[:, :, None]
    return (grey * _DIMMED * (1 - share) + shade * share).round().astype(np.uint8)


def _legend() -> np.ndarray:
    pixels = _paper(_LEGEND_ROW)
    middle, (width, height) = _LEGEND_ROW // 2 - 8, _SCALE
    left = _left(1)
    lettering.write(pixels, "little", _TEXT, left, middle, _INK)
    left += lettering.width("little", _TEXT) + 10
    level = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    grey = np.full((height, width, 3), 128, np.uint8)
    pixels[middle - height // 2 : middle - height // 2 + height, left : left + width] = _coloured(grey, level)
    left += width + 10
    lettering.write(pixels, "much", _TEXT, left, middle, _INK)
    left += lettering.width("much", _TEXT) + _GAP
    lettering.write(pixels, "each map has its own scale", _TEXT, left, middle, _FAINT)
    return pixels


def _words(pixels: np.ndarray, column: int, words: str, colour: Colour) -> None:
    left, middle = _left(column), _SIDE + 22
    pixels[middle - _HEAD // 2 : middle + _HEAD // 2, left : left + 6] = colour
    words = lettering.shortened(words, _HEAD, _SIDE - 16)
    lettering.write(pixels, words, _HEAD, left + 16, middle, _INK)


def _paper(height: int) -> np.ndarray:
    return np.full((height, _WIDTH, 3), _PAPER, np.uint8)


def _left(column: int) -> int:
    return _MARGIN + column * (_SIDE + _GAP)
