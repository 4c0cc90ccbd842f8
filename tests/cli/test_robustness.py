"""`posterv2 robustness`: the table, and the files that are asked for."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.data.dataset import open_split
from posterv2.evaluation.robustness import robustness
from posterv2.inference.engines.choice import open_classifier
from posterv2.preprocessing import read_image
from tests.tiny_graph import write_tiny_graph


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that takes every grey face for neutral."""
    return write_tiny_graph(tmp_path / "tiny.onnx")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["robustness", *map(str, words)])


def test_the_table_on_stdout_and_the_files(ferplus_zip: Path, weights: Path, tmp_path: Path) -> None:
    out, plot, sheet = tmp_path / "table.md", tmp_path / "plot.png", tmp_path / "face.jpg"
    result = run("--data", ferplus_zip, "--weights", weights, "-o", out, "--plot", plot, "--sheet", sheet)
    assert result.exit_code == 0, result.output
    found = robustness(open_classifier(weights), open_split(ferplus_zip), 0.5)
    lines = result.stdout.splitlines()
    assert lines[0] == found.title == "tiny on ferplus.zip, split valid: 8 faces, seed 0"
    assert [line.split() for line in lines[3:]] == [" ".join(row).split() for row in found.rows()]
    text = out.read_text()
    assert text.splitlines()[4:] == found.markdown("").splitlines()[4:]
    assert "    posterv2" in text.splitlines()[2]
    assert read_image(plot).std() > 1
    assert read_image(sheet).std() > 1
    assert result.stderr.splitlines() == [f"wrote {out}", f"wrote {plot}", f"wrote {sheet}"]


def test_nothing_is_written_unless_it_is_asked_for(face_folders: Path, weights: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = run("--data", face_folders, "--split", "train", "--weights", weights, "--uncertain-below", 0.9)
    assert result.exit_code == 0, result.output
    assert "uncertain (below 90%)" in result.stdout
    assert "split train" in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-o", "table.txt"], 2, "-o writes a file that ends with .md"),
        (["--plot", "plot.svg"], 2, "--plot writes a file that ends with .png"),
        (["--sheet", "nowhere/face.jpg"], 2, "--sheet needs a file in a folder that is there"),
        (["--split", "all"], 1, "there is no split 'all'"),
        (["--weights", "gone.onnx"], 1, "no file 'gone.onnx'"),
    ],
)
def test_what_is_wrong_is_one_line(
    face_folders: Path, weights: Path, words: list[str], code: int, message: str
) -> None:
    result = run("--data", face_folders, "--weights", weights, *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
