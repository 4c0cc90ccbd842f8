"""Pictures that people look at: a box around each face, and its likeliest expressions beside it."""

import base64
import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from posterv2.errors import ImageError
from posterv2.inference.cards import colour, placed_labels
from posterv2.inference.results import Face, Result
from posterv2.preprocessing import Box, read_image

_SMALLEST_SIDE = 640  # pixels; smaller pictures are enlarged, so that text fits
_INLINE_SIDE = 512  # pixels, in a notebook


def draw(image: np.ndarray, faces: Sequence[Face]) -> Image.Image:
    """`image`, (H, W, 3) uint8 RGB, with a box and a label for each face.

    A picture under 640 px is enlarged by a whole factor first.
    """
    picture = Image.fromarray(image)
    factor = -(-_SMALLEST_SIDE // max(picture.size))
    if factor > 1:
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
        faces = [replace(face, box=_enlarged(face.box, factor)) for face in faces]
    pen = ImageDraw.Draw(picture, "RGBA")
    line = max(2, round(max(picture.size) / 320))
    for face in faces:
        x, y, width, height = face.box
        pen.rectangle((x, y, x + width - 1, y + height - 1), outline=colour(face.expression), width=line)
    for label, corner in placed_labels(faces, picture.size, gap=2 * line):
        label.draw(pen, corner)
    return picture


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


def _enlarged(box: Box, factor: int) -> Box:
    x, y, width, height = box
    return x * factor, y * factor, width * factor, height * factor
