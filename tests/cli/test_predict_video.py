"""`posterv2 predict` on videos, as people use it: broken files, clashing names, and runs that are stopped and go on."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.cli.outputs import Outputs
from tests.inference.clips import ASTRONAUT, make_clip
from tests.tiny_graph import write_tiny_graph

pytest.importorskip("av")

SIDE_OUTPUTS = ("--draw", "drawn", "--sheet", "sheet.png", "--events", "events.csv", "--timeline", "time.html")


@pytest.fixture
def predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the verb in a folder with `photo.jpg`, and `clip.mp4` of 40 frames."""
    weights = write_tiny_graph(tmp_path / "tiny.onnx")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    shutil.copy(ASTRONAUT, "photo.jpg")
    make_clip(Path("clip.mp4"), size=(320, 240))
    return lambda *words, **more: CliRunner().invoke(app, ["predict", "--weights", str(weights), *words], **more)


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has Ctrl-C come with the so-many-th step of each run; 0 for never."""
    add = Outputs.add

    def stop_at(count: int) -> None:
        seen = 0

        def counted(self: Outputs, *words: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                raise KeyboardInterrupt
            add(self, *words)

        monkeypatch.setattr(Outputs, "add", counted)

    return stop_at


def rows_in(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def files_in(folder: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.7])
def test_every_frame_before_a_break_is_kept(predict: Callable[..., Result], share: float):
    whole = Path("clip.mp4").read_bytes()
    Path("cut.mp4").write_bytes(whole[: round(len(whole) * share)])
    result = predict("cut.mp4", "photo.jpg", "-o", "rows.jsonl", "--draw", "drawn")
    assert result.exit_code == 1
    [last] = re.findall(r"broken behind frame (\d+)", result.stderr)
    frames = {row["frame"] for row in rows_in("rows.jsonl") if row["source"] == "cut.mp4"}
    assert frames == set(range(int(last) + 1))
    assert sorted(os.listdir("drawn")) == ["cut.mp4", "photo.jpg"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-o", "same.csv", "--events", "same.csv"), "-o and --events"),
        (("--sheet", "same.png", "--timeline", "./same.png"), "--sheet and --timeline"),
        (("-o", "same.mp4", "--format", "csv", "--draw", "same.mp4"), "called like a"),
        (("-o", "out.mov"), "called like a picture or a video"),
        (("--draw", "out.avi"), "out.avi"),
        (("--draw", "text"), "--draw needs a folder"),
    ],
)
def test_places_that_cannot_be_are_refused(predict: Callable[..., Result], words: tuple[str, ...], says: str):
    Path("text").write_text("mine")
    before = files_in(".")
    result = predict("clip.mp4", *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert files_in(".") == before


def test_a_drawing_and_a_sheet_of_one_name_are_refused(predict: Callable[..., Result]):
    result = predict("photo.jpg", "--draw", "same.png", "--sheet", "same.png")
    assert result.exit_code == 2
    assert "--sheet and --draw" in result.stderr
    assert not Path("same.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--draw", "."),
        ("--draw", "nowhere/drawn.mp4"),
        ("--smooth", "inf"),
        ("--fps", "0"),
        ("--aligned",),
        ("--timeline", "time.png"),
    ],
)
def test_what_is_refused_costs_no_rows(
    predict: Callable[..., Result], words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    Path("rows.csv").write_text("of last week\n")
    result = predict("clip.mp4", "-o", "rows.csv", *words)
    assert result.exit_code in (2, 3)
    assert len(result.stderr.splitlines()) == 1
    assert Path("rows.csv").read_text() == "of last week\n"
    assert not Path(".rows.csv.resume.json").exists()


@pytest.mark.parametrize("words", [("--fps", "0"), ("--start", "-1"), ("--end", "0"), ("--smooth", "inf")])
def test_settings_that_cannot_be_are_refused_without_a_video_too(predict: Callable[..., Result], words: list[str]):
    assert predict("photo.jpg", *words).exit_code == 2


def test_a_part_without_a_frame_is_told(predict: Callable[..., Result]):
    result = predict("clip.mp4", "photo.jpg", "--start", "100", "--draw", "drawn", "--format", "json")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "error: clip.mp4: there is no frame from 100 s on"
    assert [entry["source"] for entry in json.loads(result.stdout)] == ["photo.jpg"]
    result = predict("clip.mp4", "--start", "1.301", "--end", "1.302", "--draw", "drawn.mp4")
    assert "there is no frame from 1.301 s to 1.302 s" in result.stderr
    assert "drawn in" not in result.stderr


def test_a_video_that_is_named_twice_is_looked_at_once(predict: Callable[..., Result]):
    result = predict("clip.mp4", "photo.jpg", ".", "clip.mp4", "-o", "rows.jsonl", *SIDE_OUTPUTS)
    assert result.exit_code == 0, result.stderr
    assert "warning: clip.mp4 is named 3 times" in result.stderr
    sources = list(dict.fromkeys(row["source"] for row in rows_in("rows.jsonl")))
    assert sources == ["clip.mp4", "photo.jpg"]
    assert len({row["frame"] for row in rows_in("rows.jsonl") if row["source"] == "clip.mp4"}) == 40


@pytest.mark.parametrize("stops", [(2,), (3, 4), (5,), (36,), (40, 40), (47, 1)])
def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(
    predict: Callable[..., Result], stopped: Callable[[int], None], stops: tuple[int, ...]
):
    other = os.fsdecode(b"\xff.mp4")
    shutil.copy("clip.mp4", other)
    words = ("photo.jpg", "photo.jpg", "clip.mp4", "photo.jpg", other, "photo.jpg", *SIDE_OUTPUTS)
    assert predict(*words, "-o", "rows.csv").exit_code == 0
    places = ("rows.csv", "drawn", "sheet.png", "events.csv", "time.html")
    undisturbed = files_in(".")
    for place in places:
        shutil.rmtree(place) if Path(place).is_dir() else os.unlink(place)
    for stop in stops:
        stopped(stop)
        result = predict(*words, "-o", "rows.csv", "--resume")
        assert result.exit_code == 130
        assert "--resume" in result.stderr
    stopped(0)
    result = predict(*words, "-o", "rows.csv", "--resume")
    assert result.exit_code == 0, result.stderr
    assert "of 4 picture(s) and 80 frame(s)" in result.stderr
    now = files_in(".")
    assert sorted(now) == sorted(undisturbed)
    assert [name for name in now if now[name] != undisturbed[name]] == []


def test_a_run_that_goes_on_still_tells_that_something_failed(
    predict: Callable[..., Result], stopped: Callable[[int], None]
):
    Path("empty.mp4").write_bytes(b"")
    words = ("empty.mp4", "photo.jpg", "clip.mp4", "-o", "rows.csv")
    stopped(4)
    assert predict(*words).exit_code == 130
    stopped(0)
    result = predict(*words, "--resume")
    assert result.exit_code == 1
    assert "before this run went on" in result.stderr


@pytest.mark.parametrize("now", [("--draw", "drawn"), ("--draw", "drawn", "--blur")])
def test_drawings_do_not_go_on_otherwise_than_they_began(
    predict: Callable[..., Result], stopped: Callable[[int], None], now: tuple[str, ...]
):
    words = ("photo.jpg", "clip.mp4", "-o", "rows.csv")
    stopped(4)
    assert predict(*words, *now[2:] and ("--draw", "drawn")).exit_code == 130
    stopped(0)
    result = predict(*words, *now, "--resume")
    assert result.exit_code == 2
    assert "the same again" in result.stderr


def test_a_source_that_has_changed_since_is_told(predict: Callable[..., Result], stopped: Callable[[int], None]):
    stopped(36)
    assert predict("clip.mp4", "-o", "rows.csv", "--draw", "drawn").exit_code == 130
    size = os.path.getsize("clip.mp4")
    make_clip(Path("clip.mp4"), frames=5, size=(320, 240))
    os.truncate("clip.mp4", size)  # padded with zeros
    stopped(0)
    result = predict("clip.mp4", "-o", "rows.csv", "--draw", "drawn", "--resume")
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("error: clip.mp4: ")


@pytest.mark.parametrize("format", ["csv", "json", "table"])
def test_rows_go_through_a_pipe(predict: Callable[..., Result], format: str):
    code = "from posterv2.cli import main; main()"
    words = ("predict", "photo.jpg", "-o", "/dev/stdout", "--format", format)
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "photo.jpg" in result.stdout


def test_a_stopped_run_that_cannot_go_on_does_not_say_so(
    predict: Callable[..., Result], stopped: Callable[[int], None]
):
    stopped(4)
    result = predict("clip.mp4", "-o", "/dev/null", "--format", "csv")
    assert result.exit_code == 130
    assert "--resume" not in result.stderr


@pytest.mark.parametrize("name", [b"\xff.mp4", b"two\nlines.mp4", b"$x^2$ \x1b[31m.mp4"])
def test_any_name_can_be_drawn(predict: Callable[..., Result], name: bytes):
    os.rename("clip.mp4", os.fsdecode(name))
    result = predict(os.fsdecode(name), "--end", "0.2", "--timeline", "time.png", "--sheet", "sheet.png")
    assert (result.exit_code, result.exception) == (0, None)
    assert predict(os.fsdecode(name), "--end", "0.2", "--timeline", "time.html", "-o", "rows.csv").exit_code == 0


def test_a_run_that_is_told_to_end_leaves_no_drafts(predict: Callable[..., Result]):
    make_clip(Path("long.mp4"), frames=250, size=(320, 240))
    code = "from posterv2.cli import main; main()"
    words = ("predict", "long.mp4", "-o", "rows.csv", "--draw", "drawn")
    with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True) as run:
        while not list(Path().glob("drawn/.*.draft")) and run.poll() is None:
            time.sleep(0.01)
        run.terminate()
        _, told = run.communicate()
    assert run.returncode == 130, told
    assert told == "error: stopped; to go on with rows.csv, give the same command with --resume\n"
    assert os.listdir("drawn") == []


def test_a_list_with_zeros_is_told(predict: Callable[..., Result]):
    result = predict("-", "--format", "json", input=b"clip.mp4\0photo.jpg\0\nphoto.jpg\n")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: clip.mp4\\x00photo.jpg\\x00: no file is called like this")
    assert [entry["source"] for entry in json.loads(result.stdout)] == ["photo.jpg"]


def test_pipes_in_a_folder_are_no_sources(predict: Callable[..., Result]):
    os.mkfifo("never.mp4")
    os.mkfifo("never.jpg")
    result = predict(".", "--end", "0.1", "--format", "json")
    assert result.exit_code == 0
    assert {entry["source"] for entry in json.loads(result.stdout)} == {"clip.mp4", "photo.jpg"}


def test_a_video_among_photos_stops_nothing_where_its_part_is_missing(
    predict: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    result = predict("clip.mp4", "photo.jpg", "gone.jpg", "--format", "json")
    assert result.exit_code == 1
    assert [entry["source"] for entry in json.loads(result.stdout)] == ["photo.jpg"]
    assert "error: this needs 'av'" in result.stderr
    assert "pip install 'posterv2[video]'" in result.stderr
    assert predict("clip.mp4").exit_code == 3
