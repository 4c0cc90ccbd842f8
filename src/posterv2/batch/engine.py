"""Shards through workers on Daft: processes of this machine, or actors of a Ray cluster."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from posterv2.batch.job import Job
from posterv2.batch.shards import Shard
from posterv2.batch.worker import Done, Settings, Worker
from posterv2.errors import PosterError, UsageError, first_line, require

_TRIES = 3  # runs in which nothing is finished before the job is given up

_QUIET = {"DAFT_PROGRESS_BAR": "0", "DO_NOT_TRACK": "1", "RAY_USAGE_STATS_ENABLED": "0"}
"""No bars but ours, and no word to anyone."""

_PATIENCE = {"RAY_grpc_client_keepalive_time_ms": "10000", "RAY_grpc_client_keepalive_timeout_ms": "10000"}
"""Ray would wait up to seven minutes for the answer of a machine that is lost."""


@dataclass(frozen=True)
class Pool:
    """Who works.

    Attributes:
        workers: how many; None for as many as there are cores for.
        cpus: of each; threads of its network too.
        gpus: of each, parts of one allowed.
        address: of a Ray cluster; without one, processes of this machine.
    """

    workers: int | None
    cpus: int = 1
    gpus: float = 0.0
    address: str | None = None


def run(job: Job, settings: Settings, pool: Pool) -> Iterator[Done]:
    """Do what is left of a job; what becomes of each shard comes as it is finished.

    On one machine a worker that dies ends Daft's run. Finished shards are finished then, so a new run does the rest.
    On a cluster Ray starts the worker again, and shards of a machine that is lost go to those that are left.

    Raises:
        PosterError: what a worker cannot go on from, such as a full disk, or workers die again and again.
        MissingExtraError: the extra `batch` is not installed, or `ray`, which `address` needs.
    """
    tries, told = 0, job.finished()
    while pending := job.pending():
        try:
            for done in _run(pending, settings, pool):
                told.add(done.shard)
                yield done
        except PosterError:
            raise
        except Exception as error:  # Daft's errors share no base but this
            finished = job.finished()
            for number in sorted(finished - told):  # by workers that were not to blame
                told.add(number)
                yield job.done_of(number)
            tries = tries + 1 if len(finished) == len(job.shards) - len(pending) else 1
            if tries == _TRIES:
                raise PosterError(
                    f"workers died {_TRIES} times with no shard done between: {first_line(error)}; "
                    f"shard {pending[0].number} begins with {pending[0].paths[0]}"
                ) from error


@cache
def _daft(address: str | None) -> Any:
    """Daft with its runner, which a process chooses once."""
    os.environ |= _QUIET | _PATIENCE
    daft = require("daft", "batch")
    for name in ("daft", "daft_local_execution"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told by us
    if address is None:
        daft.set_runner_native()
    else:
        ray = require("ray", "ray")
        try:
            ray.init(
                address, runtime_env={"env_vars": _QUIET | _PATIENCE}, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, ValueError) as error:
            raise UsageError(f"no Ray cluster answers at {address}: {first_line(error)}") from error
        daft.set_runner_ray(noop_if_initialized=True)
    daft.set_execution_config(maintain_order=False)  # no shard waits for those before it
    return daft


def _cores(pool: Pool) -> int:
    if pool.address is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(require("ray", "ray").cluster_resources().get("CPU", 1))


def _run(shards: list[Shard], settings: Settings, pool: Pool) -> Iterator[Done]:
    """One run of Daft: a row a shard, for batches of one, so that none waits for another."""
    daft = _daft(pool.address)
    workers = min(pool.workers or max(1, _cores(pool) // pool.cpus), len(shards))

    # Ray starts a worker that has died again: Daft 0.7 would ask one that is dead for good, and never end.
    again = {"max_restarts": -1, "max_task_retries": -1}
    # It would wait for ever for cores that went with a machine: workers hold half of theirs, so half may go.
    held = pool.cpus if pool.address is None else pool.cpus / 2

    @daft.cls(max_concurrency=workers, cpus=held, gpus=pool.gpus, use_process=True, ray_options=again)
    class Shards:
        def __init__(self, values: str) -> None:
            self.settings, self.worker = Settings(**json.loads(values)), None

        @daft.method.batch(return_dtype=daft.DataType.string(), batch_size=1)
        def done(self, shards: Any) -> list[str]:
            return [self.one(json.loads(shard)) for shard in shards.to_pylist()]

        def one(self, values: dict[str, Any]) -> str:
            try:
                self.worker = self.worker or Worker(self.settings)
                return json.dumps(asdict(self.worker(Shard.of(values))))
            except PosterError as error:  # as words: whoever reads them may lack the class
                return json.dumps({"stopped": str(error)})

    rows = daft.from_pydict({"shard": [json.dumps(asdict(shard)) for shard in shards]}).into_batches(1)
    for row in rows.select(Shards(json.dumps(asdict(settings))).done(rows["shard"]).alias("done")).iter_rows(1):
        done = json.loads(row["done"])
        if "stopped" in done:
            raise PosterError(done["stopped"])
        yield Done(**done)
