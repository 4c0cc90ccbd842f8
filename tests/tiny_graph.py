"""ONNX files with a known answer: red faces are happy, blue ones sad, grey ones neutral."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS
from posterv2.preprocessing import Preprocessing

SIDE = 48
LABELS = LABEL_SETS["ferplus"]


def tiny_header(margin: float = 0.0, labels: LabelSet = LABELS) -> WeightsHeader:
    preprocessing = Preprocessing(size=SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), margin=margin)
    return WeightsHeader("tiny", replace(CONFIGS["posterv2-nano"], classes=len(labels)), labels, preprocessing)


def write_tiny_graph(
    path: Path,
    metadata: dict[str, str] | None = None,
    half: bool = False,
    input_name: str = "faces",
    scale: float = 20,
    labels: LabelSet = LABELS,
) -> Path:
    """Logits from the mean colour; `half` stores the numbers as fp16, as our own small files do."""
    matrix = np.zeros((3, len(labels)), np.float16 if half else np.float32)
    matrix[0, labels.index("happiness")] = matrix[2, labels.index("sadness")] = scale
    matrix[2, labels.index("happiness")] = matrix[0, labels.index("sadness")] = -scale
    mean = np.repeat(np.eye(3, dtype=np.float32) / SIDE**2, SIDE**2).reshape(3, 3, SIDE, SIDE)
    bias = np.zeros(len(labels), np.float32)
    bias[labels.index("neutral")] = 5
    nodes = [
        helper.make_node("Conv", [input_name, "mean"], ["place"]),
        helper.make_node("Squeeze", ["place", "sides"], ["colour"]),
        helper.make_node("Cast", ["stored"], ["matrix"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["colour", "matrix"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(labels)])],
        [
            numpy_helper.from_array(mean, "mean"),
            numpy_helper.from_array(np.array([2, 3]), "sides"),
            numpy_helper.from_array(matrix, "stored"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {KEY: tiny_header(labels=labels).to_json()} if metadata is None else metadata)
    onnx.save(model, path)
    return path


def plain(colour: tuple[int, int, int], width: int = 60, height: int = 60) -> np.ndarray:
    """A picture of one colour, (height, width, 3) uint8."""
    return np.full((height, width, 3), colour, np.uint8)


RED, BLUE, GREY = (200, 40, 40), (40, 40, 200), (120, 120, 120)
