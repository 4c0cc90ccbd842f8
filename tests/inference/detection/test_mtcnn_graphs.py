"""The graphs give what the layers of the paper give one after the other, and the cache never gives anything else."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from posterv2.inference.detection import mtcnn_graphs
from posterv2.inference.detection.mtcnn_graphs import NETWORKS, graph
from posterv2.inference.detection.mtcnn_weights import read_arrays
from posterv2.preprocessing import read_image

PORTRAIT = Path(__file__).parents[3] / "samples" / "astronaut.jpg"
POOLS = {"pnet": [(2, 2)], "rnet": [(3, 2), (3, 2)], "onet": [(3, 2), (3, 2), (2, 2)]}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(mtcnn_graphs, "_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def layer_by_layer(network: str, pixels: np.ndarray) -> dict[str, torch.Tensor]:
    """What each head of `network` gives, (B, ..., out), one layer after the other."""
    arrays = {name: torch.from_numpy(array.copy()) for name, array in read_arrays(network).items()}
    maps = (torch.from_numpy(pixels).float().permute(0, 3, 1, 2) - 127.5) / 128
    for number in range(1, 5):
        if f"conv{number}" not in arrays:
            break
        kernel = arrays[f"conv{number}"].permute(3, 2, 0, 1)
        maps = F.prelu(F.conv2d(maps, kernel, arrays[f"conv{number}.bias"]), arrays[f"conv{number}.slope"])
        if number <= len(POOLS[network]):
            side, stride = POOLS[network][number - 1]
            maps = F.max_pool2d(maps, side, stride, ceil_mode=True)
    last = maps.permute(0, 2, 3, 1)
    if "dense" in arrays:
        flat = maps.permute(0, 3, 2, 1).flatten(1)  # by column, row, channel
        last = F.prelu(flat @ arrays["dense"] + arrays["dense.bias"], arrays["dense.slope"])
    heads = {name: arrays[name].flatten(0, -2) for name in ("face", "box", "points") if name in arrays}
    return {name: last @ kernel + arrays[f"{name}.bias"] for name, kernel in heads.items()}


@pytest.mark.parametrize(("network", "shape"), [("pnet", (31, 46)), ("rnet", (24, 24)), ("onet", (48, 48))])
def test_graphs_equal_the_layers(network: str, shape: tuple[int, int], cache: Path):
    height, width = shape
    photo = read_image(PORTRAIT)
    pixels = np.stack([photo[y : y + height, x : x + width] for y, x in ((60, 180), (0, 0), (100, 220))])
    session = onnxruntime.InferenceSession(graph(network), providers=["CPUExecutionProvider"])
    numbers = np.moveaxis(np.asarray(session.run(None, {"pixels": pixels})[0]), 1, -1)
    heads = layer_by_layer(network, pixels)
    faces = torch.softmax(heads["face"], dim=-1)[..., 1]
    np.testing.assert_allclose(1 / (1 + np.exp(-numbers[..., 0])), faces.numpy(), atol=1e-5)
    np.testing.assert_allclose(numbers[..., 1:5], heads["box"].numpy(), atol=1e-4)
    if network == "onet":
        np.testing.assert_allclose(numbers[..., 5:], heads["points"].numpy(), atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_cache_is_read_and_mended(network: str, cache: Path, monkeypatch: pytest.MonkeyPatch):
    first = graph(network)
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(mtcnn_graphs, "read_arrays", lambda name: pytest.fail("the cache was not read"))
        assert graph(network) == first
    for damaged in (b"", whole[:-5], whole[:100] + bytes(1) + whole[101:], b"nonsense"):
        file.write_bytes(damaged)
        assert graph(network) == first
        assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written(cache: Path):
    cache.write_text("a file where the folder should be")
    assert graph("pnet") == graph("pnet")
    assert cache.read_text() == "a file where the folder should be"
