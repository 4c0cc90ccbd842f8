"""`posterv2 batch` through the command line. One job runs through Daft; all else must do without."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from posterv2.cli import app
from posterv2.inference.videowriter import VideoWriter
from tests.batch.conftest import FACES, finished, parts_in, rows_in, started
from tests.fixtures.make_clips import walk

QUICK = ("--engine", "onnxruntime")  # it starts in a tenth of a second
SETTINGS = ("--aligned", "--fps", 5, "--shard", 3, "--workers", 1)


@dataclass(frozen=True)
class Job:
    """A finished one: four face crops, two files that are missing and a broken one, and a clip of 12 frames."""

    faces: Path
    rows: Path
    code: int
    output: str
    errors: str


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    home = tmp_path_factory.mktemp("job")
    broken, clip, faces = home / "broken.png", home / "clip.mp4", home / "faces.txt"
    broken.write_bytes(FACES[0].read_bytes()[:300])
    with VideoWriter(clip, 10) as writer:
        for number, scene in enumerate(walk(1, 12, (320, 240))):
            writer.write(scene.image, number / 10)
    paths = [*FACES[:4], home / "gone.png", broken, home / "lost.png", clip]
    faces.write_text("".join(f"{path}\n" for path in paths))
    return Job(faces, home / "rows", *finished(started(faces, home / "rows", *SETTINGS, *QUICK)))


@pytest.fixture
def no_daft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for Daft is told that it is not installed."""
    monkeypatch.setitem(sys.modules, "daft", None)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, words), *QUICK])


def error_of(result: Result, code: int) -> str:
    """The one line that says what was wrong."""
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    [line] = result.stderr.splitlines()
    return line


def test_a_job_ends_with_its_sums_and_what_could_not_be_done(job: Job) -> None:
    assert job.code == 1, job.errors
    begin, end, could_not = job.errors.splitlines()
    assert begin == "4 shards, 4 to do"
    assert end.startswith(f"written to {job.rows}: 10 faces in 13 inputs, ")
    assert end.endswith(" a second")
    assert could_not == "3 could not be done; their rows say why in `error`:"
    head, gone, broken = job.output.splitlines()
    assert head.split() == ["inputs", "reason"]
    assert gone.split(maxsplit=1) == ["2", "No such file or directory"]
    assert broken.split()[0] == "1"
    rows = rows_in(job.rows).to_pylist()
    assert [row["source"] for row in rows if row["error"]] == [
        str(job.faces.with_name(name)) for name in ("gone.png", "broken.png", "lost.png")
    ]


def test_aligned_pictures_are_faces_whole_and_videos_are_thinned(job: Job) -> None:
    rows = rows_in(job.rows).to_pylist()
    crops = rows[:4]
    assert [row["source"] for row in crops] == list(map(str, FACES[:4]))
    assert {(row["x"], row["y"], row["width"], row["height"], row["score"]) for row in crops} == {(0, 0, 48, 48, 1.0)}
    frames = [row for row in rows if row["source"].endswith("clip.mp4")]
    assert [row["time"] for row in frames] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert {row["track"] for row in frames} == {1}


@pytest.mark.usefixtures("no_daft")
def test_a_finished_job_is_told_again_and_nothing_is_done(job: Job) -> None:
    again = run(job.faces, job.rows, *SETTINGS, "--resume")
    assert (again.exit_code, again.stdout) == (1, job.output)
    assert again.stderr.splitlines() == [
        "4 shards, 0 to do",
        f"written to {job.rows}: 10 faces in 13 inputs",
        "3 could not be done; their rows say why in `error`:",
    ]


@pytest.mark.usefixtures("no_daft")
def test_a_job_goes_on_with_the_same_alone(job: Job) -> None:
    card = job.rows / "_job.json"
    assert error_of(run(job.faces, job.rows, *SETTINGS), 2) == (
        f"error: {card}: a job was begun here; go on with --resume, or give another folder"
    )
    for words, was, now in (
        ((job.faces, job.rows, *SETTINGS[1:]), "aligned True", "False"),
        ((job.faces, job.rows, *SETTINGS[:3]), "shard 3", "2000"),
        ((job.faces, job.rows, *SETTINGS, "--uncertain-below", 0.5), "uncertain_below 0.0", "0.5"),
        ((FACES[0], job.rows, *SETTINGS), f"input {job.faces}", str(FACES[0])),
    ):
        line = error_of(run(*words, "--resume"), 2)
        assert line.startswith(f"error: {card}: this job was begun with {was}, not {now}; go on with the same")
    assert json.loads(card.read_text())["input"] == str(job.faces)
    assert parts_in(job.rows) == 4


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["gone.png"], 1, "gone.png: No such file or directory"),
        (["empty"], 1, "empty: no pictures, videos, .tar or .parquet files below this folder"),
        (["notes.md"], 2, "notes.md: neither a folder nor a file that ends with"),
        (["s9://bucket/faces"], 2, "s9://bucket/faces: no file system here opens this"),
        (["photos", "--weights", "gone.safetensors"], 1, "no file 'gone.safetensors'"),
        (["photos", "--labels", "rafdb"], 2, "rafdb"),
        (["photos", "--detector", "eyes"], 2, "there is no detector 'eyes'"),
        (["photos", "--fps", "0"], 2, "fps, the frames a second, must be above 0, got 0.0"),
    ],
)
@pytest.mark.usefixtures("no_daft")
def test_what_is_wrong_is_one_line_and_no_job_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "photos"):
        Path(folder).mkdir()
    Path("notes.md").touch()
    Path("photos", "a.png").write_bytes(FACES[0].read_bytes())
    line = error_of(run(words[0], "rows", *words[1:]), code)
    assert line.startswith("error: ")
    assert says in line
    assert not Path("rows").exists()


@pytest.mark.usefixtures("no_daft")
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    for words in ([], ["--resume"]):
        line = error_of(run(FACES[0], tmp_path, *words), 2)
        assert line == f"error: {tmp_path}: holds letter.txt and no job; give a folder that is empty or not there"
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("module", "extra"), [("fsspec", "batch"), ("daft", "batch"), ("ray", "ray")])
def test_without_its_parts_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "daft", None if module == "daft" else sys)  # asked for before ray
    result = run(FACES[0], tmp_path / "rows", "--aligned", *(["--address", "auto"] if module == "ray" else []))
    assert result.exit_code == 3
    assert f"pip install 'posterv2[{extra}]'" in result.stderr.splitlines()[-1]
