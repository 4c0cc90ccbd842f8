import contextlib
import fcntl
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow
import pyarrow.parquet
import pytest

T = TypeVar("T")
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


ENVIRONMENT = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
if sys.dont_write_bytecode:  # else each of the many processes would compile Ray, Daft and pandas for itself
    cache = os.path.join(tempfile.gettempdir(), f"posterv2-pycache-{os.getuid()}")
    ENVIRONMENT |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": cache}


def started(*words: object, on: Sequence[str] = ()) -> subprocess.Popen[str]:
    """A job that runs, behind the words `on`, which say where."""
    command = [*on, sys.executable, "-m", "posterv2", "batch", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | ENVIRONMENT
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=1200)
    return process.returncode, output, errors


@contextlib.contextmanager
def ray_started(*words: str, on: Sequence[str] = (), **environment: str) -> Iterator[int]:
    """A machine of a Ray cluster: the process whose children Ray's are, and which takes them with it."""
    ray = Path(sys.executable).with_name("ray")
    command = [*on, str(ray), "start", "--block", "--object-store-memory=80000000", *words]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | ENVIRONMENT | {"PYTHONUNBUFFERED": "1"} | environment,
    )
    assert process.stdout is not None
    try:
        said = ""
        while "Ray runtime started" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        yield process.pid
    finally:
        process.kill()  # Linux ends its children with it; asked to end, it takes long to say farewell
        process.communicate()


@pytest.fixture
def turn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clusters of one run of the tests follow each other: two at once take each other's time."""
    with (tmp_path_factory.getbasetemp().parent / "posterv2-cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def children_with(word: bytes, parent: int) -> Iterator[int]:
    """The processes of one parent that have this in their command."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (process / "status").read_text(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if word in command and f"\nPPid:\t{parent}\n" in status:
            yield int(process.name)


def actors_of(machine: int) -> Iterator[int]:
    """The workers of a job on a machine of a Ray cluster."""
    for raylet in children_with(b"raylet", machine):
        yield from children_with(b"ray::UDFActor", raylet)


def until(found: Callable[[], T], process: subprocess.Popen[str]) -> T:
    """Wait for something that a running job brings about."""
    while not (it := found()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return it


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
