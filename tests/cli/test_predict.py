"""`posterv2 predict` does all that can be done, writes results to stdout alone, and names what it could not do."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.preprocessing import read_image
from tests.tiny_graph import BLUE, LABELS, RED, plain, write_tiny_graph

PORTRAIT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write_tiny_graph(tmp_path / "tiny.onnx", scale=100)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: the portrait as `photo.jpg`, and in `crops` and `more` a `face.png`, red and blue."""
    home = tmp_path / "home"
    for name, colour in (("crops", RED), ("more", BLUE)):
        (home / name).mkdir(parents=True)
        Image.fromarray(plain(colour)).save(home / name / "face.png")
    shutil.copy(PORTRAIT, home / "photo.jpg")
    monkeypatch.chdir(home)
    return home


def predict(weights: Path, *words: str):
    return CliRunner().invoke(app, ["predict", "--weights", str(weights), *words])


def test_table(weights: Path, folder: Path):
    result = predict(weights, "photo.jpg", "crops")
    assert result.exit_code == 0
    head, photo, crop = result.stdout.splitlines()
    assert head.split() == ["source", "face", "box", "(x,", "y,", "width,", "height)", "expression", "probability"]
    assert photo.split()[:2] == ["photo.jpg", "1"]
    assert photo.split()[-2] == "happiness"
    assert photo.endswith("%")
    assert crop.split() == ["crops/face.png", "no", "face"]
    assert "--aligned" in result.stderr


def test_json(weights: Path, folder: Path):
    result = predict(weights, "photo.jpg", "crops", "--format", "json")
    photo, crop = json.loads(result.stdout)
    assert list(photo) == ["source", "width", "height", "frame", "time", "faces"]
    assert (photo["source"], photo["width"], photo["height"]) == ("photo.jpg", 512, 512)
    [face] = photo["faces"]
    assert list(face) == [
        "box", "score", "expression", "probability", "probabilities", "landmarks", "quality", "track", "choices",
    ]  # fmt: skip
    assert list(face["probabilities"]) == list(LABELS.names)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert crop == {"source": "crops/face.png", "width": 60, "height": 60, "frame": 0, "time": None, "faces": []}


def test_csv_and_aligned(weights: Path, folder: Path):
    result = predict(weights, "crops", "more", "--aligned", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [(row["source"], row["expression"], row["width"]) for row in rows] == [
        ("crops/face.png", "happiness", "60"),
        ("more/face.png", "sadness", "60"),
    ]
    assert result.stderr == ""


def test_bad_files_are_named_and_the_others_done(weights: Path, folder: Path):
    for name, content in (("empty.jpg", b""), ("text[1].jpg", b"hello"), ("cut.jpg", PORTRAIT.read_bytes()[:30000])):
        (folder / name).write_bytes(content)
    (folder / "nothing").mkdir()
    words = ("missing.jpg", "empty.jpg", "text[1].jpg", "nothing", "photo.jpg", "cut.jpg")
    result = predict(weights, *words, "--format", "json")
    assert result.exit_code == 1
    assert [entry["source"] for entry in json.loads(result.stdout)] == ["photo.jpg"]
    errors = result.stderr.splitlines()
    assert len(errors) == 5
    for name in (word for word in words if word != "photo.jpg"):
        assert sum(line.startswith(f"error: {name}: ") for line in errors) == 1
    assert predict(weights, "missing.jpg", "--format", "json").stdout == "[]\n"


def test_the_order_is_the_order_asked_for(weights: Path, folder: Path):
    words = [f"{name}/face.png" for name in ("more", "crops") * 20]
    result = predict(weights, *words, "--aligned", "--format", "json")
    assert [entry["source"] for entry in json.loads(result.stdout)] == words
    assert [entry["faces"][0]["expression"] for entry in json.loads(result.stdout)] == ["sadness", "happiness"] * 20


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["-o", "out.json"], "["),
        (["-o", "out.csv"], "source,frame,"),
        (["-o", "out.txt"], "source "),
        (["-o", "out.txt", "--format", "json"], "["),
    ],
)
def test_output_goes_to_the_file(weights: Path, folder: Path, words: list[str], first: str):
    result = predict(weights, "photo.jpg", *words)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert (folder / words[1]).read_text().startswith(first)
    assert words[1] in result.stderr


@pytest.mark.parametrize("output", ["nowhere/out.csv", "crops"])
def test_output_that_cannot_be_is_told_first(weights: Path, folder: Path, output: str):
    result = predict(weights, "photo.jpg", "-o", output)
    assert result.exit_code == 2
    assert output in result.stderr


def test_drawn_pictures_never_overwrite_each_other(weights: Path, folder: Path):
    shutil.copy("photo.jpg", folder / "more" / "PHOTO.jpg")
    Image.open("photo.jpg").save(folder / "more" / "photo.bmp")
    result = predict(weights, "photo.jpg", "crops", "more", "--draw", "drawn/here")
    assert result.exit_code == 0
    drawn = sorted(path.name for path in (folder / "drawn" / "here").iterdir())
    assert drawn == ["PHOTO-2.jpg", "face-2.png", "face.png", "photo.jpg", "photo.png"]
    assert read_image(folder / "drawn" / "here" / "photo.jpg").shape == (1024, 1024, 3)


