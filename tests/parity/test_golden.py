"""Equality with the published network: its weights go in through the published file form, its figures come out.

`golden-*.npz` and `fill.py` come from the published implementation; see `fill.py` for how weights are made.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from posterv2 import load_network
from posterv2.checkpoints.names import PUBLISHED, renamed
from posterv2.inference.engines.graphs import graph_file
from posterv2.labels import label_set
from posterv2.models.lean import LeanNetwork
from posterv2.models.poster import PosterNetwork
from posterv2.training import sam
from tests.parity import fill

HERE = Path(__file__).parent
NAMES: dict[str, list[int]] = json.loads((HERE.parent / "checkpoints" / "published_names.json").read_text())
LABELS = {7: "rafdb", 8: "affectnet8"}

Golden = Mapping[str, np.ndarray]


@pytest.fixture(scope="module", params=[7, 8])
def classes(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def golden(classes: int) -> Golden:
    with np.load(HERE / f"golden-{classes}.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def checkpoint(classes: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole published state dict, the unused entries too, as `torch.save` writes it."""
    tensors = {}
    for name, size in NAMES.items():
        shape = (classes, *size[1:]) if name.startswith("VIT.head") else tuple(size)
        if name.endswith(("num_batches_tracked", "relative_position_index")):
            tensors[name] = torch.zeros(shape, dtype=torch.long)
        else:
            tensors[name] = torch.from_numpy(np.ascontiguousarray(fill.values(name, shape)))
    path = tmp_path_factory.mktemp("parity") / "published.pth"
    torch.save(tensors, path)
    return path


@pytest.fixture
def network(checkpoint: Path, classes: int) -> PosterNetwork:
    network = load_network(checkpoint, LABELS[classes])
    network.landmark_stream.requires_grad_(False)
    return network


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return torch.from_numpy(fill.images(4))


def test_graph_and_lean_network_give_the_published_logits(
    checkpoint: Path, classes: int, golden: Golden, faces: torch.Tensor, network: PosterNetwork
) -> None:
    with graph_file(checkpoint, label_set(LABELS[classes])) as path:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        graph = np.asarray(session.run(["logits"], {"faces": faces.numpy()})[0])
    with torch.inference_mode():
        lean = LeanNetwork(network)(faces).numpy()
    for logits in (graph, lean):
        np.testing.assert_allclose(logits, golden["logits"], rtol=0, atol=1e-5)


@pytest.fixture
def targets(classes: int) -> torch.Tensor:
    return torch.tensor([0, 1, 2, classes - 1])


def stages(network: PosterNetwork, faces: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every recorded stage under its published name and in its published layout."""
    seen: dict[str, torch.Tensor] = {}

    def record(module: torch.nn.Module, *names: str, channels_last: bool = False, tokens: bool = False) -> None:
        def hook(_module: object, _inputs: object, output: torch.Tensor | list[torch.Tensor]) -> None:
            for name, value in zip(names, [output] if isinstance(output, torch.Tensor) else output, strict=True):
                seen[name] = value.permute(0, 2, 3, 1) if channels_last else value
                seen[name] = value.flatten(2).transpose(1, 2) if tokens else seen[name]

        module.register_forward_hook(hook)

    record(network.landmark_stream, *(f"face_landback.{level}" for level in range(3)))
    record(network.image_stream, *(f"ir_back.{level}" for level in range(3)))
    record(network.landmark_projection, "last_face_conv")
    for level in range(3):
        record(network.image_projections[level], f"conv{level + 1}")
        record(network.fusions[level].get_submodule("attention"), f"attn{level + 1}")
        record(network.fusions[level], f"ffn{level + 1}", channels_last=True)
        record(network.token_embeddings[level], ("embed_q", "embed_k", "embed_v")[level], tokens=level == 2)
    record(network.encoder.blocks, "VIT.blocks")
    record(network.encoder.norm, "VIT.norm")
    record(network.gate, "VIT.se_block")
    record(network.classifier, "VIT")
    with torch.no_grad():
        network(faces)
    return seen


def test_logits_and_every_stage(network: PosterNetwork, golden: Golden, faces: torch.Tensor) -> None:
    seen = stages(network, faces)
    np.testing.assert_allclose(seen["VIT"].numpy(), golden["logits"], rtol=0, atol=1e-5)
    assert set(seen) == {key.partition("/")[2] for key in golden if key.startswith("shape/")}
    for name, value in seen.items():
        scale = float(golden[f"mean_abs/{name}"])
        assert tuple(value.shape) == tuple(golden[f"shape/{name}"]), name
        assert value.double().abs().mean().item() == pytest.approx(scale, rel=1e-4), name
        first = value.flatten()[: len(golden[f"first/{name}"])]
        np.testing.assert_allclose(first.numpy(), golden[f"first/{name}"], rtol=0, atol=1e-4 * scale, err_msg=name)


def test_gradients(network: PosterNetwork, golden: Golden, faces: torch.Tensor, targets: torch.Tensor) -> None:
    loss = F.cross_entropy(network(faces), targets)
    assert loss.item() == pytest.approx(golden["loss"].item(), abs=1e-5)
    loss.backward()
    norms = {
        name: parameter.grad.double().norm().item()
        for name, parameter in network.named_parameters()
        if parameter.grad is not None
    }
    expected = {
        renamed(str(name), PUBLISHED): norm
        for name, norm in zip(golden["grad_names"], golden["grad_norms"], strict=True)
    }
    assert norms.keys() == expected.keys()
    for name, norm in norms.items():
        assert norm == pytest.approx(expected[name], rel=1e-4), name


def sam_step(
    network: PosterNetwork, optimizer: torch.optim.Optimizer, faces: torch.Tensor, targets: torch.Tensor
) -> list[float]:
    """One step with the published radius; the losses of its two passes."""
    losses: list[float] = []

    def forward_backward(perturbed: bool) -> None:
        loss = F.cross_entropy(network(faces), targets)
        losses.append(loss.item())
        loss.backward()

    sam.step(optimizer, forward_backward, rho=0.05)
    return losses


def trained(network: PosterNetwork) -> list[torch.nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def test_sam_step_with_adam(network: PosterNetwork, golden: Golden, faces: torch.Tensor, targets: torch.Tensor) -> None:
    optimizer = torch.optim.Adam(trained(network), lr=3.5e-5, fused=True)
    losses = sam_step(network, optimizer, faces, targets)
    assert losses[1] == pytest.approx(golden["loss_at_perturbed"].item(), abs=2e-4)
    with torch.no_grad():
        logits = network(faces)
    np.testing.assert_allclose(logits.numpy(), golden["logits_after_sam_step"], rtol=0, atol=1e-3)
    assert F.cross_entropy(logits, targets).item() == pytest.approx(golden["loss_after_sam_step"].item(), abs=1e-3)


def test_two_sam_steps_with_sgd(
    network: PosterNetwork, golden: Golden, faces: torch.Tensor, targets: torch.Tensor
) -> None:
    optimizer = torch.optim.SGD(trained(network), lr=1e-2, momentum=0.9, fused=True)
    for _ in range(2):
        sam_step(network, optimizer, faces, targets)
    with torch.no_grad():
        logits = network(faces)
    np.testing.assert_allclose(logits.numpy(), golden["logits_after_two_sam_sgd_steps"], rtol=0, atol=1e-3)
