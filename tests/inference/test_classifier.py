"""Each engine gives a row of probabilities a face, and refuses what it cannot run in words."""

import json
import platform
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
from posterv2.errors import LabelsError, OutputError, UsageError, WeightsError
from posterv2.inference.classifier import face_logits, probabilities
from posterv2.inference.engines import choice
from posterv2.inference.engines.choice import Engine, open_classifier
from posterv2.inference.engines.graphs import GraphKind
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.engines.openvino import OpenvinoClassifier
from posterv2.inference.engines.precision import Precision
from posterv2.inference.engines.torch import LeanTorchClassifier
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing
from tests.tiny_graph import BLUE, GREY, LABELS, RED, plain, tiny_header, write_tiny_graph


@pytest.fixture(params=["onnxruntime", "openvino"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


@pytest.mark.parametrize("half", [False, True])
def test_known_answers(tmp_path: Path, half: bool, engine: Engine):
    classifier = open_classifier(write_tiny_graph(tmp_path / "tiny.onnx", half=half), engine=engine)
    rows = probabilities(classifier, [plain(RED), plain(BLUE, 200, 90), plain(GREY, 48, 48)])
    assert [LABELS.names[index] for index in rows.argmax(axis=1)] == ["happiness", "sadness", "neutral"]
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)
    assert rows[2, 0] == pytest.approx(np.exp(5) / (np.exp(5) + 7), abs=1e-5)


def test_batches_make_no_difference(tmp_path: Path, engine: Engine):
    classifier = open_classifier(write_tiny_graph(tmp_path / "tiny.onnx"), engine=engine)
    faces = [plain((shade, 0, 255 - shade)) for shade in range(0, 250, 25)]
    np.testing.assert_allclose(probabilities(classifier, faces, 3), probabilities(classifier, faces), atol=1e-5)
    assert probabilities(classifier, []).shape == (0, len(LABELS))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no file .*x.onnx.*embedded are: posterv2-nano"),
        (b"", "the file is empty"),
        (bytes(range(256)) * 9, "not an ONNX file that can be read"),
        (b"\x08\x0a" + bytes(range(200)), "not an ONNX file that can be read"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes | None, words: str, engine: Engine):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as caught:
        open_classifier(path, engine=engine)
    assert "\n" not in str(caught.value)


def test_graphs_of_others(tmp_path: Path, engine: Engine):
    with pytest.raises(WeightsError, match=r"x\.onnx: no posterv2 header"):
        open_classifier(write_tiny_graph(tmp_path / "x.onnx", metadata={}), engine=engine)
    with pytest.raises(WeightsError, match=r"one input 'faces' of \(B, 3, 48, 48\).*got input \("):
        open_classifier(write_tiny_graph(tmp_path / "y.onnx", input_name="input"), engine=engine)


def edited(path: Path, change: Callable[[onnx.ModelProto], object]) -> Path:
    """The tiny graph, changed."""
    model = onnx.load(write_tiny_graph(path))
    change(model)
    onnx.save(model, path)
    return path


def with_header(**changes: object) -> dict[str, str]:
    return {KEY: replace(tiny_header(), **changes).to_json()}


def test_graphs_that_their_header_disagrees_with(tmp_path: Path, engine: Engine):
    config = replace(CONFIGS["posterv2-nano"], image_size=64)
    larger = with_header(config=config, preprocessing=Preprocessing(size=64))
    with pytest.raises(WeightsError, match=r"y\.onnx: by its header .*'faces' of \(B, 3, 64, 64\).*48, 48\)"):
        open_classifier(write_tiny_graph(tmp_path / "y.onnx", larger), engine=engine)
    fewer = with_header(config=replace(CONFIGS["posterv2-nano"], classes=7), labels=LABEL_SETS["rafdb"])
    with pytest.raises(WeightsError, match=r"y\.onnx: by its header .*'logits' of \(B, 7\), .*got logits .*, 8\)"):
        open_classifier(write_tiny_graph(tmp_path / "y.onnx", fewer), engine=engine)


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def scalar(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.ClearField("dim")
    model.graph.node[-1].CopyFrom(onnx.helper.make_node("MatMul", ["bias", "bias"], ["logits"]))


@pytest.mark.parametrize("change", [fixed_batch, scalar])
def test_graphs_of_another_form(tmp_path: Path, change: Callable[[onnx.ModelProto], None], engine: Engine):
    with pytest.raises(WeightsError, match=r"x\.onnx: by its header the graph must have one (in|out)put .*B free"):
        open_classifier(edited(tmp_path / "x.onnx", change), engine=engine)


def square(model: onnx.ModelProto) -> None:
    """(B, 8) times (8, B), plus (8,): that is right for one face alone."""
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([8, -1]), "upright"))
    model.graph.node[-1].CopyFrom(onnx.helper.make_node("Reshape", ["product", "upright"], ["turned"]))
    model.graph.node.append(onnx.helper.make_node("MatMul", ["product", "turned"], ["square"]))
    model.graph.node.append(onnx.helper.make_node("Add", ["square", "bias"], ["logits"]))


