"""The faces of many pictures on one page: what was found, by expression, the surest first."""

import io
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from posterv2.errors import UsageError
from posterv2.files import write_whole
from posterv2.inference import lettering
from posterv2.inference.cards import face_colours, likeliest
from posterv2.inference.colours import Colour
from posterv2.inference.results import UNCERTAIN, Face, Result
from posterv2.inference.strips import clock
from posterv2.preprocessing import Box

FACES_A_PAGE = 200

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_SIDE, _GAP, _MARGIN = 128, 18, 36  # pixels: of a face, between faces, around the page
_TITLE, _HEAD, _TEXT, _SMALL = 26, 18, 15, 12  # sizes of text, in pixels
_TILE = _SIDE + 50  # height of a face with what is written below it
_HEAD_ROW = 40
_MOST_COLUMNS, _FEWEST_COLUMNS = 12, 4
_SQUARE = 2  # how many columns a page has for each row, until it has the most
_AROUND = 0.2  # of a box's side, shown around it on each side where the picture has it
_PAPER: Colour = (250, 250, 248)
_INK: Colour = (24, 26, 32)
_FAINT: Colour = (104, 108, 116)
_RAIL: Colour = (226, 228, 230)


@dataclass(frozen=True)
class _Kept:
    """What stays of a face: a small JPEG, and what is written below it."""

    group: str
    name: str
    probability: float
    place: str
    colour: Colour
    jpeg: bytes


class ContactSheet:
    """Collects the faces of results as they come, about 5 KB each, and writes them as pages.

    Of a face that is tracked through a video, its surest look is kept.

    sheet = ContactSheet("sheet.png")
    sheet.add(pixels, result)
    sheet.save()
    """

    def __init__(self, path: str | Path) -> None:
        """Write nothing yet.

        Raises:
            UsageError: `path` ends in neither .png, .jpg nor .jpeg.
        """
        self._path = Path(path)
        if self._path.suffix.lower() not in _FORMATS:
            raise UsageError(f"a contact sheet is a .png or .jpg file, got {path}")
        self._kept: list[_Kept] = []
        self._tracks: dict[tuple[str, int], int] = {}  # where in the list the tracked faces are
        self._order: dict[str, int] = {}
        self._sources: set[str] = set()

    def add(self, image: np.ndarray, result: Result) -> None:
        """Keep a thumbnail of each face of `result`, whose picture is `image`, (H, W, 3) uint8 RGB."""
        self._sources.add(result.source)
        place = Path(result.source).name + ("" if result.time is None else f" {clock(result.time)}")
        for face in result.faces:
            for name in face.probabilities:
                self._order.setdefault(name, len(self._order))
            index = len(self._kept)
            if face.track is not None:
                index = self._tracks.setdefault((result.source, face.track), index)
            if index == len(self._kept):
                self._kept.append(_kept(image, face, place))
            elif face.probability > self._kept[index].probability:
                self._kept[index] = _kept(image, face, place)

    def save(self) -> list[Path]:
        """Write the pages, `FACES_A_PAGE` faces each: `sheet.png`, `sheet-2.png` and so on; these are returned.

        Raises:
            UsageError: a page would replace one of the pictures.
            OutputError: a page cannot be written.
        """
        last = len(self._order)
        kept = sorted(self._kept, key=lambda face: (self._order.get(face.group, last), face.group, -face.probability))
        chunks = [kept[start : start + FACES_A_PAGE] for start in range(0, len(kept), FACES_A_PAGE)] or [[]]
        pages = [self._path.with_stem(self._path.stem + f"-{n}" * (n > 1)) for n in range(1, len(chunks) + 1)]
        sources = set(map(os.path.realpath, self._sources))
        if taken := next((page for page in pages if os.path.realpath(page) in sources), None):
            raise UsageError(f"the contact sheet would replace the picture {taken}; name another file")
        totals = Counter(face.group for face in kept)
        columns = max(_FEWEST_COLUMNS, min(_MOST_COLUMNS, math.ceil(math.sqrt(_SQUARE * len(kept)))))
        for number, (page, chunk) in enumerate(zip(pages, chunks, strict=True), start=1):
            title = (
                _count(len(kept), "face") + " in " + _count(len(self._sources), "file" if self._tracks else "picture")
            )
            title += f", page {number} of {len(pages)}" if len(pages) > 1 else ""
            pixels = _page(title, chunk, totals, columns)
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, _FORMATS[page.suffix.lower()], quality=90)
            write_whole(page, data.getvalue())
        return pages


