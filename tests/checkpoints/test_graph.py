"""The ONNX graph answers as the network does, at any batch size, and is not written when it does not."""

import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from posterv2.checkpoints import graph
from posterv2.checkpoints.format import load, save
from posterv2.checkpoints.graph import write_graph
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.kind import kind_of
from posterv2.errors import MissingExtraError, WeightsError
from tests.checkpoints.conftest import header_of, lively


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Exporting takes seconds, so it is done once."""
    path = tmp_path_factory.mktemp("graphs") / "x.onnx"
    network = lively().train()
    write_graph(network, header_of(network), path)
    assert network.training
    return path


def session(path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def answer(path, faces: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.asarray(session(path).run(["logits"], {"faces": faces.numpy()})[0]))


def test_half_graph_and_half_weights_answer_alike(tmp_path, network, header, faces, capfd):
    write_graph(network, header, tmp_path / "half.onnx", half=True)
    assert capfd.readouterr() == ("", "")  # the exporter likes to talk, the first time above all
    save(tmp_path / "half.safetensors", network, header, half=True)
    loaded, _ = load(tmp_path / "half.safetensors")
    assert (loaded(faces) - network(faces)).abs().max() > 1e-4  # the rounding shows
    torch.testing.assert_close(answer(tmp_path / "half.onnx", faces), loaded(faces), rtol=0, atol=1e-5)
    initializers = onnx.load(tmp_path / "half.onnx").graph.initializer
    large = [each for each in initializers if np.prod(each.dims) > 1 and each.data_type != onnx.TensorProto.INT64]
    assert {each.data_type for each in large} == {onnx.TensorProto.FLOAT16}


def test_the_graph_is_the_network_at_any_batch(written, network):
    for batch in (1, 2, 3, 5):
        inputs = torch.randn(batch, 3, 48, 48)
        logits = network(inputs)
        assert logits.std() > 0.1
        torch.testing.assert_close(answer(written, inputs), logits, rtol=0, atol=1e-5)


def test_the_graph_carries_its_header_and_no_place_of_this_machine(written, header):
    assert [each.name for each in written.parent.iterdir()] == ["x.onnx"]
    assert kind_of(written) == "onnx"
    assert WeightsHeader.from_metadata(session(written).get_modelmeta().custom_metadata_map, "x.onnx") == header
    for word in (b"site-packages", b".py", b"stack_trace", sys.prefix.encode()):
        assert word not in written.read_bytes()


def test_a_graph_that_disagrees_is_not_written(tmp_path, written, network, header, monkeypatch):
    model = onnx.load(written)
    bias = next(each for each in model.graph.initializer if each.name == "classifier.bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
    monkeypatch.setattr(graph, "_exported", lambda network: model)
    with pytest.raises(WeightsError, match=r"x\.onnx: not written, its graph disagrees .* by 0\.01"):
        write_graph(network, header, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_another_networks_header_is_refused(tmp_path, network, header):
    with pytest.raises(WeightsError, match="another network"):
        write_graph(network, replace(header, config=replace(header.config, mlp_ratio=3)), tmp_path / "x.onnx")


def test_a_missing_package_names_its_extra(tmp_path, network, header, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'posterv2\[export\]'"):
        write_graph(network, header, tmp_path / "x.onnx")
