"""Drawn files: each under a name of its own and never over a source, whole or not there, and one that fails alone."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterv2.errors import OutputError, PosterError, UsageError
from posterv2.inference.drawings import Drawings
from posterv2.inference.results import Face, Result
from posterv2.inference.sources import Source
from posterv2.inference.steps import Viewing
from posterv2.inference.video import VideoReader
from posterv2.inference.videowriter import VideoWriter
from posterv2.preprocessing import read_image
from tests.inference.clips import make_clip

SIZE = 640, 320  # not enlarged when it is drawn
BOX = (240, 80, 100, 120)


def named(*names: str, folder: Path | None = None) -> list[Source]:
    def source(name: str) -> Source:
        kind = "camera" if name.startswith("camera:") else "video" if name.endswith((".mp4", ".mov")) else "picture"
        return Source(kind, name, Path(name) if folder is None else folder / name)

    return [source(name) for name in names]


class Told(list[tuple[str, str]]):
    """The names that `failed` was told of, and why."""

    def failed(self, source: Source, error: PosterError) -> None:
        self.append((source.name, str(error)))


def drawings(sources: Sequence[Source], place: Path, told: Told | None = None, blur: bool = False) -> Drawings:
    return Drawings(sources, place, Viewing(), (Told() if told is None else told).failed, blur)


def places(sources: Sequence[Source], place: Path) -> list[str]:
    return [str(path.relative_to(place)) for path in drawings(sources, place).places.values()]


def grey(level: int) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), level, np.uint8)


def levels(path: Path) -> list[int]:
    return [round(float(frame.image.mean())) for frame in VideoReader(path)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources whose rates are asked for."""
    folder = tmp_path_factory.mktemp("sources")
    make_clip(folder / "a.mp4", 3)
    for name in ("b.mp4", "c.mp4"):
        (folder / name).write_bytes((folder / "a.mp4").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("names", "drawn"),
    [
        (["a.jpg", "b.JPEG", "c.png", "d.webp"], ["a.jpg", "b.JPEG", "c.png", "d.webp"]),
        (["a.bmp", "b.tiff", "c", "d.tar.gz"], ["a.png", "b.png", "c.png", "d.tar.png"]),
        (["clip.mov", "more/CLIP.mp4", "clip.png"], ["clip.mp4", "CLIP-2.mp4", "clip.png"]),
        (["one/a.jpg", "two/A.JPG", "a.jpeg", "a.png", "a.bmp"], ["a.jpg", "A-2.JPG", "a.jpeg", "a.png", "a-2.png"]),
        (["one/A.JPG", "two/a.JPG"], ["A.JPG", "a-2.JPG"]),
        (["a-2.png", "a.png", "x/a.png", "y/a.png"], ["a-2.png", "a.png", "a-3.png", "a-4.png"]),
        (["a.jpg", "a.jpg", "x/a.jpg"], ["a.jpg", "a-2.jpg"]),
        (["https://example.org/a/face.gif", "camera:0", "camera:1"], ["face.png", "camera-0.mp4", "camera-1.mp4"]),
    ],
)
def test_names(tmp_path: Path, names: list[str], drawn: list[str]) -> None:
    assert places(named(*names), tmp_path / "new" / "drawn") == drawn
    assert (tmp_path / "new" / "drawn").is_dir()


def test_a_file_is_for_one_source_of_its_kind(tmp_path: Path) -> None:
    for name, place in (("a.jpg", "x.PNG"), ("a.bmp", "x.jpg"), ("a.mov", "x.mp4"), ("camera:0", "x.MP4")):
        assert drawings(named(name), tmp_path / place).places == {name: tmp_path / place}
    (tmp_path / "folder.png").mkdir()
    assert places(named("a.bmp", "b.mp4"), tmp_path / "folder.png") == ["a.png", "b.mp4"]


