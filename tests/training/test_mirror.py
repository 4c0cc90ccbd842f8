"""Runs that are copied elsewhere, and come back from there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from posterv2.errors import OutputError, StoppedError, TrainingError, UsageError
from posterv2.training.config import load_config
from posterv2.training.mirror import FILES
from posterv2.training.plan import CARD, Plan
from posterv2.training.run import Progress, resume, train
from posterv2.training.state import STATE
from tests.training.test_resume import same, signalled

SETTINGS = ["model=posterv2-nano", "batch_size=4", "epochs=3", "lr=1e-3"]
ADDRESS = "memory://bucket/run"


@pytest.fixture(autouse=True)
def bucket() -> Iterator[MemoryFileSystem]:
    """An object store that is empty."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


def plan(data: Path, mirror: str | None = ADDRESS, *settings: str) -> Plan:
    return Plan(load_config("ferplus", [*SETTINGS, *settings]), data, mirror=mirror)


def stopped(data: Path, out: Path, mirror: str | None = ADDRESS) -> None:
    with pytest.raises(StoppedError):
        train(plan(data, mirror), out, signalled(15, lambda epoch: epoch == 2))


@pytest.mark.parametrize("kind", ["object store", "folder"])
def test_a_run_whose_folder_is_lost_goes_on_from_its_mirror(kind: str, ferplus_zip: Path, tmp_path: Path) -> None:
    mirror = ADDRESS if kind == "object store" else str(tmp_path / "elsewhere" / "run")
    stopped(ferplus_zip, tmp_path / "run", mirror)
    shutil.rmtree(tmp_path / "run")
    seen: list[int] = []
    said: list[str] = []
    train(plan(ferplus_zip, mirror), tmp_path / "run", Progress(said.append, lambda total, done: seen.append(done)))
    assert seen == [3]  # the two steps of the first epoch, one of the second
    assert f"{tmp_path / 'run'} holds this run already; going on with it" in said
    train(plan(ferplus_zip, None), tmp_path / "whole")
    same(tmp_path / "whole", tmp_path / "run")
    store, path = fsspec.core.url_to_fs(mirror)
    for name in FILES:
        assert store.cat_file(f"{path}/{name}") == (tmp_path / "run" / name).read_bytes(), name
    assert not list(tmp_path.glob(".*"))


def test_the_folder_goes_before_its_mirror(ferplus_zip: Path, tmp_path: Path, bucket: MemoryFileSystem) -> None:
    stopped(ferplus_zip, tmp_path / "run")
    bucket.pipe_file("/bucket/run/state.safetensors", b"not looked at")
    assert len(resume(tmp_path / "run")) == 3  # the mirror stands in the card
    assert bucket.cat_file("/bucket/run/state.safetensors") == (tmp_path / "run" / STATE).read_bytes()


def test_a_mirror_of_another_run_is_refused(ferplus_zip: Path, tmp_path: Path, bucket: MemoryFileSystem) -> None:
    stopped(ferplus_zip, tmp_path / "run")
    before = bucket.cat_file("/bucket/run/run.json")
    with pytest.raises(UsageError, match="another plan"):
        train(plan(ferplus_zip, ADDRESS, "seed=5"), tmp_path / "other")
    assert bucket.cat_file("/bucket/run/run.json") == before


def test_a_copy_that_fails_is_a_warning_and_tried_again(
    ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: MemoryFileSystem
) -> None:
    sent: list[str] = []
    put = MemoryFileSystem.pipe_file

    def flaky(self: MemoryFileSystem, path: str, value: bytes, **more: object) -> None:
        name = Path(path).name
        sent.append(name)
        if name == "best.safetensors" and sent.count(name) == 1:
            raise ConnectionError("the store is away")
        put(self, path, value)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", flaky)
    said: list[str] = []
    train(plan(ferplus_zip), tmp_path / "run", Progress(said.append))
    [warning] = [message for message in said if "store" in message]
    assert warning.startswith("memory://bucket/run/best.safetensors: cannot be written: the store is away; ")
    first = sent.index("best.safetensors")
    assert STATE not in sent[:first]  # it would count as done what is not there
    assert sent[first + 1] != STATE
    assert bucket.cat_file("/bucket/run/best.safetensors") == (tmp_path / "run" / "best.safetensors").read_bytes()


def test_a_mirror_that_cannot_be_written_stops_the_run_at_its_start_and_its_end(
    ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: MemoryFileSystem, path: str, value: bytes, **more: object) -> None:
        raise ConnectionError("the store is away")

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", away)
    with pytest.raises(OutputError, match="the store is away"):
        train(plan(ferplus_zip), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    monkeypatch.undo()
    stopped(ferplus_zip, tmp_path / "run")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", away)
    with pytest.raises(OutputError, match=f"the copy is tried again with .* --resume {tmp_path / 'run'}"):
        resume(tmp_path / "run")
    monkeypatch.undo()
    assert len(resume(tmp_path / "run")) == 3
    assert fsspec.filesystem("memory").cat_file("/bucket/run/run.json") == (tmp_path / "run" / CARD).read_bytes()


def test_a_mirror_that_cannot_be_read_begins_nothing(
    ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(ferplus_zip, tmp_path / "run")

    def away(self: MemoryFileSystem, path: str, **more: object) -> bytes:
        raise ConnectionError("the store is away")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", away)
    with pytest.raises(TrainingError, match=r"no way to tell .* the store is away"):
        train(plan(ferplus_zip), tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with pytest.raises(UsageError, match="no file system here opens this"):
        train(plan(ferplus_zip, "nowhere://bucket/run"), tmp_path / "again")