def test_drawing_never_overwrites_a_source(weights: Path, folder: Path):
    before = (folder / "photo.jpg").read_bytes()
    result = predict(weights, "photo.jpg", "--draw", ".")
    assert result.exit_code == 2
    assert "would overwrite photo.jpg" in result.stderr
    assert (folder / "photo.jpg").read_bytes() == before


def test_blurred_drawing_hides_the_face_and_its_thumbnail(weights: Path, folder: Path):
    exif = Image.Exif()
    exif[0x010E] = "whose face this is"
    with Image.open("photo.jpg") as photo:
        photo.save("photo.jpg", exif=exif, quality=95)
    assert predict(weights, "photo.jpg", "--draw", "plain").exit_code == 0
    assert predict(weights, "photo.jpg", "--draw", "hidden", "--blur").exit_code == 0
    plain, hidden = (read_image(Path(name, "photo.jpg")).astype(int) for name in ("plain", "hidden"))
    face = (slice(180, 300), slice(380, 520))  # eyes to mouth, in the doubled picture
    detail = [np.abs(np.diff(picture[face], axis=0)).mean() for picture in (plain, hidden)]
    assert detail[1] < detail[0] / 5
    assert b"whose face" not in Path("hidden", "photo.jpg").read_bytes()
    with Image.open(Path("hidden", "photo.jpg")) as drawn:
        assert not drawn.getexif()


def test_blur_alone_is_wrong_use(weights: Path, folder: Path):
    result = predict(weights, "photo.jpg", "--blur")
    assert result.exit_code == 2
    assert "--draw" in result.stderr


def test_the_detector_is_the_one_that_is_named(weights: Path, folder: Path):
    result = predict(weights, "photo.jpg", "--detector", "nowhere.onnx")
    assert result.exit_code == 1
    assert "nowhere.onnx: there is no such file" in result.stderr
    boxes = [predict(weights, "photo.jpg", "--detector", name).stdout for name in ("haar", "mtcnn")]
    assert boxes[0] != boxes[1]


def test_weights_labels_and_device_reach_the_classifier(weights: Path, folder: Path):
    assert "rafdb" in predict(weights, "photo.jpg", "--labels", "rafdb").stderr
    assert "no device 'tpu'" in predict(weights, "photo.jpg", "--device", "tpu").stderr
    result = predict(Path("missing.onnx"), "photo.jpg")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: there is no embedded model and no file 'missing.onnx'")


def test_quiet_leaves_the_result_and_errors(weights: Path, folder: Path):
    result = predict(weights, "--quiet", "crops", "missing.jpg", "--draw", "drawn")
    assert result.stderr == "error: missing.jpg: No such file or directory\n"
    assert "no face" in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="file names are text there")
def test_file_names_that_are_no_text(weights: Path, folder: Path):
    shutil.copy("crops/face.png", os.fsdecode(b"\xff.png"))
    for words in (["--format", "json"], ["--format", "csv"], []):
        result = predict(weights, os.fsdecode(b"\xff.png"), "--aligned", *words)
        assert result.exit_code == 0
        assert "udcff.png" in result.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("photo.jpg", "-o", "photo.jpg"), "is called like a picture"),
        (("photo", "-o", "photo"), "would overwrite one of the sources"),
    ],
)
def test_a_result_never_replaces_a_picture(weights: Path, folder: Path, words: tuple[str, ...], says: str):
    shutil.copy("photo.jpg", "photo")
    result = predict(weights, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert Path("photo.jpg").read_bytes() == Path("photo").read_bytes() == PORTRAIT.read_bytes()


def test_drawings_in_the_folder_are_no_photos(weights: Path, folder: Path):
    for _ in range(2):
        result = predict(weights, "more", "--draw", "more/drawn", "--format", "json")
        assert result.exit_code == 0, result.stderr
        assert [row["source"] for row in json.loads(result.stdout)] == ["more/face.png"]
    assert os.listdir("more/drawn") == ["face.png"]


def test_a_drawing_that_cannot_be_written_spoils_nothing_else(weights: Path, folder: Path):
    Image.fromarray(plain(RED)).resize((17_000, 40)).save("wide.png")
    os.rename("wide.png", "wide.webp")  # WebP ends at 16,383 pixels
    name = "n" * 251 + ".jpg"
    shutil.copy("photo.jpg", name)
    result = predict(weights, "wide.webp", name, "photo.jpg", "--draw", "drawn", "--format", "json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 3
    assert result.stderr.startswith("error: wide.webp: cannot be drawn as .webp")
    assert sorted(os.listdir("drawn")) == sorted([name, "photo.jpg"])


def test_names_that_cannot_be_are_reported_and_the_rest_is_done(weights: Path, folder: Path):
    os.symlink("one", "other")
    os.symlink("other", "one")
    result = predict(weights, "one", "n" * 300, "photo.jpg", "--draw", "drawn", "--format", "json")
    assert result.exit_code == 1
    assert [row["source"] for row in json.loads(result.stdout)] == ["photo.jpg"]
    assert result.stderr.count("error: ") == 2


def test_a_name_does_not_steer_the_terminal(weights: Path, folder: Path):
    shutil.copy("photo.jpg", "red\x1b[31m\n.jpg")
    result = predict(weights, "red\x1b[31m\n.jpg")
    assert "red\\x1b[31m\\x0a.jpg" in result.stdout
    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 2
