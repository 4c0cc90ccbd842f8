"""Where drawn frames go; a window is tested where there is a display."""

import os
import shutil
from pathlib import Path

import av
import pytest
from PIL import Image

from posterv2.errors import OutputError, UsageError
from posterv2.inference.views import OnePicture, Pictures, Video, Window, open_view

RED = Image.new("RGB", (641, 361), (255, 0, 0))
BLUE = Image.new("RGB", (641, 361), (0, 0, 255))


def colours(path: Path) -> list[tuple[float, str]]:
    """The time and the colour of each frame of a video."""
    with av.open(str(path)) as container:
        return [
            (float(frame.time or 0), "red" if frame.to_ndarray(format="rgb24")[0, 0, 0] > 128 else "blue")
            for frame in container.decode(video=0)
        ]


def test_a_video_has_each_frame_at_its_time(tmp_path: Path):
    path = tmp_path / "out.mp4"
    view = open_view(path)
    for index, (picture, time) in enumerate([(RED, 0.0), (BLUE, 0.25), (RED.resize((320, 200)), 0.25), (BLUE, 1.0)]):
        view.show(picture, index, time)
        assert list(tmp_path.glob("*.mp4")) == [], "half a file has no name"
    view.close()
    times, names = zip(*colours(path), strict=True)
    assert names == ("red", "blue", "red", "blue")
    assert times == pytest.approx((0, 0.25, 0.25, 1.0), abs=0.002)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 642, 362)
        assert stream.codec_context.pix_fmt == "yuv420p", "what browsers play"
    assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]


def test_a_video_without_a_frame_is_none(tmp_path: Path):
    Video(tmp_path / "out.mp4").close()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_finished_is_an_error(tmp_path: Path):
    folder = tmp_path / "gone"
    folder.mkdir()
    view = Video(folder / "out.mp4")
    view.show(RED, 0, 0.0)
    shutil.rmtree(folder)
    with pytest.raises(OutputError, match=r"out\.mp4"):
        view.close()


def test_a_folder_has_a_picture_for_each_frame(tmp_path: Path):
    view = open_view(tmp_path / "new" / "frames")
    for index in (0, 7):
        view.show(RED, index, 0.0)
    view.close()
    assert isinstance(view, Pictures)
    assert sorted(file.name for file in (tmp_path / "new" / "frames").iterdir()) == ["000000.jpg", "000007.jpg"]


def test_one_picture_is_replaced_whole(tmp_path: Path):
    path = tmp_path / "newest.JPG"
    view = open_view(path)
    assert isinstance(view, OnePicture)
    for picture in (RED, BLUE):
        view.show(picture, 0, 0.0)
        with Image.open(path) as shown:
            assert shown.format == "JPEG"
            assert shown.size == picture.size
    view.close()
    with Image.open(path) as shown:
        assert shown.convert("RGB").getpixel((0, 0)) == pytest.approx((0, 0, 254), abs=4)
    assert [file.name for file in tmp_path.iterdir()] == ["newest.JPG"]


def test_endings_that_nothing_is_written_under(tmp_path: Path):
    with pytest.raises(UsageError, match=r"\.mp4 file, a \.jpg file or a folder"):
        open_view(tmp_path / "out.avi")
    with pytest.raises(UsageError, match="a folder that is there"):
        open_view(tmp_path / "missing" / "out.mp4")


def test_without_a_display_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISPLAY", "")
    with pytest.raises(UsageError, match=r"no window .* --out FILE\.mp4, --out FILE\.jpg or --out FOLDER"):
        open_view(None)


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="there is no display")
@pytest.mark.parametrize("key", ["q", "<Escape>"])
def test_a_window_shows_frames_until_a_key_closes_it(key: str):
    window = Window("posterv2")
    try:
        for picture in (RED, BLUE, Image.new("RGB", (9000, 100))):
            window.show(picture, 0, 0.0)
            assert not window.closed
        assert window._label.winfo_width() <= window._root.winfo_screenwidth()
        window._root.focus_force()
        window._root.event_generate(key)
        assert window.closed
    finally:
        window.close()
