"""`posterv2 batch`: many inputs to Parquet, by the cores of this machine or of a cluster."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import StoppedError


def batch(
    input: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A folder, a pattern, a list of paths (.txt), Parquet, a WebDataset .tar, or a video; on this machine "
            "or elsewhere (s3://...).",
        ),
    ],
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="A folder for the Parquet files.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is unfinished in OUTPUT.")] = False,
    aligned: Annotated[bool, typer.Option("--aligned", help="Each picture is a face crop already.")] = False,
    fps: Annotated[float | None, typer.Option(metavar="N", help="Look at N frames a second of videos.")] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Predictors at work; by default as many as cores allow.")
    ] = None,
    cpus: Annotated[int, typer.Option(metavar="N", min=1, help="Cores of each worker.")] = 1,
    gpus: Annotated[float, typer.Option(metavar="N", min=0, help="GPUs of each worker, 0.5 for a half.")] = 0.0,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: auto, HOST:6379 or ray://HOST:10001.")
    ] = None,
    shard: Annotated[
        int, typer.Option(metavar="N", min=1, help="Pictures that are one file of the output, at most.")
    ] = 2000,
    uncertain_below: options.UncertainBelow = 0.0,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
    detector: options.Detector = "mtcnn",
) -> None:
    """Name the expressions in millions of pictures, and lose none when machines fail.

    OUTPUT gets a Parquet file for each shard, with a row for each face; what cannot be read is a row with its `error`.

    \b
    Examples:
      posterv2 batch photos/ rows/
      posterv2 batch 'crops/*.tar' rows/ --aligned --resume
      posterv2 batch s3://bucket/faces.parquet s3://bucket/rows --address auto --gpus 1
    """
    from posterv2.batch.engine import Pool, run
    from posterv2.batch.job import Job
    from posterv2.batch.worker import Settings
    from posterv2.checkpoints import catalog
    from posterv2.inference.detection.factory import open_detector
    from posterv2.inference.engines.choice import open_classifier
    from posterv2.inference.thinning import Thinning
    from posterv2.training.stop import stopped_at_once

    if address is not None:  # its machines know no working directory of ours
        input, output = _absolute(input), _absolute(output)
    device = "cuda" if gpus and device == "auto" else device
    digest = catalog.digest(weights or catalog.DEFAULT)
    with stopped_at_once():
        # What is wrong is told before a job is begun.
        Thinning(fps)
        open_detector(detector)
        if not gpus:  # a GPU need not be on this machine
            open_classifier(weights, labels, device, engine, precision)
        settings = Settings(
            output, weights, labels, device, engine, precision, detector, uncertain_below, cpus, aligned, fps, digest
        )
        job = Job(output, input, settings.deciding(), shard, resume)
        sums = _Sums()
        for done in job.done():
            sums.add(done.inputs, done.faces, done.failures)
        console.note(f"{len(job.shards):,} shards, {len(job.shards) - sums.shards:,} to do")
        begun, before = time.monotonic(), sums.inputs
        try:
            with console.progress("Shards", len(job.shards)) as advance:
                for _ in range(sums.shards):
                    advance("")
                for done in run(job, settings, Pool(workers, cpus, gpus, address)):
                    sums.add(done.inputs, done.faces, done.failures)
                    advance(f"{(sums.inputs - before) / (time.monotonic() - begun):,.0f} inputs/s")
        except KeyboardInterrupt:
            raise StoppedError(f"stopped; to go on with {output}, give the same command with --resume") from None
    took = time.monotonic() - begun
    rate = f", {(sums.inputs - before) / took:,.0f} a second" if sums.inputs > before else ""
    console.note(f"written to {output}: {sums.faces:,} faces in {sums.inputs:,} inputs{rate}")
    if sums.failures:
        rows = [(f"{count:,}", reason) for reason, count in sums.failures.most_common(20)]
        console.note(f"{sum(sums.failures.values()):,} could not be done; their rows say why in `error`:")
        console.result(console.table(("inputs", "reason"), rows, right=("inputs",)))
        raise typer.Exit(1)


def _absolute(word: str) -> str:
    return word if "://" in word else os.path.abspath(word)


class _Sums:
    """Of finished shards."""

    def __init__(self) -> None:
        self.shards = self.inputs = self.faces = 0
        self.failures: Counter[str] = Counter()

    def add(self, inputs: int, faces: int, failures: dict[str, int]) -> None:
        self.shards += 1
        self.inputs += inputs
        self.faces += faces
        self.failures.update(failures)