def doubled(model: onnx.ModelProto) -> None:
    model.graph.node[-1].CopyFrom(onnx.helper.make_node("Concat", ["product", "product"], ["logits"], axis=0))


@pytest.mark.parametrize(
    ("change", "words"),
    [(square, "cannot run this graph"), (doubled, r"gave logits \(4, 8\), its header says \(2, 8\)")],
)
def test_graphs_that_fail_at_work(tmp_path: Path, change: Callable[[onnx.ModelProto], None], words: str):
    classifier = open_classifier(edited(tmp_path / "x.onnx", change), engine="onnxruntime")
    with pytest.raises(WeightsError, match=r"x\.onnx: .*" + words):
        probabilities(classifier, [plain(RED), plain(BLUE)])


def huge(model: onnx.ModelProto) -> None:
    """Forty bytes that ask for 16 GB."""
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([4 * 10**9]), "size"))
    model.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["size"], ["numbers"]))


def far(model: onnx.ModelProto) -> None:
    """An index far outside, at which OpenVINO's GatherND reads where nothing is."""
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([[0, 0, 0, 10**7]]), "place"))
    model.graph.node.insert(0, onnx.helper.make_node("GatherND", ["faces", "place"], ["far"]))


def foreign(model: onnx.ModelProto) -> None:
    """One of ONNX Runtime's own operations, under a name that ONNX has too."""
    model.graph.node.insert(0, onnx.helper.make_node("Gelu", ["faces"], ["x"], domain="com.microsoft"))
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


def own(model: onnx.ModelProto) -> None:
    """An operation that the file itself defines, under a name that ONNX has too."""
    nodes = [onnx.helper.make_node("ConstantOfShape", ["size"], ["numbers"])]
    model.functions.append(onnx.helper.make_function("", "Relu", ["size"], ["numbers"], nodes, model.opset_import))


def sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().dims.append(4 * 10**9)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (huge, "ConstantOfShape"),
        (far, "GatherND"),
        (foreign, r"com\.microsoft\.Gelu"),
        (own, "functions of its own"),
        (sparse, "sparse numbers"),
    ],
)
def test_graphs_with_operations_that_ours_lack(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], word: str, engine: Engine
):
    with pytest.raises(WeightsError, match=rf"x\.onnx: it asks for {word}, which no graph of posterv2 has"):
        open_classifier(edited(tmp_path / "x.onnx", change), engine=engine)


def test_the_embedded_model_does_not_wait_for_onnx():
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "from posterv2.inference.engines.choice import open_classifier\n"
        "for engine in ('onnxruntime', 'openvino'): open_classifier(engine=engine)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_no_file_can_have():
    for name in ("x" * 5000, "x\0y"):
        with pytest.raises(WeightsError, match="no embedded model and no file 'x"):
            open_classifier(name)


def test_a_graph_is_known_by_its_content(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "graph.bin")
    assert isinstance(open_classifier(path, engine="onnxruntime"), OnnxClassifier)
    assert isinstance(open_classifier(path, engine="openvino"), OpenvinoClassifier)


def test_numbers_that_are_none(tmp_path: Path, engine: Engine):
    classifier = open_classifier(write_tiny_graph(tmp_path / "x.onnx", scale=float("nan")), engine=engine)
    with pytest.raises(WeightsError, match="not finite"):
        probabilities(classifier, [plain(RED)])


def test_labels_are_those_of_the_file(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "x.onnx")
    assert open_classifier(path, labels="ferplus").header.labels == LABELS
    with pytest.raises(LabelsError, match="rafdb"):
        open_classifier(path, labels="rafdb")
    with pytest.raises(LabelsError, match="choose one of"):
        open_classifier(path, labels="rafbd")