@pytest.mark.parametrize(
    ("names", "place", "says"),
    [
        (["a.mp4"], "x.png", r"drawing .*x\.png is for one picture, got a video; give a folder"),
        (["a.jpg"], "x.mp4", r"drawing .*x\.mp4 is for one video, got a picture; give a folder"),
        (["camera:0"], "x.jpg", r"is for one picture, got a camera; give a folder"),
        (["a.mp4", "b.mp4"], "x.mp4", r"is for one video, got 2 sources; give a folder"),
        ([], "x.png", r"is for one picture, got 0 sources"),
        (["a.jpg"], "gone/x.png", r"drawing .*gone/x\.png needs a folder that is there"),
        (["a.jpg"], "notes.txt", r"--draw needs a folder, or a file that ends with .*png, .*\.mp4, got .*notes\.txt"),
        (["a.mp4"], "x.mov", r"got .*x\.mov"),
        (["a.gif"], "x.gif", r"got .*x\.gif"),
    ],
)
def test_places_that_cannot_be(tmp_path: Path, names: list[str], place: str, says: str) -> None:
    (tmp_path / "notes.txt").write_text("keep")
    with pytest.raises(UsageError, match=says):
        drawings(named(*names), tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("name", "place"), [("a.png", "."), ("a.png", "a.png"), ("a.mp4", "a.mp4"), ("a.mp4", "link")])
def test_no_source_is_drawn_over(tmp_path: Path, name: str, place: str) -> None:
    (tmp_path / name).write_text("keep")
    os.symlink(tmp_path, tmp_path / "link")
    with pytest.raises(UsageError, match=rf"would overwrite .*{name}; name another place"):
        drawings(named("other/b.png", name, folder=tmp_path)[place == name :], tmp_path / place)
    assert (tmp_path / name).read_text() == "keep"


def test_a_source_that_another_one_would_be_drawn_over(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"would overwrite .*a\.png"):
        drawings(named("x/a.bmp", "a.png", folder=tmp_path), tmp_path)


def test_a_drawn_video_has_each_result_at_its_time(folder: Path, tmp_path: Path) -> None:
    times = [2.0, 2.04, 2.2, 2.3]
    with drawings(named("a.mp4", folder=folder), tmp_path / "x.mp4") as drawn:
        for number, time in enumerate(times):
            drawn.add(grey(40 * number), Result("a.mp4", *SIZE, (), 60 + number, time))
        assert not (tmp_path / "x.mp4").exists()
    assert [frame.time for frame in VideoReader(tmp_path / "x.mp4")] == pytest.approx([0, 0.04, 0.2, 0.3], abs=1e-4)
    assert levels(tmp_path / "x.mp4") == pytest.approx([0, 40, 80, 120], abs=3)


def test_several_videos_and_pictures_one_after_the_other(folder: Path, tmp_path: Path) -> None:
    sources = named("a.mp4", "p.png", "b.mp4", "c.mp4", folder=folder)
    with drawings(sources, tmp_path) as drawn:
        for name, count in (("a.mp4", 3), ("p.png", 1), ("b.mp4", 5), ("c.mp4", 1)):
            for number in range(count):
                time = None if name == "p.png" else number / 30
                drawn.add(grey(50 * number), Result(name, *SIZE, (), number, time))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "c.mp4", "p.png"]
    for name, count in (("a.mp4", 3), ("b.mp4", 5), ("c.mp4", 1)):
        assert levels(tmp_path / name) == pytest.approx([50 * number for number in range(count)], abs=3)


@pytest.mark.parametrize("count", [1, 3])
def test_a_video_that_is_named_twice_is_drawn_as_it_was(folder: Path, tmp_path: Path, count: int) -> None:
    told = Told()
    with drawings(named("a.mp4", "a.mp4", folder=folder), tmp_path, told) as drawn:
        for number in [*range(count)] * 2:
            drawn.add(grey(50 * number), Result("a.mp4", *SIZE, (), number, number / 30))
    assert levels(tmp_path / "a.mp4") == pytest.approx([50 * number for number in range(count)], abs=3)
    assert told == []


@pytest.mark.parametrize("fails", ["a.mp4", "c.mp4", "p.png"])
def test_what_cannot_be_written_is_told_once_and_the_others_are_done(folder: Path, tmp_path: Path, fails: str) -> None:
    """A folder stands where the drawing would."""
    (tmp_path / fails).mkdir()
    told = Told()
    with drawings(named("a.mp4", "p.png", "c.mp4", folder=folder), tmp_path, told) as drawn:
        for name, count in (("a.mp4", 3), ("p.png", 1), ("c.mp4", 3)):
            for number in range(count):
                drawn.add(grey(50), Result(name, *SIZE, (), number, None if name == "p.png" else number / 30))
    [(name, error)] = told
    assert name == fails
    assert str(tmp_path / fails) in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "c.mp4", "p.png"]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [fails]


