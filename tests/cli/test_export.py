"""`posterv2 export` on the command line."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.inference.engines.choice import open_classifier


def test_a_line_says_how_it_was_checked(tmp_path: Path):
    out = tmp_path / "nano.xml"
    result = CliRunner().invoke(app, ["export", "openvino", str(out), "--fp16"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    line = result.stderr.splitlines()[-1]
    assert line.startswith(f"wrote {out}: OpenVINO, fp16; checked in openvino ")
    assert "at batches of 1, 3, 64 real faces: differs by" in line
    assert open_classifier(out).header.name == "posterv2-nano"
    shown = CliRunner().invoke(app, ["weights", "inspect", str(out)])
    assert "OpenVINO graph" in shown.stdout
    assert "training export" in shown.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["onnx", "x.onnx", "--int8"], "--int8 needs --calibrate DIR"),
        (["onnx", "x.onnx", "--calibrate", "faces"], "--calibrate is for --int8"),
        (["openvino", "x.xml", "--int8", "--fp16", "--calibrate", "faces"], "--int8 and --fp16 exclude each other"),
        (["onnx", "x.onnx", "--split", "test"], "--dataset and --split are of the faces of --calibrate DIR"),
        (["onnx", "x.onnx", "--dataset", "ferplus"], "--dataset and --split are of the faces of --calibrate DIR"),
        (["openvino", "x.onnx"], "OUT writes a file that ends with .xml"),
        (["onnx", "nowhere/x.onnx"], "OUT needs a file in a folder that is there"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["export", *words])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_without_the_library_that_quantises_no_faces_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    words = ["export", "onnx", str(tmp_path / "x.onnx"), "--int8", "--calibrate", str(tmp_path / "nowhere")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 3
    assert "pip install 'posterv2[export]'" in result.stderr


def test_too_few_faces(tmp_path: Path, face_folders: Path):
    words = ["export", "openvino", str(tmp_path / "x.xml"), "--int8", "--calibrate", str(face_folders)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "error: int8 needs at least 40 faces, half to calibrate on and half to measure, got 8"
    ]
    assert not (tmp_path / "x.xml").exists()
