"""What is written can be read again, and nothing is written by a run that fails."""

import csv
import io
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterv2.errors import OutputError, UsageError
from posterv2.inference.events import COLUMNS
from posterv2.inference.results import Face, Result
from posterv2.inference.sinks import contact_sheet, event_table, json_document, timeline_picture

NAMES = ("neutral", "happiness", "anger")
RESULTS = [
    Result(
        'one, "two".jpg',
        40,
        30,
        tuple(Face((x, 1, 2, 3), 1.0, "neutral", 0.75, {"neutral": 0.75, "happiness": 0.25}) for x in (0, 9)),
    ),
    Result("Gesicht-ü\udcff.png", 5, 6, ()),
]


def written(results: list[Result]) -> str:
    text = io.StringIO()
    with json_document(text.write) as take:
        for result in results:
            take(result)
    return text.getvalue()


def test_json_is_the_list_of_results():
    assert json.loads(written(RESULTS)) == [result.to_dict() for result in RESULTS]
    assert json.loads(written([])) == []
    assert len(written(RESULTS).splitlines()) == 2 + len(RESULTS)


def face(expression: str, track: int | None = None, probability: float = 0.75) -> Face:
    rest = (1 - probability) / (len(NAMES) - 1)
    shares = {name: probability if name == expression else rest for name in NAMES}
    return Face((4, 4, 20, 20), 0.9, expression, probability, shares, track=track)


def photo(name: str = "photo.jpg") -> Result:
    return Result(name, 64, 48, (face("happiness"), face("neutral")))


def clip(name: str, shown: list[str | None], track: int = 1) -> list[Result]:
    """A frame a tenth of a second, with a face that shows this, or with none."""
    return [
        Result(name, 64, 48, () if each is None else (face(each, track),), number, number / 10)
        for number, each in enumerate(shown)
    ]


def events_of(path: Path, results: list[Result]) -> list[tuple[str, str, str, float, float]]:
    with event_table(path) as take:
        for result in results:
            take(result)
        assert not path.exists()
    with path.open(encoding="utf-8", newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
        file.seek(0)
        return [
            (row["source"], row["track"], row["expression"], float(row["onset"]), float(row["offset"]))
            for row in csv.DictReader(file)
        ]


def test_events_of_videos_with_photos_among_them(tmp_path: Path) -> None:
    smiles = clip("a.mp4", [None] * 5 + ["happiness"] * 10 + [None] * 10 + ["anger"] * 8)
    later = clip('b, "c".mp4', ["neutral"] * 7, track=3)
    results = [photo(), *smiles, photo(), photo("a.mp4"), *later, photo()]
    assert events_of(tmp_path / "events.csv", results) == [
        ("a.mp4", "1", "happiness", 0.5, 1.4),
        ("a.mp4", "1", "anger", 2.5, 3.2),
        ('b, "c".mp4', "3", "neutral", 0.0, 0.6),
    ]


@pytest.mark.parametrize("results", [[], [photo()], clip("a.mp4", [None] * 9), clip("a.mp4", ["anger"] * 2)])
def test_no_event_is_a_table_too(tmp_path: Path, results: list[Result]) -> None:
    assert events_of(tmp_path / "events.csv", results) == []


def test_names_that_are_no_text_are_written_out(tmp_path: Path) -> None:
    [event] = events_of(tmp_path / "events.csv", clip("no\udcfftext.mp4", ["anger"] * 7))
    assert event[0] == r"no\udcfftext.mp4"


def timeline_of(path: Path, results: list[Result]) -> Path:
    with timeline_picture(path) as take:
        for result in results:
            take(result)
        assert not path.exists()
    return path


def height(path: Path) -> int:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return picture.height


SMILE = clip("a.mp4", ["happiness"] * 10 + [None] * 8 + ["anger"] * 10)


def test_a_timeline_as_a_picture(tmp_path: Path) -> None:
    alone = timeline_of(tmp_path / "alone.png", SMILE)
    mixed = timeline_of(tmp_path / "mixed.PNG", [photo(), *SMILE[:9], photo("a.mp4"), *SMILE[9:], photo()])
    assert np.array_equal(np.asarray(Image.open(alone)), np.asarray(Image.open(mixed))), "photos have no time"
    two = timeline_of(tmp_path / "two.png", [*SMILE, *clip("b.mp4", ["neutral"] * 5)])
    assert height(two) > height(alone) > 100


def test_a_timeline_as_a_page(tmp_path: Path) -> None:
    alone = timeline_of(tmp_path / "alone.html", SMILE).read_text(encoding="utf-8")
    mixed = timeline_of(tmp_path / "mixed.HTML", [photo(), *SMILE, photo()]).read_text(encoding="utf-8")
    assert alone == mixed
    assert "a.mp4" in alone
    assert "The strip below a track shows events" in alone
    brief = timeline_of(tmp_path / "brief.html", clip("a.mp4", ["anger"] * 2)).read_text(encoding="utf-8")
    assert "The strip below a track shows events" not in brief


@pytest.mark.parametrize("ending", ["png", "html"])
def test_a_video_that_is_named_twice_is_shown_once(tmp_path: Path, ending: str) -> None:
    once = timeline_of(tmp_path / f"once.{ending}", SMILE)
    twice = timeline_of(tmp_path / f"twice.{ending}", [*SMILE, photo(), *SMILE, *SMILE])
    assert once.read_bytes() == twice.read_bytes()


@pytest.mark.parametrize("results", [[], [photo()], clip("a.mp4", [None] * 3), clip("a.mp4", ["anger"])])
def test_a_timeline_of_next_to_nothing(tmp_path: Path, results: list[Result]) -> None:
    assert height(timeline_of(tmp_path / "timeline.png", results)) > 50
    text = timeline_of(tmp_path / "timeline.html", results).read_text(encoding="utf-8")
    assert ("a.mp4" in text) == any(result.time is not None for result in results)


def test_a_sheet_has_a_face_a_track_and_each_of_photos(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    with contact_sheet(path) as show:
        for result in [photo(), *SMILE, *clip("b.mp4", ["neutral"] * 5)]:
            show(np.full((48, 64, 3), (200, 0, 0), np.uint8), result)
        assert not path.exists()
    red = (abs(np.asarray(Image.open(path)).astype(int) - (200, 0, 0)) < 12).all(axis=-1).sum() / 128**2
    assert round(float(red)) == 2 + 1 + 1


SINKS: dict[str, Callable[[Path], AbstractContextManager[Callable[..., object]]]] = {
    "events.csv": event_table,
    "timeline.png": timeline_picture,
    "timeline.html": timeline_picture,
    "sheet.png": contact_sheet,
}


@pytest.mark.parametrize("name", SINKS)
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, name: str, error: type[BaseException]) -> None:
    def fail(path: Path) -> None:
        with SINKS[name](path) as take:
            for result in SMILE:
                take(*([np.zeros((48, 64, 3), np.uint8)] if name == "sheet.png" else []), result)
            raise error("stopped")

    with pytest.raises(error, match="stopped"):
        fail(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / name).write_text("keep")
    with pytest.raises(error, match="stopped"):
        fail(tmp_path / name)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["keep"]


@pytest.mark.parametrize("name", SINKS)
def test_a_folder_that_is_missing_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=f"nowhere/{name}"), SINKS[name](tmp_path / "nowhere" / name):
        pass


def test_a_sheet_of_another_ending_is_refused_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sheet\.pdf"), contact_sheet(tmp_path / "sheet.pdf"):
        pytest.fail("it began")
