"""What rows tell again is what was seen, and each result stands with the very picture or frame that it was found in."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from posterv2.errors import ImageError
from posterv2.inference.replay import results_in, with_pixels
from posterv2.inference.results import Face, Quality, Result
from posterv2.inference.rows import RowFormat, head_of, lines_of, read_rows, rows_of
from posterv2.inference.sources import Source
from posterv2.inference.steps import Viewing
from tests.inference.clips import make_clip, number_in, picture

NAMES: Sequence[str] = ("neutral", "happiness", 'a class, of "one\'s" own')
NO_TEXT = os.fsdecode(b"no\xfftext\xe9")
FRAMES = 12
LANDMARKS = ((1.0, 2.0), (9.0, 2.0), (5.0, 5.0), (2.0, 8.0), (8.0, 8.0))


def face(number: int, track: int | None = None) -> Face:
    share = number / 64  # six decimals tell it exactly
    shares = dict(zip(NAMES, (share, 0.25, 0.75 - share), strict=True))
    return Face((number, 1, 20, 30), 0.5, "neutral", share, shares, track=track)


RESULTS = [
    Result("one.jpg", 40, 30, (face(1), face(2))),
    Result("none.jpg", 40, 30, ()),
    Result("none too.jpg", 40, 30, ()),
    Result("clip.mp4", 64, 48, (face(3, track=1),), 0, 0.0),
    Result("clip.mp4", 64, 48, (), 1, 0.04),
    Result("clip.mp4", 64, 48, (), 2, 0.08),
    Result("clip.mp4", 64, 48, (face(4, track=1), face(5, track=12)), 3, 0.12),
    Result(f"{NO_TEXT}.mp4", 64, 48, (face(6, track=1),), 0, 0.0),
    Result(f"{NO_TEXT}.jpg", 64, 48, (face(7),)),
    Result('a, "b"\n.jpg', 64, 48, (face(8),)),
    Result("one.jpg", 40, 30, (face(1), face(2))),
]


def named(*names: str, folder: Path | None = None) -> list[Source]:
    place = folder or Path()
    return [Source("video" if name.endswith(".mp4") else "picture", name, place / name) for name in names]


SOURCES = named(*(result.source for result in RESULTS))


def without_sizes(results: list[Result]) -> list[Result]:
    return [replace(result, width=0, height=0) for result in results]


def test_rows_are_the_results_again() -> None:
    rows = [row for result in RESULTS for row in rows_of(result, NAMES)]
    assert list(results_in(rows, NAMES, SOURCES)) == without_sizes(RESULTS)
    assert list(results_in([], NAMES, SOURCES)) == []


@pytest.mark.parametrize("format", [RowFormat.CSV, RowFormat.JSONL])
def test_rows_of_a_file_are_the_results_again(tmp_path: Path, format: RowFormat) -> None:
    text = head_of(NAMES, format) + "".join(lines_of(result, NAMES, format) for result in RESULTS)
    path = tmp_path / f"rows.{format.value}"
    path.write_text(text, encoding="utf-8", newline="")
    assert list(results_in(read_rows(path), NAMES, SOURCES)) == without_sizes(RESULTS)


def test_what_rows_do_not_hold_is_left_out_and_the_rest_has_six_decimals() -> None:
    third = face(9, track=3)
    looked = replace(third, score=1 / 3, landmarks=LANDMARKS, quality=Quality(20, 0.5, None, None, False, ("small",)))
    [row] = rows_of(Result("clip.mp4", 64, 48, (looked,), 7, 1 / 3), NAMES)
    [result] = results_in([row], NAMES, SOURCES)
    assert result == Result("clip.mp4", 0, 0, (replace(third, score=0.333333),), 7, 0.333333)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips and photos that say their numbers; the names of some are no text."""
    folder = tmp_path_factory.mktemp("sources")
    make_clip(folder / "clip.mp4", FRAMES)
    (folder / f"{NO_TEXT}.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    make_clip(folder / "short.mp4", 1)
    for name, number in (("a.png", 100), ("b.png", 101), (f"{NO_TEXT}.png", 102)):
        with (folder / name).open("wb") as file:
            Image.fromarray(picture(number)).save(file, "PNG")
    return folder


NUMBERS = {"a.png": 100, "b.png": 101, f"{NO_TEXT}.png": 102}


def results_of(sources: list[Source], viewing: Viewing) -> Iterator[Result]:
    for source in sources:
        for frame in viewing.frames(source):
            yield Result(source.name, 160, 120, (), frame.index, frame.time)


@pytest.mark.parametrize("viewing", [Viewing(), Viewing(fps=10), Viewing(fps=7, start=0.1, end=0.33)])
@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "clip.mp4", "b.png"),
        ("clip.mp4", "clip.mp4"),
        ("clip.mp4", "a.png", "clip.mp4"),
        ("short.mp4", "short.mp4", "clip.mp4"),
        ("a.png", "a.png", "b.png"),
        (f"{NO_TEXT}.mp4", f"{NO_TEXT}.png", "clip.mp4"),
    ],
    ids=range(6),
)
def test_each_result_has_the_pixels_that_it_was_found_in(
    folder: Path, names: tuple[str, ...], viewing: Viewing
) -> None:
    sources = named(*names, folder=folder)
    results = list(results_of(sources, viewing))
    again = list(with_pixels(results, sources, viewing))
    assert [result for _, result in again] == results
    numbers = [NUMBERS.get(result.source, result.frame) for result in results]
    assert [number_in(pixels) for pixels, _ in again] == numbers
    assert len(numbers) >= len([name for name in names if name != "short.mp4"])


def test_results_that_are_left_out_are_passed_over(folder: Path) -> None:
    sources = named("a.png", "clip.mp4", "b.png", "clip.mp4", folder=folder)
    results = [result for result in results_of(sources, Viewing()) if result.time is not None and result.frame % 3]
    again = list(with_pixels(iter(results), sources, Viewing()))
    assert [number_in(pixels) for pixels, _ in again] == [result.frame for result in results]
    assert len(again) == 16


def test_a_run_that_goes_on_shows_names_that_are_no_text(folder: Path) -> None:
    """From rows to pixels: what comes out is called as its source is, so that all who know sources by name know it."""
    sources = named(f"{NO_TEXT}.mp4", f"{NO_TEXT}.png", folder=folder)
    rows = [row for result in results_of(sources, Viewing()) for row in rows_of(result, NAMES)]
    again = list(with_pixels(results_in(rows, NAMES, sources), sources, Viewing()))
    assert [number_in(pixels) for pixels, _ in again] == [*range(FRAMES), 102]
    assert {result.source for _, result in again} == {source.name for source in sources}


def test_a_source_that_has_changed_is_an_error(folder: Path, tmp_path: Path) -> None:
    [gone, clip] = named("gone.png", "clip.mp4", folder=tmp_path)
    with pytest.raises(ImageError, match=r"gone\.png"):
        list(with_pixels([Result("gone.png", 9, 9, ())], [gone], Viewing()))
    (tmp_path / "clip.mp4").write_bytes((folder / "short.mp4").read_bytes())
    pairs = with_pixels([Result("clip.mp4", 160, 120, (), index, index / 30) for index in range(2)], [clip], Viewing())
    assert next(pairs)[1].frame == 0
    with pytest.raises(ImageError, match=r"clip\.mp4: has no frame 1 any more; give the same file"):
        next(pairs)
