"""`posterv2 benchmark` shows every engine, and which one is taken."""

from pathlib import Path

from typer.testing import CliRunner

from posterv2.cli import app
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


def test_what_no_engine_can_run_is_one_line(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing of the kind")
    result = CliRunner().invoke(app, ["benchmark", "--weights", str(path)])
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(path) in result.stderr
