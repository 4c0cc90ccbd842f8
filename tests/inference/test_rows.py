"""Rows: one definition of the columns, the same values back from every format, nothing that breaks a line."""

import csv
import io
import os
from pathlib import Path

import pytest

from posterv2.errors import MissingExtraError, UsageError
from posterv2.inference.results import Face, Result
from posterv2.inference.rows import RowFormat, columns_of, csv_line, read_rows, rows_of
from posterv2.inference.rowwriter import RowWriter

NAMES = ("neutral", "happiness")
FACE = Face((1, 2, 30, 40), 0.123456789, "happiness", 2 / 3, {"neutral": 1 / 3, "happiness": 2 / 3})
TRACKED = Face((5, 6, 7, 8), 1.0, "uncertain", 0.5, {"neutral": 0.5, "happiness": 0.5}, track=7)
RESULTS = [
    Result("photo.jpg", 64, 48, (FACE,)),
    Result("clip.mp4", 64, 48, (TRACKED, FACE), frame=12, time=0.4),
    Result("clip.mp4", 64, 48, (), frame=13, time=1 / 3),
]
HEAD = "source,frame,time,track,x,y,width,height,score,expression,probability,p_neutral,p_happiness\n"
FORMATS = ("csv", "jsonl", "parquet")


def write(path: Path, results: list[Result]) -> Path:
    with RowWriter(path, NAMES) as writer:
        for result in results:
            writer.write(result)
    return path


def test_csv_to_the_letter(tmp_path: Path) -> None:
    assert write(tmp_path / "rows.csv", RESULTS).read_text() == HEAD + (
        "photo.jpg,0,,,1,2,30,40,0.123457,happiness,0.666667,0.333333,0.666667\n"
        "clip.mp4,12,0.400000,7,5,6,7,8,1.000000,uncertain,0.500000,0.500000,0.500000\n"
        "clip.mp4,12,0.400000,,1,2,30,40,0.123457,happiness,0.666667,0.333333,0.666667\n"
        "clip.mp4,13,0.333333,,,,,,,,,,\n"
    )


def test_json_lines_to_the_letter(tmp_path: Path) -> None:
    last = write(tmp_path / "rows.jsonl", RESULTS).read_text().splitlines()[-1]
    assert last == (
        '{"source": "clip.mp4", "frame": 13, "time": 0.333333, "track": null, "x": null, "y": null, "width": null, '
        '"height": null, "score": null, "expression": null, "probability": null, '
        '"p_neutral": null, "p_happiness": null}'
    )


def test_parquet_has_types(tmp_path: Path) -> None:
    from pyarrow import parquet

    schema = parquet.read_schema(write(tmp_path / "rows.parquet", RESULTS))
    assert tuple(schema.names) == columns_of(NAMES)
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert {types[name] for name in ("source", "expression")} == {"string"}
    assert {types[name] for name in ("frame", "track", "x", "y", "width", "height")} == {"int64"}
    assert {types[name] for name in ("time", "score", "probability", "p_neutral")} == {"double"}


@pytest.mark.parametrize("ending", FORMATS)
def test_what_was_written_is_read(tmp_path: Path, ending: str) -> None:
    rows = [row for result in RESULTS for row in rows_of(result, NAMES)]
    read = list(read_rows(write(tmp_path / f"rows.{ending}", RESULTS)))
    assert read == rows
    assert [tuple(row) for row in read] == [columns_of(NAMES)] * 4


@pytest.mark.parametrize("ending", FORMATS)
def test_no_results_are_no_rows(tmp_path: Path, ending: str) -> None:
    assert list(read_rows(write(tmp_path / f"none.{ending}", []))) == []


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('a "b", c.jpg', 'a "b", c.jpg'),
        ("two\nlines\rand\r\nmore.jpg", "two\nlines\rand\r\nmore.jpg"),
        ("Gesicht-ü.jpg", "Gesicht-ü.jpg"),
        (os.fsdecode(b"bytes\xff.jpg"), "bytes\\udcff.jpg"),
    ],
)
def test_names_of_any_kind(tmp_path: Path, ending: str, name: str, written: str) -> None:
    results = [Result(name, 1, 1, (FACE,)), Result(name, 1, 1, ())]
    assert [row["source"] for row in read_rows(write(tmp_path / f"rows.{ending}", results))] == [written] * 2


def test_a_line_break_in_a_name_is_quoted() -> None:
    for sign in "\r\n":
        line = csv_line((f"a{sign}b", 1, None, 0.5))
        assert line == f'"a{sign}b",1,,0.500000\n'
        assert next(csv.reader(io.StringIO(line, newline=""))) == [f"a{sign}b", "1", "", "0.500000"]


def test_many_rows_pass_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import parquet

    monkeypatch.setattr("posterv2.inference.rows._CHUNK", 10)
    monkeypatch.setattr("posterv2.inference.rows._GROUP", 30)
    results = [Result("clip.mp4", 1, 1, (FACE,), frame, frame / 30) for frame in range(75)]
    path = write(tmp_path / "rows.parquet", results)
    assert [row["frame"] for row in read_rows(path)] == list(range(75))
    assert parquet.read_metadata(path).num_row_groups == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("other.csv", "a,b\n1,2\n"),
        ("word.csv", HEAD + "clip.mp4,first,,,,,,,,,,,\n"),
        ("long.csv", HEAD + "clip.mp4,1,,,,,,,,,,,,,,,\n"),
        ("short.csv", HEAD + "clip.mp4,1\n"),
        ("list.jsonl", "[1, 2]\n"),
        ("broken.jsonl", '{"source": "clip'),
        ("broken.parquet", "PAR1"),
    ],
)
def test_files_that_hold_no_rows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}: not rows that posterv2 wrote"):
        list(read_rows(tmp_path / name))
    with pytest.raises(UsageError, match="No such file"):
        list(read_rows(tmp_path / f"no-{name}"))


def test_formats_by_ending() -> None:
    assert [RowFormat.of(Path(name)) for name in ("a.CSV", "a.jsonl", "a.parquet")] == list(RowFormat)
    with pytest.raises(UsageError, match=r"\.csv, \.jsonl or \.parquet, got rows\.txt"):
        RowFormat.of(Path("rows.txt"))


def test_parquet_without_pyarrow_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.delitem(__import__("sys").modules, "pyarrow.parquet", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'posterv2\[video\]'"):
        RowWriter(tmp_path / "rows.parquet", NAMES)
    assert not list(tmp_path.iterdir())
