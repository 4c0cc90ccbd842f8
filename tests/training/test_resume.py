"""Runs that are killed, stopped and resumed, in processes of their own, on real faces."""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from posterv2.checkpoints.format import load
from posterv2.data.manifest import Entry
from posterv2.data.split import Split
from posterv2.errors import OutputError, StoppedError, TrainingError, UsageError
from posterv2.training import parts
from posterv2.training import run as module
from posterv2.training.config import TrainConfig, load_config
from posterv2.training.history import Epoch
from posterv2.training.parts import Parts
from posterv2.training.plan import CARD, Plan
from posterv2.training.run import STATE, Progress, resume, train

# Forked from a process that has torch loaded already and no threads yet.
SPAWN = multiprocessing.get_context("forkserver")
SPAWN.set_forkserver_preload(["posterv2.training.run", "posterv2.training.history"])


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal: who starts the tests in the background may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def config(*overrides: str) -> TrainConfig:
    base = ["model=posterv2-nano", "batch_size=4", "epochs=4", "lr=1e-3", "ema=0.9", "rotation=5", "schedule=one-cycle"]
    base.append("stream_loss=0.5")  # its heads are a part of the state
    return load_config("ferplus", [*base, *overrides])


def go(data: Path, out: Path, saves: float) -> None:
    """Begin the run, or go on with it; the state is saved after every step where `saves` is 0."""
    torch.set_num_threads(1)
    module.SECONDS_BETWEEN_STATES = saves
    if (out / CARD).exists():
        resume(out)
    else:
        train(Plan(config(), data), out)


def started(*arguments: object) -> BaseProcess:
    process = SPAWN.Process(target=go, args=arguments)
    process.start()
    return process


def same(one: Path, other: Path) -> None:
    for name in ("last", "best"):
        (first, header), (second, _) = (load(folder / f"{name}.safetensors") for folder in (one, other))
        values = second.state_dict()
        assert header.training["epoch"] == load(other / f"{name}.safetensors")[1].training["epoch"]
        assert all(torch.equal(value, values[key]) for key, value in first.state_dict().items()), name
    curves = [
        [row.rpartition(",")[0] for row in (folder / "curves.csv").read_text().splitlines()] for folder in (one, other)
    ]
    assert curves[0] == curves[1]  # all but the seconds


