"""Pictures and videos in one stream, in their order: broken ones are passed over, and it goes on from any state."""

import json
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from posterv2.errors import PosterError, UsageError, WeightsError
from posterv2.inference import pipeline
from posterv2.inference import steps as steps_module
from posterv2.inference.detection.detector import Detection
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from posterv2.inference.pipeline import Step
from posterv2.inference.predictor import Predictor
from posterv2.inference.sources import Source
from posterv2.inference.steps import Viewing, expected, steps
from tests.inference.clips import make_clip, number_in, picture
from tests.tiny_graph import write_tiny_graph

FRAMES, SHORT = 15, 7
LANDMARKS = ((20.0, 30.5), (30.0, 30.5), (25.0, 40.0), (21.0, 50.0), (29.0, 50.0))


class Numbers:
    """Finds what depends on the number in a picture; what it follows depends on every frame since it last searched."""

    def detect(self, image: np.ndarray) -> list[Detection]:
        number = int(number_in(image))
        face = Detection((number % 20, 8, 48, 48), 0.9, LANDMARKS)
        return [face, Detection((90, 8 + number % 5, 40, 50), 0.8)] if number % 4 else [face]

    def follow(self, image: np.ndarray, detections: Sequence[Detection]) -> list[Detection | None]:
        moved: list[Detection | None] = [
            Detection((x + 1, y, width, height - 1), face.score * 0.9, face.landmarks)
            for face in detections
            for x, y, width, height in [face.box]
        ]
        return [*moved[:-1], None] if number_in(image) % 11 == 10 else moved