def test_weights_that_are_called_like_a_graph(own_file: tuple[Path, torch.nn.Module]):
    path = own_file[0].rename(own_file[0].with_suffix(".onnx"))
    for engine in ("onnxruntime", "torch"):
        assert open_classifier(path, engine=engine, device="cpu").header == tiny_header()


def test_without_a_folder_for_temporary_files(
    own_file: tuple[Path, torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match=r"no folder for temporary files, .*: No such file or directory; set TMPDIR$"):
        open_classifier(own_file[0], engine="onnxruntime")


def test_runtimes_that_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*words: object, **others: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("onnxruntime.InferenceSession", fail)
    with pytest.raises(WeightsError, match=r"x\.onnx: ONNX Runtime cannot run this file: RuntimeError\(\)"):
        open_classifier(write_tiny_graph(tmp_path / "x.onnx"), engine="onnxruntime")


@pytest.mark.parametrize(
    ("pixels", "got"),
    [
        (np.zeros((0, 48, 48, 3), np.uint8), r"uint8 \(0, 48, 48, 3\)"),
        (np.zeros((2, 48, 48, 1), np.uint8), r"uint8 \(2, 48, 48, 1\)"),
        (np.zeros((2, 24, 48, 3), np.uint8), r"uint8 \(2, 24, 48, 3\)"),
        (np.zeros((48, 48, 3), np.uint8), r"uint8 \(48, 48, 3\)"),
        (np.zeros((2, 48, 48, 3), np.float32), r"float32 \(2, 48, 48, 3\)"),
    ],
)
@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch"])
def test_what_is_no_batch(pixels: np.ndarray, got: str, name: Engine):
    with pytest.raises(UsageError, match=rf"faces as uint8 \(B, 48, 48, 3\), B from 1 up; got {got}"):
        open_classifier(engine=name, device="cpu").logits(pixels)


def test_devices_that_cannot_be(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "x.onnx")
    with pytest.raises(UsageError, match=r"no device 'tpu'.*auto, cpu, cuda, mps"):
        open_classifier(path, device="tpu")
    with pytest.raises(UsageError, match=r"run on the cpu.*'cuda'.*safetensors"):
        open_classifier(path, device="cuda")
    with pytest.raises(UsageError, match=r"openvino runs on the cpu, got device 'cuda'; .* the engine torch"):
        open_classifier(device="cuda", engine="openvino")


def test_settings_that_no_engine_can_follow(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "x.onnx")
    with pytest.raises(UsageError, match=r"no engine 'tensorrt'; choose one of auto, onnxruntime, openvino, torch"):
        open_classifier(path, engine="tensorrt")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match=r"no precision 'int8'; choose one of fp32, bf16"):
        open_classifier(path, precision="int8")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match=r"ONNX Runtime has no bf16 here; the engines openvino and torch"):
        open_classifier(path, engine="onnxruntime", precision="bf16")
    openvino = tmp_path / "x.xml"
    openvino.write_text("<?xml")
    with pytest.raises(UsageError, match=r"x\.xml: an OpenVINO file runs in the engine openvino alone"):
        open_classifier(openvino, engine="onnxruntime")
    with pytest.raises(UsageError, match=r"not in torch, got .* engine 'torch'; give the .safetensors file"):
        open_classifier(path, engine="torch")


@pytest.mark.parametrize(
    ("installed", "machine", "kind", "precision", "engine"),
    [
        ("openvino torch", "x86_64", None, "fp32", "openvino"),
        ("openvino torch", "AMD64", "onnx", "bf16", "openvino"),
        ("openvino torch", "aarch64", None, "fp32", "onnxruntime"),
        ("openvino torch", "aarch64", "openvino", "fp32", "openvino"),
        ("torch", "x86_64", None, "fp32", "onnxruntime"),
        ("torch", "x86_64", None, "bf16", "torch"),
        ("torch", "x86_64", "onnx", "bf16", "onnxruntime"),
        ("", "x86_64", "onnx", "fp32", "onnxruntime"),
    ],
)
def test_auto_is_the_fastest_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, installed: str, machine: str, kind: GraphKind, precision: Precision, engine: Engine
):
    monkeypatch.setattr(choice, "_installed", lambda name: name in ("onnxruntime", *installed.split()))
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert choice.fastest(kind, precision) == engine


