"""`posterv2 data check`: what is in a data set, and what is wrong with it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.data.dataset import open_split
from posterv2.data.manifest import manifest_hash
from tests.fixtures.make_layouts import FACES, put


def _run(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", "check", *map(str, words)])


def test_a_good_set_is_counted(laid_out) -> None:
    root = laid_out("affectnet")
    result = _run(root)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert f"{root}: read as affectnet8, 16 pictures" in result.stdout
    assert ["class", "train", "valid"] in lines
    assert ["contempt", "1", "1"] in lines
    assert ["all", "8", "8"] in lines
    assert ["(left", "out)", "3", "0"] in lines
    assert ["48", "to", "63", "16", "#" * 40] in lines
    assert result.stdout.endswith("Nothing here would spoil a training.\n")


def test_the_set_can_be_named(laid_out) -> None:
    result = _run(laid_out("affectnet"), "--dataset", "affectnet7")
    assert result.exit_code == 0
    assert "read as affectnet7, 14 pictures" in result.stdout
    assert ["(left", "out)", "4", "1"] in [line.split() for line in result.stdout.splitlines()]


def test_what_is_wrong_is_listed_with_what_to_do(face_folders: Path) -> None:
    for number in range(12):
        (face_folders / "train" / "fear" / f"{number:02}.png").touch()
    put(FACES / "anger_1.png", face_folders / "train" / "anger" / "again.png")
    result = _run(face_folders)
    assert result.exit_code == 1
    assert "WRONG: empty files: 12\n    train/fear/00.png\n" in result.stdout
    assert "    train/fear/09.png\n    and 2 more\n  do: fetch them anew" in result.stdout
    assert "note: one picture several times in a split: 1\n" in result.stdout
    assert result.stdout.endswith("\n1 of these would spoil a training.\n")
    assert result.stdout.index("WRONG") < result.stdout.index("note")


def test_a_name_cannot_steer_the_terminal(face_folders: Path) -> None:
    (face_folders / "train" / "fear" / "a\x1b[31m\nb.png").touch()
    assert "\n    train/fear/a\\x1b[31m\\x0ab.png\n" in _run(face_folders).stdout


@pytest.mark.parametrize("kind", ["face_folders", "ferplus_zip"])
def test_the_manifest_has_the_hashes_that_runs_refer_to(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data, out = request.getfixturevalue(kind), tmp_path / "manifest.json"
    result = _run(data, "--manifest", out)
    document = json.loads(out.read_text())
    assert result.stderr == f"wrote {out}, with the hash {document['hash']}\n"
    for name in ("train", "valid"):
        assert document["splits"][name]["hash"] == manifest_hash(open_split(data, split=name))
        assert len(document["splits"][name]["pictures"]) == 8


def test_the_manifest_is_written_of_a_bad_set_too(face_folders: Path, tmp_path: Path) -> None:
    (face_folders / "train" / "fear" / "fear_1.png").write_bytes(b"")
    assert _run(face_folders, "--manifest", tmp_path / "m.json").exit_code == 1
    pictures = json.loads((tmp_path / "m.json").read_text())["splits"]["train"]["pictures"]
    assert [one["bytes"] for one in pictures if one["class"] == "fear"] == [0]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nowhere"], 1, "nowhere: there is no such folder or zip"),
        ([".", "--dataset", "imagenet"], 2, "no data set 'imagenet'; choose one of ferplus, rafdb"),
        ([".", "--dataset", "rafdb"], 1, "found"),
        ([".", "--manifest", "nowhere/m.json"], 2, "--manifest needs a file in a folder that is there"),
    ],
)
def test_what_cannot_be_is_one_line(
    words: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = _run(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
