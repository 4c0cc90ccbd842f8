"""What befalls a face between the scene and the file, at five strengths each: the idea of ImageNet-C, on faces.

Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", 2019. The
kinds and the strengths here are made for face crops, and strengths have units, so that they can be told from a photo.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

SEED = 0

STRENGTHS = 5
"""How many each corruption has, from weak to strong."""

_EYES = 0.37  # of a face crop's height, from the top: where the eyes are in the mean face of FER2013Valid
_MASK, _GLASSES = 208, 24  # grey values of what covers a face
_ASPECT = 2.0  # the longer side of a random rectangle over the shorter one, at most


@dataclass(frozen=True)
class Corruption:
    """One kind.

    Attributes:
        name: what became of the face.
        strengths: five, in the unit that `unit` tells, from weak to strong.
        unit: a strength in words, as a format string.
        apply: a face (H, W, 3) uint8 RGB, a strength and the chances to be taken, to such a face; sides may differ.
        of_colour: a face without colour stays as it is.
    """

    name: str
    strengths: tuple[float, float, float, float, float]
    unit: str
    apply: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    of_colour: bool = False

    def __call__(self, face: np.ndarray, strength: float, index: int) -> np.ndarray:
        """The face, (H, W, 3) uint8 RGB, corrupted; `face` itself stays.

        Args:
            strength: in the corruption's unit.
            index: the face's place in its set. What is left to chance depends on it and on the corruption's name alone,
                so that a table can be made again, and that strengths differ in nothing else.
        """
        return self.apply(face, strength, np.random.default_rng((SEED, index, *self.name.encode())))

    def says(self, strength: float) -> str:
        """A strength in words: `10 degrees`."""
        return self.unit.format(strength)


def is_grey(face: np.ndarray) -> bool:
    """Whether a picture (H, W, 3) has no colour."""
    return bool((face == face[:, :, :1]).all())


def rotated(face: np.ndarray, degrees: float, chances: np.random.Generator) -> np.ndarray:
    """Turned around its middle, one way or the other; corners repeat the border mirrored."""
    height, width = face.shape[:2]
    degrees *= chances.choice((-1, 1))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return cv2.warpAffine(face, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def lit(face: np.ndarray, times: float, _: np.random.Generator) -> np.ndarray:
    """Each value times a number; what is over white becomes white."""
    return _values(face.astype(np.float32) * times)


def flattened(face: np.ndarray, contrast: float, _: np.random.Generator) -> np.ndarray:
    """Each value nearer to the mean of all."""
    mean = face.mean(dtype=np.float32)
    return _values(mean + (face - mean) * contrast)


def blurred(face: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    """By a Gaussian whose sigma is a share of the longer side."""
    return cv2.GaussianBlur(face, (0, 0), share * max(face.shape[:2]))


def moved(face: np.ndarray, share: float, chances: np.random.Generator) -> np.ndarray:
    """Smeared along a line in a random direction, as long as a share of the longer side."""
    length, angle = share * max(face.shape[:2]), chances.uniform(0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for at in np.linspace(
        -length / 2, length / 2, 8 * reach + 1
    ):  # each point's weight goes to the four pixels near it
        x, y = reach + at * np.cos(angle), reach + at * np.sin(angle)
        left, top = int(x), int(y)
        right, down = x - left, y - top
        kernel[top : top + 2, left : left + 2] += np.outer((1 - down, down), (1 - right, right)).astype(np.float32)
    return cv2.filter2D(face, -1, kernel / kernel.sum())


def shrunk(face: np.ndarray, pixels: float, _: np.random.Generator) -> np.ndarray:
    """So small that the longer side has this many pixels; smaller faces stay."""
    height, width = face.shape[:2]
    scale = pixels / max(height, width)
    if scale >= 1:
        return face
    return cv2.resize(face, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)


def noisy(face: np.ndarray, share: float, chances: np.random.Generator) -> np.ndarray:
    """Gaussian noise in each pixel, of a share of white, the same in all channels."""
    return _values(face + chances.normal(0, 255 * share, (*face.shape[:2], 1)))


def compressed(face: np.ndarray, quality: float, _: np.random.Generator) -> np.ndarray:
    """As JPEG keeps it, whose blocks have 8 pixels whatever the face's size."""
    data = io.BytesIO()
    Image.fromarray(face).save(data, "JPEG", quality=int(quality))
    return np.asarray(Image.open(data))


def masked(face: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    """The lowest part covered, as by a mask."""
    covered = face.copy()
    covered[len(face) - round(share * len(face)) :] = _MASK
    return covered


def shaded(face: np.ndarray, share: float, _: np.random.Generator) -> np.ndarray:
    """A band over the eyes covered, as by sunglasses; the face is upright and fills the picture as in FER2013."""
    covered, height = face.copy(), len(face)
    top = round((_EYES - share / 2) * height)
    covered[max(0, top) : top + round(share * height)] = _GLASSES
    return covered


def hidden(face: np.ndarray, share: float, chances: np.random.Generator) -> np.ndarray:
    """A rectangle anywhere covered, of a random grey and a random shape."""
    height, width = face.shape[:2]
    aspect = np.exp(chances.uniform(-1, 1) * np.log(_ASPECT))
    rows = min(height, round(height * np.sqrt(share * aspect)))
    columns = min(width, round(width * np.sqrt(share / aspect)))
    down, right, grey = chances.uniform(), chances.uniform(), chances.integers(256)
    top, left = round(down * (height - rows)), round(right * (width - columns))
    covered = face.copy()
    covered[top : top + rows, left : left + columns] = grey
    return covered


def tinted(face: np.ndarray, left: float, chances: np.random.Generator) -> np.ndarray:
    """One of the three channels weakened, as under coloured light; a face without colour stays as it is."""
    if is_grey(face):
        return face
    factors = np.ones(3, np.float32)
    factors[chances.integers(3)] = left
    return _values(face * factors)


def _values(numbers: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)


CORRUPTIONS = (
    Corruption("rotated", (10, 20, 30, 45, 60), "{:g} degrees", rotated),
    Corruption("darkened", (0.7, 0.5, 0.3, 0.2, 0.1), "{:.0%} brightness", lit),
    Corruption("brightened", (1.3, 1.6, 2, 2.5, 3), "{:.0%} brightness", lit),
    Corruption("low contrast", (0.7, 0.5, 0.3, 0.2, 0.1), "{:.0%} contrast", flattened),
    Corruption("blurred", (0.01, 0.02, 0.03, 0.04, 0.06), "sigma {:.0%} of side", blurred),
    Corruption("motion blur", (0.05, 0.1, 0.15, 0.2, 0.3), "{:.0%} of the side", moved),
    Corruption("low resolution", (32, 24, 16, 12, 8), "{:g} pixels a side", shrunk),
    Corruption("noise", (0.03, 0.06, 0.1, 0.15, 0.2), "sigma {:.0%} of white", noisy),
    Corruption("JPEG", (50, 30, 20, 10, 5), "quality {:g}", compressed),
    Corruption("mask", (0.1, 0.2, 0.3, 0.4, 0.5), "the lowest {:.0%}", masked),
    Corruption("sunglasses", (0.08, 0.12, 0.16, 0.22, 0.3), "{:.0%} of the height", shaded),
    Corruption("rectangle", (0.05, 0.1, 0.2, 0.3, 0.4), "{:.0%} of the area", hidden),
    Corruption("colour cast", (0.8, 0.6, 0.4, 0.2, 0), "{:.0%} of one channel", tinted, of_colour=True),
)
