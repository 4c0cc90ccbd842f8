"""What `posterv2 batch` costs: flat memory, linear time, and how much more than the predictor alone.

    python benchmarks/batch.py [--inputs 2000 20000 200000] [--faces FOLDER] [--cores 2] [--json OUT]

Inputs are a list that names the same face crops again and again. For each length `posterv2 batch LIST ROWS --aligned`
runs in a process of its own on so many cores; the memory of its workers is read while they work. Before and behind the
longest run the predictor alone, on the same cores, names 20,000 of the inputs in batches from files to results: the
overhead is what batch takes longer than the mean of the two for as many inputs. Where the time of a worker goes is
measured for crops and for photos of 640 px on one core.
"""

import argparse
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import posterv2
from posterv2.batch.job import Job
from posterv2.inference.classifier import probabilities
from posterv2.inference.predictor import Predictor
from posterv2.inference.rows import columns_of, rows_of, schema_of
from posterv2.preprocessing import read_image

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "samples" / "astronaut.jpg"
TOGETHER = 64  # faces of one call of the predictor
ALONE = 20_000  # inputs of one measurement of the predictor


@dataclass(frozen=True)
class Run:
    """One job.

    Attributes:
        inputs: how many.
        seconds: from the start of the command to its end.
        rate: inputs a second of that.
        work: milliseconds of a worker for each input, without its start.
        memory: the most that a worker held, in MB.
        driver: the most that the command itself held.
    """

    inputs: int
    seconds: float
    rate: float
    work: float
    memory: float
    driver: float


@dataclass(frozen=True)
class Stages:
    """Milliseconds of one core for an input."""

    what: str
    read: float
    decode: float
    detect: float
    classify: float
    store: float


def listed(faces: Sequence[Path], count: int, folder: Path) -> Path:
    """A list of `count` paths."""
    path = folder / f"{count}.txt"
    with path.open("w") as file:
        file.writelines(f"{faces[number % len(faces)]}\n" for number in range(count))
    return path


def read(path: Path) -> str:
    """What the system says of a process; nothing where it is gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


def peak(process: int) -> float:
    """The most memory that a process has held until now, in MB; 0 where it is gone."""
    status = read(Path(f"/proc/{process}/status"))
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024 if "VmHWM:" in status else 0.0


def workers_of(process: int) -> Iterator[int]:
    """The processes that a job has started to work."""
    children = [child for task in Path(f"/proc/{process}/task").glob("*/children") for child in read(task).split()]
    for child in children:
        if "daft.execution.udf_worker" in read(Path(f"/proc/{child}/cmdline")).split("\0"):
            yield int(child)


def measured(inputs: Path, count: int, rows: Path) -> Run:
    """Run one job and look at it."""
    command = [sys.executable, "-m", "posterv2", "--quiet", "batch", str(inputs), str(rows), "--aligned"]
    begun, worker, driver = time.perf_counter(), 0.0, 0.0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            worker = max([worker, *map(peak, workers_of(process.pid))])
            driver = max(driver, peak(process.pid))
            time.sleep(0.1)
    seconds = time.perf_counter() - begun
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}")
    card = json.loads((rows / "_job.json").read_text())
    done = list(Job(str(rows), card["input"], card["settings"], card["shard"], resume=True).done())
    assert sum(each.inputs for each in done) == sum(each.faces for each in done) == count
    work = 1000 * sum(each.seconds for each in done) / count
    return Run(count, seconds, count / seconds, work, worker, driver)


def alone(predictor: Predictor, faces: Sequence[Path], count: int) -> float:
    """Inputs a second of the predictor itself."""
    begun = time.perf_counter()
    for start in range(0, count, TOGETHER):
        predictor([faces[number % len(faces)] for number in range(start, min(start + TOGETHER, count))], aligned=True)
    return count / (time.perf_counter() - begun)


def timed(work: Callable[[], Any], times: int) -> float:
    """Milliseconds of a call, the median of several."""
    work()
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


def stages(what: str, files: Sequence[Path], aligned: bool, predictor: Predictor) -> Stages:
    """Where the time goes, each part for itself."""
    import pyarrow
    from pyarrow import parquet

    pictures = [read_image(file) for file in files]
    looks = [predictor.look(picture, aligned) for picture in pictures]
    crops = [face for look in looks for face in look.pixels]
    results = [predictor(picture, aligned) for picture in pictures]
    names, count = predictor.labels.names, len(files)

    def store() -> None:
        rows = [row for result in results for row in rows_of(result, names)]
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema_of(columns_of(names))), io.BytesIO())

    parts = [
        lambda: [file.read_bytes() for file in files],
        lambda: [read_image(file) for file in files],
        lambda: [predictor.look(picture, aligned) for picture in pictures],
        lambda: probabilities(predictor.classifier, crops),
        store,
    ]
    read, decode, *rest = (timed(part, 5) / count for part in parts)
    return Stages(what, read, decode - read, *rest)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--faces", type=Path, default=ROOT / "tests" / "fixtures" / "faces", help="crops, .png")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: options.cores]
    os.sched_setaffinity(0, cores)  # jobs inherit it
    faces, lengths = sorted(options.faces.glob("*.png")), sorted(options.inputs)
    print(f"{platform.processor() or platform.machine()}, {len(cores)} core(s), {len(faces)} different faces\n")
    print("| inputs | seconds | inputs/s | worker ms/input | worker MB | driver MB |\n|---|---|---|---|---|---|")
    runs, rates = [], []
    with tempfile.TemporaryDirectory() as name:
        folder, predictor = Path(name), posterv2.load()
        alone(predictor, faces, TOGETHER)
        for number, count in enumerate(lengths):
            if number == len(lengths) - 1:
                rates.append(alone(predictor, faces, min(ALONE, count)))
            run = measured(listed(faces, count, folder), count, folder / f"rows{count}")
            runs.append(run)
            numbers = f"{run.rate:,.0f} | {run.work:.2f} | {run.memory:.0f} | {run.driver:.0f}"
            print(f"| {count:,} | {run.seconds:,.1f} | {numbers} |", flush=True)
        rates.append(alone(predictor, faces, min(ALONE, lengths[-1])))
        overhead = statistics.mean(rates) / runs[-1].rate - 1
        print(
            f"\npredictor alone {rates[0]:,.0f} and {rates[1]:,.0f} inputs/s: batch takes {overhead:+.1%} of its time"
        )
        os.sched_setaffinity(0, cores[:1])
        one, photo = posterv2.load(threads=1), folder / "photo.jpg"
        picture = Image.open(PHOTO)
        picture.resize((640, 640 * picture.height // picture.width)).save(photo, quality=92)
        parts = [stages("crop of 48 px", (faces * TOGETHER)[:TOGETHER], True, one)]
        parts.append(stages("photo of 640 px, one face", [photo] * 4, False, one))
        print(f"\n| ms of a core for an input | read | decode | detect, crop | classify | store |\n{6 * '|---'}|")
        for part in parts:
            times = [part.read, part.decode, part.detect, part.classify, part.store]
            print(f"| {part.what} | {' | '.join(f'{each:.3f}' for each in times)} |")
    if options.json is not None:
        values = {"cores": len(cores), "runs": [asdict(run) for run in runs], "alone": rates, "overhead": overhead}
        options.json.write_text(json.dumps(values | {"stages": [asdict(part) for part in parts]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
