"""`posterv2 train` from the command line, on a handful of real faces."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posterv2.checkpoints.header import read_header
from posterv2.cli import app
from posterv2.training.config import load_config
from tests.checkpoints import official
from tests.fixtures.make_layouts import FACES, put

QUICK = ("model=posterv2-nano", "epochs=2", "batch_size=4")


def run(*words: object):
    return CliRunner().invoke(app, ["train", *map(str, words)])


def test_trains_and_says_where_the_weights_are(ferplus_zip: Path, tmp_path: Path):
    out = tmp_path / "run"
    result = run("ferplus", *QUICK, "lr=1e-3", "seed=3", "--data", ferplus_zip, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert str(out / "best.safetensors") in result.stdout
    assert "epoch 2/2: loss" in result.stderr
    config = read_header(out / "last.safetensors").training["config"]
    assert isinstance(config, dict)
    assert (config["seed"], config["lr"], config["recipe"]) == (3, 1e-3, "ferplus")


def test_a_mirror_holds_the_run_and_goes_on_with_the_same_words(ferplus_zip: Path, tmp_path: Path):
    out, mirror = tmp_path / "run", tmp_path / "elsewhere"
    words = ("ferplus", *QUICK, "epochs=1", "--data", ferplus_zip, "--out", out, "--mirror", mirror)
    assert run(*words).exit_code == 0
    shutil.rmtree(out)
    again = run(*words)
    assert again.exit_code == 0, again.stderr
    assert "holds this run already" in again.stderr
    assert f"--mirror {mirror}" in json.loads((out / "run.json").read_text())["command"]
    assert run("--from", out / "run.json", "--out", tmp_path / "second").exit_code == 0
    assert json.loads((tmp_path / "second" / "run.json").read_text())["plan"]["mirror"] is None
    address = run("ferplus", "--data", ferplus_zip, "--out", "s3://bucket/run")
    assert (address.exit_code, "--mirror s3://" in address.stderr) == (2, True)


def test_quiet_says_nothing_on_stderr(ferplus_zip: Path, tmp_path: Path):
    result = run("ferplus", *QUICK, "epochs=1", "--data", ferplus_zip, "--out", tmp_path / "run", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "best.safetensors" in result.stdout


def test_settings_are_listed():
    result = run("--settings")
    assert result.exit_code == 0
    assert "sam_rho" in result.stdout
    assert "ferplus-nano" in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["raf"], 2, "no recipe 'raf'; choose one of"),
        (["ferplus", "--mirror", "nowhere://bucket/run"], 2, "no file system here opens this"),
        (["ferplus", "epoch=3"], 2, "no setting 'epoch'"),
        (["ferplus", "labels=rafdb", *QUICK], 2, "contempt"),
        (["ferplus", *QUICK, "--device", "warp"], 2, "cannot use the device 'warp'"),
        (["ferplus", *QUICK, "--dataset", "imagenet"], 2, "no data set 'imagenet'"),
        (["ferplus", *QUICK, "--backbone", "nowhere.pth"], 1, "nowhere.pth"),
        (["ferplus", *QUICK, "--landmarks", __file__], 1, "test_train.py"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], code: int, says: str, ferplus_zip: Path, tmp_path: Path):
    result = run(*words, "--data", ferplus_zip, "--out", tmp_path / "run")
    assert result.exit_code == code
    assert says in result.stderr
    assert len([line for line in result.stderr.splitlines() if not line.startswith("warning: ")]) == 1
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ferplus"], "a run needs a folder: give --out RUN"),
        (["--out", "RUN"], "a run needs a recipe and data"),
        (["--data", "DIR"], "a run needs a recipe, data and a folder"),
        (["--from", "nowhere.json", "--out", "RUN"], "nowhere.json: there is no run card"),
        (["ferplus", "--from", "nowhere.json", "--out", "RUN"], "--from takes recipe, settings, files and device"),
        (["--resume", "nowhere"], "there is no run card"),
        (["--resume", __file__], f"--init {__file__}"),
    ],
)
def test_what_is_missing_is_named(words: list[str], says: str):
    result = run(*words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_resume_and_again_need_nothing_else(ferplus_zip: Path, tmp_path: Path):
    out = tmp_path / "run"
    assert run("ferplus", *QUICK, "epochs=1", "--data", ferplus_zip, "--out", out).exit_code == 0
    resumed = run("ferplus", "--resume", out)
    assert resumed.exit_code == 0, resumed.stderr
    again = run("--from", out / "run.json", "--out", tmp_path / "again")
    assert again.exit_code == 0, again.stderr
    one, two = (read_header(folder / "last.safetensors").metrics for folder in (out, tmp_path / "again"))
    assert one == two
    refused = run("ferplus", "--resume", out, "epochs=3")
    assert (refused.exit_code, "give nothing beside it" in refused.stderr) == (2, True)
    assert run("rafdb", "--resume", out).exit_code == 2
    for words in (
        ["--device", "cpu"],
        ["--init", "x"],
        ["--dataset", "ferplus"],
        ["--teacher", "x"],
    ):  # they would be passed over
        assert run("--resume", out, *words).exit_code == 2
        assert run("--from", out / "run.json", "--out", tmp_path / "third", *words).exit_code == 2


def test_a_run_refers_to_the_manifest_that_data_check_writes(face_folders: Path, tmp_path: Path):
    """Also where a part of the training set is held out."""
    for face in sorted((face_folders / "train").rglob("*.png")):
        put(next(FACES.glob(f"{face.parent.name}_2.png")), face.with_name("second.png"))
    manifest, out = tmp_path / "manifest.json", tmp_path / "run"
    CliRunner().invoke(app, ["data", "check", str(face_folders), "--manifest", str(manifest)])
    assert run("ferplus", *QUICK, "epochs=1", "selection=holdout", "--data", face_folders, "--out", out).exit_code == 0
    hashes = {name: split["hash"] for name, split in json.loads(manifest.read_text())["splits"].items()}
    card = json.loads((out / "run.json").read_text())
    assert {part: entry["split_manifest"] for part, entry in card["data"].items()} == {
        "train": hashes["train"],
        "chosen_on": hashes["train"],
        "evaluated": hashes["valid"],
    }
    assert card["data"]["train"]["manifest"] != card["data"]["chosen_on"]["manifest"]
    assert run("--resume", out).exit_code == 0


OURS = ["--dataset", "folders", "--backbone", "i.pth", "--landmarks", "m.tar"]
PUBLISHED = ["--lr", "3.5e-5", "--batch-size", "144", "--epochs", "200", "--gpu", "0"]


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (
            ["--data", "RAF", "--data_type", "RAF-DB", *PUBLISHED],
            "posterv2 train rafdb lr=3.5e-5 batch_size=144 epochs=200 --data RAF --out RUN selection=published "
            "--device cuda:0",
        ),
        (
            ["--data", "A B", "--data_type", "AffectNet-7", "--lr", "1e-6"],
            "posterv2 train affectnet7 lr=1e-6 --data 'A B' --out RUN selection=published",
        ),
        (
            ["--data", "C", "--data_type", "CAER-S", "-b", "8", "--resume", "x.pth"],
            "posterv2 train caers batch_size=8 --data C --out RUN selection=published --init x.pth",
        ),
        (
            ["--data", "RAF", "--evaluate", "best.pth"],
            "posterv2 evaluate --data RAF --weights best.pth --labels rafdb",
        ),
        (["--data", "X", "--data_type", "FER"], "no data type 'FER' in the published code"),
        (["--data", "X", "--lr", "fast"], "lr must be of type float, got 'fast'"),
        (
            ["--data", "RAF", "--resume", __file__],
            f"posterv2 train rafdb --data RAF --out RUN selection=published --init {__file__}",
        ),
        (["--data", "RAF", "--data_type", "RAF-DB", "--resume", "tests"], "posterv2 train --resume tests"),
        (
            ["--data", "RAF", "--gpu", "0,2", "-b", "16"],
            "CUDA_VISIBLE_DEVICES=0,2 torchrun --nproc-per-node 2 -m posterv2 train rafdb batch_size=16 --data RAF "
            "--out RUN selection=published",
        ),
        (
            ["--data", "RAF", "--gpu", "1,0", "-e", "best.pth"],
            "posterv2 evaluate --data RAF --weights best.pth --labels rafdb --device cuda:1",
        ),
        (["ferplus-nano", "-e", "best.pth"], "posterv2 evaluate --data DIR --weights best.pth"),
        (
            ["rafdb", "seed=3", "--data", "RAF", "--out", "R", "--device", "cpu", *OURS, "--epochs", "3"],
            "posterv2 train rafdb seed=3 epochs=3 --data RAF --out R selection=published --device cpu "
            "--dataset folders --backbone i.pth --landmarks m.tar",
        ),
    ],
)
def test_published_commands_are_answered_with_ours(words: list[str], ours: str):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.strip().endswith(ours) or ours in result.stderr
    if ours.startswith("posterv2 train") and "--resume" not in ours:
        load_config(ours.split()[2], [word for word in ours.split() if "=" in word])


def test_a_published_file_is_gone_on_with_from_its_epoch(tmp_path: Path):
    """Its script had lowered the learning rate after each of them, and had the rest still to do."""
    file = official.save(official.checkpoint(), tmp_path / "last.pth")
    result = run("--data", "RAF", "--data_type", "RAF-DB", "--batch-size", "144", "--lr", "1e-5", "--resume", file)
    assert result.exit_code == 2
    assert result.stderr.endswith(
        "posterv2 train rafdb batch_size=144 lr=3.035e-07 epochs=27 --data RAF --out RUN selection=published "
        f"--init {file}\n"
    )
    done = run("--data", "RAF", "--epochs", "100", "--resume", file)
    assert "train rafdb epochs=100 --data RAF" in done.stderr