def _kept(image: np.ndarray, face: Face, place: str) -> _Kept:
    name = likeliest(face)
    unsure = "?" if face.expression == UNCERTAIN else ""
    colour = face_colours(face)[name]
    return _Kept(face.expression, name + unsure, face.probability, place, colour, _thumbnail(image, face.box))


def _page(title: str, faces: list[_Kept], totals: Counter[str], columns: int) -> np.ndarray:
    """One group after the other in one grid; the name of each stands over its first face."""
    width = 2 * _MARGIN + columns * (_SIDE + _GAP) - _GAP
    bands: list[np.ndarray] = []
    for begin in range(0, len(faces), columns):
        row = faces[begin : begin + columns]
        starts = [begin + at == 0 or faces[begin + at - 1].group != face.group for at, face in enumerate(row)]
        head = _HEAD_ROW if any(starts) else 0
        band = np.full((head + _TILE + _GAP, width, 3), _PAPER, np.uint8)
        for column, (face, start) in enumerate(zip(row, starts, strict=True)):
            left = _MARGIN + column * (_SIDE + _GAP)
            if start:
                _heading(band[:head, left : left + _SIDE + _GAP], face, totals[face.group])
            _tile(band[head : head + _TILE, left : left + _SIDE], face)
        bands.append(band)
    top = np.full((_MARGIN + _TITLE + _GAP, width, 3), _PAPER, np.uint8)
    lettering.write(top, title, _TITLE, _MARGIN, _MARGIN + _TITLE // 2, _INK)
    return np.concatenate([top, *bands, np.full((_MARGIN - _GAP, width, 3), _PAPER, np.uint8)])


def _heading(pixels: np.ndarray, face: _Kept, total: int) -> None:
    middle, indent, space = pixels.shape[0] // 2, 13, 6
    pixels[middle - _HEAD // 2 : middle + _HEAD // 2, :5] = face.colour
    says = f"{total:,}"
    room = pixels.shape[1] - indent - 2 * space - lettering.width(says, _SMALL)
    name = lettering.shortened(face.group, _HEAD, room)
    lettering.write(pixels, name, _HEAD, indent, middle, _INK)
    lettering.write(pixels, says, _SMALL, indent + lettering.width(name, _HEAD) + space, middle + 1, _FAINT)


def _tile(pixels: np.ndarray, face: _Kept) -> None:
    pixels[:_SIDE] = np.asarray(Image.open(io.BytesIO(face.jpeg)))
    bar = slice(_SIDE + 3, _SIDE + 8)
    pixels[bar] = _RAIL
    pixels[bar, : max(1, round(_SIDE * face.probability))] = face.colour
    percent = f"{face.probability:.0%}"
    room = _SIDE - lettering.width(percent, _TEXT)
    lettering.write(pixels, percent, _TEXT, room, _SIDE + 20, _INK)
    lettering.write(pixels, lettering.shortened(face.name, _TEXT, room - 6), _TEXT, 0, _SIDE + 20, _INK)
    place = lettering.shortened(face.place, _SMALL, _SIDE, tail=0.5)
    lettering.write(pixels, place, _SMALL, 0, _SIDE + 39, _FAINT)


def _thumbnail(image: np.ndarray, box: Box) -> bytes:
    """The square around a box, moved into the picture, as a JPEG of `_SIDE` pixels."""
    x, y, width, height = box
    rows, columns = image.shape[:2]
    side = min(rows, columns, round(max(width, height) * (1 + 2 * _AROUND)))
    left = max(0, min(x + (width - side) // 2, columns - side))
    top = max(0, min(y + (height - side) // 2, rows - side))
    square = image[top : top + side, left : left + side]
    small = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA if side > _SIDE else cv2.INTER_CUBIC)
    data = io.BytesIO()
    Image.fromarray(small).save(data, "JPEG", quality=88)
    return data.getvalue()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
