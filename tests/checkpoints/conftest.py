"""A network small enough for a test, and the header that fits it."""

from dataclasses import replace

import pytest
import torch

from posterv2.checkpoints.header import WeightsHeader
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS, PosterConfig
from posterv2.models.poster import PosterNetwork, build
from posterv2.preprocessing import Preprocessing

TINY = replace(
    CONFIGS["posterv2-nano"], width=4, head_dim=4, embed_dim=8, encoder_heads=2, image_depths=(1, 1, 1), encoder_depth=1
)


def lively(config: PosterConfig = TINY) -> PosterNetwork:
    """A small network with weights so large that every part of it shows in logits of about one."""
    torch.manual_seed(0)
    network = build(config)
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape)
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.copy_(0.6 + 0.2 * noise.abs())
        elif tensor.ndim >= 2:
            tensor.copy_(noise * 1.2 / tensor[0].numel() ** 0.5)
        else:
            tensor.copy_(0.1 * noise)
    return network.eval()


def header_of(network: PosterNetwork) -> WeightsHeader:
    classes, size = network.config.classes, network.config.image_size
    labels = LABEL_SETS["ferplus"] if classes == 8 else LabelSet("custom", tuple(f"class{n}" for n in range(classes)))
    return WeightsHeader("tiny", network.config, labels, Preprocessing(size=size), {"accuracy": 0.5}, "for tests", {})


@pytest.fixture
def network() -> PosterNetwork:
    return lively()


@pytest.fixture
def header(network: PosterNetwork) -> WeightsHeader:
    return header_of(network)


@pytest.fixture
def faces() -> torch.Tensor:
    return torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(1))
