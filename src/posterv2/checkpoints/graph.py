"""From a network to an ONNX graph, which ONNX Runtime answers from without torch."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from posterv2 import __version__
from posterv2.checkpoints.format import stored
from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.errors import WeightsError, require
from posterv2.files import whole
from posterv2.models.poster import PosterNetwork

if TYPE_CHECKING:
    from onnx import ModelProto

# Of the logits; of the largest one where that is below 1, as an untrained network's are.
_TOLERANCE = 1e-4
_CHECKED_BATCHES = (1, 3)


def write_graph(network: PosterNetwork, header: WeightsHeader, path: str | Path, half: bool = False) -> None:
    """Write `network` as an ONNX graph, "faces" (B, 3, S, S) -> "logits" (B, C), B free, float32 both; `header` in it.

    ONNX Runtime must give the network's own logits from the written file before it gets its name.

    Args:
        half: store the numbers as float16, half the size, as `format.save` does; all computing stays in float32,
            so that both files answer alike.

    Raises:
        MissingExtraError: the export extra is not installed.
        WeightsError: the header is of another network, a number is too large for float16, or the graph disagrees with
            the network; nothing is written then.
        OutputError: `path` cannot be written.
    """
    require("onnxscript", "export")
    onnx = require("onnx", "export")
    header.expect(network.config)
    network = copy.deepcopy(network).cpu().eval()
    if half:
        network.load_state_dict({name: stored(name, tensor, half) for name, tensor in network.state_dict().items()})
    model = _exported(network)
    _strip(model)
    if half:
        _halve(model)
    onnx.helper.set_model_props(model, {KEY: header.to_json()})
    model.producer_name, model.producer_version = "posterv2", __version__
    onnx.checker.check_model(model, full_check=True)
    with whole(path) as draft:
        draft.write_bytes(model.SerializeToString())
        _compare(draft, network, path)


def _exported(network: PosterNetwork) -> "ModelProto":
    from onnxscript import optimizer

    size = network.config.image_size
    batch = ({0: torch.export.Dim("batch")},)
    with _quiet():
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 3, size, size),),
            dynamo=True,
            input_names=["faces"],
            output_names=["logits"],
            dynamic_shapes=batch,
            optimize=False,
            verbose=False,
        )
        assert program is not None
        # Not the exporter's own optimiser: it melts batch norms into convolutions, which float16 cannot hold exactly.
        # ONNX Runtime does the same when it opens the file.
        optimizer.inline(program.model)
        for _ in range(2):
            optimizer.fold_constants(program.model, onnx_shape_inference=True)
            optimizer.remove_unused_nodes(program.model)
        return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _strip(model: "ModelProto") -> None:
    """Take off the exporter's notes: they name source files of this machine, and they are large."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("value_info")


def _halve(model: "ModelProto") -> None:
    """Store every tensor that float16 holds exactly as float16, with a cast back to float32 in front of its use."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            small = values.astype(np.float16)
        if values.ndim and np.array_equal(small, values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(small, f"{name}.half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)


def _compare(draft: Path, network: PosterNetwork, path: str | Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(draft), options, providers=["CPUExecutionProvider"])
    size = network.config.image_size
    for batch in _CHECKED_BATCHES:
        faces = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(batch))
        with torch.inference_mode():
            expected = network(faces).numpy()
        got = np.asarray(session.run(["logits"], {"faces": faces.numpy()})[0])
        if got.shape != expected.shape:
            raise WeightsError(
                f"{path}: not written, its graph gives {got.shape} where the network gives {expected.shape}"
            )
        difference, largest = np.abs(got - expected).max(), np.abs(expected).max()
        if not difference <= _TOLERANCE * min(1, largest):
            raise WeightsError(
                f"{path}: not written, its graph disagrees with the network by {difference:g} in logits up to "
                f"{largest:g}, at batch {batch}"
            )
