"""Rows survive: a run killed at any moment goes on without a lost or doubled row."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from posterv2.errors import OutputError, UsageError
from posterv2.inference.results import Face, Result
from posterv2.inference.rows import RowFormat, read_rows
from posterv2.inference.rowwriter import RowWriter, finished

ROOT = Path(__file__).parents[2]
NAMES = ("neutral", "happiness")
FORMATS = ("csv", "jsonl", "parquet")
FRAMES = 4000


def result(frame: int) -> Result:
    """No face, one or two, and numbers of its own for each frame."""
    share = (frame % 97) / 97
    shares = {"neutral": 1 - share, "happiness": share}
    faces = [Face((frame, at, 5, 5), share, "neutral", 1 - share, shares, track=at) for at in range(frame % 3)]
    return Result("clip.mp4", 64, 48, tuple(faces), frame, frame / 30)


def run(path: Path, frames: int = FRAMES, every: int = 7, **options: Any) -> RowWriter:
    """A run as the command line does one: rows, and a checkpoint after each batch."""
    with RowWriter(path, NAMES, **options) as writer:
        for frame in range(writer.state["frame"] if writer.state else 0, frames):
            writer.write(result(frame))
            if frame % every == 0:
                writer.checkpoint({"frame": frame + 1})
    return writer


def stopped(path: Path, at: int, **options: Any) -> None:
    """A run that fails behind frame `at`."""

    class StopError(Exception):
        pass

    def fail() -> None:
        with RowWriter(path, NAMES, **options) as writer:
            for frame in range(at):
                writer.write(result(frame))
                if frame % 7 == 0:
                    writer.checkpoint({"frame": frame + 1})
            raise StopError

    with pytest.raises(StopError):
        fail()


def contents(path: Path) -> object:
    if path.suffix != ".parquet":
        return path.read_bytes()
    from pyarrow import parquet

    return parquet.read_table(path).to_pylist()


def run_and_die(path: Path, size: int, delay: float) -> None:
    """Go on with a run, and be killed once its file has `size` bytes, `delay` seconds later, whatever goes on then."""
    growing = path.with_name(f".{path.name}.journal") if path.suffix == ".parquet" else path

    def watch() -> None:
        while not growing.exists() or growing.stat().st_size < size:
            time.sleep(0.0005)
        time.sleep(delay)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    run(path, resume=True)


@pytest.mark.parametrize("ending", FORMATS)
def test_killed_at_ten_moments_and_as_whole_as_ever(tmp_path: Path, ending: str) -> None:
    """SIGKILL, to processes of their own; the moments are spread by how far the rows have come, not by a clock."""
    undisturbed, path = tmp_path / f"undisturbed.{ending}", tmp_path / f"killed.{ending}"
    run(undisturbed)
    written = undisturbed if ending == "csv" else tmp_path / "journal.jsonl"
    if ending != "csv":
        run(written)
    length = os.path.getsize(written)
    moments = random.Random(ending)
    for part in range(10):
        size, delay = int((part + moments.random()) * length / 14), moments.random() * 0.004
        code = f"from pathlib import Path; import sys; sys.path.insert(0, {str(ROOT)!r}); " + (
            f"from tests.inference.test_rowwriter import run_and_die; run_and_die(Path({str(path)!r}), {size}, {delay})"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not finished(path)
    run(path, resume=True)
    assert contents(path) == contents(undisturbed)
    assert finished(path)
    assert not list(tmp_path.glob(".killed.*"))


@pytest.mark.parametrize("ending", FORMATS)
def test_a_run_that_is_stopped_between_checkpoints(tmp_path: Path, ending: str) -> None:
    path, undisturbed = tmp_path / f"rows.{ending}", tmp_path / f"whole.{ending}"
    stopped(path, 20)
    writer = RowWriter(path, NAMES, resume=True)
    with writer:
        assert writer.state == {"frame": 15}
        assert {row["frame"] for row in writer.written()} == set(range(15))
        for frame in range(15, 30):
            writer.write(result(frame))
        assert {row["frame"] for row in writer.written()} == set(range(30))
    run(undisturbed, 30)
    assert contents(path) == contents(undisturbed)


@pytest.mark.parametrize("ending", FORMATS)
def test_stopped_while_it_is_finished(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are whole, and the sidecar is still there: going on ends in the same file."""
    path = tmp_path / f"rows.{ending}"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
        run(path, 30)
    before = contents(path)
    assert not finished(path)
    run(path, 30, resume=True)
    assert contents(path) == before
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".draft")] == [path.name]


