"""Trained networks that a run learns from: distillation (Hinton et al. 2015, arXiv 1503.02531)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from posterv2.checkpoints.network import open_weights
from posterv2.errors import LabelsError, WeightsError
from posterv2.labels import LabelSet
from posterv2.models.poster import PosterNetwork
from posterv2.preprocessing import Preprocessing


class Teachers(nn.Module):
    """The mean answer of several networks to the very faces that the student sees, augmentation and all."""

    def __init__(self, networks: Sequence[PosterNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Normalised faces (B, 3, s, s) of any side s -> probabilities (B, C), float32."""
        answers = [network(_resized(faces, network)).float().softmax(1) for network in self.networks]
        return torch.stack(answers).mean(0)


def _resized(faces: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """Faces as a teacher takes them: its own side, of the pixels alone that it looks at."""
    assert isinstance(network, PosterNetwork)
    side = network.config.image_size // network.config.pixel_stride
    if faces.shape[-1] == side:
        return faces
    return F.interpolate(faces, (side, side), mode="bilinear", antialias=faces.shape[-1] > side)


def open_teachers(files: Sequence[str | Path], labels: LabelSet, preprocessing: Preprocessing) -> Teachers:
    """The networks of weight files, ours or published ones, or of embedded models.

    Raises:
        WeightsError: a file cannot be opened, or its network takes other normalised faces than the student.
        LabelsError: a teacher's classes are not the student's, in the same order.
    """
    networks = []
    for file in files:
        network, header = open_weights(file)
        if header.labels.names != labels.names:
            raise LabelsError(
                f"the teacher {file} names {', '.join(header.labels.names)}, the run {', '.join(labels.names)}; "
                "it has to name the same classes in the same order"
            )
        other = header.preprocessing
        if (other.mean, other.std, other.grayscale) != (preprocessing.mean, preprocessing.std, preprocessing.grayscale):
            raise WeightsError(
                f"the teacher {file} sees {_seen(other)}, the run {_seen(preprocessing)}; they have to see the same"
            )
        networks.append(network)
    return Teachers(networks)


def _seen(preprocessing: Preprocessing) -> str:
    colours = "grey faces" if preprocessing.grayscale else "colours"
    return f"{colours} with mean {preprocessing.mean} and deviation {preprocessing.std}"
