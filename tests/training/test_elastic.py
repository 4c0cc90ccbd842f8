"""Processes that torchrun starts again after one was killed, over gloo on the CPU."""

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from posterv2.errors import UsageError
from posterv2.training.config import load_config
from posterv2.training.distributed import world_of
from posterv2.training.plan import CARD, Plan
from posterv2.training.run import train
from posterv2.training.start import started_again
from tests.training.test_distributed import free_port
from tests.training.test_resume import same

SPAWN = multiprocessing.get_context("forkserver")
RECIPE, SETTINGS = "ferplus", ["model=posterv2-nano", "batch_size=4", "epochs=3", "lr=1e-3"]

DIES = """\
import os, signal
from posterv2.cli import main
from posterv2.training import run

run.SECONDS_BETWEEN_STATES = 0.0  # a state after each of the two steps of an epoch, and one after the epoch
run.find_spec = lambda name: None  # no curves, whose libraries take seconds to import
saves, save = [], run._Run._save

def save_and_die(self, position):
    save(self, position)
    saves.append(position)
    if (os.environ["TORCHELASTIC_RESTART_COUNT"], self.world.rank, len(saves)) == ("0", 1, 3):
        os.kill(os.getpid(), signal.SIGKILL)

run._Run._save = save_and_die
main()
"""
"""posterv2, whose second process is killed in the middle of the second epoch at the first start."""


def undisturbed(rank: int, port: int, data: Path, out: Path) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    train(Plan(load_config(RECIPE, SETTINGS), data), out)


def test_killed_processes_are_started_again_and_end_as_if_nothing_had_happened(
    ferplus_zip: Path, tmp_path: Path
) -> None:
    port = free_port()
    ranks = [SPAWN.Process(target=undisturbed, args=(rank, port, ferplus_zip, tmp_path / "whole")) for rank in range(2)]
    for process in ranks:
        process.start()
    (tmp_path / "dies.py").write_text(DIES)
    words = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1", str(tmp_path / "dies.py")]
    words += ["train", RECIPE, *SETTINGS, "--data", str(ferplus_zip), "--out", str(tmp_path / "killed")]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("holds this run already; going on with it") == 1
    for process in ranks:
        process.join()
        assert process.exitcode == 0
    same(tmp_path / "whole", tmp_path / "killed")
    assert json.loads((tmp_path / "killed" / CARD).read_text())["result"]


def test_only_the_same_run_goes_on_and_only_under_torchrun(
    ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, plan = tmp_path / "run", Plan(load_config(RECIPE, [*SETTINGS, "epochs=1"]), ferplus_zip)
    assert not started_again(plan, out)
    epochs = train(plan, out)
    with pytest.raises(UsageError, match=f"is there already; .* --resume {out}"):
        train(plan, out)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert train(plan, out) == epochs
    with pytest.raises(UsageError, match="holds a run with another plan"):
        train(Plan(load_config(RECIPE, SETTINGS), ferplus_zip), out)
    (out / CARD).unlink()
    with pytest.raises(UsageError, match="is there already"):
        train(plan, out)


def test_a_torchrun_that_could_not_restart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "0")
    with world_of("cpu"):
        pass
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(UsageError, match="set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1"), world_of("cpu"):
        pass
