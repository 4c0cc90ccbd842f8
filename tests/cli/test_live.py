"""`posterv2 live`, with a camera that a test plays."""

import csv
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.errors import VideoError
from posterv2.inference import camera
from posterv2.inference.frames import Frame
from posterv2.preprocessing import read_image

PORTRAIT = read_image(Path(__file__).parents[2] / "samples" / "astronaut.jpg")
FRAMES = 5

Play = Callable[[Callable[[], None]], None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Play]:
    """Puts a camera there that shows the portrait five times and then does what it is told; it has to be closed."""
    closed: list[str] = []

    def play(then: Callable[[], None]) -> None:
        class Played:
            def __init__(self, number: int, end: float | None = None) -> None:
                self.name = f"camera:{number}"

            def __iter__(self) -> Iterator[Frame]:
                for index in range(FRAMES):
                    yield Frame(self.name, index, index / 10, PORTRAIT)
                then()

            def close(self) -> None:
                closed.append(self.name)

        monkeypatch.setattr(camera, "CameraReader", Played)

    monkeypatch.chdir(tmp_path)
    yield play
    assert closed


def live(*words: str):
    return CliRunner().invoke(app, ["live", *words])


def rows() -> list[dict[str, str]]:
    with Path("rows.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def check_video_and_rows(stderr: str) -> None:
    """All frames that were shown are in both files, as far apart in time, and the last frame is one of them."""
    kept = rows()
    with av.open("out.mp4") as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert np.diff(times) == pytest.approx(np.diff([float(row["time"]) for row in kept]), abs=0.001)
    assert len(times) == len(kept)
    assert kept[-1]["frame"] == str(FRAMES - 1)
    assert {row["source"] for row in kept} == {"camera:0"}
    assert {row["expression"] for row in kept} == {"happiness"}
    assert f"{len(kept)} of {FRAMES} frame(s) shown, {FRAMES - len(kept)} dropped" in stderr
    assert sorted(os.listdir()) == ["out.mp4", "rows.csv"]


def test_frames_into_a_video_and_rows_into_a_table(play: Play):
    play(lambda: None)
    result = live("--out", "out.mp4", "--rows", "rows.csv")
    assert result.exit_code == 0, result.stderr
    check_video_and_rows(result.stderr)
    assert "drawn in out.mp4" in result.stderr
    assert "from camera to shown:" in result.stderr


def test_frames_into_a_folder(play: Play):
    play(lambda: None)
    result = live("--out", "frames", "--rows", "rows.csv", "--camera", "2")
    assert result.exit_code == 0, result.stderr
    assert sorted(os.listdir("frames")) == [f"{int(row['frame']):06}.jpg" for row in rows()]
    assert rows()[0]["source"] == "camera:2"


def test_ctrl_c_ends_well(play: Play):
    """The camera gives nothing any more and does not end either: only the wish to stop can end it."""
    over = threading.Event()
    waited: list[bool] = []

    def ask() -> None:
        while len(rows()) == 0 or rows()[-1]["frame"] != str(FRAMES - 1):
            over.wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        waited.append(over.wait(60))

    play(ask)
    result = live("--out", "out.mp4", "--rows", "rows.csv")
    assert result.exit_code == 0, result.stderr
    assert not waited, "it waited for the camera"
    over.set()
    check_video_and_rows(result.stderr)


def test_an_unplugged_camera_leaves_whole_files(play: Play):
    def unplug() -> None:
        raise VideoError("camera:0: it gives no picture")

    play(unplug)
    result = live("--out", "out.mp4", "--rows", "rows.csv")
    assert result.exit_code == 1
    check_video_and_rows(result.stderr)
    assert "error: camera:0: it gives no picture" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no window can be opened here"),
        (["--out", "out.avi"], "--out takes"),
        (["--seconds", "0"], "--seconds takes a number above 0, got 0"),
        (["--out", "out.mp4", "--rows", "rows.jpg"], "--rows writes text"),
        (["--out", "out.mp4", "--rows", "rows.parquet"], "in a .csv file, got rows.parquet"),
    ],
)
def test_wrong_use_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", "")
    result = live(*words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert os.listdir() == []


def test_no_camera_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    result = live("--camera", "98", "--out", "out.mp4", "--rows", "rows.csv")
    assert result.exit_code == 1
    assert "no such camera" in result.stderr
    assert os.listdir() == []


def test_the_detector_is_the_one_that_is_named(tmp_path: Path) -> None:
    result = live("--detector", "nowhere.onnx", "--out", str(tmp_path / "newest.jpg"))
    assert result.exit_code == 1
    assert "nowhere.onnx: there is no such file" in result.stderr
