"""ONNX files with other operations than ours, or with more numbers than memory holds, are told before any runtime."""

import math
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from posterv2.checkpoints import catalog, graph_check
from posterv2.checkpoints.graph_check import ONNX_OPERATIONS, OPENVINO_OPERATIONS, expect_onnx
from posterv2.errors import WeightsError
from posterv2.inference.engines.openvino import shared_core
from posterv2.models.config import PosterConfig
from tests.checkpoints.conftest import lively
from tests.checkpoints.test_graph import VARIANTS, model_of

LARGE = 10**5


def test_the_lists_are_what_our_graphs_have():
    """The rounding of int8 is NNCF's, which `tests/export` has."""
    graphs = [model_of(lively(config), half) for config in VARIANTS.values() for half in (False, True)]
    graphs.append(onnx.load(catalog.embedded(catalog.DEFAULT, ".onnx")))
    ours = {node.op_type for graph in graphs for node in graph.graph.node}
    assert ours | {"QuantizeLinear", "DequantizeLinear"} == ONNX_OPERATIONS
    read = [shared_core().read_model(graph.SerializeToString()) for graph in graphs]
    ours = {node.get_type_name() for graph in read for node in graph.get_ordered_ops()}
    assert ours | {"FakeQuantize"} == OPENVINO_OPERATIONS


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_numbers_are_those_that_a_runtime_works_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: PosterConfig, half: bool
):
    model = model_of(lively(config), half)
    onnx.save(model, tmp_path / "x.onnx")
    names = [name for node in model.graph.node for name in node.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name != "logits")
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    results = session.run(names, {"faces": np.zeros((1, 3, config.image_size, config.image_size), np.float32)})
    numbers = sum(np.asarray(each).size for each in results) + sum(
        math.prod(each.dims) for each in model.graph.initializer
    )
    monkeypatch.setattr(graph_check, "LARGEST", numbers)
    expect_onnx(tmp_path / "x.onnx", "mine")
    monkeypatch.setattr(graph_check, "LARGEST", numbers - 1)
    with pytest.raises(WeightsError, match=f"mine: its graph has {numbers:,} numbers for one face, allowed are "):
        expect_onnx(tmp_path / "x.onnx", "mine")


def graph(*nodes: onnx.NodeProto, **constants: np.ndarray | list[int]) -> onnx.ModelProto:
    faces = helper.make_tensor_value_info("faces", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])
    logits = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["batch", 2])
    numbers = [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()]
    return helper.make_model(helper.make_graph(list(nodes), "x", [faces], [logits], numbers))


def padded() -> onnx.ModelProto:
    pads = [0, 0, 0, 0, 0, 0, LARGE, LARGE]
    return graph(helper.make_node("Pad", ["faces", "pads"], ["logits"]), pads=pads)


def with_a_false_shape() -> onnx.ModelProto:
    model = padded()
    model.graph.node[0].output[0] = "large"
    model.graph.node.append(helper.make_node("Relu", ["large"], ["logits"]))
    model.graph.value_info.append(helper.make_tensor_value_info("large", onnx.TensorProto.FLOAT, [1]))
    return model


def broadcast() -> onnx.ModelProto:
    long = np.zeros(LARGE, np.float32)
    return graph(helper.make_node("Add", ["row", "column"], ["logits"]), row=long[None], column=long[:, None])


def doubled() -> onnx.ModelProto:
    steps = [helper.make_node("Concat", [f"x{step}"] * 2, [f"x{step + 1}"], axis=0) for step in range(40)]
    return graph(*steps, x0=[1])


def stated() -> onnx.ModelProto:
    model = graph(helper.make_node("Relu", ["faces"], ["logits"]))
    model.graph.initializer.add(name="large", data_type=onnx.TensorProto.FLOAT, dims=[LARGE] * 2)
    return model


def offset() -> onnx.ModelProto:
    """Less than nothing, to make up for what is large."""
    model = stated()
    model.graph.initializer.add(name="less", data_type=onnx.TensorProto.FLOAT, dims=[-LARGE] * 3)
    return model


def untold() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Identity", ["pattern"], ["same"]),
        helper.make_node("Reshape", ["faces", "same"], ["column"]),
        helper.make_node("Add", ["column", "row"], ["logits"]),
    ]
    return graph(*nodes, pattern=[-1, 1], row=np.zeros(LARGE, np.float32))


def without_rank() -> onnx.ModelProto:
    model = untold()
    model.graph.initializer[0].ClearField("dims")
    model.graph.initializer[0].name = "other"
    model.graph.input.append(onnx.ValueInfoProto(name="pattern"))
    model.graph.input[1].type.tensor_type.elem_type = onnx.TensorProto.INT64
    return model


def misfit() -> onnx.ModelProto:
    return graph(helper.make_node("MatMul", ["faces", "three"], ["logits"]), three=np.zeros((3, 3), np.float32))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            padded(),
            r"its graph has 30,0\d\d,\d\d\d,\d\d\d numbers for one face, allowed are 536,870,912; .*safetensors",
        ),
        (with_a_false_shape(), r"its graph has 60,\d\d\d,\d\d\d,\d\d\d numbers"),
        (broadcast(), "its graph has 10,000,200,000 numbers"),
        (doubled(), "its graph has 2,199,023,255,551 numbers"),
        (stated(), "its graph has 10,000,000,192 numbers"),
        (offset(), "does not fit together: it does not say how large 'less' is"),
        (untold(), "does not fit together: it does not say how large 'column' is"),
        (without_rank(), "does not fit together: it does not say how large 'same' is"),
        (misfit(), "does not fit together: .*MatMul"),
    ],
)
def test_graphs_that_no_runtime_is_given(tmp_path: Path, model: onnx.ModelProto, words: str):
    onnx.save(model, tmp_path / "x.onnx")
    assert (tmp_path / "x.onnx").stat().st_size < 1_000_000
    with pytest.raises(WeightsError, match=f"^mine: .*{words}"):
        expect_onnx(tmp_path / "x.onnx", "mine")


def test_what_cannot_be_opened(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"^mine: Is a directory$"):
        expect_onnx(tmp_path, "mine")


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 400), st.booleans())
def test_any_bytes_end_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, inside: bool):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    whole = untold().SerializeToString() if inside else b""
    path.write_bytes(whole[:place] + content + whole[place + len(content) :])
    with suppress(WeightsError):  # and nothing else
        expect_onnx(path, "mine")
