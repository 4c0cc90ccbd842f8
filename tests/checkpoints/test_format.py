"""Our own files: what comes out is what went in, and nothing but that."""

from dataclasses import replace

import pytest
import safetensors.torch
import torch

from posterv2.checkpoints import format
from posterv2.checkpoints.format import load, save
from posterv2.checkpoints.header import KEY, read_header
from posterv2.errors import OutputError, WeightsError
from posterv2.models.poster import build


def test_the_file_alone_rebuilds_the_network(tmp_path, network, header, faces):
    save(tmp_path / "x.safetensors", network, header)
    loaded, read = load(tmp_path / "x.safetensors")
    assert read == header == read_header(tmp_path / "x.safetensors")
    assert not loaded.training
    torch.testing.assert_close(loaded(faces), network(faces), rtol=0, atol=0)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_half_takes_half_and_loads_as_float32(tmp_path, network, header, faces):
    save(tmp_path / "whole.safetensors", network, header)
    save(tmp_path / "half.safetensors", network, header, half=True)
    tensors = safetensors.torch.load_file(tmp_path / "half.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16, torch.int64}
    loaded, _ = load(tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded(faces), network(faces), rtol=0, atol=0.02)
    expected = {name: tensor.half() for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    assert all(torch.equal(tensors[name], tensor) for name, tensor in expected.items())


def test_half_refuses_what_would_become_infinite(tmp_path, network, header):
    network.classifier.bias.data[0] = 1e5
    with pytest.raises(WeightsError, match=r"classifier\.bias holds 100000, too large for float16"):
        save(tmp_path / "x.safetensors", network, header, half=True)
    assert not list(tmp_path.iterdir())


def test_loading_leaves_the_random_state_alone(tmp_path, network, header):
    save(tmp_path / "x.safetensors", network, header)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load(tmp_path / "x.safetensors")
    assert torch.equal(torch.rand(4), expected)


def test_a_header_of_another_network_is_refused(tmp_path, network, header):
    other = replace(header, config=replace(header.config, mlp_ratio=3))
    with pytest.raises(WeightsError, match="another network"):
        save(tmp_path / "x.safetensors", network, other)


def test_a_failed_write_leaves_the_old_file(tmp_path, network, header, monkeypatch):
    path = tmp_path / "x.safetensors"
    save(path, network, header)
    before = path.read_bytes()

    def full(draft, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("posterv2.files.os.replace", full)
    with pytest.raises(OutputError, match="cannot be written: No space left"):
        save(path, network, header)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_others_may_read_it_as_any_file(tmp_path, network, header):
    save(tmp_path / "x.safetensors", network, header)
    (tmp_path / "plain").touch()
    assert (tmp_path / "x.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_missing_folder_is_named(tmp_path, network, header):
    with pytest.raises(OutputError, match=r"nowhere/x\.safetensors: cannot be written"):
        save(tmp_path / "nowhere" / "x.safetensors", network, header)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: tensors.pop("gate.linear1.bias"), r"missing gate\.linear1\.bias"),
        (lambda tensors: tensors.update(stranger=torch.zeros(2)), "unexpected stranger"),
        (
            lambda tensors: tensors.update({"classifier.weight": torch.zeros(7, 8)}),
            r"classifier\.weight is 7 x 8, needed is 8 x 8",
        ),
        (lambda tensors: tensors.clear(), r"missing .*and \d+ more"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, network, header, change, words):
    tensors = network.state_dict()
    change(tensors)
    safetensors.torch.save_file(tensors, tmp_path / "x.safetensors", metadata={KEY: header.to_json()})
    with pytest.raises(WeightsError, match=words):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("change", [{"encoder_depth": 100}, {"embed_dim": 8192, "width": 2048, "mlp_ratio": 100}])
def test_shapes_are_compared_before_a_network_is_made(tmp_path, network, header, change, monkeypatch):
    header = replace(header, config=replace(header.config, **change))
    safetensors.torch.save_file(network.state_dict(), tmp_path / "x.safetensors", metadata={KEY: header.to_json()})
    made = []
    monkeypatch.setattr(format, "build", lambda config: made.append(build(config)) or made[-1])
    with pytest.raises(WeightsError, match=r"does not fit the network: .* and \d+ more"):
        load(tmp_path / "x.safetensors")
    assert [network.classifier.weight.is_meta for network in made] == [True]


def test_positions_survive_the_comparison(tmp_path, network, header):
    """They stand in no file."""
    save(tmp_path / "x.safetensors", network, header)
    loaded, _ = load(tmp_path / "x.safetensors")
    assert {name: tensor.tolist() for name, tensor in loaded.named_buffers() if "position" in name} == {
        name: tensor.tolist() for name, tensor in network.named_buffers() if "position" in name
    }


def test_a_file_of_someone_else_is_refused(tmp_path, network):
    safetensors.torch.save_file(network.state_dict(), tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="no posterv2 header"):
        load(tmp_path / "x.safetensors")


def test_cut_off_files_are_refused(tmp_path, network, header):
    path = tmp_path / "x.safetensors"
    save(path, network, header)
    content = path.read_bytes()
    for length in (0, 5, 8, 100, 3000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"x\.safetensors"):
            load(path)
