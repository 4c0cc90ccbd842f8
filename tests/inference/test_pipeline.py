"""Frames to results: searched now and then, followed in between, classified together, and gone on with to the bit."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from posterv2.errors import UsageError, VideoError, WeightsError
from posterv2.inference.detection.detector import Detection
from posterv2.inference.detection.mtcnn import MtcnnDetector
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.frames import Frame
from posterv2.inference.pipeline import DETECT_EVERY, STATE_EVERY, FramePredictor, Step, predict_frames
from posterv2.inference.predictor import Predictor, load
from posterv2.inference.results import Result
from tests.fixtures.make_clips import FPS, crossing
from tests.inference.clips import make_clip
from tests.tiny_graph import BLUE, RED, write_tiny_graph

SIZE = 640, 360


class Watchful:
    """Finds what `places` says is in each frame, whose number is its brightness; writes down what it was asked."""

    def __init__(self, places: Sequence[Sequence[int]]) -> None:
        self.places = places
        self.searched: list[int] = []
        self.followed: list[int] = []

    def detect(self, image: np.ndarray) -> list[Detection]:
        number = int(image[0, 0, 1])
        self.searched.append(number)
        return [Detection((x, 20, 60, 60), 0.9) for x in self.places[number]]

    def follow(self, image: np.ndarray, detections: Sequence[Detection]) -> list[Detection | None]:
        number = int(image[0, 0, 1])
        self.followed.append(number)
        near = [[x for x in self.places[number] if abs(x - face.box[0]) < 10] for face in detections]
        return [Detection((xs[0], 20, 60, 60), 0.8) if xs else None for xs in near]


def frames(count: int, rate: float = 25, colour: tuple[int, int, int] = RED) -> Iterator[Frame]:
    for number in range(count):
        image = np.full((120, 640, 3), colour, np.uint8)
        image[0, 0, 1] = number
        yield Frame("clip.mp4", number, number / rate, image)


@pytest.fixture
def classifier(tmp_path: Path) -> OnnxClassifier:
    return OnnxClassifier(write_tiny_graph(tmp_path / "tiny.onnx"))


def run(classifier: OnnxClassifier, detector: Watchful, count: int, rate: float = 25) -> list[Result]:
    return [step.result for step in predict_frames(Predictor(classifier, detector), frames(count, rate))]


def test_each_frame_has_its_result(classifier: OnnxClassifier):
    detector = Watchful([[100 + number, 400 - number] for number in range(50)])
    results = run(classifier, detector, 50)
    assert [result.frame for result in results] == list(range(50))
    assert [result.time for result in results] == [number / 25 for number in range(50)]
    assert {(result.source, result.width, result.height) for result in results} == {("clip.mp4", 640, 120)}
    assert {tuple(face.track for face in result.faces) for result in results} == {(1, 2)}
    assert [result.faces[0].box[0] for result in results] == [100 + number for number in range(50)]
    assert {face.expression for result in results for face in result.faces} == {"happiness"}
    assert all(face.quality is not None for face in results[-1].faces)


@pytest.mark.parametrize(("rate", "every"), [(25, 5), (30, 6), (10, 2), (60, 12), (2, 1)])
def test_searched_every_fifth_of_a_second_and_followed_in_between(classifier: OnnxClassifier, rate: int, every: int):
    assert every == max(1, round(DETECT_EVERY * rate))
    detector = Watchful([[100]] * 40)
    run(classifier, detector, 40, rate)
    assert detector.searched == list(range(0, 40, every))
    assert sorted(detector.searched + detector.followed) == list(range(40))


def test_a_lost_face_is_searched_for_at_once(classifier: OnnxClassifier):
    detector = Watchful([[100]] * 7 + [[300]] * 10)
    results = run(classifier, detector, 17)
    assert detector.searched == [0, 5, 7, 12]
    assert [result.faces[0].box[0] for result in results[6:8]] == [100, 300]


def test_a_new_face_is_found_within_a_fifth_of_a_second(classifier: OnnxClassifier):
    results = run(classifier, Watchful([[100]] * 6 + [[100, 400]] * 10), 16)
    assert [len(result.faces) for result in results] == [1] * 10 + [2] * 6


def test_two_followed_faces_that_have_become_one_are_one(classifier: OnnxClassifier):
    places = [[109 + 9 * number, 160] for number in range(5)]
    results = run(classifier, Watchful(places), 5)
    assert [len(result.faces) for result in results] == [2, 2, 2, 2, 1]


def test_a_detector_that_cannot_follow_searches_each_frame(classifier: OnnxClassifier):
    class Plain:
        def detect(self, image: np.ndarray) -> list[Detection]:
            return [Detection((100, 20, 60, 60), 0.5)]

    results = [step.result for step in predict_frames(Predictor(classifier, Plain()), frames(12))]
    assert [result.faces[0].score for result in results] == [0.5] * 12


def test_faces_of_many_frames_are_classified_together(classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    logits = classifier.logits
    monkeypatch.setattr(classifier, "logits", lambda inputs: sizes.append(len(inputs)) or logits(inputs))
    run(classifier, Watchful([[100]] * 40), 40)
    assert sizes == [16, 16, 8]
    sizes.clear()
    run(classifier, Watchful([[50, 150, 250, 350, 450]] * 14), 14)
    assert sizes == [35, 35]


def test_a_change_goes_through_smoothed(classifier: OnnxClassifier):
    def turning() -> Iterator[Frame]:
        yield from frames(10)
        for frame in frames(40, colour=BLUE):
            yield Frame(frame.source, frame.index + 10, frame.index / 25 + 0.4, frame.image)

    def shares(smooth: float) -> list[float]:
        predictor = Predictor(classifier, Watchful([[100]] * 50))
        steps = list(predict_frames(predictor, turning(), smooth=smooth))
        return [step.result.faces[0].probabilities["sadness"] for step in steps]

    rough, smooth = shares(0), shares(0.3)
    assert rough[9] < 0.5 < rough[10]
    assert rough[10] == rough[-1] == pytest.approx(smooth[-1], abs=0.02)
    assert smooth[9] < smooth[10] < smooth[11] < smooth[20] < rough[20]


def test_uncertain_below_what_is_asked_for(classifier: OnnxClassifier):
    with pytest.raises(UsageError, match=r"from 0 to 1, got 1\.5"):
        Predictor(classifier, Watchful([]), 1.5)
    predictor = Predictor(classifier, Watchful([[100]] * 2), 1.0)
    [step, _] = predict_frames(predictor, frames(2))
    face = step.result.faces[0]
    assert face.expression == "uncertain"
    assert face.probability == max(face.probabilities.values()) < 1
    predictor.uncertain_below = face.probability
    assert predictor(next(frames(1)).image).faces[0].expression == "happiness"


def test_what_goes_wrong_comes_out_and_no_thread_stays(classifier: OnnxClassifier, monkeypatch: pytest.MonkeyPatch):
    def broken() -> Iterator[Frame]:
        yield from frames(20)
        raise VideoError("clip.mp4: broken behind frame 19")

    before = threading.active_count()
    seen: list[Step] = []
    with pytest.raises(VideoError, match="frame 19"):
        seen.extend(predict_frames(Predictor(classifier, Watchful([[100]] * 20)), broken()))
    assert [step.frame.index for step in seen] == list(range(20))
    monkeypatch.setattr(classifier, "logits", lambda inputs: np.full((len(inputs), 8), np.nan, np.float32))
    with pytest.raises(WeightsError, match="not finite"):
        list(predict_frames(Predictor(classifier, Watchful([[100]] * 20)), frames(20)))
    begun = predict_frames(Predictor(classifier, Watchful([[]] * 20)), frames(20))
    next(begun)
    begun.close()
    assert threading.active_count() == before


@pytest.fixture(scope="module")
def clip() -> list[Frame]:
    scenes = enumerate(crossing(frames=2 * STATE_EVERY + 11, size=SIZE))
    return [Frame("crossing.mp4", number, number / FPS, scene.image) for number, scene in scenes]


def test_two_real_faces_that_cross_and_a_run_that_goes_on_to_the_bit(clip: list[Frame]):
    """With the default detector and the embedded model: what is left of a run is equal, not only close."""
    predictor = load()
    steps = list(predict_frames(predictor, clip))
    stated = [place for place, step in enumerate(steps, start=1) if step.state is not None]
    assert stated == [STATE_EVERY, 2 * STATE_EVERY]
    for place in stated:
        rest = list(predict_frames(predictor, clip[place:], state=steps[place - 1].state))
        assert [step.result for step in rest] == [step.result for step in steps[place:]]
    first, last = steps[0].result.faces, steps[-1].result.faces
    assert [face.track for face in first] == [face.track for face in reversed(last)] == [1, 2]


def test_a_camera_gets_its_answers_frame_by_frame(clip: list[Frame]):
    predictor = load()
    live = FramePredictor(predictor)
    steps = predict_frames(predictor, clip[:8])
    for result, step in zip([live(frame) for frame in clip[:8]], steps, strict=True):
        assert [face.track for face in result.faces] == [face.track for face in step.result.faces]
        assert [face.box for face in result.faces] == [face.box for face in step.result.faces]
        for face, other in zip(result.faces, step.result.faces, strict=True):
            assert face.probability == pytest.approx(other.probability, abs=1e-4)


def test_a_video_file(tmp_path: Path, classifier: OnnxClassifier):
    predictor = Predictor(classifier, MtcnnDetector())
    results = list(predictor.video(make_clip(tmp_path / "clip.mp4", 40), fps=10, start=0.5))
    assert [result.frame for result in results] == list(range(15, 40, 3))
    assert results[0].source == str(tmp_path / "clip.mp4")
    with pytest.raises(VideoError, match=r"gone\.mp4"):
        predictor.video(tmp_path / "gone.mp4")
