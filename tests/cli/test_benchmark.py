"""`posterv2 benchmark` shows every engine, and which one is taken."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from posterv2.checkpoints.format import save
from posterv2.cli import app
from posterv2.inference.engines import choice
from tests.checkpoints.conftest import header_of, lively
from tests.checkpoints.test_graph import VARIANTS
from tests.tiny_graph import write_tiny_graph


def test_a_row_for_each_engine_and_a_column_for_each_batch(tmp_path: Path):
    path = write_tiny_graph(tmp_path / "tiny.onnx")
    command = ["-v", "benchmark", "--weights", str(path), "--batch", "2", "--batch", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    head, *rows = result.stdout.splitlines()
    assert head.split("  ")[-1].strip() == "faces/s, 2 at once"
    assert "faces/s, 1 at once" in head
    assert [row.split()[:2] for row in rows if row][:2] == [["onnxruntime", "fp32"], ["openvino", "fp32"]]
    assert "torch, fp32: " in result.stderr  # a graph has no torch network; told to those who ask for details
    assert "--engine auto takes openvino" in result.stderr


def test_the_last_line_knows_of_a_gpu_as_auto_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(choice, "_gpu", lambda: True)
    network = lively(VARIANTS["nano's form"])
    save(tmp_path / "tiny.safetensors", network, header_of(network))
    command = ["benchmark", "--weights", str(tmp_path / "tiny.safetensors"), "--device", "auto", "--batch", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stderr
    assert "--engine auto takes torch, with --precision bf16 torch" in result.stderr


def test_what_no_engine_can_run_is_one_line(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing of the kind")
    result = CliRunner().invoke(app, ["benchmark", "--weights", str(path)])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(path) in result.stderr
