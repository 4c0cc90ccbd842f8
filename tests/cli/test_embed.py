"""`posterv2 embed` through the command line."""

import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.data.dataset import open_split
from posterv2.evaluation.evaluate import evaluate
from posterv2.inference.engines.choice import open_classifier


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, ["embed", *map(str, words)])


def test_a_set_becomes_a_picture(ferplus_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    result = _run("--data", ferplus_zip, "-o", out)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    right = evaluate(open_classifier(), open_split(ferplus_zip)).to_dict()["accuracy"]
    assert result.stderr == f"wrote {out}: 8 faces, {right:.1%} right\n"
    with Image.open(out) as picture:
        assert picture.size == (1600, 1200)


def test_more_faces_than_asked_for_are_told(face_folders: Path, tmp_path: Path) -> None:
    result = _run("--data", face_folders, "--split", "train", "--faces", "5", "-o", tmp_path / "map.png")
    assert result.exit_code == 0, result.output
    first, second = result.stderr.splitlines()
    assert first == "5 of 8 faces are drawn, chosen by chance; --faces N draws more"
    assert "5 faces" in second


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-o", "map.jpg"], 2, "-o writes a file that ends with .png"),
        (["--split", "test2", "-o", "map.png"], 1, "there is no split 'test2'"),
        (["--labels", "rafdb", "-o", "map.png"], 2, "rafdb"),
        (["--weights", "gone.safetensors", "-o", "map.png"], 1, "no file 'gone.safetensors'"),
    ],
)
def test_what_is_wrong_is_one_line(
    face_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = _run("--data", face_folders, *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.glob("map.*"))


def test_without_scikit_learn_it_says_what_to_install(
    face_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = _run("--data", face_folders, "-o", tmp_path / "map.png")
    assert result.exit_code == 3
    assert "pip install 'posterv2[explain]'" in result.stderr


def test_a_broken_picture_leaves_no_plot(face_folders: Path, tmp_path: Path) -> None:
    (face_folders / "valid" / "fear" / "fear_2.png").write_bytes(b"")
    result = _run("--data", face_folders, "-o", tmp_path / "map.png")
    assert (result.exit_code, (tmp_path / "map.png").exists()) == (1, False)
    assert "fear_2.png: the file is empty" in result.stderr