def test_parquet_that_cannot_be_made_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.parquet"
    path.write_text("from before")

    def full(*words: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("posterv2.inference.rowwriter.to_parquet", full)
        with pytest.raises(OutputError, match=r"rows\.parquet: cannot be written: No space left"):
            run(path, 30)
    assert path.read_text() == "from before"
    run(path, 30, resume=True)
    assert {row["frame"] for row in read_rows(path)} == set(range(30))


@pytest.mark.parametrize("ending", FORMATS)
def test_an_unfinished_run_is_not_overwritten(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    stopped(path, 20)
    with pytest.raises(
        UsageError, match=r"an unfinished run lies there; go on with --resume, or delete .*\.resume\.json"
    ):
        RowWriter(path, NAMES)
    run(path, 30, resume=True)
    assert {row["frame"] for row in read_rows(path)} == set(range(30))


@pytest.mark.parametrize("ending", FORMATS)
def test_a_run_without_a_checkpoint_begins_anew(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    for resume in (False, True, False):
        stopped(path, 0, resume=resume)
        assert not finished(path)
    assert run(path, 5, resume=True).state is None
    assert {row["frame"] for row in read_rows(path)} == set(range(5))


@pytest.mark.parametrize("ending", FORMATS)
def test_a_finished_file_is_replaced_or_left(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    run(path, 30)
    with pytest.raises(UsageError, match="is finished, nothing is left to do"):
        run(path, 30, resume=True)
    assert {row["frame"] for row in read_rows(path)} == set(range(30))
    run(path, 3)
    assert {row["frame"] for row in read_rows(path)} == set(range(3))


def test_another_run_does_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    begun = {"weights": "one", "settings": {"fps": 5.0, "box": (1, 2)}}
    stopped(path, 20, fingerprint=begun)
    with pytest.raises(UsageError, match='begun with weights "one", this one has "two"'):
        RowWriter(path, NAMES, begun | {"weights": "two"}, resume=True)
    with pytest.raises(UsageError, match=r"begun with settings .* this one has null"):
        RowWriter(path, NAMES, {"weights": "one"}, resume=True)
    with pytest.raises(UsageError, match="begun with columns"):
        RowWriter(path, ("neutral",), begun, resume=True)
    run(path, 30, resume=True, fingerprint=begun)
    assert {row["frame"] for row in read_rows(path)} == set(range(30))


def test_rows_that_somebody_changed_are_not_gone_on_with(tmp_path: Path) -> None:
    path, sidecar = tmp_path / "rows.csv", tmp_path / ".rows.csv.resume.json"
    stopped(path, 20)
    whole, note = path.read_bytes(), sidecar.read_bytes()
    for changed in (whole[:100], whole.replace(b"\n", b"\r\n")):
        path.write_bytes(changed)
        with pytest.raises(OutputError, match=r"changed since its run was stopped; delete .*\.resume\.json"):
            RowWriter(path, NAMES, resume=True)
        assert path.read_bytes() == changed
    path.write_bytes(whole)
    for words in (b"{", b"[]", json.dumps({"version": 0, "offset": 3}).encode()):
        sidecar.write_bytes(words)
        with pytest.raises(OutputError, match="delete it to begin anew"):
            RowWriter(path, NAMES, resume=True)
    sidecar.write_bytes(note)
    path.unlink()
    with pytest.raises(OutputError, match="changed since"):
        RowWriter(path, NAMES, resume=True)


@pytest.mark.parametrize("ending", FORMATS)
def test_two_runs_do_not_write_one_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    with RowWriter(path, NAMES) as writer:
        writer.write(result(1))
        writer.checkpoint({"frame": 2})
        with pytest.raises(UsageError, match="another run is writing there"):
            RowWriter(path, NAMES, resume=True)
        writer.write(result(2))
    assert {row["frame"] for row in read_rows(path)} == {1, 2}


def test_rows_are_there_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with RowWriter(path, NAMES) as writer:
        writer.write(result(0))
        writer.checkpoint({"frame": 1})
        assert [row["frame"] for row in read_rows(path)] == [0]


def test_places_that_are_no_ordinary_files(tmp_path: Path) -> None:
    with RowWriter("/dev/null", NAMES, format=RowFormat.CSV) as writer:
        writer.write(result(0))
        writer.checkpoint({"frame": 1})
    assert not Path("/dev/.null.resume.json").exists()
    with pytest.raises(UsageError, match="no ordinary file"):
        RowWriter("/dev/null", NAMES, format=RowFormat.CSV, resume=True)
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        RowWriter(tmp_path / "none" / "rows.csv", NAMES)
    (tmp_path / "real").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "rows.csv")
    run(tmp_path / "link.csv", 3)
    assert (tmp_path / "link.csv").is_symlink()
    assert {row["frame"] for row in read_rows(tmp_path / "real" / "rows.csv")} == {0, 1, 2}
