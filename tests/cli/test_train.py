"""`posterv2 train` from the command line, on a handful of real faces."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from posterv2.checkpoints.header import read_header
from posterv2.cli import app

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


def test_missing_options_are_named(tmp_path: Path):
    result = run("ferplus", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--data" in result.stderr