def test_killed_ten_times_it_ends_as_if_nothing_had_happened(ferplus_zip: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    go(ferplus_zip, tmp_path / "whole", 600)
    duration = time.monotonic() - begun
    moments = random.Random(7)
    kills = 0
    for saves in (600.0, 0.0) * 5:  # states after epochs alone, and within them
        process = started(ferplus_zip, tmp_path / "killed", saves)
        needed = CARD if saves else STATE  # so that on a slow machine too some of them go on from a state
        while process.is_alive() and not (tmp_path / "killed" / needed).exists():
            time.sleep(0.01)
        process.join(moments.uniform(0, duration / 5))
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            kills += 1
        process.join()
    assert kills >= 2  # on a machine that is slow at first, later ones may come too late
    assert resume(tmp_path / "killed")[-1].epoch == 4
    same(tmp_path / "whole", tmp_path / "killed")
    assert json.loads((tmp_path / "killed" / CARD).read_text())["result"]["epoch"] >= 1


def signalled(number: int, when: Callable[[Epoch | int], bool]) -> Progress:
    """Sends this process a signal at the first step for which `when` holds."""
    sent: list[int] = []

    def on_step(epoch: int, meter: object) -> None:
        if when(epoch) and not sent:
            sent.append(epoch)
            os.kill(os.getpid(), number)

    return Progress(on_step=on_step)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_saves_and_says_how_to_go_on(
    number: int, ferplus_zip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(StoppedError, match=rf"epoch 2 after step 1 of 2; .* posterv2 train ferplus --resume {out}"):
        train(Plan(config(), ferplus_zip), out, signalled(number, lambda epoch: epoch == 2))
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    seen: list[tuple[int, int]] = []
    steps: list[int] = []
    progress = Progress(
        on_start=lambda total, done: seen.append((total, done)), on_step=lambda epoch, meter: steps.append(meter.steps)
    )
    resume(out, progress)
    assert seen == [(8, 3)]
    assert steps == [2, 1, 2, 1, 2]
    train(Plan(config(), ferplus_zip), tmp_path / "whole")
    same(tmp_path / "whole", out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("phase", ["decode", "_finish"])
def test_stopped_before_and_after_its_steps_it_says_how_to_go_on(
    number: int, phase: str, ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a run"
    monkeypatch.setattr(
        {"decode": Parts, "_finish": module._Run}[phase], phase, lambda *_: os.kill(os.getpid(), number)
    )
    with pytest.raises(StoppedError, match=rf"go on with: posterv2 train ferplus --resume '{out}'"):
        train(Plan(config("epochs=1"), ferplus_zip), out)
    monkeypatch.undo()
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)
    assert len(resume(out)) == 1


def test_killed_while_its_data_is_read_it_begins_anew(
    ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"

    def killed(split: Split) -> list[Entry]:
        raise KeyboardInterrupt

    monkeypatch.setattr(parts, "entries", killed)
    with pytest.raises(StoppedError):
        train(Plan(config("epochs=1"), ferplus_zip), out)
    monkeypatch.undo()
    assert len(resume(out)) == 1
    assert json.loads((out / CARD).read_text())["data"]["train"]["manifest"]


def test_half_written_files_of_killed_runs_go(ferplus_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / ".0123456789ab.draft").write_text("half a card")
    train(Plan(config("epochs=1"), ferplus_zip), out)
    (out / ".0123456789ab.draft").write_text("half a state")
    (out / ".faces-elsewhere.draft").write_text("half of the faces, on another machine")
    resume(out)
    assert not [file.name for file in out.iterdir() if file.name.startswith(".")]


def test_a_finished_run_stays_as_it_is(ferplus_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(Plan(config("epochs=1"), ferplus_zip), out)
    before = (out / "last.safetensors").read_bytes()
    assert len(resume(out)) == 1
    assert (out / "last.safetensors").read_bytes() == before


def test_a_full_disk_leaves_the_last_state(ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "run"
    whole = module.write_csv

    def full(path: Path, epochs: list[Epoch]) -> None:
        if len(epochs) == 2:
            raise OutputError(f"{path}: cannot be written: No space left on device")
        whole(path, epochs)

    monkeypatch.setattr(module, "write_csv", full)
    with pytest.raises(OutputError, match="No space left"):
        train(Plan(config(), ferplus_zip), out)
    monkeypatch.undo()
    resume(out)
    train(Plan(config(), ferplus_zip), tmp_path / "whole")
    same(tmp_path / "whole", out)


def test_what_is_no_run_is_refused(ferplus_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run card"):
        resume(tmp_path)
    out = tmp_path / "run"
    train(Plan(config("epochs=1"), ferplus_zip), out)
    state = out / STATE
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="start the run anew"):
        resume(out)


def test_other_data_is_no_way_to_go_on(ferplus_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(StoppedError):
        train(Plan(config(), ferplus_folders), out, signalled(signal.SIGTERM, lambda epoch: epoch == 2))
    picture = ferplus_folders / "FER2013Valid" / "fear_2.png"
    before = picture.read_bytes()
    picture.write_bytes((ferplus_folders / "FER2013Valid" / "anger_2.png").read_bytes())
    with pytest.raises(UsageError, match="by their manifests the parts chosen_on, evaluated differ"):
        resume(out)
    with pytest.raises(UsageError, match="chosen_on, evaluated differ"):
        train(Plan.from_card(out / CARD), tmp_path / "again")
    picture.write_bytes(before)
    assert len(resume(out)) == 4


def test_a_card_does_the_run_again(ferplus_zip: Path, tmp_path: Path) -> None:
    train(Plan(config("epochs=2"), ferplus_zip), tmp_path / "one")
    train(Plan.from_card(tmp_path / "one" / CARD), tmp_path / "two")
    same(tmp_path / "one", tmp_path / "two")
    first = tmp_path / "one" / "last.safetensors"
    from posterv2.training.plan import Start

    train(Plan(config("epochs=1"), ferplus_zip, start=Start(weights=first)), tmp_path / "three")
    first.write_bytes((tmp_path / "two" / "best.safetensors").read_bytes() + b" ")
    with pytest.raises(UsageError, match="its content has changed"):
        Plan.from_card(tmp_path / "three" / CARD)
