"""Whoever is killed, whenever: the rows are those of an undisturbed job, none lost and none twice."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.conftest import (
    actors_of,
    children_with,
    finished,
    kill,
    parts_in,
    ray_started,
    rows_in,
    started,
    until,
)

WORKER = b"daft.execution.udf_worker"


def test_workers_are_killed(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    faces, rows = undisturbed
    job = started(faces, tmp_path / "rows", "--aligned", "--shard", 20, "--workers", 2)
    for parts in (1, 5, 9):
        until(lambda parts=parts: parts_in(tmp_path / "rows") >= parts, job)
        kill(random.choice(until(lambda: list(children_with(WORKER, job.pid)), job)))
    code, output, errors = finished(job)
    assert code == 1, errors
    assert "298 faces in 300 inputs" in errors
    assert "Traceback" not in errors + output
    assert rows_in(tmp_path / "rows").equals(rows_in(rows))


def test_the_driver_is_killed_and_started_again(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    faces, rows = undisturbed
    words = (faces, tmp_path / "rows", "--aligned", "--shard", 20, "--resume")
    kept: dict[str, tuple[int, int]] = {}
    for parts in (3, 8):
        job = started(*words)
        until(lambda parts=parts: parts_in(tmp_path / "rows") >= parts, job)
        kill(job.pid)
        job.communicate()
        kept |= {part.name: _made(part) for part in (tmp_path / "rows").glob("part-*")}
    code, _, errors = finished(started(*words))
    assert code == 1, errors
    assert "298 faces in 300 inputs" in errors
    assert rows_in(tmp_path / "rows").equals(rows_in(rows))
    # What was finished was not done again, and nothing but the job's files is left.
    assert len(kept) >= 8
    assert {name: _made(tmp_path / "rows" / name) for name in kept} == kept
    assert {path.name for path in (tmp_path / "rows").iterdir()} == {path.name for path in rows.iterdir()}


def _made(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


@pytest.fixture
def cluster(turn: None) -> Iterator[tuple[str, int]]:
    """The address of a Ray cluster of this machine, with a port of its own, for another may run here; its process."""
    pytest.importorskip("ray")
    port = random.randrange(20000, 30000)
    with ray_started("--head", "--num-cpus=2", "--include-dashboard=false", f"--port={port}") as machine:
        yield f"127.0.0.1:{port}", machine


def test_actors_of_a_cluster_are_killed(
    undisturbed: tuple[Path, Path], tmp_path: Path, cluster: tuple[str, int]
) -> None:
    (faces, rows), (address, machine) = undisturbed, cluster
    job = started(faces, tmp_path / "rows", "--aligned", "--shard", 20, "--address", address)
    for parts in (1, 6):
        until(lambda parts=parts: parts_in(tmp_path / "rows") >= parts, job)
        kill(random.choice(until(lambda: list(actors_of(machine)), job)))
    code, _, errors = finished(job)
    assert code == 1, errors
    assert "298 faces in 300 inputs" in errors
    assert rows_in(tmp_path / "rows").equals(rows_in(rows))
