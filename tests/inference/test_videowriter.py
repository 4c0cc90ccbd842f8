"""What is written plays in browsers, keeps its times, and is there whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from posterv2.errors import OutputError
from posterv2.inference.video import VideoReader
from posterv2.inference.videowriter import VideoWriter
from tests.inference.clips import picture

TIMES = [5.0, 5.04, 5.2, 5.3, 5.3, 6.0]


def write(path: Path, times: list[float | None], width: int = 160, height: int = 120) -> Path:
    with VideoWriter(path, 30) as writer:
        for number, time in enumerate(times):
            writer.write(picture(number, width, height), time)
    return path


def test_browsers_play_it(tmp_path: Path) -> None:
    import av

    path = write(tmp_path / "drawn.mp4", [0.0, 0.1])
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (container.format.name.split(",")[1], codec.name, codec.pix_fmt) == ("mp4", "h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser begins before it has the whole file


def test_times_are_kept_from_the_first_on(tmp_path: Path) -> None:
    reader = VideoReader(write(tmp_path / "drawn.mp4", [*TIMES]))
    assert [frame.time for frame in reader] == pytest.approx([0, 0.04, 0.2, 0.3, 0.3, 1.0], abs=1e-4)
    assert reader.duration == pytest.approx(1 + 1 / 30, abs=1e-4)


def test_frames_without_times_follow_the_rate(tmp_path: Path) -> None:
    frames = VideoReader(write(tmp_path / "drawn.mp4", [None] * 4))
    assert [frame.time for frame in frames] == pytest.approx([number / 30 for number in range(4)], abs=1e-4)


@pytest.mark.parametrize(("width", "height"), [(161, 121), (160, 121), (129, 130)])
def test_odd_sizes_are_made_even_and_nothing_is_lost(tmp_path: Path, width: int, height: int) -> None:
    (frame,) = VideoReader(write(tmp_path / "odd.mp4", [0.0], width, height))
    assert frame.image.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(frame.image[:height, :width].astype(int) - picture(0, width, height)).mean() < 12


def test_frames_of_another_size_are_fitted(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "mixed.mp4", 30) as writer:
        writer.write(picture(0))
        writer.write(picture(1, 320, 240))
    assert [frame.image.shape for frame in VideoReader(tmp_path / "mixed.mp4")] == [(120, 160, 3)] * 2


def test_a_failed_run_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "drawn.mp4"
    path.write_text("from before")

    def fail() -> None:
        with VideoWriter(path, 30) as writer:
            writer.write(picture(0))
            raise KeyError("the caller's own")

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(OutputError, match=r"drawn\.mp4: there is no frame to write"):
        write(path, [])
    with pytest.raises(OutputError, match=r"drawn\.mp4: the video cannot be written"), VideoWriter(path, 30) as writer:
        writer.write(np.zeros((2, 40_000, 3), np.uint8))  # wider than the codec can do
    assert path.read_text() == "from before"
    assert [file.name for file in tmp_path.iterdir()] == ["drawn.mp4"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        write(tmp_path / "none" / "drawn.mp4", [0.0])
