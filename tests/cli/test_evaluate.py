import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.data.dataset import READERS, open_split
from posterv2.evaluation.evaluate import evaluate
from posterv2.inference.engines.choice import open_classifier
from posterv2.labels import LABEL_SETS
from tests.tiny_graph import write_tiny_graph


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that takes every grey face for neutral."""
    return write_tiny_graph(tmp_path / "tiny.onnx")


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_the_table_on_stdout_and_the_json_file(ferplus_zip: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    result = _run("--data", ferplus_zip, "--weights", weights, "--json", out)
    assert result.exit_code == 0, result.output
    expected = evaluate(open_classifier(weights), open_split(ferplus_zip)).to_dict()
    assert json.loads(out.read_text()) == expected
    assert f"tiny on {ferplus_zip}, split valid: 8 faces" in result.stdout
    lines = result.stdout.splitlines()
    words = [line.split() for line in lines]
    assert ["accuracy", "12.50%", "12.50%", "..", "12.50%"] in words
    assert ["mean", "class", "accuracy", "12.50%", "12.50%", "..", "12.50%"] in words
    assert ["class", "faces", "precision", "recall", "F1", "95", "%", "interval", "of", "recall"] in words
    assert ["neutral", "1", "12.50%", "100.00%", "22.22%", "100.00%", "..", "100.00%"] in words
    assert ["fear", "1", "-", "0.00%", "0.00%", "0.00%", "..", "0.00%"] in words
    printed = [[int(word) for word in line.split()[1:]] for line in lines[-8:]]
    assert printed == expected["confusion_matrix"] == [[1, 0, 0, 0, 0, 0, 0, 0]] * 8
    few, wrote = result.stderr.splitlines()
    assert few.startswith("fewer than 30 faces of neutral (1), happiness (1), ")
    assert wrote == f"wrote {out}"


def test_no_json_unless_it_is_asked_for(face_folders: Path, weights: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = _run("--data", face_folders, "--dataset", "folders", "--split", "train", "--weights", weights)
    assert result.exit_code == 0
    assert "split train: 8 faces" in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_classes_without_faces_are_told(face_folders: Path, weights: Path) -> None:
    shutil.rmtree(face_folders / "valid" / "fear")
    result = _run("--data", face_folders, "--weights", weights)
    assert result.stderr.splitlines()[0] == "no faces of fear: left out of the means over classes"
    assert next(line.split()[:2] for line in result.stdout.splitlines() if line.startswith("fear")) == ["fear", "0"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--split", "all"], 1, "there is no split 'all'; there is train, valid"),
        (["--dataset", "ferplus"], 1, "found train/, valid/"),
        (["--dataset", "imagenet"], 2, "no data set 'imagenet'; choose one of ferplus, rafdb"),
        (["--labels", "rafdb"], 2, "rafdb"),
        (["--json", "nowhere/result.json"], 2, "--json needs a file in a folder that is there"),
        (["--weights", "gone.onnx"], 1, "no file 'gone.onnx'"),
    ],
)
def test_what_is_wrong_is_one_line(
    face_folders: Path, weights: Path, words: list[str], code: int, message: str
) -> None:
    result = _run("--data", face_folders, "--weights", weights, *words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_folders_that_do_not_fit_the_weights_show_both_lists(face_folders: Path, weights: Path) -> None:
    (face_folders / "valid" / "fear").rename(face_folders / "valid" / "boredom")
    result = _run("--data", face_folders, "--weights", weights)
    assert result.exit_code == 2
    assert "boredom of custom (anger, boredom, contempt" in result.stderr
    assert str(LABEL_SETS["ferplus"]) in result.stderr


def test_a_broken_picture_leaves_no_json(face_folders: Path, weights: Path, tmp_path: Path) -> None:
    (face_folders / "valid" / "fear" / "fear_2.png").write_bytes(b"")
    out = tmp_path / "result.json"
    result = _run("--data", face_folders, "--weights", weights, "--json", out)
    assert (result.exit_code, result.stdout, out.exists()) == (1, "", False)
    assert "fear_2.png: the file is empty; nothing was evaluated" in result.stderr


def test_help_shows_an_example() -> None:
    result = _run("--help")
    assert result.exit_code == 0
    assert "posterv2 evaluate --data ferplus.zip --json result.json" in result.stdout


@pytest.mark.parametrize("verb", ["evaluate", "train", "data check"])
def test_the_help_names_every_data_set(verb: str) -> None:
    words = CliRunner().invoke(app, [*verb.split(), "--help"]).stdout.replace(",", " ").replace(";", " ").split()
    assert READERS.keys() <= set(words)


def test_affectnet_is_cut_to_the_classes_of_the_weights(laid_out, tmp_path: Path) -> None:
    seven = write_tiny_graph(tmp_path / "seven.onnx", labels=LABEL_SETS["affectnet7"])
    out = tmp_path / "result.json"
    result = _run("--data", laid_out("affectnet"), "--weights", seven, "--json", out)
    assert result.exit_code == 0, result.output
    assert json.loads(out.read_text())["dataset"] == "affectnet7"
    assert "split valid: 7 faces" in result.stdout
