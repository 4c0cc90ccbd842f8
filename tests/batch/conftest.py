import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

FACES = sorted((Path(__file__).parents[1] / "fixtures" / "faces").glob("*.png"))


def rows_in(folder: Path) -> pyarrow.Table:
    """The rows of a job, in the order of its shards."""
    return pyarrow.concat_tables(pyarrow.parquet.read_table(part) for part in sorted(folder.glob("part-*.parquet")))


def parts_in(folder: Path) -> int:
    return len(list(folder.glob("part-*.parquet")))


def listed(path: Path, count: int) -> Path:
    """A list of real faces, one of them broken and one missing."""
    broken = path.with_name("broken.png")
    broken.write_bytes(FACES[0].read_bytes()[:300])
    faces = [*itertools.islice(itertools.cycle(FACES), count - 2), broken, path.with_name("missing.png")]
    path.write_text("".join(f"{face}\n" for face in faces))
    return path


def started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "posterv2", "batch", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def processes_with(word: bytes, parent: int | None = None) -> Iterator[int]:
    """The processes with this in their command, of one parent alone or of all."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (process / "status").read_text(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if word in command and (parent is None or f"\nPPid:\t{parent}\n" in status):
            yield int(process.name)


def until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a running job brings about."""
    while not holds():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A list of 300 inputs, and what an undisturbed job makes of it in shards of 20."""
    folder = tmp_path_factory.mktemp("undisturbed")
    faces = listed(folder / "faces.txt", 300)
    code, output, errors = finished(started(faces, folder / "rows", "--aligned", "--shard", 20))
    assert code == 1
    assert "298 faces in 300 inputs" in errors
    assert "No such file or directory" in output
    return faces, folder / "rows"
