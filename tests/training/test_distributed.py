"""Two processes of one run, over gloo on the CPU."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from posterv2.training.config import load_config
from posterv2.training.distributed import world_of
from posterv2.training.history import Epoch
from posterv2.training.loop import Meter
from posterv2.training.plan import CARD, Plan
from posterv2.training.run import Progress, resume, train

SPAWN = multiprocessing.get_context("forkserver")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def still_run(rank: int, size: int, port: int, data: Path, out: Path, stop: bool = False) -> None:
    """A run whose batch norms stand still, as their statistics are each process' own; goes on with one that is there.

    With `stop` the first process is asked to stop in the middle of the second epoch.
    """
    if size > 1:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    setattr(torch.nn.BatchNorm2d, "train", lambda self, mode=True: torch.nn.Module.train(self, False))  # noqa: B010
    config = load_config("ferplus", ["model=posterv2-nano", "batch_size=3", "epochs=3", "lr=1e-3", "accumulate=3"])

    def on_step(epoch: int, meter: Meter) -> None:
        if stop and (epoch, meter.steps) == (2, 2):
            os.kill(os.getpid(), signal.SIGTERM)

    progress = Progress(on_step=on_step)
    if (out / CARD).exists():
        resume(out, progress)
    else:
        train(Plan(config, data), out, progress)


def curves(out: Path) -> list[Epoch]:
    return [Epoch(**epoch) for epoch in json.loads((out / "run.json").read_text())["epochs"]]


def test_two_processes_give_the_curve_of_one(ferplus_zip: Path, tmp_path: Path) -> None:
    for size in (1, 2):
        out, port = tmp_path / str(size), free_port()
        ranks = [SPAWN.Process(target=still_run, args=(rank, size, port, ferplus_zip, out)) for rank in range(size)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
            assert process.exitcode == 0
    for one, two in zip(curves(tmp_path / "1"), curves(tmp_path / "2"), strict=True):
        assert two.train_loss == pytest.approx(one.train_loss, abs=1e-4)
        assert two.valid_loss == pytest.approx(one.valid_loss, abs=1e-4)
        assert two.train_accuracy == one.train_accuracy


def test_two_processes_stop_together_and_go_on(ferplus_zip: Path, tmp_path: Path) -> None:
    ends = []
    for name, stop in (("whole", False), ("stopped", True), ("stopped", False)):
        port = free_port()
        arguments = [(rank, 2, port, ferplus_zip, tmp_path / name, stop) for rank in range(2)]
        ranks = [SPAWN.Process(target=still_run, args=each) for each in arguments]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
        ends.append([process.exitcode == 0 for process in ranks])
    assert ends == [[True, True], [False, False], [True, True]]
    for one, two in zip(curves(tmp_path / "whole"), curves(tmp_path / "stopped"), strict=True):
        assert replace(one, seconds=0) == replace(two, seconds=0)


def test_torchrun(ferplus_zip: Path, tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "posterv2", "train"]
    settings = ["ferplus", "model=posterv2-nano", "epochs=1", "batch_size=4"]
    done = subprocess.run(
        [sys.executable, *words, *settings, "--data", str(ferplus_zip), "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best.safetensors") == 1  # the first process speaks, the other is silent
    assert done.stderr.count("epoch 1/1: loss") == 1
    assert curves(tmp_path / "run")[0].epoch == 1
    assert json.loads((tmp_path / "run" / CARD).read_text())["machine"]["processes"] == 2


def test_processes_wait_for_one_that_decodes_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch gives up after 10 minutes on GPUs, 30 on CPUs."""
    seen: list[timedelta] = []
    monkeypatch.setattr("torch.distributed.init_process_group", lambda backend, timeout: seen.append(timeout))
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with world_of("cpu"):
        assert seen[0] >= timedelta(hours=6)
