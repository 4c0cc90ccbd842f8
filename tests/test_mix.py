"""The mean of two networks' numbers, `tools/mix.py`."""

import runpy
from pathlib import Path

import pytest
import torch

from posterv2.checkpoints.format import load, save
from posterv2.checkpoints.network import open_weights
from tests.checkpoints.conftest import header_of, lively

MIX = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "mix.py"))["main"]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_mean_of_two_networks(share: float, tmp_path: Path) -> None:
    first, second = lively(), lively()
    with torch.no_grad():
        for value in second.state_dict().values():
            value.add_(1)  # counters too, which are no numbers to take a mean of
    files = [str(tmp_path / name) for name in ("first.safetensors", "second.safetensors", "mixed.safetensors")]
    for file, network in zip(files, (first, second), strict=False):
        save(file, network, header_of(network))
    MIX(*files[:2], str(share), files[2])
    mixed, header = load(files[2])
    for name, value in mixed.state_dict().items():
        start = first.state_dict()[name]
        expected = start + share if value.is_floating_point() else start + 1
        torch.testing.assert_close(value, expected, msg=name)
    assert header.training["mixed"]["share"] == share  # pyright: ignore[reportIndexIssue]
    assert str(header.training["mixed"]["with"]).startswith("first (SHA-256 ")  # pyright: ignore[reportIndexIssue]


def test_it_goes_on_from_an_embedded_model(tmp_path: Path) -> None:
    network, header = open_weights("posterv2-nano")
    save(tmp_path / "last.safetensors", network, header)
    MIX("posterv2-nano", str(tmp_path / "last.safetensors"), "0.5", str(tmp_path / "mixed.safetensors"))
    mixed, _ = load(tmp_path / "mixed.safetensors")
    torch.testing.assert_close(dict(mixed.state_dict()), dict(network.state_dict()))
