"""`posterv2 explain` and `posterv2 embed` draw what they say, or say in one line what is wrong."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.preprocessing import read_image

PORTRAIT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PORTRAIT, "photo.jpg")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_row_for_each_face() -> None:
    photo = Image.open("photo.jpg")
    twice = Image.new("RGB", (1024, 512))
    twice.paste(photo, (0, 0))
    twice.paste(photo, (512, 0))
    twice.save("two.png")
    for name, faces in (("photo.jpg", 1), ("two.png", 2)):
        result = run("explain", name, "-o", f"why-{faces}.png")
        assert result.exit_code == 0, result.output
        assert result.stderr == f"wrote why-{faces}.png: {faces} face(s)\n"
    one, two = (read_image(f"why-{faces}.png") for faces in (1, 2))
    assert one.shape[1] == two.shape[1]
    assert two.shape[0] > one.shape[0] + 300


def test_another_expression_gives_another_map() -> None:
    for expression in ("happiness", "anger"):
        result = run("explain", "photo.jpg", "-o", f"{expression}.png", "--expression", expression, "--aligned")
        assert result.exit_code == 0, result.output
    assert not np.array_equal(read_image("happiness.png"), read_image("anger.png"))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["gone.jpg", "-o", "why.png"], 1, "gone.jpg"),
        (["photo.jpg", "-o", "why.txt"], 2, "why.txt"),
        (["photo.jpg", "-o", "nowhere/why.png"], 2, "nowhere/why.png"),
        (["photo.jpg", "-o", "why.png", "--expression", "boredom"], 2, "boredom"),
        (["grey.png", "-o", "why.png"], 1, "--aligned"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], code: int, says: str) -> None:
    Image.new("RGB", (200, 200), (120, 120, 120)).save("grey.png")
    result = run("explain", *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(os.listdir()) == ["grey.png", "photo.jpg"]


def test_a_set_as_points(face_folders: Path) -> None:
    result = run("embed", "--data", str(face_folders), "-o", "map.png")
    assert result.exit_code == 0, result.output
    assert "8 faces" in result.stderr
    assert read_image("map.png").shape[2] == 3
    result = run("embed", "--data", str(face_folders), "-o", "map.txt")
    assert result.exit_code == 2
    assert "map.txt" in result.stderr
