"""Pictures that people look at: a box around each face, and its likeliest expressions beside it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from posterv2.errors import ImageError
from posterv2.inference.cards import face_colours, likeliest
from posterv2.inference.colours import DARK, Colour
from posterv2.inference.placing import placed_labels
from posterv2.inference.results import UNCERTAIN, Face, Result
from posterv2.preprocessing import Box, read_image

_SMALLEST_SIDE = 640  # pixels; smaller pictures are enlarged, so that text fits
_INLINE_SIDE = 512  # pixels, in a notebook
_SUBPIXEL = 4  # bits
_DASH = 6.0  # times the line's width: the length of a dash, and of a dash with its gap
_STEP = 11.0


def draw(image: np.ndarray, faces: Sequence[Face]) -> Image.Image:
    """`image`, (H, W, 3) uint8 RGB, with a box and a label for each face; for a video's frames there is `drawn`.

    A picture under 640 px is enlarged by a whole factor first.
    """
    return Image.fromarray(drawn(image, faces))


def drawn(image: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """What `draw` draws, as pixels: an array of its own, (H, W, 3) uint8 RGB, of one size for all frames of a video.

    The box of a face whose answer is `uncertain` is dashed and grey.
    """
    factor = -(-_SMALLEST_SIDE // max(image.shape[:2]))
    if factor > 1:
        faces = [replace(face, box=_enlarged(face.box, factor)) for face in faces]
        pixels = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    else:
        pixels = np.array(image, order="C")
    height, width = pixels.shape[:2]
    line = max(2, round(max(pixels.shape) / 440))
    for face in faces:
        _frame(pixels, face, max(2, min(line, min(face.box[2:]) // 20)))  # thin around the small faces of a crowd
    for label, (left, top) in placed_labels(faces, (width, height), gap=2 * line):
        columns, rows = label.size
        label.draw(pixels[top : top + rows, left : left + columns])
    return pixels


def inline_picture(result: Result) -> str:
    """An HTML image of a result's picture with its boxes; empty where its pixels cannot be had."""
    try:
        pixels = read_image(result.source) if result.pixels is None else result.pixels
    except ImageError:
        return ""
    picture = draw(pixels, result.faces)
    picture.thumbnail((_INLINE_SIDE, _INLINE_SIDE))
    data = io.BytesIO()
    picture.save(data, "PNG")
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}">'


def _frame(pixels: np.ndarray, face: Face, line: int) -> None:
    """The box, its corners round, between dark edges that keep it apart from whatever it lies on."""
    uncertain = face.expression == UNCERTAIN
    colour = face_colours(face)[likeliest(face)]
    path = _outline(face.box, line)
    _stroke(pixels, [path], True, line + 2 * max(1, line // 3), DARK)
    _stroke(pixels, _dashes(path, _DASH * line, _STEP * line) if uncertain else [path], not uncertain, line, colour)


def _stroke(pixels: np.ndarray, pieces: list[np.ndarray], closed: bool, thick: int, colour: Colour) -> None:
    points = [np.round(piece * (1 << _SUBPIXEL)).astype(np.int32) for piece in pieces]
    cv2.polylines(pixels, points, closed, colour, thick, cv2.LINE_AA, _SUBPIXEL)


def _outline(box: Box, line: int) -> np.ndarray:
    """The middle of the box's line, inside the box: points (N, 2), float, in pixels, clockwise from the upper left."""
    x, y, width, height = box
    inset = min((line - 1) / 2, width / 2, height / 2)
    left, top, right, bottom = x + inset, y + inset, x + width - 1 - inset, y + height - 1 - inset
    radius = max(0.0, min(2.5 * line, (right - left) / 3, (bottom - top) / 3))
    turn = np.linspace(0, np.pi / 2, 7)
    arcs = []
    for quarter, (across, down) in enumerate(((left, top), (right, top), (right, bottom), (left, bottom))):
        angle = turn + np.pi * (1 + quarter / 2)
        centre = across + radius * (1, -1, -1, 1)[quarter], down + radius * (1, 1, -1, -1)[quarter]
        arcs.append(np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1))
    return np.concatenate(arcs)


def _dashes(path: np.ndarray, dash: float, step: float) -> list[np.ndarray]:
    """A closed path cut into dashes of `dash` pixels, one about every `step` pixels."""
    path = np.concatenate([path, path[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    count = max(4, round(along[-1] / step))
    dash *= along[-1] / count / step
    pieces = []
    for start in np.arange(count) * along[-1] / count:
        inner = along[(along > start) & (along < start + dash)]
        at = np.concatenate([[start], inner, [start + dash]])
        pieces.append(np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], axis=1))
    return pieces


def _enlarged(box: Box, factor: int) -> Box:
    x, y, width, height = box
    return x * factor, y * factor, width * factor, height * factor
