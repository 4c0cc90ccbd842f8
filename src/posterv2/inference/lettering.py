"""Text as masks to blend into pixels: rendered once, kept for the next frame."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from unicodedata import normalize

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=1024)
def width(text: str, size: int) -> int:
    """How wide `text` of `size` pixels is, in pixels."""
    text, font = _set(text, size)
    return round(font.getlength(text))


@lru_cache(maxsize=1024)
def shortened(text: str, size: int, most: int, end: str = "…") -> str:
    """`text`, cut so that it is at most `most` pixels wide; `end` stands for what was cut off."""
    text = " ".join(text.split())  # a line break in a name would draw a second line
    if width(text, size) <= most:
        return text
    kept = next((length for length in range(len(text) - 1, 0, -1) if width(text[:length] + end, size) <= most), 0)
    return text[:kept].rstrip() + end


@lru_cache(maxsize=256)
def letters(text: str, size: int) -> np.ndarray:
    """How much of each pixel `text` covers: (height, width, 3), uint16, 0..256; the height depends on `size` alone."""
    text, font = _set(text, size)
    picture = Image.new("L", (max(1, round(font.getlength(text)) + 1), height(size)))
    # Centred by the height of the capitals, so that a row looks even whatever letters are in it.
    ImageDraw.Draw(picture).text((0, height(size) // 2 + round(0.36 * size)), text, 255, font, anchor="ls")
    return cover(np.asarray(picture), 256)


def height(size: int) -> int:
    """How high a line of text is, in pixels."""
    return round(1.3 * size)


def write(pixels: np.ndarray, text: str, size: int, left: int, middle: int, colour: tuple[int, int, int]) -> None:
    """Write into `pixels`, (H, W, 3) uint8, from `left` on and around the row `middle`; what is outside is cut off."""
    shape = letters(text, size)
    top = middle - shape.shape[0] // 2
    rows = slice(max(0, top), max(0, min(pixels.shape[0], top + shape.shape[0])))
    columns = slice(max(0, left), max(0, min(pixels.shape[1], left + shape.shape[1])))
    blend(pixels[rows, columns], shape[rows.start - top :, columns.start - left :], colour)


def cover(mask: np.ndarray, most: int) -> np.ndarray:
    """A mask for `blend`: (H, W) uint8 as (H, W, 3) uint16 from 0 to `most`, of 256."""
    return np.repeat(
        (mask.astype(np.uint16) * most // 255)[:, :, None], 3, axis=2
    )  # three whole channels: twice as fast


def blend(pixels: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Lay `colour` over `pixels`, (H, W, 3) uint8, as far as `mask`, of the same shape or larger, says."""
    mask = mask[: pixels.shape[0], : pixels.shape[1]]
    mixed = pixels * (256 - mask)
    mixed += mask * np.array(colour, np.uint16)
    mixed >>= 8
    pixels[:] = mixed


def _set(text: str, size: int) -> tuple[str, Font]:
    """The text as it can be set, and the font: Pillow's own where that has the letters."""
    if text.replace("…", "").isascii():
        return text, _plain(size)
    if wide := _wide(size):
        return text, wide
    return normalize("NFKD", text).encode("ascii", "ignore").decode() or "?", _plain(size)


@lru_cache(maxsize=32)
def _plain(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(maxsize=32)
def _wide(size: int) -> Font | None:
    """A font with letters beyond English ones: the system's DejaVu, or the one that matplotlib brings."""
    places = ["DejaVuSans.ttf"]
    if (plot := find_spec("matplotlib")) and plot.origin:
        places.append(str(Path(plot.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"))
    for place in places:
        try:
            return ImageFont.truetype(place, size)
        except OSError:
            continue
    return None
