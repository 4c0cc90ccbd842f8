"""Both engines give a row of probabilities a face, and refuse what they cannot run in words."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from posterv2.checkpoints import catalog
from posterv2.checkpoints.format import save
from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.errors import LabelsError, UsageError, WeightsError
from posterv2.inference.classifier import probabilities
from posterv2.inference.engines.choice import open_classifier
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing
from tests.tiny_graph import BLUE, GREY, LABELS, RED, plain, tiny_header, write_tiny_graph


@pytest.mark.parametrize("half", [False, True])
def test_known_answers(tmp_path: Path, half: bool):
    classifier = open_classifier(write_tiny_graph(tmp_path / "tiny.onnx", half=half))
    rows = probabilities(classifier, [plain(RED), plain(BLUE, 200, 90), plain(GREY, 48, 48)])
    assert [LABELS.names[index] for index in rows.argmax(axis=1)] == ["happiness", "sadness", "neutral"]
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    assert rows[2, 0] == pytest.approx(np.exp(5) / (np.exp(5) + 7), abs=1e-5)


def test_batches_make_no_difference(tmp_path: Path):
    classifier = open_classifier(write_tiny_graph(tmp_path / "tiny.onnx"))
    faces = [plain((shade, 0, 255 - shade)) for shade in range(0, 250, 25)]
    np.testing.assert_allclose(probabilities(classifier, faces, 3), probabilities(classifier, faces), atol=1e-6)
    assert probabilities(classifier, []).shape == (0, len(LABELS))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no file .*x.onnx.*embedded are: posterv2-nano"),
        (b"", "the file is empty"),
        (bytes(range(256)) * 9, "cannot run this file"),
        (b"\x08\x0a" + bytes(range(200)), "cannot run this file"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes | None, words: str):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        open_classifier(path)
    assert "\n" not in str(caught.value)


def test_graphs_of_others(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"x\.onnx: no posterv2 header"):
        open_classifier(write_tiny_graph(tmp_path / "x.onnx", metadata={}))
    with pytest.raises(WeightsError, match=r"one input 'faces' of \(B, 3, 48, 48\).*got input \["):
        open_classifier(write_tiny_graph(tmp_path / "y.onnx", input_name="input"))


def edited(path: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    """The tiny graph, changed."""
    model = onnx.load(write_tiny_graph(path))
    change(model)
    onnx.save(model, path)
    return path


def with_header(**changes: object) -> dict[str, str]:
    return {KEY: replace(tiny_header(), **changes).to_json()}


def test_graphs_that_their_header_disagrees_with(tmp_path: Path):
    config = replace(CONFIGS["posterv2-nano"], image_size=64)
    larger = with_header(config=config, preprocessing=Preprocessing(size=64))
    with pytest.raises(WeightsError, match=r"y\.onnx: by its header .*'faces' of \(B, 3, 64, 64\).*48, 48\]"):
        open_classifier(write_tiny_graph(tmp_path / "y.onnx", larger))
    fewer = with_header(config=replace(CONFIGS["posterv2-nano"], classes=7), labels=LABEL_SETS["rafdb"])
    with pytest.raises(WeightsError, match=r"y\.onnx: by its header .*'logits' of \(B, 7\), .*got logits .*, 8\]"):
        open_classifier(write_tiny_graph(tmp_path / "y.onnx", fewer))


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def scalar(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.ClearField("dim")
    model.graph.node[3].CopyFrom(onnx.helper.make_node("ReduceMean", ["product"], ["logits"], keepdims=0))


@pytest.mark.parametrize("change", [fixed_batch, scalar])
def test_graphs_of_another_form(tmp_path: Path, change: Callable[[onnx.ModelProto], None]):
    with pytest.raises(WeightsError, match=r"x\.onnx: by its header the graph must have one (in|out)put .*B free"):
        open_classifier(edited(tmp_path / "x.onnx", change))


def square(model: onnx.ModelProto) -> None:
    model.graph.node[3].CopyFrom(onnx.helper.make_node("MatMul", ["product", "product"], ["logits"]))


def doubled(model: onnx.ModelProto) -> None:
    model.graph.node[3].CopyFrom(onnx.helper.make_node("Concat", ["product", "product"], ["logits"], axis=0))


@pytest.mark.parametrize(
    ("change", "words"),
    [(square, "cannot run this graph"), (doubled, r"gave logits \(4, 8\), its header says \(2, 8\)")],
)
def test_graphs_that_fail_at_work(tmp_path: Path, change: Callable[[onnx.ModelProto], None], words: str):
    classifier = open_classifier(edited(tmp_path / "x.onnx", change))
    with pytest.raises(WeightsError, match=r"x\.onnx: .*" + words):
        probabilities(classifier, [plain(RED), plain(BLUE)])


def test_names_that_no_file_can_have():
    for name in ("x" * 5000, "x\0y"):
        with pytest.raises(WeightsError, match="no embedded model and no file 'x"):
            open_classifier(name)


def test_a_graph_is_known_by_its_content(tmp_path: Path):
    assert isinstance(open_classifier(write_tiny_graph(tmp_path / "graph.bin")), OnnxClassifier)


def test_numbers_that_are_none(tmp_path: Path):
    classifier = open_classifier(write_tiny_graph(tmp_path / "x.onnx", scale=float("nan")))
    with pytest.raises(WeightsError, match="not finite"):
        probabilities(classifier, [plain(RED)])


def test_labels_are_those_of_the_file(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "x.onnx")
    assert open_classifier(path, labels="ferplus").header.labels == LABELS
    with pytest.raises(LabelsError, match="rafdb"):
        open_classifier(path, labels="rafdb")
    with pytest.raises(LabelsError, match="choose one of"):
        open_classifier(path, labels="rafbd")


def test_devices_that_cannot_be(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "x.onnx")
    with pytest.raises(UsageError, match=r"no device 'tpu'.*auto, cpu, cuda, mps"):
        open_classifier(path, device="tpu")
    with pytest.raises(UsageError, match=r"run on the cpu.*safetensors"):
        open_classifier(path, device="cuda")


def test_embedded_graph_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_tiny_graph(tmp_path / "x.onnx")
    asked = []
    monkeypatch.setattr(catalog, "embedded", lambda name, suffix: asked.append((name, suffix)) or path)
    for weights in (None, catalog.DEFAULT):
        assert isinstance(open_classifier(weights), OnnxClassifier)
    assert asked == [(catalog.DEFAULT, ".onnx")] * 2


@pytest.fixture
def own_file(tmp_path: Path) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    network = build("posterv2-nano").eval()
    save(tmp_path / "own.safetensors", network, tiny_header())
    return tmp_path / "own.safetensors", network


def test_torch_says_which_devices_there_are(own_file: tuple[Path, torch.nn.Module]):
    missing = next(name for name in ("mps", "cuda") if name != "cuda" or not torch.cuda.is_available())
    with pytest.raises(UsageError, match=f"device '{missing}' here .*; it can use: cpu"):
        open_classifier(own_file[0], device=missing)


def test_without_torch_the_install_command(own_file: tuple[Path, torch.nn.Module]):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from posterv2.errors import MissingExtraError\n"
        "from posterv2.inference.engines.choice import open_classifier\n"
        f"try: open_classifier({str(own_file[0])!r})\n"
        "except MissingExtraError as error: sys.exit(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'posterv2[torch]'" in done.stderr


class Sided:
    """A classifier whose answer is how bright the left half of the face is, and how bright the right one."""

    def __init__(self, mirror: bool) -> None:
        preprocessing = Preprocessing(48, mirror=mirror)
        config = replace(CONFIGS["posterv2-nano"], classes=2)
        self.header = WeightsHeader("sided", config, LabelSet("custom", ("left", "right")), preprocessing)

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        halves = pixels[:, :, :24], pixels[:, :, 24:]
        return np.stack([half.mean((1, 2, 3), dtype=np.float32) / 50 for half in halves], axis=1)


def test_mirror_takes_the_mean_of_both_sides():
    face = np.zeros((48, 48, 3), np.uint8)
    face[:, :24] = 200
    plain = probabilities(Sided(mirror=False), [face, face[:, ::-1]])
    assert plain[0, 0] > 0.8
    assert plain[1, 1] > 0.8
    np.testing.assert_allclose(probabilities(Sided(mirror=True), [face, face[:, ::-1]]), 0.5, atol=1e-6)
