"""The lean network gives the network's logits, in float32 to the last digits."""

import pytest
import torch

from posterv2.models.config import PosterConfig
from posterv2.models.lean import LeanNetwork
from tests.checkpoints.conftest import lively
from tests.checkpoints.test_graph import VARIANTS


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_the_logits_are_the_networks(config: PosterConfig):
    network = lively(config)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    faces = torch.randn(3, 3, config.image_size, config.image_size)
    lean, half = LeanNetwork(network), LeanNetwork(network, torch.bfloat16)
    with torch.inference_mode():
        expected = network(faces)
        torch.testing.assert_close(lean(faces), expected, rtol=0, atol=1e-5)
        seen = faces[:, :, :: config.pixel_stride, :: config.pixel_stride]
        torch.testing.assert_close(lean(seen), expected, rtol=0, atol=1e-5)
        rounded = half(faces)
    assert rounded.dtype == torch.float32
    assert 1e-4 < (rounded - expected).norm() / expected.norm() < 0.05
    assert {parameter.dtype for parameter in half.body.image_stream.parameters()} == {torch.bfloat16}
    assert {parameter.dtype for parameter in half.head.parameters()} == {torch.float32}
    # What was given is as it was.
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in state.items())
    assert any(parameter.requires_grad for parameter in network.parameters())


def test_batch_norms_and_look_ups_are_gone():
    lean = LeanNetwork(lively(VARIANTS["published form"]))
    assert not [module for module in lean.body.landmark_stream.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    norms = [
        name for name, module in lean.body.image_stream.named_modules() if isinstance(module, torch.nn.BatchNorm2d)
    ]
    assert norms
    assert all(
        name.endswith("residual.0") for name in norms
    )  # in front of a convolution whose border it must not touch
    assert not [name for name, _ in lean.named_buffers() if "position_index" in name]