def test_auto_passes_over_what_cannot_be_imported(tmp_path: Path):
    code = "from posterv2.inference.engines import choice; print(choice.fastest('onnx', 'fp32'))"

    def taken() -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    shadow = tmp_path / "openvino" / "__init__.py"
    shadow.parent.mkdir()
    shadow.write_text("raise OSError('libopenvino.so: cannot open shared object file')")
    assert taken() == "onnxruntime"
    shadow.write_text("")
    assert taken() == "openvino" or platform.machine() != "x86_64"


def test_a_folder_that_is_called_like_an_engine_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "enginefolder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not choice._installed("enginefolder")  # pyright: ignore[reportArgumentType, reportPrivateUsage]


def test_a_gpu_is_taken_for_weights_alone(monkeypatch: pytest.MonkeyPatch, own_file: tuple[Path, torch.nn.Module]):
    monkeypatch.setattr(choice, "_gpu", lambda: True)
    assert isinstance(open_classifier(own_file[0]), LeanTorchClassifier)
    assert not isinstance(open_classifier(), LeanTorchClassifier)
    assert not isinstance(open_classifier(own_file[0], device="cpu"), LeanTorchClassifier)


def test_embedded_graph_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_tiny_graph(tmp_path / "x.onnx")
    asked = []
    monkeypatch.setattr(catalog, "embedded", lambda name, suffix: asked.append((name, suffix)) or path)
    for weights in (None, catalog.DEFAULT):
        assert open_classifier(weights).header.name == "tiny"
    assert set(asked) == {(catalog.DEFAULT, ".onnx")}


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


def test_weights_of_ours_need_no_torch(own_file: tuple[Path, torch.nn.Module]):
    path, network = own_file
    code = (
        "import sys; sys.modules.update({'torch': None, 'openvino': None})\n"
        "import numpy as np\n"
        "from posterv2.inference.engines.onnxruntime import OnnxClassifier\n"
        f"print(OnnxClassifier({str(path)!r}).logits(np.full((1, 48, 48, 3), 200, np.uint8)).tolist()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with torch.inference_mode():
        expected = network(torch.full((1, 3, 48, 48), 200 / 255))[0].numpy()
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)


def test_without_torch_the_install_command(tmp_path: Path):
    (tmp_path / "published.pth").write_bytes(b"PK\x03\x04 and what torch has pickled")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from posterv2.errors import MissingExtraError\n"
        "from posterv2.inference.engines.choice import open_classifier\n"
        f"try: open_classifier({str(tmp_path / 'published.pth')!r}, labels='rafdb')\n"
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
        self.batches: list[int] = []

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        halves = pixels[:, :, :24], pixels[:, :, 24:]
        return np.stack([half.mean((1, 2, 3), dtype=np.float32) / 50 for half in halves], axis=1)


def test_mirror_takes_the_mean_of_both_sides():
    face = np.zeros((48, 48, 3), np.uint8)
    face[:, :24] = 200
    plain = probabilities(Sided(mirror=False), [face, face[:, ::-1]])
    assert plain[0, 0] > 0.8
    assert plain[1, 1] > 0.8
    np.testing.assert_allclose(probabilities(Sided(mirror=True), [face, face[:, ::-1]]), 0.5, atol=1e-6)


def test_mirror_images_go_through_with_their_faces():
    faces = [np.full((48, 48, 3), 40 * number, np.uint8) for number in range(5)]
    sided = Sided(mirror=True)
    np.testing.assert_allclose(face_logits(sided, faces, 4), face_logits(Sided(mirror=False), faces), atol=1e-6)
    assert sided.batches == [4, 4, 2]
    face_logits(sided, faces[:1], 1)
    assert sided.batches[3:] == [2]


@pytest.mark.parametrize("allowed", [True, False])
def test_torch_convolves_in_whole_float32_and_leaves_the_setting_as_it_was(
    allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    classifier, seen = LeanTorchClassifier(catalog.DEFAULT, device="cpu"), []
    forward = classifier._forward
    monkeypatch.setattr(
        classifier, "_forward", lambda faces: seen.append(torch.backends.cudnn.allow_tf32) or forward(faces)
    )
    classifier.logits(np.zeros((1, 48, 48, 3), np.uint8))
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32 is allowed
