from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

import posterv2
from posterv2.batch.job import Job
from posterv2.batch.shards import Shard
from posterv2.batch.worker import Done, Settings, Worker
from posterv2.errors import ImageError, OutputError, PosterError, UsageError
from posterv2.inference.rows import rows_of
from posterv2.inference.videowriter import VideoWriter
from posterv2.places import Place
from tests.batch.conftest import FACES
from tests.fixtures.make_clips import walk

PORTRAIT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"
SETTINGS = Settings("", None, None, "cpu", "onnxruntime", "fp32", "mtcnn", 0.0, 1, True, None, "digest")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "rows").mkdir()
    return replace(SETTINGS, output=str(tmp_path / "rows"))


def rows(settings: Settings, number: int = 0) -> list[dict[str, object]]:
    return pyarrow.parquet.read_table(f"{settings.output}/part-{number:07d}.parquet").to_pylist()


def test_rows_are_the_predictors(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    paths = (str(FACES[0]), str(broken), str(FACES[1]), str(tmp_path / "missing.jpg"))
    done = Worker(settings)(Shard(0, "pictures", paths))
    assert (done.inputs, done.faces) == (4, 2)
    assert done.failures == {"not a picture that can be read (got 1 bytes)": 1, "No such file or directory": 1}
    assert Done.of(Place(settings.output).child("part-0000000.parquet")) == done
    predictor = posterv2.load(engine="onnxruntime")
    expected = [rows_of(predictor(face, aligned=True), predictor.labels.names)[0] for face in (FACES[0], FACES[1])]
    found = rows(settings)
    assert [row["source"] for row in found] == list(paths)
    assert [row["error"] for row in found] == [None, next(iter(done.failures)), None, list(done.failures)[1]]
    assert {row["weights"] for row in found} == {"digest"}
    for row, one in zip((found[0], found[2]), expected, strict=True):
        assert {key: row[key] for key in one} == pytest.approx(one, abs=1e-5)


def test_photos_with_their_faces(settings: Settings) -> None:
    done = Worker(replace(settings, aligned=False))(Shard(0, "pictures", (str(PORTRAIT), str(PORTRAIT))))
    assert (done.inputs, done.faces, done.failures) == (2, 2, {})
    assert [row["expression"] for row in rows(settings)] == ["happiness"] * 2


def test_a_video_is_followed_and_a_broken_one_has_the_rows_before_the_break(settings: Settings, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with VideoWriter(clip, 10) as writer:
        for number, scene in enumerate(walk(1, 12, (320, 240))):
            writer.write(scene.image, number / 10)
    worker = Worker(replace(settings, fps=5))
    done = worker(Shard(0, "video", (str(clip),)))
    found = rows(settings)
    assert done.inputs == len({row["frame"] for row in found}) == 6
    assert [row["time"] for row in found][:2] == [0.0, 0.2]
    assert {row["track"] for row in found if row["x"] is not None} == {1}
    clip.write_bytes(b"no video")
    done = worker(Shard(1, "video", (str(clip),)))
    assert (done.inputs, done.faces, len(done.failures)) == (1, 0, 1)
    assert rows(settings, 1)[0]["source"] == str(clip)


def test_a_broken_file_of_many_is_one_row(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"no tar at all" * 100)
    done = Worker(settings)(Shard(0, "tar", (str(path),)))
    assert (done.inputs, done.faces) == (1, 0)
    assert str(rows(settings)[0]["error"]).startswith("the tar is broken")


def test_twice_gives_the_same_file(settings: Settings) -> None:
    worker, part = Worker(settings), Path(settings.output, "part-0000000.parquet")
    tables = []
    for _ in range(2):
        worker(Shard(0, "pictures", tuple(map(str, FACES))))
        tables.append(pyarrow.parquet.read_table(part))
    assert tables[0].equals(tables[1])


def test_rows_that_cannot_be_written(settings: Settings) -> None:
    Path(settings.output).rmdir()
    with pytest.raises(OutputError, match="there is no folder"):
        Worker(settings)(Shard(0, "pictures", (str(FACES[0]),)))
    with pytest.raises(ImageError, match="no file of a job's rows"):
        Done.of(Place(str(FACES[0])))


def test_a_job_goes_on_with_the_same_alone(tmp_path: Path) -> None:
    def job(resume: bool = True, size: int = 4, **changes: object) -> Job:
        return Job(str(tmp_path / "rows"), str(FACES[0].parent), SETTINGS.deciding() | changes, size, resume)

    assert len(job(resume=False).pending()) == len(FACES) // 4
    assert job().shards == job().pending()
    with pytest.raises(UsageError, match="go on with --resume"):
        job(resume=False)
    with pytest.raises(UsageError, match="begun with aligned True, not False"):
        job(aligned=False)
    with pytest.raises(UsageError, match="begun with shard 4, not 5"):
        job(size=5)
    with pytest.raises(UsageError, match="begun with digest digest, not other"):
        job(digest="other")
    (tmp_path / "rows" / "_job.json").write_text("[]")
    with pytest.raises(UsageError, match="not the card of a job"):
        job()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UsageError, match=r"holds letter\.txt and no job"):
        Job(str(tmp_path), str(FACES[0].parent), {}, 4, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(PosterError, match="cannot be written"):
        Job(str(tmp_path / "letter.txt" / "rows"), str(FACES[0].parent), {}, 4, resume=False)
