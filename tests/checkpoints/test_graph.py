"""The ONNX graph answers as the network does, at any batch size, without torch; weights that do not fit are named."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from posterv2.checkpoints import graph_builder
from posterv2.checkpoints.format import load, save
from posterv2.checkpoints.graph import LAST_BLOCK, OPSET, graph_of
from posterv2.checkpoints.header import WeightsHeader
from posterv2.errors import WeightsError
from posterv2.models.config import PosterConfig
from posterv2.models.poster import PosterNetwork
from tests.checkpoints.conftest import TINY, header_of, lively

VARIANTS = {
    "nano's form": TINY,
    "published form": replace(TINY, pixel_stride=2, activation="prelu", landmark_depths=(1, 2, 1)),
    "strided stem": replace(TINY, image_stem_stride=2),
    "odd sides": replace(TINY, image_size=40, image_stem_stride=2),
    "odder sides": replace(TINY, image_size=36),
    "two blocks": replace(TINY, encoder_depth=2, image_depths=(1, 2, 1)),
    "no block": replace(TINY, encoder_depth=0),
    "several heads": replace(TINY, width=8, head_dim=2, mlp_ratio=3, classes=3),
}


def tensors_of(network: PosterNetwork) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def model_of(network: PosterNetwork, half: bool = False) -> onnx.ModelProto:
    return graph_of(header_of(network), tensors_of(network), "x.safetensors", half)


def answer(model: onnx.ModelProto, faces: torch.Tensor) -> torch.Tensor:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(np.asarray(session.run(["logits"], {"faces": faces.numpy()})[0]))


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_the_graph_is_the_network_at_any_batch(config: PosterConfig):
    network = lively(config)
    model = model_of(network)
    onnx.checker.check_model(model, full_check=True)
    for batch in (1, 2, 5):
        inputs = torch.randn(batch, 3, config.image_size, config.image_size)
        with torch.inference_mode():
            logits = network(inputs)
        assert logits.std() > 0.05
        torch.testing.assert_close(answer(model, inputs), logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", [VARIANTS["nano's form"], VARIANTS["published form"]])
def test_half_graph_and_half_weights_answer_alike(tmp_path: Path, config: PosterConfig):
    network = lively(config)
    save(tmp_path / "half.safetensors", network, header_of(network), half=True)
    loaded, header = load(tmp_path / "half.safetensors")
    faces = torch.randn(3, 3, config.image_size, config.image_size)
    with torch.inference_mode():
        assert (loaded(faces) - network(faces)).abs().max() > 1e-4  # the rounding shows
        whole, half = (graph_of(header, tensors_of(loaded), "half.safetensors", each) for each in (False, True))
        torch.testing.assert_close(answer(half, faces), loaded(faces), rtol=0, atol=1e-5)
        torch.testing.assert_close(answer(whole, faces), loaded(faces), rtol=0, atol=1e-5)
    # What was worked out is no number of float16; all weights that stand there as they were are.
    stored = {each.name: each.data_type for each in half.graph.initializer}
    assert stored["image_stream.stages.0.0.residual.1.weight.half"] == onnx.TensorProto.FLOAT16
    assert stored["image_stream.stages.0.0.residual.0.running_mean.half"] == onnx.TensorProto.FLOAT16
    assert stored["encoder.places"] == onnx.TensorProto.FLOAT


def test_the_graph_states_what_it_is(network: PosterNetwork, header: WeightsHeader):
    model = model_of(network)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
    metadata = {each.key: each.value for each in model.metadata_props}
    assert WeightsHeader.from_metadata(metadata, "x.onnx") == header
    assert model.producer_name == "posterv2"
    assert [node.name for node in model.graph.node].count(LAST_BLOCK) == 1


def test_the_last_block_answers_for_one_token_alone(network: PosterNetwork):
    model = onnx.shape_inference.infer_shapes(model_of(network))
    shapes = {
        each.name: [side.dim_value for side in each.type.tensor_type.shape.dim] for each in model.graph.value_info
    }
    assert shapes[LAST_BLOCK][1:] == [1 + 3 * network.config.windows[2] ** 2, 8]
    mlp = [node.output[0] for node in model.graph.node if any("blocks.0.mlp.fc1" in each for each in node.input)]
    assert [shapes[each][1] for each in mlp] == [1, 1]  # the product, and with its bias


def test_weights_need_no_torch(tmp_path: Path, network: PosterNetwork, header: WeightsHeader, faces: torch.Tensor):
    save(tmp_path / "x.safetensors", network, header)
    np.save(tmp_path / "faces.npy", faces.numpy())
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import json, numpy, onnxruntime\n"
        "from posterv2.checkpoints.graph import graph_of\n"
        "from posterv2.checkpoints.tensors import opened_tensors\n"
        "with opened_tensors('x.safetensors') as (header, tensors):\n"
        "    model = graph_of(header, tensors, 'x').SerializeToString()\n"
        "session = onnxruntime.InferenceSession(model)\n"
        "print(json.dumps(session.run(None, {'faces': numpy.load('faces.npy')})[0].tolist()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    with torch.inference_mode():
        np.testing.assert_allclose(json.loads(done.stdout), network(faces).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("classifier.bias", None, "missing classifier.bias"),
        ("classifier.bias", np.zeros(7, np.float32), "classifier.bias is 7, needed is 8"),
        ("gate.linear1.weight", np.zeros((8, 8), np.int64), "gate.linear1.weight holds int64, needed is float32"),
        ("stray", np.zeros(1, np.float32), "unexpected stray"),
        ("encoder.class_token", np.zeros((), np.float32), "encoder.class_token is one number, needed is 1 x 1 x 8"),
    ],
)
def test_weights_that_do_not_fit_are_named(network: PosterNetwork, name: str, value: np.ndarray | None, words: str):
    tensors = tensors_of(network)
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value
    with pytest.raises(WeightsError, match=f"^mine does not fit the network: {words}"):
        graph_of(header_of(network), tensors, "mine")


def test_what_no_graph_holds_is_not_worked_out(monkeypatch: pytest.MonkeyPatch):
    network = lively(replace(TINY, embed_dim=512))
    monkeypatch.setattr(graph_builder, "_LARGEST", 4 * 512 * 4 * 7 * 7)
    monkeypatch.setattr("posterv2.checkpoints.graph.composed_convolutions", lambda *words: pytest.fail("it was"))
    with pytest.raises(WeightsError, match="over the 2 GB of a graph"):
        model_of(network)


def test_numbers_that_no_graph_holds(network: PosterNetwork, monkeypatch: pytest.MonkeyPatch):
    size = model_of(network).ByteSize()
    monkeypatch.setattr(graph_builder, "_LARGEST", size)
    model_of(network)
    monkeypatch.setattr(graph_builder, "_LARGEST", size // 2)
    with pytest.raises(WeightsError, match=r"x\.safetensors: its network is over the 2 GB of a graph; .* torch"):
        model_of(network)
