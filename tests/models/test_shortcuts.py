"""What is worked out beforehand is what the layers give."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from posterv2.models.fusion import relative_position_index
from posterv2.models.shortcuts import can_compose, composed_bias, composed_convolutions, relative_position_bias


@pytest.mark.parametrize("side", [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 28])
def test_two_convolutions_are_one(side: int):
    draw = torch.Generator().manual_seed(side)
    first, second = torch.randn(4, 3, 3, 3, generator=draw), torch.randn(5, 4, 3, 3, generator=draw)
    biases = torch.randn(4, generator=draw), torch.randn(5, generator=draw)
    x = torch.randn(2, 3, side, side, generator=draw)
    between = F.conv2d(x, first, biases[0], 2, 1)
    expected = F.conv2d(between, second, biases[1], 2, 1)
    weight = torch.from_numpy(composed_convolutions(first.numpy(), second.numpy()))
    bias = composed_bias(biases[0].numpy(), second.numpy(), biases[1].numpy(), between.shape[2])
    got = F.conv2d(x, weight, stride=4, padding=3) + torch.from_numpy(bias)
    assert torch.allclose(got, expected, rtol=0, atol=1e-4) == can_compose(side)


def test_the_position_bias_is_looked_up():
    table = np.random.default_rng(0).standard_normal((9**2, 3)).astype(np.float32)
    expected = table[relative_position_index(5).numpy()].transpose(2, 0, 1)
    assert np.array_equal(relative_position_bias(table, 5), expected)