class Told:
    """What came, in its order: a line for each step, and one for each source that `failed` was told of."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []
        self.errors: list[str] = []

    def failed(self, source: Source, error: PosterError) -> None:
        self.lines.append(("failed", Path(source.name).name))
        self.errors.append(str(error))

    def step(self, step: Step) -> None:
        assert (step.frame.source, step.frame.index) == (step.result.source, step.result.frame)
        self.lines.append((Path(step.frame.source).name, step.frame.index, step.frame.time, step.result, step.state))

    @property
    def short(self) -> list[tuple[Any, ...]]:
        return [line[:2] for line in self.lines]


@pytest.fixture
def predictor(tmp_path: Path) -> Predictor:
    return Predictor(OnnxClassifier(write_tiny_graph(tmp_path / "tiny.onnx")), Numbers())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, one that is cut off, pictures, and files that are neither."""
    folder = tmp_path_factory.mktemp("sources")
    make_clip(folder / "a.mp4", FRAMES)
    make_clip(folder / "b.mp4", SHORT)
    (folder / "cut.mp4").write_bytes((folder / "a.mp4").read_bytes()[: (folder / "a.mp4").stat().st_size * 3 // 5])
    for number in range(7):
        Image.fromarray(picture(100 + number)).save(folder / f"{number}.png")
    for name in ("text.mp4", "text.png", "more.png"):
        (folder / name).write_text("neither a picture nor a video")
    return folder


def named(folder: Path, *names: str) -> list[Source]:
    return [
        Source("video" if name.endswith(".mp4") else "picture", str(folder / name), folder / name) for name in names
    ]


def told(
    predictor: Predictor, sources: Sequence[Source], viewing: Viewing | None = None, state: dict[str, Any] | None = None
) -> Told:
    seen = Told()
    for step in steps(predictor, sources, viewing or Viewing(), seen.failed, state):
        seen.step(step)
    return seen


def frames(name: str, count: int) -> list[tuple[str, int]]:
    return [(name, index) for index in range(count)]


def test_a_step_for_each_picture_and_frame_in_the_order_of_the_sources(predictor: Predictor, folder: Path) -> None:
    sources = named(folder, "1.png", "b.mp4", "a.mp4", "0.png", "2.png", "b.mp4")
    seen = Told()
    for step in steps(predictor, sources, Viewing(), seen.failed):
        seen.step(step)
        number = 100 + int(step.frame.source[-5]) if step.frame.time is None else step.frame.index
        assert number_in(step.frame.image) == number
    clip = frames("b.mp4", SHORT)
    assert seen.short == [("1.png", 0), *clip, *frames("a.mp4", FRAMES), ("0.png", 0), ("2.png", 0), *clip]
    for _, index, time, result, _ in seen.lines:
        assert time == (None if result.source.endswith(".png") else pytest.approx(index / 30, abs=1e-3))
        assert result.time == time
    assert {face.track for *_, result, _ in seen.lines[1 : SHORT + 1] for face in result.faces} >= {1, 2}
    assert {face.track for face in seen.lines[0][3].faces} == {None}
    assert seen.lines[1 : SHORT + 1] == seen.lines[-SHORT:], "a video begins anew where it is named again"


def test_what_cannot_be_read_is_told_once_and_where_it_stands(predictor: Predictor, folder: Path) -> None:
    names = "0.png", "text.png", "1.png", "gone.png", "gone.mp4", "b.mp4", "text.mp4", "2.png", "more.png"
    seen = told(predictor, named(folder, *names))
    assert seen.short == [
        ("0.png", 0),
        ("failed", "text.png"),
        ("1.png", 0),
        ("failed", "gone.png"),
        ("failed", "gone.mp4"),
        *frames("b.mp4", SHORT),
        ("failed", "text.mp4"),
        ("2.png", 0),
        ("failed", "more.png"),
    ]
    failed = [name for what, name in seen.short if what == "failed"]
    assert all(str(folder / name) in error for name, error in zip(failed, seen.errors, strict=True))


def test_a_broken_video_gives_what_comes_before_its_break(predictor: Predictor, folder: Path) -> None:
    seen = told(predictor, named(folder, "cut.mp4", "0.png", "b.mp4"))
    count = seen.short.index(("failed", "cut.mp4"))
    assert 5 < count < FRAMES
    whole = [*frames("cut.mp4", count), ("failed", "cut.mp4"), ("0.png", 0), *frames("b.mp4", SHORT)]
    assert seen.short == whole
    assert len(seen.errors) == 1
    assert f"broken behind frame {count - 1}" in seen.errors[0]


@pytest.mark.parametrize("viewing", [Viewing(), Viewing(fps=10, start=0.1), Viewing(aligned=True, smooth=0)])
def test_every_state_leads_to_the_rest_exactly(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch, viewing: Viewing
) -> None:
    monkeypatch.setattr(pipeline, "STATE_EVERY", 2)
    monkeypatch.setattr(steps_module, "_BATCH_PICTURES", 2)
    pictures = ("0.png", "1.png", "2.png", "text.png", "3.png", "4.png", "5.png", "more.png")
    sources = named(folder, *pictures, "a.mp4", "cut.mp4", "6.png", "text.mp4", "b.mp4", "b.mp4", "0.png")
    whole = told(predictor, sources, viewing)
    checked: set[str] = set()
    for number, (name, *_, state) in enumerate(whole.lines):
        if name != "failed" and state is not None:
            state = json.loads(json.dumps(state))
            assert told(predictor, sources, viewing, state).lines == whole.lines[number + 1 :]
            checked.add(name)
    assert checked >= {"1.png", "2.png", "4.png", "a.mp4", "cut.mp4", "6.png", "b.mp4"}


def test_a_long_video_has_states_by_itself(predictor: Predictor, tmp_path: Path) -> None:
    make_clip(tmp_path / "long.mp4", 2 * pipeline.STATE_EVERY + 1)
    whole = told(predictor, named(tmp_path, "long.mp4"))
    states = [(index, state) for _, index, *_, state in whole.lines if state]
    assert [index for index, _ in states] == [pipeline.STATE_EVERY - 1, 2 * pipeline.STATE_EVERY - 1]
    for index, state in states:
        assert told(predictor, named(tmp_path, "long.mp4"), state=state).lines == whole.lines[index + 1 :]


def test_how_sources_are_looked_at(predictor: Predictor, folder: Path) -> None:
    viewing = Viewing(aligned=True, fps=10, start=0.1, end=0.5)
    seen = told(predictor, named(folder, "0.png", "a.mp4"), viewing)
    assert [index for name, index in seen.short if name == "a.mp4"] == [3, 6, 9, 12]
    [face] = seen.lines[0][3].faces
    assert face.box == (0, 0, 160, 120)


def test_large_pictures_are_not_held_together(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    predict = predictor._predict
    monkeypatch.setattr(
        predictor, "_predict", lambda pictures, aligned: sizes.append(len(pictures)) or predict(pictures, aligned)
    )
    monkeypatch.setattr(steps_module, "_BATCH_PIXELS", 2 * 160 * 120)
    assert len(told(predictor, named(folder, *(f"{number}.png" for number in range(7)))).lines) == 7
    assert [size for size in sizes if size] == [3, 3, 1]


def test_how_many_there_will_be(folder: Path, tmp_path: Path) -> None:
    pictures = named(folder, "0.png", "text.png")
    assert expected([], Viewing()) == 0
    assert expected([*pictures, *named(folder, "a.mp4", "b.mp4", "gone.mp4")], Viewing()) == 2 + FRAMES + SHORT
    assert expected(named(folder, "0.png", "a.mp4"), Viewing(fps=15, end=0.4)) == 1 + 6
    assert expected([*pictures, Source("camera", "camera:0", Path("camera:0"))], Viewing()) is None
    bare = make_clip(tmp_path / "bare.h264", 5, format="h264")
    assert expected([*pictures, Source("video", "bare", bare)], Viewing()) is None


def test_settings_that_cannot_be_are_no_matter_of_one_source(predictor: Predictor, folder: Path) -> None:
    for call in (expected, lambda sources, viewing: told(predictor, sources, viewing)):
        with pytest.raises(UsageError, match="-1"):
            call(named(folder, "a.mp4"), Viewing(fps=-1))


@pytest.mark.parametrize("name", ["0.png", "a.mp4"])
def test_a_network_that_fails_is_no_matter_of_one_source(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(predictor.classifier, "logits", lambda inputs: np.full((len(inputs), 8), np.nan, np.float32))
    seen = Told()
    before = threading.active_count()
    with pytest.raises(WeightsError, match="not finite"):
        list(steps(predictor, named(folder, name, "b.mp4"), Viewing(), seen.failed))
    assert seen.lines == []
    assert threading.active_count() == before


@pytest.mark.parametrize("names", [[f"{number}.png" for number in range(7)], ["a.mp4", "b.mp4"]])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_thread_is_left_where_nobody_asks_for_more(
    predictor: Predictor, folder: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], count: int
) -> None:
    """Batches are so small that there is always something left to do."""
    monkeypatch.setattr(pipeline, "STATE_EVERY", 2)
    monkeypatch.setattr(steps_module, "_BATCH_PICTURES", 1)
    before = threading.active_count()
    with closing(steps(predictor, named(folder, *names), Viewing(), Told().failed)) as run:
        assert len([next(run) for _ in range(count)]) == count
        assert threading.active_count() > before
    assert threading.active_count() == before
