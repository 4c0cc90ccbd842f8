"""OpenVINO gives the network's logits, in bfloat16 nearly, and refuses what is no graph of ours in words."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest

from posterv2.checkpoints.format import save
from posterv2.errors import LabelsError, UsageError, WeightsError
from posterv2.export.export import export
from posterv2.inference.engines import openvino as openvino_engine
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.engines.openvino import OpenvinoClassifier, shared_core
from posterv2.inference.engines.precision import Precision
from posterv2.inference.engines.torch import LeanTorchClassifier, TorchClassifier
from posterv2.labels import LABEL_SETS
from tests.checkpoints.conftest import header_of, lively
from tests.checkpoints.test_graph import VARIANTS
from tests.tiny_graph import BLUE, RED, write_tiny_graph

BF16 = "BF16" in shared_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture(params=["nano's form", "published form"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    network = lively(VARIANTS[request.param])
    save(tmp_path / "tiny.safetensors", network, header_of(network))
    return tmp_path / "tiny.safetensors"


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 48, 48, 3), np.uint8)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    export("posterv2-nano", tmp_path / "x.xml", "openvino")
    return tmp_path / "x.xml"


def test_all_engines_give_the_logits_of_the_network_as_it_was_trained(weights: Path, pixels: np.ndarray):
    expected = TorchClassifier(weights, device="cpu").logits(pixels)
    for classifier in (
        OnnxClassifier(weights),
        OpenvinoClassifier(weights),
        LeanTorchClassifier(weights, device="cpu"),
    ):
        np.testing.assert_allclose(classifier.logits(pixels), expected, rtol=0, atol=1e-5)
        assert classifier.header == header_of(lively(classifier.header.config))


def test_bfloat16_is_near(weights: Path, pixels: np.ndarray):
    if not BF16:
        with pytest.raises(UsageError, match="no bfloat16 arithmetic; take precision fp32"):
            OpenvinoClassifier(weights, precision="bf16")
        pytest.skip("this processor has no bfloat16")
    expected = TorchClassifier(weights, device="cpu").logits(pixels)
    for classifier in (
        OpenvinoClassifier(weights, precision="bf16"),
        LeanTorchClassifier(weights, None, "cpu", "bf16"),
    ):
        difference = np.linalg.norm(classifier.logits(pixels) - expected) / np.linalg.norm(expected)
        assert 1e-4 < difference < 0.05


def test_what_is_left_behind_the_last_block_stays_in_float32(weights: Path, monkeypatch: pytest.MonkeyPatch):
    """So where the processor has no bfloat16 too: there its precision is asked for and not had."""
    compiled, capabilities, asked = openvino_engine._compiled, openvino.Core.get_property, []

    def counting(
        core: openvino.Core, model: openvino.Model, precision: Precision, threads: int
    ) -> openvino.InferRequest:
        asked.append((precision, [len(output.partial_shape) for output in model.outputs]))
        return compiled(core, model, "fp32", threads)

    monkeypatch.setattr(openvino.Core, "get_property", lambda *words: [*capabilities(*words), "BF16"])
    monkeypatch.setattr(openvino_engine, "_compiled", counting)
    OpenvinoClassifier(weights, precision="bf16")
    assert asked == [("bf16", [3]), ("fp32", [2])]  # tokens (B, N, D), then logits (B, C)
    asked.clear()
    OpenvinoClassifier(weights)
    assert asked == [("fp32", [2])]


def test_a_graph_without_a_last_block_runs_in_bfloat16_too(tmp_path: Path):
    if not BF16:
        pytest.skip("this processor has no bfloat16")
    classifier = OpenvinoClassifier(write_tiny_graph(tmp_path / "tiny.onnx"), precision="bf16")
    happy = np.full((1, 48, 48, 3), RED, np.uint8)
    assert classifier.header.labels.names[classifier.logits(happy).argmax()] == "happiness"


def test_answers_stay_what_they_were(tmp_path: Path):
    classifier = OpenvinoClassifier(write_tiny_graph(tmp_path / "tiny.onnx"))
    first = classifier.logits(np.full((1, 48, 48, 3), RED, np.uint8))
    kept = first.copy()
    classifier.logits(np.full((1, 48, 48, 3), BLUE, np.uint8))
    assert np.array_equal(first, kept)


def test_threads_take_turns(exported: Path, pixels: np.ndarray):
    classifier = OpenvinoClassifier(exported)
    expected = classifier.logits(pixels)
    with ThreadPoolExecutor(4) as threads:
        for logits in threads.map(classifier.logits, [pixels] * 40):
            np.testing.assert_array_equal(logits, expected)


def test_labels_are_those_of_the_file(exported: Path):
    with pytest.raises(LabelsError, match="carries its labels"):
        OpenvinoClassifier(exported, LABEL_SETS["rafdb"])


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml[: len(xml) // 2],
        lambda xml: b'<?xml version="1.0"?>\n',
        lambda xml: b'<?xml version="1.0"?><net name="x" version="11"><layers/><edges/></net>',
        lambda xml: xml.replace(b'type="Convolution"', b'type="Whatever"', 1),
        lambda xml: xml.replace(b'offset="', b'offset="999999999999', 1),
        lambda xml: xml.replace(b"<dim>3</dim>", b"<dim>-7</dim>"),
        lambda xml: (
            b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
            b'<!ENTITY c SYSTEM "file:///etc/hostname">]><net name="&b;&c;" version="11"></net>'
        ),
    ],
    ids=["cut", "empty", "no layers", "unknown layer", "beyond the end", "strange side", "entities"],
)
def test_broken_files_are_told_in_one_line(exported: Path, change):
    exported.write_bytes(change(exported.read_bytes()))
    with pytest.raises(WeightsError, match=r"x\.xml: ") as caught:
        OpenvinoClassifier(exported)
    assert "\n" not in str(caught.value)


def test_numbers_that_are_missing(exported: Path):
    numbers = exported.with_suffix(".bin")
    numbers.write_bytes(numbers.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"x\.xml: OpenVINO cannot run this file"):
        OpenvinoClassifier(exported)
    numbers.unlink()
    with pytest.raises(WeightsError, match=r"x\.xml: OpenVINO cannot run this file"):
        OpenvinoClassifier(exported)


def test_anothers_graph(exported: Path):
    exported.write_bytes(exported.read_bytes().replace(b"<posterv2 ", b"<someone "))
    with pytest.raises(WeightsError, match=r"x\.xml: no posterv2 header in it"):
        OpenvinoClassifier(exported)


def test_a_file_may_be_moved_with_its_numbers(exported: Path, pixels: np.ndarray):
    before = OpenvinoClassifier(exported).logits(pixels)
    moved = exported.parent / "elsewhere"
    moved.mkdir()
    for suffix in (".xml", ".bin"):
        shutil.move(exported.with_suffix(suffix), moved / f"y{suffix}")
    np.testing.assert_allclose(OpenvinoClassifier(moved / "y.xml").logits(pixels), before, rtol=0, atol=1e-5)


def test_operations_that_ours_lack(exported: Path):
    exported.write_bytes(exported.read_bytes().replace(b'type="ReLU"', b'type="Floor"', 1))
    with pytest.raises(WeightsError, match=r"x\.xml: it asks for Floor, which no graph of posterv2 has"):
        OpenvinoClassifier(exported)


def test_names_that_are_no_text(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "x.onnx")
    path.write_bytes(path.read_bytes().replace(b"posterv2", b"poster\xff\xfe"))
    for engine in (OnnxClassifier, OpenvinoClassifier):
        with pytest.raises(WeightsError, match=r"x\.onnx: "):
            engine(path)


def test_what_is_wrong_with_the_weights_is_told_as_it_is(tmp_path: Path):
    network = lively()
    save(tmp_path / "tiny.safetensors", network, header_of(network))
    with pytest.raises(LabelsError, match="carries its labels"):
        OpenvinoClassifier(tmp_path / "tiny.safetensors", LABEL_SETS["rafdb"])


_SIGNALLED = """
import os, signal, sys
from posterv2.inference.engines.choice import open_classifier
first, second = (open_classifier(sys.argv[1], engine="openvino") for _ in range(2))
del first
del second
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_process_that_is_done_with_two_classifiers_still_takes_signals(tmp_path: Path):
    command = [sys.executable, "-c", _SIGNALLED, write_tiny_graph(tmp_path / "tiny.onnx")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "asked to stop\n"), result.stderr
