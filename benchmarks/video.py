"""How fast videos go through, from the file to the rows, what each stage takes, and whether memory stays flat.

    python benchmarks/video.py
    python benchmarks/video.py --memory 20000

Clips of 1280 x 720 pixels are made from real faces that walk about (tests/fixtures/make_clips.py). End to end is
`posterv2 predict clip.mp4 -o rows.csv`, without and with `--draw`, less the start of the process; the stages are run
one after the other, each alone.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the clips

import posterv2
from posterv2.inference.classifier import probabilities
from posterv2.inference.detection.detector import Detection
from posterv2.inference.detection.mtcnn import MtcnnDetector
from posterv2.inference.drawing import drawn
from posterv2.inference.pipeline import FaceFinder
from posterv2.inference.predictor import Predictor
from posterv2.inference.results import Result
from posterv2.inference.rows import RowFormat, lines_of
from posterv2.inference.smoothing import Smoother
from posterv2.inference.video import VideoReader
from posterv2.inference.videowriter import VideoWriter
from tests.fixtures.make_clips import FPS, walk

FRAMES = 500
REPEATS = 3
BATCH = 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=int, metavar="FRAMES", help="measure memory with a clip of so many frames")
    memory = parser.parse_args().memory
    print(f"posterv2 {posterv2.__version__}, onnxruntime {onnxruntime.__version__}, {os.cpu_count()} CPUs")
    print(f"{platform.platform()}, Python {platform.python_version()}")
    with TemporaryDirectory() as folder:
        if memory:
            measure_memory(Path(folder), memory)
        else:
            for faces in (1, 3):
                clip = make_clip(Path(folder) / f"{faces}.mp4", faces, FRAMES, (1280, 720))
                measure_speed(clip, faces)


def make_clip(path: Path, faces: int, frames: int, size: tuple[int, int]) -> Path:
    """A clip of people who walk about."""
    with VideoWriter(path, FPS) as writer:
        for number, scene in enumerate(walk(faces, frames, size)):
            writer.write(scene.image, number / FPS)
    return path


def measure_speed(clip: Path, faces: int) -> None:
    """End to end and stage by stage."""
    begin = predict(clip, "--end", "0.01")[0]  # the process, the models, one frame
    print(f"\n{faces} face(s), {FRAMES} frames of 1280 x 720 at {FPS} a second")
    for words in ((), ("--draw", str(clip.with_name("drawn.mp4")))):
        times = [predict(clip, *words)[0] - begin for _ in range(REPEATS)]
        best = FRAMES / min(times)
        print(f"end to end{' and drawn' if words else ''}: {best:.1f} frames/s, the best of {REPEATS} runs")
    stages = measure_stages(clip)
    total = sum(stages.values())
    for stage, seconds in stages.items():
        print(f"  {stage:<28} {seconds / FRAMES * 1000:6.2f} ms a frame  {seconds / total:6.1%}")
    print(f"  {'all, one after the other':<28} {total / FRAMES * 1000:6.2f} ms a frame")


class Clock:
    """Seconds that each stage takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Around the work of a stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start


class Timed:
    """The detector, by the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._detector = clock, MtcnnDetector()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """Search."""
        with self._clock("searching for faces"):
            return self._detector.detect(image)

    def follow(self, image: np.ndarray, detections: Sequence[Detection]) -> list[Detection | None]:
        """Follow."""
        with self._clock("following faces"):
            return self._detector.follow(image, detections)


def measure_stages(clip: Path) -> dict[str, float]:
    """Seconds that each stage takes for the whole clip, alone."""
    clock = Clock()
    predictor = Predictor(posterv2.load().classifier, Timed(clock))
    finder, smoother, names = FaceFinder(predictor), Smoother(), predictor.labels.names
    frames = iter(VideoReader(clip))
    with VideoWriter(clip.with_name("stages.mp4"), FPS) as writer:
        while True:
            with clock("decoding"):
                batch = list(islice(frames, BATCH))
            if not batch:
                break
            with clock("finding"):
                found = [finder(frame) for frame in batch]
            with clock("classifying"):
                pixels = [face for seen in found for face in seen.pixels]
                rows = iter(probabilities(predictor.classifier, pixels))
            for seen in found:
                at = seen.frame.time or 0.0
                with clock("smoothing, rows"):
                    faces = tuple(
                        predictor.face(detection, smoother(track, at, next(rows)), quality, track)
                        for detection, track, quality in seen.faces
                    )
                    lines_of(Result(str(clip), 1280, 720, faces, seen.frame.index, at), names, RowFormat.CSV)
                with clock("drawing"):
                    picture = drawn(seen.frame.image, faces)
                with clock("encoding what is drawn"):
                    writer.write(picture, at)
    seconds = clock.seconds
    alone = seconds.pop("finding") - seconds["searching for faces"] - seconds["following faces"]
    return {**seconds, "tracking, cropping, quality": alone}


def measure_memory(folder: Path, frames: int) -> None:
    """Peak memory of the whole process after 500 and after many frames."""
    clip = make_clip(folder / "long.mp4", 2, frames, (640, 360))
    print("\n2 faces, frames of 640 x 360, rows, events, a drawn video; peak memory of the process")
    for rows in ("rows.csv", "rows.parquet"):
        for count in (500, frames):
            sides = ("--draw", "drawn.mp4", "--events", "events.csv", "--sheet", "sheet.png")
            seconds, peak = predict(clip, "--end", str(count / FPS), *sides, rows=rows)
            print(f"{rows:<14} {count:6} frames: {peak / 1024:6.1f} MB, {seconds:.0f} s", flush=True)


def predict(clip: Path, *words: str, rows: str = "rows.csv") -> tuple[float, int]:
    """Seconds and peak memory in KB of `posterv2 predict clip.mp4 -o rows.csv`."""
    command = [sys.executable, "-m", "posterv2", "--quiet", "predict", str(clip), "-o", rows, *words]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=clip.parent)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss


if __name__ == "__main__":
    main()
