"""Ids that stay: faces that cross, turn back, are missed, leave and come in, with the noise of a detector."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from posterv2.inference.detection.detector import Detection
from posterv2.inference.detection.haar import HaarDetector
from posterv2.inference.tracking import GAP, Tracker
from tests.fixtures.make_clips import FPS, PORTRAIT, Scene, crossing, detected, walk

Found = tuple[np.ndarray, list[Detection], list[int]]


def followed(frames: Iterable[Found], tracker: Tracker | None = None, step: int = 1) -> dict[int, Counter[int]]:
    """How often each true face got each id; boxes that stand for two faces at once are left out."""
    tracker, got = tracker or Tracker(), defaultdict(Counter)
    for number, (image, detections, truth) in enumerate(frames):
        ids = tracker.update(detections, number * step / FPS, image)
        assert len(set(ids)) == len(ids)
        for true, id in zip(truth, ids, strict=True):
            if true:
                got[true][id] += 1
    return dict(got)


def steady(got: dict[int, Counter[int]]) -> bool:
    """Whether each face has one id, in all frames but a few about a meeting."""
    return all(counts.most_common(1)[0][1] >= 0.97 * sum(counts.values()) for counts in got.values())


def kept(got: dict[int, Counter[int]]) -> bool:
    """Whether each face has one id that no other one has."""
    return steady(got) and len({counts.most_common(1)[0][0] for counts in got.values()}) == len(got)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("turn", [False, True], ids=["cross", "turn back"])
def test_faces_that_meet_keep_their_ids(turn: bool, seed: int) -> None:
    assert kept(followed(detected(crossing(turn=turn), seed)))


@pytest.mark.parametrize("frames", [30, 60])
@pytest.mark.parametrize("turn", [False, True], ids=["cross", "turn back"])
def test_so_they_do_in_nearly_all_quick_meetings_of_grey_faces(turn: bool, frames: int) -> None:
    clip = list(crossing(frames, (320, 180), ("neutral_1", "happiness_1"), 55, turn))
    strict = [followed(detected(clip, seed, jitter=0.04)) for seed in range(20)]
    assert sum(all(len(counts) == 1 for counts in got.values()) and kept(got) for got in strict) >= 19


@pytest.mark.parametrize("every", [5, 10], ids=["5 frames a second", "2.5 frames a second"])
def test_thinned_frames_keep_ids_too(every: int) -> None:
    clip = list(crossing(200, (320, 180), side=55))
    for seed in range(4):
        assert kept(followed(list(detected(clip, seed))[::every], step=every))


def test_faces_that_are_in_every_frame_are_there_however_far_apart_the_frames() -> None:
    faces, tracker = [Detection((100, 100, 50, 50), 0.9), Detection((400, 100, 50, 50), 0.9)], Tracker()
    assert [tracker.update(faces, time) for time in (0.0, 5 * GAP, 10 * GAP)] == [[1, 2]] * 3


def test_where_faces_meet_no_look_is_learned() -> None:
    apart, *_, meeting = list(crossing(40, (320, 180), side=55))[:19]
    tracker, looks = Tracker(), []
    for scene in (apart, meeting, meeting):
        tracker.update([Detection(box, 0.9) for box in scene.boxes], 0.0, scene.image)
        looks.append([track["look"] for track in tracker.to_state()["tracks"]])
    assert looks[1] == looks[2]
    tracker.update([Detection(box, 0.9) for box in apart.boxes], 0.0, apart.image)
    assert looks[2] != [track["look"] for track in tracker.to_state()["tracks"]]


def test_time_that_goes_back_does_no_harm() -> None:
    face, tracker = Detection((100, 100, 50, 50), 0.9), Tracker()
    assert [tracker.update([face], time) for time in (5.0, 5.04, 4.0, 4.04, 5.08)] == [[1]] * 5


def test_memory_holds_the_faces_of_the_last_seconds() -> None:
    tracker = Tracker()
    for number in range(600):
        tracker.update([Detection((100 + number % 2 * 900, 100 + number % 3 * 700, 50, 50), 0.9)], 9 * GAP * number)
    assert tracker.to_state()["next"] > 500
    assert len(tracker.to_state()["tracks"]) <= 2


def test_it_takes_motion_to_tell_faces_that_cross() -> None:
    """The test above can fail: boxes alone, with the last place for the next, mix the two up."""

    class Nearest(Tracker):
        def update(self, detections: Sequence[Detection], time: float, image: np.ndarray | None = None) -> list[int]:
            for track in self._tracks:
                track.vx = track.vy = track.both = 0.0
            return super().update(detections, time)

    assert not all(kept(followed(detected(crossing(), seed), Nearest())) for seed in range(6))


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_that_comes_and_goes(seed: int) -> None:
    """Faces that come in, half cut off, while others leave may get one of their ids; most have their own."""
    got = followed(detected(walk(4, 30 * FPS, (960, 540), stay=8), seed))
    main = {true: counts.most_common(1)[0] for true, counts in got.items()}
    assert len(got) == 14
    assert len({id for id, _ in main.values()}) >= 12
    assert sum(count for _, count in main.values()) >= 0.96 * sum(counts.total() for counts in got.values())


@pytest.mark.parametrize(
    ("names", "turn"),
    [((PORTRAIT, "happiness_1"), False), (("contempt_2", "fear_1"), False), ((PORTRAIT, "happiness_1"), True)],
)
def test_faces_meet_before_a_real_detector(names: tuple[str, str], turn: bool) -> None:
    detector = HaarDetector()

    def frames() -> Iterable[Found]:
        for scene in crossing(50, (640, 360), names, 120, turn):
            found = detector.detect(scene.image)
            yield scene.image, found, [_true(face, scene) for face in found]

    got = followed(frames())
    assert set(got) == {1, 2}
    assert kept(got)


def _true(face: Detection, scene: Scene) -> int:
    """The number of the face whose middle lies nearest, or 0 where both are near."""
    x, y, width, height = face.box
    away = [abs(bx + bw / 2 - x - width / 2) + abs(by + bh / 2 - y - height / 2) for bx, by, bw, bh in scene.boxes]
    return 0 if len(away) > 1 and max(away) < 0.35 * height else scene.ids[int(np.argmin(away))]


def test_a_face_is_remembered_for_a_while_and_its_id_never_given_again() -> None:
    face, tracker = Detection((100, 100, 50, 50), 0.9), Tracker()
    assert tracker.update([face], 0.0) == [1]
    assert tracker.update([], 0.04) == []
    assert tracker.update([face], GAP - 0.1) == [1]
    tracker.update([], GAP)
    assert tracker.update([face], 3 * GAP) == [2]


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped() -> None:
    frames = list(detected(crossing(), 3))
    whole, tracker = Tracker(), Tracker()
    for number, (image, detections, _) in enumerate(frames):
        if number % 7 == 0:
            tracker = Tracker.from_state(json.loads(json.dumps(tracker.to_state())))
        time = number / FPS
        assert tracker.update(detections, time, image) == whole.update(detections, time, image)
    assert tracker.to_state() == whole.to_state()
    gone = Tracker.from_state(json.loads(json.dumps(whole.to_state())))
    assert gone.update([Detection((10, 10, 50, 50), 0.9)], 99.0) == [3]
