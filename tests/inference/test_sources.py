"""What words mean: files by their content, folders, patterns, lists, cameras, and addresses where they are allowed."""

import os
import shutil
from pathlib import Path

import pytest

from posterv2.errors import ImageError, PosterError, UsageError
from posterv2.inference.frames import frames_of
from posterv2.inference.sources import Source, find_sources, sources_in
from tests.inference.clips import ASTRONAUT, make_clip


def no_failure(word: str, error: PosterError) -> None:
    raise AssertionError(f"{word}: {error}")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 3)


@pytest.fixture
def folder(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ASTRONAUT, "photo.jpg")
    shutil.copy(made, "clip.mp4")
    return tmp_path


def kinds(words: list[str], **options: object) -> list[tuple[str, str]]:
    found = find_sources(words, no_failure, **options)  # pyright: ignore[reportArgumentType]
    return [(source.kind, source.name) for source in found]


def test_pictures_and_videos_of_all_folders_below(tmp_path: Path) -> None:
    names = [
        "b.jpg",
        "a/2.PNG",
        "a/1.jpeg",
        "a/notes.txt",
        "a/.hidden.jpg",
        ".git/x.png",
        "c.webp/inner.gif",
        "drawn/b.jpg",
        "movie.MP4",
        "program.ts",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = sources_in(tmp_path, skipped=tmp_path / "a" / ".." / "drawn")
    assert [(source.kind, source.path.relative_to(tmp_path).as_posix()) for source in found] == [
        ("picture", "b.jpg"),
        ("video", "movie.MP4"),
        ("picture", "a/1.jpeg"),
        ("picture", "a/2.PNG"),
        ("picture", "c.webp/inner.gif"),
    ]


def test_a_folder_without_any_fails_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").touch()
    told: list[tuple[str, str]] = []
    found = find_sources(["empty", "photo.jpg", "no*.jpg"], lambda word, error: told.append((word, str(error))))
    assert [source.name for source in found] == ["photo.jpg"]
    assert [word for word, _ in told] == ["empty", "no*.jpg"]
    assert "no pictures or videos in this folder; looked for" in told[0][1]
    assert "no file fits this pattern" in told[1][1]


def test_files_are_told_by_their_content(folder: Path) -> None:
    shutil.copy("photo.jpg", "really.mp4")
    shutil.copy("clip.mp4", "really.jpg")
    shutil.copy("clip.mp4", "no-ending")
    (folder / "notes.txt").write_text("neither")
    (folder / "broken.mp4").write_text("neither")
    words = ["photo.jpg", "clip.mp4", "really.mp4", "really.jpg", "no-ending", "notes.txt", "broken.mp4", "gone.avi"]
    assert [kind for kind, _ in kinds(words)] == [
        "picture", "video", "picture", "video", "video", "picture", "video", "video",
    ]  # fmt: skip


def test_a_pipe_is_not_looked_into(folder: Path) -> None:
    os.mkfifo("pipe.jpg")  # opening it would wait for ever
    assert kinds(["pipe.jpg"]) == [("picture", "pipe.jpg")]


def test_patterns(folder: Path) -> None:
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "drawn").mkdir()
    for name in ("sub/deep/z.jpg", "drawn/photo.jpg", "odd[1].jpg", ".hidden.jpg"):
        shutil.copy("photo.jpg", name)
    assert kinds(["*.jpg"]) == [("picture", "odd[1].jpg"), ("picture", "photo.jpg")]
    assert kinds(["**/*.jpg"], skipped=Path("drawn")) == [
        ("picture", "odd[1].jpg"),
        ("picture", "photo.jpg"),
        ("picture", "sub/deep/z.jpg"),
    ]
    assert kinds(["odd[1].jpg", "cl?p.*"]) == [("picture", "odd[1].jpg"), ("video", "clip.mp4")]


def test_a_list_on_stdin(folder: Path) -> None:
    shutil.copy("photo.jpg", "bytes\udcff.jpg")
    lines = [b"photo.jpg\n", b"\n", b"bytes\xff.jpg\r\n", b"camera:1\n", b"clip.mp4"]
    assert kinds(["clip.mp4", "-"], lines=lines) == [
        ("video", "clip.mp4"),
        ("picture", "photo.jpg"),
        ("picture", "bytes\udcff.jpg"),
        ("camera", "camera:1"),
        ("video", "clip.mp4"),
    ]


def test_cameras() -> None:
    (source,) = find_sources(["camera:2"], no_failure)
    assert (source.kind, source.name, source.camera) == ("camera", "camera:2", 2)
    for word in ("camera:", "camera:front", "camera:-1"):
        with pytest.raises(UsageError, match="named by its number, such as camera:0, got camera:"):
            find_sources([word], no_failure)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("https://example.org/a.jpg", "addresses are fetched with --allow-urls only"),
        ("ftp://example.org/a.jpg", "only http and https"),
        ("FILE:///etc/passwd", "only http and https"),
        ("https://name:secret@example.org/a.jpg", "with a name or password"),
    ],
)
def test_addresses_that_are_refused(word: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        find_sources([word], no_failure)
    assert "secret" not in str(caught.value)


def test_frames_of_each_kind(folder: Path) -> None:
    (folder / "bad.jpg").write_text("no picture")
    photo, clip, bad = find_sources(["photo.jpg", "clip.mp4", "bad.jpg"], no_failure)
    (frame,) = frames_of(photo, fps=1, start=5)
    assert (frame.source, frame.index, frame.time, frame.image.shape) == ("photo.jpg", 0, None, (512, 512, 3))
    assert [(frame.source, frame.index) for frame in frames_of(clip, first=1)] == [("clip.mp4", 1), ("clip.mp4", 2)]
    with pytest.raises(ImageError, match=r"bad\.jpg: not a picture"):
        list(frames_of(bad))
    named = Source("video", "https://example.org/v", folder / "clip.mp4")
    assert {frame.source for frame in frames_of(named)} == {"https://example.org/v"}
