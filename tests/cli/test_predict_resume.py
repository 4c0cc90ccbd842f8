"""`posterv2 predict --resume` ends as a run that was never stopped, whenever and however it was stopped."""

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.inference.videowriter import VideoWriter
from tests.fixtures.make_clips import FPS, walk

PORTRAIT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"
FRAMES = 150
SOURCES = ["photo.jpg", "clip.mp4", "more.jpg", "short.mp4"]
SIDES = ["--draw", "drawn", "--events", "events.csv", "--sheet", "sheet.png"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos and clips of two walking faces, 150 and 20 frames."""
    home = tmp_path_factory.mktemp("sources")
    for name, frames in (("clip.mp4", FRAMES), ("short.mp4", 20)):
        with VideoWriter(home / name, FPS) as writer:
            for number, scene in enumerate(walk(2, frames, (480, 270))):
                writer.write(scene.image, number / FPS)
    for name in ("photo.jpg", "more.jpg"):
        shutil.copy(PORTRAIT, home / name)
    return home


@pytest.fixture(scope="module")
def undisturbed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run writes that nobody stops."""
    home = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(sources, home, dirs_exist_ok=True)
    done = subprocess.run(command("rows.csv", *SIDES), cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(sources, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(output: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "posterv2", "predict", *SOURCES, "-o", output, *words]


def stopped(output: str, at: int, kind: signal.Signals, *words: str) -> subprocess.CompletedProcess[str]:
    """Go on, and be stopped as soon as the rows are `at` bytes long."""
    process = subprocess.Popen(
        command(output, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    rows = Path(f".{output}.journal" if output.endswith("parquet") else output)
    while process.poll() is None and (not rows.exists() or rows.stat().st_size < at):
        time.sleep(0.005)
    process.send_signal(kind)
    out, error = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def check_same(home: Path, undisturbed: Path) -> None:
    """Rows, events and sheet to the byte; as many drawn frames; nothing else left."""
    for name in ("rows.csv", "events.csv", "sheet.png"):
        assert (home / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert sorted(os.listdir(home)) == sorted(os.listdir(undisturbed))
    assert sorted(os.listdir(home / "drawn")) == sorted(SOURCES)
    for name, frames in (("clip.mp4", FRAMES), ("short.mp4", 20)):
        assert frames_of(home / "drawn" / name) == frames


def test_every_frame_and_photo_has_its_rows(undisturbed: Path):
    with (undisturbed / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows if row["track"] == ""] == ["photo.jpg", "more.jpg"]
    for name, frames in (("clip.mp4", FRAMES), ("short.mp4", 20)):
        clip = [row for row in rows if row["source"] == name]
        assert [int(row["frame"]) for row in clip if row["track"] == "1"] == list(range(frames))
        assert {row["track"] for row in clip} == {"1", "2"}


def test_killed_at_ten_random_moments(home: Path, undisturbed: Path):
    """SIGKILL when the rows have grown to a random length; what they were is spread over the whole run."""
    length = (undisturbed / "rows.csv").stat().st_size
    moments = sorted(random.Random(4).sample(range(length), 10))
    kills = 0
    for moment in moments:
        done = stopped("rows.csv", moment, signal.SIGKILL, "--resume", *SIDES)
        kills += done.returncode == -signal.SIGKILL
        assert done.returncode in (-signal.SIGKILL, 0), done.stderr
        if done.returncode == 0:
            break
    assert kills >= 5
    if Path(".rows.csv.resume.json").exists():
        done = subprocess.run(command("rows.csv", "--resume", *SIDES), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    for draft in home.glob("**/.*.draft"):  # a killed process cannot take them away
        draft.unlink()
    check_same(home, undisturbed)


def test_ctrl_c_says_how_to_go_on(home: Path, undisturbed: Path):
    half = (undisturbed / "rows.csv").stat().st_size // 2
    done = stopped("rows.csv", half, signal.SIGINT, *SIDES)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == (
        "error: stopped; to go on with rows.csv, give the same command with --resume"
    )
    assert not Path("drawn", "clip.mp4").exists()
    refused = subprocess.run(command("rows.csv"), capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "an unfinished run lies there; go on with --resume" in refused.stderr
    done = subprocess.run(command("rows.csv", "--resume", *SIDES), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"written to rows.csv: {340 + 2} face(s) of 2 picture(s) and {FRAMES + 20} frame(s)" in done.stderr
    check_same(home, undisturbed)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda: ["--smooth", "1"], "smooth 0.3, this one has 1.0"),
        (lambda: ["--uncertain-below", "0.5"], "uncertain_below 0.0, this one has 0.5"),
        (lambda: ["--detector", "haar"], 'detector "mtcnn", this one has "haar"'),
        (lambda: ["--fps", "5"], "fps null, this one has 5.0"),
        (lambda: shutil.copy("short.mp4", "more.jpg") and [], "sources"),
    ],
)
def test_another_run_is_not_gone_on_with(home: Path, change: Callable[[], list[str]], says: str):
    done = stopped("rows.jsonl", 20_000, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = Path("rows.jsonl").read_bytes()
    result = CliRunner().invoke(app, ["predict", *SOURCES, "-o", "rows.jsonl", "--resume", *change()])
    assert result.exit_code == 2
    assert says in result.stderr
    assert Path("rows.jsonl").read_bytes() == before


def test_resume_needs_rows_that_are_kept(home: Path):
    for words in ([], ["-o", "rows.json"], ["-o", "rows.txt"]):
        result = CliRunner().invoke(app, ["predict", "photo.jpg", "--resume", *words])
        assert result.exit_code == 2
        assert "give -o FILE, a .csv, .jsonl or .parquet" in result.stderr
    result = CliRunner().invoke(app, ["predict", "photo.jpg", "-o", "rows.csv", "--resume"])
    assert result.exit_code == 0, result.stderr
    result = CliRunner().invoke(app, ["predict", "photo.jpg", "-o", "rows.csv", "--resume"])
    assert result.exit_code == 2
    assert "rows.csv is finished" in result.stderr
