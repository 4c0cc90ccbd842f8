"""Numbers of a weight file, one by one and without torch where they are ours."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from safetensors.numpy import load_file

from posterv2.checkpoints.format import save
from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.checkpoints.tensors import opened_tensors
from posterv2.errors import LabelsError, WeightsError
from posterv2.labels import LABEL_SETS
from posterv2.models.poster import PosterNetwork


@pytest.fixture
def path(tmp_path: Path, network: PosterNetwork, header: WeightsHeader) -> Path:
    save(tmp_path / "x.safetensors", network, header)
    return tmp_path / "x.safetensors"


def test_all_numbers_by_their_names(path: Path, header: WeightsHeader):
    expected = load_file(path)
    with opened_tensors(path) as (read, tensors):
        assert read == header
        assert set(tensors) == set(expected)
        assert len(tensors) == len(expected)
        assert all(np.array_equal(tensors[name], values) for name, values in expected.items())
        assert "stray" not in tensors


def test_labels_are_those_of_the_file(path: Path):
    with pytest.raises(LabelsError, match="carries its labels"), opened_tensors(path, LABEL_SETS["rafdb"]):
        pass


def test_files_that_end_too_early(path: Path):
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"x\.safetensors: "), opened_tensors(path) as (_, tensors):
        dict(tensors)


def test_bfloat16_goes_through_torch(tmp_path: Path, network: PosterNetwork, header: WeightsHeader):
    tensors = {
        name: each.bfloat16() if each.is_floating_point() else each for name, each in network.state_dict().items()
    }
    safetensors.torch.save_file(tensors, tmp_path / "x.safetensors", {KEY: header.to_json()})
    with opened_tensors(tmp_path / "x.safetensors") as (read, numbers):
        assert read == header
        expected = tensors["classifier.weight"].float().numpy()
        assert np.array_equal(numbers["classifier.weight"], expected)


def test_a_graph_holds_no_numbers_by_name(tmp_path: Path):
    (tmp_path / "x.onnx").write_bytes(b"\x08\x0a and a graph")
    with pytest.raises(WeightsError, match="holds no torch network"), opened_tensors(tmp_path / "x.onnx"):
        pass


def test_a_file_that_is_replaced_while_it_is_read(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Header and numbers are those of one file, and a file that is none is told of in words."""
    expected, from_metadata = load_file(path), WeightsHeader.from_metadata

    def replacing(*words: object) -> WeightsHeader:
        path.with_name("other").write_bytes(b"no weight file")
        path.with_name("other").replace(path)
        return from_metadata(*words)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(WeightsHeader, "from_metadata", replacing)
    with opened_tensors(path) as (_, tensors):
        assert np.array_equal(tensors["classifier.weight"], expected["classifier.weight"])
    monkeypatch.setattr("posterv2.checkpoints.tensors.kind_of", lambda path: "safetensors")
    with pytest.raises(WeightsError, match=r"x\.safetensors: no safetensors file"), opened_tensors(path):
        pass
