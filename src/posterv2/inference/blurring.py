"""Faces made unknowable, so that a picture can be shown."""

import numpy as np
from PIL import Image, ImageFilter

from posterv2.preprocessing import Box

_CELLS = 6  # along each side of a blurred face: 36 colours are all that is left of it
_MARGIN = 0.25  # of the box, on each side: people are known by hair, ears and chin too


def blurred(image: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """A copy of `image`, (H, W, 3) uint8 RGB, in which each box is a mosaic of 6 x 6 colours, then blurred.

    The mosaic throws the face away, so nothing brings it back; the blur takes the mosaic's edges.
    """
    picture = Image.fromarray(image)
    for x, y, width, height in boxes:
        aside, above = round(width * _MARGIN), round(height * _MARGIN)
        corners = max(0, x - aside), max(0, y - above)
        patch = picture.crop((*corners, min(picture.width, x + width + aside), min(picture.height, y + height + above)))
        mosaic = patch.resize((_CELLS, _CELLS), Image.Resampling.BOX).resize(patch.size, Image.Resampling.NEAREST)
        picture.paste(mosaic.filter(ImageFilter.GaussianBlur(max(patch.size) / _CELLS / 3)), corners)
    return np.asarray(picture)
