"""From a picture to the network's input: the one definition for training, evaluation and prediction.

A picture is an array (H, W, 3), uint8, RGB. The network sees (B, 3, S, S), float32, normalised.
"""

import io
import math
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from posterv2.errors import ImageError, ImageSizeError, UsageError

MAX_PIXELS = 120_000_000
"""Pictures above this are refused before they are decoded: a decompression bomb fits in a small file."""

SUFFIXES = frozenset(
    (".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
"""The endings of the files that are taken from a folder; a file that is named itself is always tried."""

FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is decoded, told by content and not by a file's ending. Pillow's EPS is not: that runs Ghostscript."""

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the picture, from its top left corner."""

Point = tuple[float, float]
"""x, y in pixels of the picture, from its top left corner."""

Landmarks = tuple[Point, Point, Point, Point, Point]
"""Both eyes, the tip of the nose, both corners of the mouth; the one further left in an upright face first."""

_CASCADE_SHARE = 0.82
"""Side of a cascade's box over the height of a box from a detector with landmarks, which begins at the hair.

Margins are shares of a cascade's box. From 0.76 to 0.88 answers are equally right, within the sampling error
(benchmarks/framing.py).
"""

_FLATTEST, _DARKEST, _BRIGHTEST = 105.0, 75.0, 183.0
"""Bounds of `exposed`, in grey values: 95 % of FER2013Train have a wider span from their 5 % to their 95 % quantile,
and 90 % a mean between the two."""


@dataclass(frozen=True)
class Preprocessing:
    """How a face becomes an input; it travels inside the weight file.

    Attributes:
        size: side of the square input in pixels.
        mean: subtracted from each channel, on the scale 0..1.
        std: each channel is divided by it after that.
        grayscale: colour is dropped first, for networks that were trained on grey faces.
        margin: share of a detected box's side that is added on each of its four sides before cropping.
        mirror: the network sees the mirrored face too, and the answer is the mean of both logits.
        exposure: a face that is darker, brighter or flatter than most is brought to where most begin.
    """

    size: int = 224
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    grayscale: bool = False
    margin: float = 0.0
    mirror: bool = False
    exposure: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise UsageError(f"the input size must be at least 1 pixel, got {self.size}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise UsageError(f"mean and std need three values each, std above 0, got {self.mean} and {self.std}")
        if not 0 <= self.margin <= 2:
            raise UsageError(f"the margin is a share of the box's side from 0 to 2, got {self.margin}")

    def crop(self, image: np.ndarray, box: Box, landmarks: Landmarks | None = None) -> np.ndarray:
        """The square around `box`, widened by `margin`; pixels outside the picture repeat its border.

        With `landmarks` the face is turned upright, and framed as a box without landmarks would frame it.

        Returns:
            (side, side, 3), uint8.
        """
        x, y, width, height = box
        side = max(width, height) * (1 + 2 * self.margin)
        if landmarks is not None:
            side = max(1.0, side * _CASCADE_SHARE)
            return turned_square(image, (x + width / 2, y + height / 2), side, roll_of(landmarks), round(side))
        side = max(1, round(side))
        left, top = round(x + (width - side) / 2), round(y + (height - side) / 2)
        columns = np.clip(np.arange(left, left + side), 0, image.shape[1] - 1)
        rows = np.clip(np.arange(top, top + side), 0, image.shape[0] - 1)
        return image[rows[:, None], columns[None, :]]

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """The whole of `image` (H, W, 3) resized to the input, bilinear and antialiased, as published, then exposed.

        Returns:
            (S, S, 3), uint8.
        """
        picture = Image.fromarray(image)
        if self.grayscale:
            picture = picture.convert("L")
        resized = picture.resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(resized.convert("RGB"))
        return exposed(pixels) if self.exposure else pixels

    def normalise(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (B, S, S, 3) to the network's input: float32 (B, 3, S, S)."""
        scaled = pixels.astype(np.float32) / np.float32(255)
        normalised = (scaled - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def exposed(face: np.ndarray) -> np.ndarray:
    """A face crop (H, W, 3) uint8 with as much contrast and brightness as all but the outermost faces have.

    A face between the bounds stays as it is, so nothing jumps where they lie. Detail that the camera lost stays lost.
    """
    counts = np.bincount(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).ravel(), minlength=256)
    reached = counts.cumsum()
    low, high = np.searchsorted(reached, (0.05 * reached[-1], 0.95 * reached[-1]))
    mean = float(counts @ np.arange(256) / reached[-1])
    gain = max(1.0, _FLATTEST / max(high - low, 1))
    middle = min(max(mean, _DARKEST), _BRIGHTEST)
    if gain == 1 and middle == mean:
        return face
    return np.clip(np.rint((face - mean) * gain + middle), 0, 255).astype(np.uint8)


def roll_of(landmarks: Landmarks) -> float:
    """Degrees by which a face is tilted to its side, positive clockwise in the picture, from its eyes and mouth."""
    left_eye, right_eye, _, left_mouth, right_mouth = landmarks
    across = right_eye[0] - left_eye[0] + right_mouth[0] - left_mouth[0]
    down = right_eye[1] - left_eye[1] + right_mouth[1] - left_mouth[1]
    return math.degrees(math.atan2(down, across))


def turned_square(
    image: np.ndarray,
    middle: Point,
    side: float,
    angle: float,
    pixels: int,
    border: int = cv2.BORDER_REPLICATE,
) -> np.ndarray:
    """A square of the picture around `middle`, turned clockwise by `angle` degrees, seen upright: (pixels, pixels, 3).

    Bilinear: where a pixel of the result is much larger than one of the picture, some of the picture is left out.
    """
    reach = side * 0.71 + 2  # half the diagonal; OpenCV cannot turn all of a picture of more than 32767 pixels a side
    left, top = max(0, int(middle[0] - reach)), max(0, int(middle[1] - reach))
    left, top = min(left, image.shape[1] - 1), min(top, image.shape[0] - 1)
    image = image[top : max(top + 1, int(middle[1] + reach)), left : max(left + 1, int(middle[0] + reach))]
    middle = middle[0] - left, middle[1] - top
    scale, half = side / pixels, (pixels - 1) / 2
    cosine, sine = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
    matrix = np.array(
        [
            [cosine, -sine, middle[0] - 0.5 - (cosine - sine) * half],
            [sine, cosine, middle[1] - 0.5 - (cosine + sine) * half],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (pixels, pixels), flags=flags, borderMode=border)


def read_image(source: str | Path | bytes, name: str | None = None, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Decode a picture from a path or from its bytes: upright by its EXIF tag, on white where it is transparent.

    Errors call it `name`, by default its path.

    Returns:
        (H, W, 3), uint8, RGB; the first frame of an animation; 16-bit grey scaled by its type's range.

    Raises:
        ImageError: missing, empty, cut off, or not a picture.
        ImageSizeError: it has more than `max_pixels`.
    """
    name = name or ("the picture" if isinstance(source, bytes) else str(source))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except (OSError, ValueError) as error:  # a path with a NUL byte is a ValueError
        raise ImageError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
    if not data:
        raise ImageError(f"{name}: the file is empty")
    try:
        with _open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > max_pixels:
                raise ImageSizeError(
                    f"{name}: {picture.width} x {picture.height} pixels is over the limit of {max_pixels:,} pixels; "
                    "make it smaller first"
                )
            return to_rgb(picture)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not a picture that can be read (got {len(data):,} bytes)") from error
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageSizeError(f"{name}: over the limit of {max_pixels:,} pixels; make it smaller first") from error
    except Exception as error:  # Pillow's decoders raise many kinds for broken files
        raise ImageError(f"{name}: the picture is broken: {error}") from error


def is_picture(path: str | Path) -> bool:
    """Whether a file begins like a picture of a kind that is decoded; one that is missing does not."""
    try:
        with _open(path):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # as for `read_image`, which says what is wrong
        return False


def to_rgb(picture: Image.Image) -> np.ndarray:
    """A Pillow picture as (H, W, 3), uint8, RGB, upright."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.nan_to_num(np.asarray(picture, np.float32))
        scaled = np.clip(values / _white(picture.mode, float(values.max())), 0, 1)
        picture = Image.fromarray((scaled * 255).round().astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(picture.convert("RGB"))


_opening = threading.Lock()


def _open(file: str | Path | io.BytesIO) -> Image.Image:
    # Pillow warns below our limit. Warning filters belong to the process, so one thread at a time changes them.
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        Image.init()  # an older Pillow knows no AVIF, and refuses every picture when it is asked for that
        return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])


def _white(mode: str, brightest: float) -> float:
    """The value that is white: by the type where it says so, else by the picture's brightest."""
    if mode.startswith("I;16"):
        return 65535
    if mode == "F" and brightest <= 1:
        return 1
    return 255 if brightest <= 255 else 65535
