"""Augmentation of whole batches, on the device that trains."""

import math

import torch
from torch.nn import functional as F

from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig

ERASE_ASPECT = (0.3, 3.3)
"""Height over width of an erased rectangle, log-uniform, as published."""
ERASE_TRIES = 10


def normalise(pixels: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """uint8 (B, 3, S, S) to float32: `Preprocessing.normalise` on the training device."""
    mean = pixels.new_tensor(preprocessing.mean, dtype=torch.float32).view(3, 1, 1)
    std = pixels.new_tensor(preprocessing.std, dtype=torch.float32).view(3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def augment(pixels: torch.Tensor, preprocessing: Preprocessing, config: TrainConfig) -> torch.Tensor:
    """uint8 faces (B, 3, S, S) -> augmented input: flip, affine, normalise, erase, in the published order."""
    faces = random_flip(pixels, config.flip)
    faces = normalise(faces, preprocessing)
    if config.rotation or config.scaling or config.shift:
        faces = random_affine(faces, config.rotation, config.scaling, config.shift)
    return random_erase(faces, config.erase, config.erase_area)


def random_flip(faces: torch.Tensor, share: float) -> torch.Tensor:
    """Mirror a random share of the faces (B, C, S, S) left to right."""
    chosen = torch.rand(len(faces), 1, 1, 1, device=faces.device) < share
    return torch.where(chosen, faces.flip(-1), faces)


def random_affine(faces: torch.Tensor, rotation: float, scaling: float, shift: float) -> torch.Tensor:
    """Rotate (degrees), resize and shift (shares) each face (B, C, S, S) at random; the border is reflected."""

    def uniform(limit: float) -> torch.Tensor:
        return (torch.rand(len(faces), device=faces.device) * 2 - 1) * limit

    angle, size = uniform(math.radians(rotation)), 1 + uniform(scaling)
    cosine, sine = angle.cos() / size, angle.sin() / size
    # The grid runs from -1 to 1, so a shift of one share of the side is 2.
    rows = (cosine, -sine, 2 * uniform(shift), sine, cosine, 2 * uniform(shift))
    matrix = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(faces.shape), align_corners=False)
    return F.grid_sample(faces, grid, padding_mode="reflection", align_corners=False)


def random_erase(faces: torch.Tensor, share: float, area: tuple[float, float]) -> torch.Tensor:
    """Set a rectangle of a random share of the normalised faces (B, C, S, S) to zero (Zhong et al. 2017).

    Args:
        area: smallest and largest share of the face that the rectangle takes, uniform between.
    """
    count, side = len(faces), faces.shape[-1]
    draws = torch.rand(2, ERASE_TRIES, count, device=faces.device)
    pixels = side * side * (area[0] + draws[0] * (area[1] - area[0]))
    low, high = math.log(ERASE_ASPECT[0]), math.log(ERASE_ASPECT[1])
    aspect = (low + draws[1] * (high - low)).exp()
    heights, widths = (pixels * aspect).sqrt().round(), (pixels / aspect).sqrt().round()
    fits = (heights < side) & (widths < side)
    first = fits.int().argmax(dim=0, keepdim=True)  # the first try that fits; where none does, nothing is erased
    height, width = heights.gather(0, first)[0], widths.gather(0, first)[0]
    place = torch.rand(2, count, device=faces.device)
    top = (place[0] * (side - height + 1)).floor()
    left = (place[1] * (side - width + 1)).floor()
    chosen = (torch.rand(count, device=faces.device) < share) & fits.any(dim=0)
    line = torch.arange(side, device=faces.device)
    rows = (line >= top[:, None]) & (line < (top + height)[:, None])
    columns = (line >= left[:, None]) & (line < (left + width)[:, None])
    erased = rows[:, :, None] & columns[:, None, :] & chosen[:, None, None]
    return faces.masked_fill(erased[:, None], 0)
