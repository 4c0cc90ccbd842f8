"""From a data set's split to batches of torch tensors."""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler, WeightedRandomSampler

from posterv2.data.split import Split
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import TrainConfig


class Faces(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A split's faces: uint8 (3, S, S), and how likely each class is, float32 (C,)."""

    def __init__(self, split: Split, preprocessing: Preprocessing, soft_labels: bool) -> None:
        self.split = split
        self.preprocessing = preprocessing
        hard = np.eye(len(split.labels), dtype=np.float32)[split.targets]
        self.targets = split.distributions if soft_labels and split.distributions is not None else hard

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = self.preprocessing.pixels(self.split.image(index))
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()), torch.tensor(self.targets[index])


Batches = DataLoader[tuple[torch.Tensor, torch.Tensor]]


def training_batches(split: Split, preprocessing: Preprocessing, config: TrainConfig) -> Batches:
    """The training split in random order; the last, smaller batch is kept, as published.

    The balanced sampler draws as many faces an epoch as there are, each with the weight 1 / size of its class.
    """
    generator = torch.Generator().manual_seed(config.seed)
    faces = Faces(split, preprocessing, config.soft_labels)
    if config.sampler == "balanced":
        weights = 1 / np.bincount(split.targets, minlength=len(split.labels))[split.targets]
        sampler = WeightedRandomSampler(weights.tolist(), len(faces), generator=generator)
    else:
        sampler = RandomSampler(faces, generator=generator)
    return DataLoader(
        faces,
        config.batch_size,
        sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        generator=generator,
    )


def evaluation_batches(split: Split, preprocessing: Preprocessing, config: TrainConfig) -> Batches:
    """A split in its order, one class a face."""
    return DataLoader(Faces(split, preprocessing, soft_labels=False), config.batch_size, num_workers=config.workers)
