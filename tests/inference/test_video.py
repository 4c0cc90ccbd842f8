"""Videos give every frame with its number and time, from anywhere, and say where they are broken."""

import gc
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from posterv2.errors import MissingExtraError, UsageError, VideoError
from posterv2.inference import decoding
from posterv2.inference.frames import Frame
from posterv2.inference.video import VideoReader
from tests.inference.clips import RATE, make_clip, number_in, picture

KINDS = {
    "h264.mp4": {"bf": 2},
    "open-gop.mp4": {"x264_params": "open-gop=1"},
    "h264.mkv": {},
    "h264.ts": {},
    "vp9.webm": {"codec": "libvpx-vp9", "deadline": "realtime", "cpu_used": 8},
    "mpeg4.avi": {"codec": "mpeg4", "bf": 2, "q:v": 2},
    "mpeg2.mpg": {"codec": "mpeg2video", "format": "mpeg", "bf": 2},
    "bare.h264": {"format": "h264"},
    "ten-bit.mp4": {"pixels": "yuv420p10le"},
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {name: make_clip(folder / name, **options) for name, options in KINDS.items()}


@pytest.fixture
def clip(clips: dict[str, Path]) -> Path:
    return clips["h264.mp4"]


def read(reader: VideoReader) -> tuple[list[Frame], str]:
    """All frames, and the error behind them."""
    frames: list[Frame] = []
    try:
        frames.extend(reader)
    except VideoError as error:
        return frames, str(error)
    return frames, ""


def read_all(reader: VideoReader) -> list[Frame]:
    frames: list[Frame] = []
    for frame in reader:
        frames.append(frame)
    return frames


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_comes_with_its_number_and_time(clips: dict[str, Path], kind: str) -> None:
    frames, error = read(VideoReader(clips[kind]))
    assert not error
    assert [frame.index for frame in frames] == list(range(40))
    assert [number_in(frame.image) for frame in frames] == list(range(40))
    assert [frame.time for frame in frames] == pytest.approx([number / RATE for number in range(40)], abs=0.0006)
    assert np.abs(frames[7].image.astype(int) - picture(7)).mean() < 12  # colours are right, but for compression


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_the_same_from_anywhere(clips: dict[str, Path], kind: str) -> None:
    """A run that goes on sees what one that was never stopped sees: numbers, times and pixels."""
    everything = read_all(VideoReader(clips[kind]))
    for first in (1, 17, 20, 39, 40, 99):
        later = read_all(VideoReader(clips[kind], first=first))
        assert [(frame.index, frame.time) for frame in later] == [
            (frame.index, frame.time) for frame in everything[first:]
        ]
        assert all(np.array_equal(one.image, other.image) for one, other in zip(later, everything[first:], strict=True))


@pytest.mark.parametrize("kind", ["h264.mp4", "h264.mkv", "vp9.webm", "mpeg4.avi"])
def test_a_place_is_gone_to_and_not_decoded_to(clips: dict[str, Path], kind: str) -> None:
    place = decoding.find(clips[kind], kind, 35, lambda time: True)
    assert place is not None
    assert place.number == 35
    assert next(decoding.decoded(clips[kind], kind, place))[0] == 35


def test_a_container_that_cannot_be_searched_is_decoded_from_its_begin(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = decoding.Place(35, 123_457, 0, 0, 34 / RATE)  # no frame has this stamp
    monkeypatch.setattr("posterv2.inference.video.find", lambda *words: place)
    assert [frame.index for frame in VideoReader(clip, first=35)] == [35, 36, 37, 38, 39]


def test_start_and_end_by_the_times_that_are_written(clip: Path) -> None:
    """Frames are numbered over the whole video; six decimals of a time mean that frame."""
    frames = read_all(VideoReader(clip, start=0.666667, end=1.033333))
    assert [frame.index for frame in frames] == list(range(20, 31))
    assert frames[0].time == pytest.approx(20 / RATE)
    assert read_all(VideoReader(clip, start=1.34)) == []


@pytest.mark.parametrize("kind", ["h264.mp4", "vp9.webm"])  # Matroska rounds to milliseconds
@pytest.mark.parametrize(
    ("fps", "indices"), [(15, range(0, 40, 2)), (10, range(0, 40, 3)), (30, range(40)), (60, range(40)), (1, (0, 30))]
)
def test_fps_thins_by_time(clips: dict[str, Path], kind: str, fps: float, indices: range) -> None:
    reader = VideoReader(clips[kind], fps)
    assert [frame.index for frame in reader] == list(indices)
    assert reader.rate == min(fps, RATE)
    # A run that goes on chooses the same frames, wherever it was stopped.
    for first in (13, 20, 31):
        later = [frame.index for frame in VideoReader(clips[kind], fps, first=first)]
        assert later == [index for index in indices if index >= first]


def test_thinning_begins_at_the_start(clip: Path) -> None:
    assert [frame.index for frame in VideoReader(clip, fps=10, start=20 / RATE)] == list(range(20, 40, 3))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_uneven_times_stay(tmp_path: Path, ending: str) -> None:
    stamps = [0, 10, 200, 233, 800, 810, 820, 1500]
    clip = make_clip(tmp_path / f"uneven{ending}", len(stamps), stamps=stamps)
    assert [frame.time for frame in VideoReader(clip)] == pytest.approx([stamp / 1000 for stamp in stamps], abs=1e-3)
    assert [frame.index for frame in VideoReader(clip, fps=5)] == [0, 2, 4, 7]
    assert [frame.index for frame in VideoReader(clip, start=0.5)] == [4, 5, 6, 7]


def test_a_rough_number_of_frames_is_known_before(clips: dict[str, Path]) -> None:
    assert VideoReader(clips["h264.mp4"]).expected == 40
    assert VideoReader(clips["vp9.webm"], fps=15).expected == 20
    assert VideoReader(clips["h264.mp4"], start=1, end=1.2).expected == 6
    assert VideoReader(clips["h264.mp4"], first=30, end=99).expected == 10
    assert VideoReader(clips["bare.h264"]).expected is None


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, -90])
def test_turned_videos_come_upright(tmp_path: Path, turn: int, mirror: bool) -> None:
    clip = make_clip(tmp_path / "turned.mp4", 2, turn=turn, mirror=mirror)
    upright = [np.rot90(picture(number), turn // 90) for number in range(2)]
    for frame, shown in zip(VideoReader(clip), upright, strict=True):
        shown = np.fliplr(shown) if mirror else shown
        assert frame.image.shape == shown.shape
        assert np.abs(frame.image.astype(int) - shown).mean() < 12


def test_frames_are_freed_as_they_are_left(clip: Path) -> None:
    """Not only when Python collects cycles: hundreds of decoded frames would wait for that."""
    read_all(VideoReader(clip, end=0.2))
    gc.collect()
    gc.disable()
    try:
        for _ in VideoReader(clip):
            pass
        assert gc.collect() < 20
    finally:
        gc.enable()


def test_odd_sizes(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "odd.mp4", 3, pixels="yuv444p", size=(161, 121))
    assert {frame.image.shape for frame in VideoReader(clip)} == {(121, 161, 3)}


def cut_off(path: Path, share: float, target: Path) -> Path:
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


@pytest.mark.parametrize("kind", ["h264.mp4", "h264.mkv", "vp9.webm", "mpeg4.avi"])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.9])
def test_a_cut_video_gives_all_frames_up_to_there_and_says_so(
    clips: dict[str, Path], tmp_path: Path, kind: str, share: float
) -> None:
    frames, error = read(VideoReader(cut_off(clips[kind], share, tmp_path / "cut")))
    assert 5 < len(frames) < 40
    assert f"cut: broken behind frame {frames[-1].index}" in error or "cut: 1 damaged frame(s)" in error
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [number_in(frame.image) for frame in frames[:-1]] == list(range(len(frames) - 1))
    # What came before the break can be gone on with, too.
    later, again = read(VideoReader(tmp_path / "cut", first=len(frames) - 2))
    assert [frame.index for frame in later] == [len(frames) - 2, len(frames) - 1]
    assert again == error


