"""Ids that stay: faces that cross, turn back, are missed, leave and come in, with the noise of a detector."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from posterv2.inference.detection.detector import Detection
from posterv2.inference.detection.haar import HaarDetector
from posterv2.inference.tracking import GAP, Tracker
from tests.fixtures.make_clips import FPS, Scene, crossing, detected, walk

Found = tuple[np.ndarray, list[Detection], list[int]]


def followed(frames: Iterable[Found], tracker: Tracker | None = None) -> dict[int, Counter[int]]:
    """How often each true face got each id; boxes that stand for two faces at once are left out."""
    tracker, got = tracker or Tracker(), defaultdict(Counter)
    for number, (image, detections, truth) in enumerate(frames):
        ids = tracker.update(detections, number / FPS, image)
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


def test_it_takes_motion_to_tell_faces_that_cross() -> None:
    """The test above can fail: boxes alone, with the last place for the next, mix the two up."""

    class Nearest(Tracker):
        def update(self, detections: Sequence[Detection], time: float, image: np.ndarray | None = None) -> list[int]:
            for track in self._tracks:
                track.vx = track.vy = track.both = 0.0
            return super().update(detections, time)

    assert not all(kept(followed(detected(crossing(), seed), Nearest())) for seed in range(6))


@pytest.mark.parametrize("seed", range(2))
def test_a_crowd_that_comes_and_goes(seed: int) -> None:
    """One of fourteen who come in where somebody has just left, which looks alike in motion, may get that one's id."""
    got = followed(detected(walk(4, 30 * FPS, (960, 540), stay=8), seed))
    assert len(got) == 14
    assert steady(got)
    assert len({counts.most_common(1)[0][0] for counts in got.values()}) >= 13


def test_faces_cross_before_a_real_detector() -> None:
    detector = HaarDetector()

    def frames() -> Iterable[Found]:
        for scene in crossing(frames=60, size=(960, 540), side=170):
            found = detector.detect(scene.image)
            yield scene.image, found, [_true(face, scene) for face in found]

    got = followed(frames())
    assert set(got) == {1, 2}
    assert kept(got)


def _true(face: Detection, scene: Scene) -> int:
    """The number of the face whose middle lies nearest, or 0 where both are near."""
    x, y, width, height = face.box
    away = [abs(bx + bw / 2 - x - width / 2) + abs(by + bh / 2 - y - height / 2) for bx, by, bw, bh in scene.boxes]
    return 0 if len(away) > 1 and max(away) < 60 else scene.ids[int(np.argmin(away))]


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
