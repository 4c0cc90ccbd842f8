"""`posterv2 calibrate` measures by halves, and writes the same numbers under a header that knows how sure they are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from posterv2.checkpoints.header import read_header
from posterv2.cli import app
from posterv2.inference.classifier import face_logits
from posterv2.inference.engines.choice import open_classifier
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from tests.tiny_graph import LABELS, plain, write_tiny_graph


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 faces in class folders; the network is right on most red and blue ones, and surer than it should be."""
    generator = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("colours") / "valid"
    for number in range(150):
        red, blue = (int(value) for value in generator.integers(0, 255, 2))
        name = ("happiness" if red > blue else "sadness") if generator.random() < 0.7 else "neutral"
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(plain((red, 0, blue), 8, 8)).save(folder / name / f"{number}.png")
    return folder.parent


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_tiny_graph(tmp_path / "tiny.onnx", scale=40)


def calibrate(*words: object) -> Result:
    return CliRunner().invoke(app, ["calibrate", *map(str, words)])


@pytest.mark.parametrize("method", ["temperature", "vector"])
def test_it_says_what_it_brings_and_writes_it(colours: Path, weights: Path, tmp_path: Path, method: str) -> None:
    out = tmp_path / "better.onnx"
    result = calibrate("--data", colours, "--weights", weights, "--method", method, "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stderr == f"wrote {out}\n"
    lines = [line.split() for line in result.stdout.splitlines()]
    [nll] = [line for line in lines if line[:1] == ["NLL"]]
    assert float(nll[2]) < float(nll[1])
    [ninety] = [line for line in lines if line[:1] == ["90%"]]
    assert float(ninety[1].rstrip("%")) > 80
    header, before = OnnxClassifier(out).header, OnnxClassifier(weights).header
    assert header.calibration is not None
    assert header.calibration.fitted_on == f"150 faces of {colours.name}, split valid, by {method}"
    assert (header.labels, header.config, header.preprocessing) == (before.labels, before.config, before.preprocessing)
    face = [plain((200, 0, 100))]
    assert np.array_equal(face_logits(open_classifier(out), face), face_logits(open_classifier(weights), face))


def test_the_embedded_model_becomes_a_file_of_either_kind(colours: Path, tmp_path: Path) -> None:
    for ending in (".onnx", ".safetensors"):
        result = calibrate("--data", colours, "-o", tmp_path / f"mine{ending}")
        assert result.exit_code == 0, result.output
    headers = OnnxClassifier(tmp_path / "mine.onnx").header, read_header(tmp_path / "mine.safetensors")
    assert headers[0] == headers[1]
    assert headers[0].labels == LABELS


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["-o", "x.safetensors"], 2, "has to end as"),
        (["-o", "x.txt"], 2, "-o writes a file that ends with .safetensors or .onnx, got x.txt"),
        (["-o", "gone/x.onnx"], 2, "needs a file in a folder that is there"),
        (["--split", "train"], 1, "there is no split 'train'"),
    ],
)
def test_what_is_wrong_is_one_line(colours: Path, weights: Path, words: list[str], code: int, says: str) -> None:
    result = calibrate("--data", colours, "--weights", weights, *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_handful_of_faces_is_refused(face_folders: Path, weights: Path) -> None:
    result = calibrate("--data", face_folders, "--weights", weights)
    assert result.exit_code == 1
    assert "a calibration needs at least 100 faces, got 8" in result.stderr
