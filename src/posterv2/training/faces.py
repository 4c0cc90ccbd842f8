"""A split's faces, decoded once, and the order in which an epoch takes them."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from posterv2.data.split import Split
from posterv2.errors import OutputError
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig
from posterv2.training.distributed import World

Crop = Callable[[np.ndarray], np.ndarray]
"""A picture (H, W, 3) -> the part of it that is taken, both uint8."""


class Faces:
    """Pixels (N, R, S, channels), uint8, and how likely each class is, (N, C), float32.

    Only what the network can ever look at is kept: one channel of grey faces, and of the rows every `row_step`-th, so
    R = S / row_step. All columns stay, because a mirrored face shows the other ones.
    """

    def __init__(self, pixels: np.ndarray, targets: np.ndarray, classes: np.ndarray) -> None:
        self.pixels, self.targets, self.classes = pixels, targets, classes

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, indices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The faces of some indices: (B, channels, R, S), uint8, and their targets (B, C), float32."""
        pixels = torch.from_numpy(self.pixels[indices]).permute(0, 3, 1, 2)
        return pixels, torch.from_numpy(self.targets[indices])


def decode(
    split: Split,
    preprocessing: Preprocessing,
    file: Path,
    *,
    row_step: int = 1,
    soft_labels: bool = False,
    crop: Crop | None = None,
    world: World | None = None,
) -> Faces:
    """Decode and resize each picture of a split once a machine, into `file`, which the faces are then mapped from.

    The file has no name any more when this returns: it is gone when the run is, however that ends. Its bytes are page
    cache, so a set that fits into memory is read from there.

    Raises:
        ImageError, DatasetError: a picture cannot be read; the message names it.
        OutputError: the disk is full.
    """
    channels = 1 if preprocessing.grayscale else 3

    def face(index: int) -> bytes:
        image = split.image(index)
        pixels = preprocessing.pixels(crop(image) if crop else image)
        return pixels[::row_step, :, :channels].tobytes()

    world = world or World()
    shape = (len(split), -(-preprocessing.size // row_step), preprocessing.size, channels)
    try:
        if world.local_rank == 0:
            with ThreadPoolExecutor(os.cpu_count()) as pool, file.open("wb") as out:
                for start in range(0, len(split), 1024):  # so that a slow disk never lets faces pile up in memory
                    out.writelines(pool.map(face, range(start, min(start + 1024, len(split)))))
        world.wait()
        pixels = np.memmap(file, np.uint8, "r", shape=shape)
        world.wait()
    except OSError as error:
        need = np.prod(shape) / 1e9
        raise OutputError(f"{file.parent}: no room for {need:.1f} GB of decoded faces: {error.strerror}") from error
    finally:
        if world.local_rank == 0:
            file.unlink(missing_ok=True)
    hard = np.eye(len(split.labels), dtype=np.float32)[split.targets]
    soft = split.distributions if soft_labels else None
    return Faces(pixels, hard if soft is None else soft, split.targets)


def epoch_order(faces: Faces, config: TrainConfig, epoch: int) -> np.ndarray:
    """Which face comes when in an epoch, (N,): a function of seed and epoch alone, so a run can go on anywhere.

    The balanced sampler draws as many faces as there are, with replacement, each with the weight 1 / size of its class.
    """
    generator = np.random.default_rng([config.seed, epoch])
    if config.sampler == "shuffle":
        return generator.permutation(len(faces))
    weights = 1 / np.bincount(faces.classes)[faces.classes]
    return generator.choice(len(faces), len(faces), p=weights / weights.sum())


def steps(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """The order cut into the batches of all processes together; the last, smaller one is kept, as published."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
