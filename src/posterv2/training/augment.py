"""Augmentation of whole batches, on the device that trains."""

import math

import torch
from torch.nn import functional as F

from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig

ERASE_ASPECT = (0.3, 3.3)
"""Height over width of an erased rectangle, log-uniform, as published."""
ERASE_TRIES = 10


class Draws:
    """Uniform random numbers in 0..1, one a face.

    They are drawn for all faces of a step and each process takes those of its faces, so that a run's numbers do not
    depend on how many processes it has.

    Args:
        total: how many faces the step has over all processes.
        mine: which of them are here.
    """

    def __init__(self, total: int, mine: slice = slice(None), device: torch.device | None = None) -> None:
        self.total, self.mine, self.device = total, mine, device

    def __call__(self, *shape: int) -> torch.Tensor:
        """(*shape, B) numbers for the B faces that are here."""
        return torch.rand(*shape, self.total, device=self.device)[..., self.mine]


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """uint8 (B, 1 or 3, H, W) to float32 (B, 3, H, W): `Preprocessing.normalise` on the training device."""
    mean = pixels.new_tensor(preprocessing.mean, dtype=torch.float32).view(3, 1, 1)
    std = pixels.new_tensor(preprocessing.std, dtype=torch.float32).view(3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def seen(pixels: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """Of faces (B, C, R, S), R = S or S / stride, what the network looks at: (B, C, S / stride, S / stride)."""
    return pixels[..., :: stride if pixels.shape[-2] == size else 1, ::stride]


def augment(
    pixels: torch.Tensor, preprocessing: Preprocessing, config: TrainConfig, draws: Draws, stride: int = 1
) -> torch.Tensor:
    """uint8 faces -> augmented input: flip, tone, soften, noise, affine, normalise, erase.

    What the network skips is skipped from the flip on: the input is that of the whole face, seen with its stride.

    Args:
        pixels: (B, 1 or 3, R, S), where R is S, or S / stride without an affine map.
        stride: the network looks at every `stride`-th row and column.

    Returns:
        (B, 3, S / stride, S / stride), float32.
    """
    size = preprocessing.size
    faces = random_flip(pixels, config.flip, draws)
    if config.contrast or config.brightness:
        faces = random_tone(faces, config.contrast, config.brightness, draws)
    if config.soften:
        faces = random_soften(faces, config.soften, draws)
    if config.noise:
        faces = random_noise(faces, config.noise, draws)
    if needs_all_pixels(config):
        faces = seen(random_affine(normalise(faces, preprocessing), config, draws), size, stride)
    else:
        faces = normalise(seen(faces, size, stride), preprocessing)
    grey = normalise(255 * draws()[:, None, None, None], preprocessing) if config.erase_grey else 0
    return random_erase(faces, config.erase, config.erase_area, draws, stride, grey)


def needs_all_pixels(config: TrainConfig) -> bool:
    """Whether pixels that the network skips change what it sees."""
    return bool(config.rotation or config.scaling or config.shift or config.contrast or config.soften)


def random_flip(faces: torch.Tensor, share: float, draws: Draws) -> torch.Tensor:
    """Mirror a random share of the faces (B, C, H, W) left to right."""
    chosen = draws() < share
    return torch.where(chosen[:, None, None, None], faces.flip(-1), faces)


def random_affine(faces: torch.Tensor, config: TrainConfig, draws: Draws) -> torch.Tensor:
    """Rotate, resize and shift each face (B, C, S, S) at random; the border is reflected."""

    def uniform(limit: float) -> torch.Tensor:
        return (draws() * 2 - 1) * limit

    angle, size = uniform(math.radians(config.rotation)), 1 + uniform(config.scaling)
    cosine, sine = angle.cos() / size, angle.sin() / size
    # The grid runs from -1 to 1, so a shift of one share of the side is 2.
    rows = (cosine, -sine, 2 * uniform(config.shift), sine, cosine, 2 * uniform(config.shift))
    matrix = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(faces.shape), align_corners=False)
    return F.grid_sample(faces, grid, padding_mode="reflection", align_corners=False)


def random_tone(faces: torch.Tensor, contrast: float, brightness: float, draws: Draws) -> torch.Tensor:
    """Spread the values (B, C, H, W) of each face, 0..255, about their mean and move them, at random.

    Args:
        contrast: by up to this share, either way.
        brightness: by up to this share of 255, either way.
    """
    spread, move = (draws(2) * 2 - 1)[..., None, None, None]
    faces = faces.float()
    mean = faces.mean((1, 2, 3), keepdim=True)
    return ((faces - mean) * (1 + contrast * spread) + mean + 255 * brightness * move).clamp(0, 255)


def random_soften(faces: torch.Tensor, share: float, draws: Draws) -> torch.Tensor:
    """Blend a random share of the faces (B, C, H, W) with themselves at lower resolution: none to all of the half, of
    which none to all of the quarter; little is likelier than much."""
    chosen, amount = draws(2)
    amount = torch.where(chosen < share, 2 * amount.square(), 0)[:, None, None, None]
    softened = faces.float()
    for step in (1, 2):
        low = F.interpolate(F.avg_pool2d(faces.float(), 2 * step, ceil_mode=True), faces.shape[2:], mode="bilinear")
        softened = torch.lerp(softened, low, (amount - step + 1).clamp(0, 1))
    return softened


def random_noise(faces: torch.Tensor, most: float, draws: Draws) -> torch.Tensor:
    """Add grey noise of a random deviation, up to this share of 255, to each face (B, C, H, W), 0..255; little is
    likelier than much."""
    grains = draws(*faces.shape[2:]).movedim(-1, 0)[:, None] - 0.5  # uniform: the deviation is 1 / sqrt(12)
    deviation = 255 * most * draws()[:, None, None, None] ** 3
    return (faces + math.sqrt(12) * deviation * grains).clamp(0, 255)


def random_erase(
    faces: torch.Tensor,
    share: float,
    area: tuple[float, float],
    draws: Draws,
    stride: int = 1,
    value: torch.Tensor | float = 0,
) -> torch.Tensor:
    """Set a rectangle of a random share of the normalised faces (B, C, s, s) to a value (Zhong et al. 2017).

    Args:
        area: smallest and largest share of the face that the rectangle takes, uniform between.
        stride: `faces` are every `stride`-th row and column of the faces that the rectangles are drawn on.
        value: one for all, or (B, C, 1, 1).
    """
    side = faces.shape[-1] * stride
    sizes, aspects = draws(2, ERASE_TRIES)
    pixels = side * side * (area[0] + sizes * (area[1] - area[0]))
    low, high = math.log(ERASE_ASPECT[0]), math.log(ERASE_ASPECT[1])
    aspect = (low + aspects * (high - low)).exp()
    heights, widths = (pixels * aspect).sqrt().round(), (pixels / aspect).sqrt().round()
    fits = (heights < side) & (widths < side)
    first = fits.int().argmax(dim=0, keepdim=True)  # the first try that fits; where none does, nothing is erased
    height, width = heights.gather(0, first)[0], widths.gather(0, first)[0]
    place = draws(2)
    top = (place[0] * (side - height + 1)).floor()
    left = (place[1] * (side - width + 1)).floor()
    chosen = (draws() < share) & fits.any(dim=0)
    line = torch.arange(0, side, stride, device=faces.device)
    rows = (line >= top[:, None]) & (line < (top + height)[:, None])
    columns = (line >= left[:, None]) & (line < (left + width)[:, None])
    erased = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return torch.where(erased[:, None], value, faces)
