"""How often faces that meet keep their numbers, and how much smoothing stills the answers.

    python benchmarks/tracking.py

Clips are made of real faces (tests/fixtures/make_clips.py): two that come from both sides and cross, or turn back.
First with the noise of a detector (boxes off by 5 % of their side, one face in five missed, one box or none where one
covers the other), then with the default detector, as `posterv2 predict` looks at videos. An id is kept if it is the
same in all frames of a clip, those apart in which one box stands for both faces.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the clips

import posterv2
from posterv2.inference.frames import Frame
from posterv2.inference.pipeline import FaceFinder, predict_frames
from posterv2.inference.predictor import Predictor
from posterv2.inference.smoothing import TIME_CONSTANT
from posterv2.inference.tracking import Tracker
from posterv2.preprocessing import Box
from tests.fixtures.make_clips import FPS, PORTRAIT, Scene, crossing, detected, walk

SECONDS = range(1, 9)
SEEDS = 6
PAIRS = ((PORTRAIT, "happiness_1"), ("contempt_2", "fear_1"))
NOISE = 25.0  # standard deviation of a pixel, 0..255, in the clip of small faces


def main() -> None:
    """Measure and print."""
    print("two faces that meet, ids kept in all frames")
    clips = len(SECONDS) * SEEDS
    for every, turn in ((1, False), (1, True), (5, False), (5, True)):
        strays = [noisy(seconds, seed, turn, every) for seconds in SECONDS for seed in range(SEEDS)]
        print(f"  a noisy detector, {way(turn)}, {FPS // every:2} frames a second: {strays.count(0)} of {clips} clips")
    predictor = posterv2.load()
    for turn in (False, True):
        strays = [found(predictor, seconds, names, turn) for seconds in SECONDS for names in PAIRS]
        kept = f"{strays.count(0)} of {len(strays)} clips, but for one box: {strays.count(1)}"
        print(f"  the default detector, {way(turn)}, {FPS} frames a second: {kept}")
    print("small noisy faces, 60 seconds: how often the answer for a face changes, a minute and face")
    for smooth in (0.0, TIME_CONSTANT):
        print(f"  time constant {smooth:.1f} s: {changes(predictor, smooth):.0f}")


def way(turn: bool) -> str:
    """In words."""
    return "they turn back" if turn else "they cross"


def noisy(seconds: int, seed: int, turn: bool, every: int) -> int:
    """Boxes with another id, with the noise of a detector, when each `every`-th frame is looked at."""
    tracker, got = Tracker(), {1: Counter[int](), 2: Counter[int]()}
    frames = list(detected(crossing(seconds * FPS, turn=turn), seed, drop=0.2))[::every]
    for number, (image, detections, truth) in enumerate(frames):
        for true, track in zip(truth, tracker.update(detections, number * every / FPS, image), strict=True):
            if true:
                got[true][track] += 1
    return strayed(got)


def found(predictor: Predictor, seconds: int, names: tuple[str, str], turn: bool) -> int:
    """Boxes with another id, with faces that are searched for, and followed in between."""
    finder, got = FaceFinder(predictor), {1: Counter[int](), 2: Counter[int]()}
    for number, scene in enumerate(crossing(seconds * FPS, (640, 360), names, 120, turn)):
        for detection, track, _ in finder(Frame("clip", number, number / FPS, scene.image)).faces:
            if true := nearest(detection.box, scene):
                got[true][track] += 1
    return strayed(got)


def strayed(got: dict[int, Counter[int]]) -> int:
    """How many boxes of a face have another id than most of it; all, where both faces have the same one."""
    (one, first), (other, second) = (got[true].most_common(1)[0] for true in (1, 2))
    total = got[1].total() + got[2].total()
    return total if one == other else total - first - second


def nearest(box: Box, scene: Scene) -> int:
    """The number of the face whose middle lies nearest, or 0 where both are near."""
    x, y, width, height = box
    away = [abs(bx + bw / 2 - x - width / 2) + abs(by + bh / 2 - y - height / 2) for bx, by, bw, bh in scene.boxes]
    return 0 if len(away) > 1 and max(away) < 0.35 * height else scene.ids[int(np.argmin(away))]


def changes(predictor: Predictor, smooth: float) -> float:
    """How often the answer for a face changes, a minute in which it is seen."""
    said: dict[int, list[str]] = {}
    for step in predict_frames(predictor, small_faces(), smooth=smooth):
        for face in step.result.faces:
            said.setdefault(face.track or 0, []).append(face.expression)
    changed = sum(one != other for answers in said.values() for one, other in pairwise(answers))
    return changed / (sum(map(len, said.values())) / FPS / 60)


def small_faces() -> Iterator[Frame]:
    """Three faces of 40 to 60 pixels that walk about for a minute, in noise."""
    noise = np.random.default_rng(0)
    for number, scene in enumerate(walk(3, 60 * FPS, (426, 240))):
        image = (scene.image + noise.normal(0, NOISE, scene.image.shape)).clip(0, 255).astype(np.uint8)
        yield Frame("small", number, number / FPS, image)


if __name__ == "__main__":
    main()
