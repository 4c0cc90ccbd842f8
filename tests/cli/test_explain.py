"""`posterv2 explain` through the command line: a page for a photo, one line for what is wrong."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.cli import explain as verb
from tests.tiny_graph import write_tiny_graph

PHOTO = Path(__file__).parents[2] / "samples" / "astronaut.jpg"


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, ["explain", *map(str, words)])


def _page(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def happy(face_files: list[Path]) -> Path:
    return next(file for file in face_files if file.name == "happiness_1.png")


def test_a_photo_becomes_a_page(tmp_path: Path) -> None:
    out = tmp_path / "why.png"
    result = _run(PHOTO, "-o", out)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert result.stderr == f"wrote {out}: 1 face(s)\n"
    page = _page(out)
    assert page.shape == (556, 1020, 3)
    face, rollout, grad_cam = (page[136:436, left : left + 300].astype(int) for left in (36, 360, 684))
    assert (face.max(axis=2) - face.min(axis=2)).mean() > 20  # in colour
    for shown in (rollout, grad_cam):
        colourful = (shown.max(axis=2) - shown.min(axis=2)) > 100
        assert 0.005 < colourful.mean() < 0.6  # much somewhere, little elsewhere
    assert np.abs(rollout - grad_cam).mean() > 10


def test_the_expression_asked_for_changes_its_map_alone(happy: Path, tmp_path: Path) -> None:
    pages = []
    for words in ([], ["--expression", "fear"], ["--expression", "happy"]):
        out = tmp_path / "why.png"
        assert _run(happy, "--aligned", "-o", out, *words).exit_code == 0
        pages.append(_page(out))
    answer, fear, named = pages
    np.testing.assert_array_equal(answer, named)  # by another of its names
    np.testing.assert_array_equal(answer[:, :672], fear[:, :672])
    assert not np.array_equal(answer[136:436, 684:], fear[136:436, 684:])


def test_each_face_has_a_row_from_left_to_right(happy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    astronaut = Image.open(PHOTO)
    crowd = Image.new("RGB", (2 * astronaut.width, astronaut.height))
    crowd.paste(astronaut, (0, 0))
    crowd.paste(astronaut.resize((2 * astronaut.width // 3, 2 * astronaut.height // 3)), (astronaut.width, 0))
    crowd.save(tmp_path / "crowd.png")
    out = tmp_path / "why.jpg"
    assert _run(tmp_path / "crowd.png", "-o", out).stderr.endswith("2 face(s)\n")
    assert _page(out).shape == (556 + 360, 1020, 3)
    monkeypatch.setattr(verb, "_MOST", 1)
    result = _run(tmp_path / "crowd.png", "-o", out)
    assert result.stderr == f"the 1 largest of 2 faces are explained\nwrote {out}: 1 face(s)\n"
    assert _page(out).shape == (556, 1020, 3)


def test_no_face_is_an_error_with_advice(tmp_path: Path) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.png")
    result = _run(tmp_path / "wall.png", "-o", tmp_path / "why.png")
    assert result.exit_code == 1
    assert "wall.png: no face was found" in result.stderr
    assert "--aligned" in result.stderr
    assert not (tmp_path / "why.png").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-o", "why.gif"], 2, "-o writes a file that ends with .png or .jpg"),
        (["-o", "nowhere/why.png"], 2, "-o needs a file in a folder that is there"),
        (["-o", "photo.jpg"], 2, "-o photo.jpg would overwrite the photo"),
        (["-o", "why.png", "--expression", "boredom"], 2, "there is no class 'boredom' in ferplus (neutral, happiness"),
        (["-o", "why.png", "--device", "tpu"], 2, "tpu"),
        (["-o", "why.png", "--weights", "tiny.onnx"], 1, "holds no torch network; give the file it was made of"),
        (["-o", "why.png", "--weights", "gone.safetensors"], 1, "no file 'gone.safetensors'"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PHOTO, "photo.jpg")
    write_tiny_graph(tmp_path / "tiny.onnx")
    before = sorted(tmp_path.iterdir())
    result = _run("photo.jpg", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_photo_is_one_line(tmp_path: Path) -> None:
    result = _run(tmp_path / "gone.jpg", "-o", tmp_path / "why.png")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "gone.jpg" in result.stderr


def test_without_torch_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = _run(PHOTO, "-o", tmp_path / "why.png")
    assert result.exit_code == 3
    assert "pip install 'posterv2[torch]'" in result.stderr