def test_no_frame_before_the_break_is_lost_in_the_decoder(clip: Path, tmp_path: Path) -> None:
    import av

    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        place = packets[25].pos
        kept = {packet.pts for packet in packets[:25]}
        stamps = sorted(packet.pts or 0 for packet in packets)
    whole_until = next(number for number, stamp in enumerate(stamps) if stamp not in kept)
    data = bytearray(clip.read_bytes())
    assert place is not None
    data[place : place + 100] = b"\xff" * 100
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    frames, error = read(VideoReader(broken))
    assert [number_in(frame.image) for frame in frames] == list(range(whole_until))
    assert f"broken.mp4: broken behind frame {whole_until - 1}, at" in error


def test_what_is_no_video(clip: Path, tmp_path: Path) -> None:
    import av

    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video at all\n" * 99)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    shutil.copy(clip, tmp_path / "other.mp4")
    cut_off(clip, 0.01, tmp_path / "head.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 44_100
        container.mux([*stream.encode(sound), *stream.encode(None)])
    for name, words in {
        "missing.mp4": "No such file",
        "empty.mp4": "the file is empty",
        "text.mp4": "not a video",
        "list.mp4": "not a video",  # a playlist, which leads to other files
        "head.mp4": "not a video|no moving pictures",
        "sound.mp4": "no moving pictures",
        ".": "not a video",
    }.items():
        with pytest.raises(VideoError, match=words):
            VideoReader(tmp_path / name)


def test_frames_over_the_limit_are_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posterv2.inference.decoding.MAX_PIXELS", 160 * 120 - 1)
    with pytest.raises(VideoError, match="160 x 120 pixels a frame is over the limit"):
        VideoReader(clip)


@pytest.mark.parametrize("name", [b"with:colon.mp4", b"concat:a|b", b"bytes\xff.mp4", "Gesicht-ü ?[1].mp4".encode()])
def test_any_name_will_do(clip: Path, tmp_path: Path, name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = os.fsdecode(name)
    shutil.copy(clip, path)
    frames = read_all(VideoReader(path))
    assert {frame.source for frame in frames} == {path}
    assert len(frames) == 40


@pytest.mark.parametrize(
    "settings",
    [{"fps": 0}, {"fps": float("nan")}, {"start": -1}, {"start": float("inf")}, {"start": 2, "end": 2}, {"first": -1}],
)
def test_settings_that_cannot_be(clip: Path, settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="got"):
        VideoReader(clip, **settings)  # pyright: ignore[reportArgumentType]


def test_without_pyav(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'posterv2\[video\]'"):
        VideoReader(clip)


def test_the_file_is_closed_when_a_reader_is_left(clip: Path) -> None:
    """Else a folder of videos runs out of file handles."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        frames = iter(VideoReader(clip))
        next(frames)
        frames.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(os.listdir("/proc/self/fd")) == before