def test_a_video_that_fails_on_its_way_is_given_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = VideoWriter.write

    def full(writer: VideoWriter, image: np.ndarray, time: float | None = None) -> None:
        written.append(round(float(image.mean())))
        if written[-1] == 11:
            raise OutputError("a.mp4: the disk is full")
        write(writer, image, time)

    monkeypatch.setattr(VideoWriter, "write", full)
    told = Told()
    with drawings(named("a.mp4", "b.mp4", folder=folder), tmp_path, told) as drawn:
        for first, name in ((10, "a.mp4"), (50, "b.mp4")):
            for number in range(4):
                drawn.add(grey(first + number), Result(name, *SIZE, (), number, number / 30))
        assert told == [("a.mp4", "a.mp4: the disk is full")]
    assert written == [10, 11, 50, 51, 52, 53]
    assert told == [("a.mp4", "a.mp4: the disk is full")]
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, BrokenPipeError, OutputError])
def test_a_block_that_fails_leaves_no_video_and_no_draft(
    folder: Path, tmp_path: Path, error: type[BaseException]
) -> None:
    told = Told()
    (tmp_path / "a.mp4").write_text("keep")
    with (  # noqa: PT012
        pytest.raises(error, match="elsewhere"),
        drawings(named("a.mp4", "b.mp4", folder=folder), tmp_path, told) as drawn,
    ):
        for number in range(3):
            drawn.add(grey(50), Result("a.mp4", *SIZE, (), number, number / 30))
        raise error("elsewhere")
    assert told == []
    assert (tmp_path / "a.mp4").read_text() == "keep"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("name", ["p.png", "a.mp4"])
def test_blurring_hides_the_face_alone(folder: Path, tmp_path: Path, name: str) -> None:
    image = (
        np.random.default_rng(0).integers(0, 32, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        * 8
    )
    face = Face(BOX, 0.9, "happiness", 0.9, {"happiness": 0.9, "neutral": 0.1}, track=1)
    x, y, width, height = BOX
    inside = slice(y + 12, y + height - 12), slice(x + 12, x + width - 12)
    elsewhere = slice(0, SIZE[1]), slice(0, 100)
    seen: list[np.ndarray] = []
    for blur in (False, True):
        with drawings(named(name, folder=folder), tmp_path / str(blur), blur=blur) as drawn:
            drawn.add(image, Result(name, *SIZE, (face,), 0, None if name == "p.png" else 0.0))
        path = tmp_path / str(blur) / name
        seen.append(read_image(path) if name == "p.png" else next(iter(VideoReader(path))).image)
    plain, blurred = (picture.astype(int) for picture in seen)
    assert np.abs(plain[inside] - image[inside]).mean() < 20
    assert blurred[inside].std() < 0.4 * image[inside].std()
    for picture in (plain, blurred):
        assert np.abs(picture[elsewhere] - image[elsewhere]).mean() < 20


def test_a_picture_that_its_format_cannot_hold_is_told(tmp_path: Path) -> None:
    told = Told()
    with drawings(named("wide.webp", "p.png"), tmp_path, told) as drawn:
        drawn.add(np.zeros((2, 20_000, 3), np.uint8), Result("wide.webp", 20_000, 2, ()))
        drawn.add(grey(50), Result("p.png", *SIZE, ()))
    [(name, error)] = told
    assert (name, error.startswith("wide.webp: cannot be drawn as .webp: ")) == ("wide.webp", True)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == SIZE
    assert not (tmp_path / "wide.webp").exists()


def test_a_face_that_is_lost_for_a_moment_stays_blurred(folder: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 8, (SIZE[1] // 8, SIZE[0] // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1) * 32
    face = Face(BOX, 0.9, "happiness", 0.9, {"happiness": 0.9, "neutral": 0.1}, track=1)
    x, y, width, height = BOX
    inside = slice(y + 12, y + height - 12), slice(x + 12, x + width - 12)
    with drawings(named("a.mp4", folder=folder), tmp_path / "drawn", blur=True) as drawn:
        for number, time in enumerate((0.0, 0.5, 1.0, 1.2)):
            drawn.add(image, Result("a.mp4", *SIZE, (face,) if number == 0 else (), number, time))
    detail = [frame.image[inside].std() for frame in VideoReader(tmp_path / "drawn" / "a.mp4")]
    assert [value < 0.5 * image[inside].std() for value in detail] == [True, True, True, False]
