import io
import os
import tarfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from posterv2.batch import reading
from posterv2.batch.reading import Item, items_of
from posterv2.batch.shards import Shard, from_table, shards_of, to_table
from posterv2.errors import ImageError, PosterError, UsageError
from posterv2.places import Place
from tests.batch.conftest import FACES


def items(word: object, size: int = 100) -> list[Item]:
    return [item for shard in shards_of(str(word), size) for item in items_of(shard)]


def contents(word: object) -> dict[str, bytes | str]:
    return {
        item.source: str(item.content) if isinstance(item.content, PosterError) else item.content
        for item in items(word)
    }


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("pictures", "size", "expected"), [(99, 2000, 50), (6400, 2000, 100), (6401, 90, 90)])
def test_a_small_input_is_cut_so_that_all_workers_have_some(
    tmp_path: Path, pictures: int, size: int, expected: int
) -> None:
    (tmp_path / "list.txt").write_text("".join(f"{number}.png\n" for number in range(pictures)))
    shards = shards_of(str(tmp_path / "list.txt"), size)
    assert {len(shard.paths) for shard in shards[:-1]} == {expected}
    assert [path for shard in shards for path in shard.paths] == [f"{number}.png" for number in range(pictures)]
    pyarrow.parquet.write_table(pyarrow.table({"path": ["a.png"] * pictures}), tmp_path / "faces.parquet")
    shards = shards_of(str(tmp_path / "faces.parquet"), size)
    assert {shard.end - shard.begin for shard in shards[:-1]} == {expected}
    assert shards[-1].end == pictures


def test_a_folder_is_cut_into_shards_in_its_order(tmp_path: Path) -> None:
    for name in ("b.png", "a/2.JPG", "a/1.jpg", ".hidden.png", ".git/x.png", "notes.md", "c.mp4", "d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    shards = shards_of(str(tmp_path), 2)
    assert [(shard.number, shard.kind, [Path(path).name for path in shard.paths]) for shard in shards] == [
        (0, "pictures", ["1.jpg", "2.JPG"]),
        (1, "pictures", ["b.png"]),
        (2, "video", ["c.mp4"]),
        (3, "pictures", ["d.png"]),
    ]
    assert shards_of(str(tmp_path), 2) == shards == from_table(to_table(shards), "x")


def test_names_are_those_that_the_user_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    for word in ("photos", "photos/", "photos/*.png", "photos/a.png"):
        assert shards_of(word, 9)[0].paths == ("photos/a.png",)
    assert shards_of(f"{tmp_path}/photos", 9)[0].paths == (f"{tmp_path}/photos/a.png",)
    assert shards_of(f"file://{tmp_path}/photos", 9)[0].paths == (f"file://{tmp_path}/photos/a.png",)
    assert items_of(shards_of(f"file://{tmp_path}/photos", 9)[0]).__next__().content == b"x"


def test_a_list_may_name_what_is_missing_and_other_inputs_but_no_lists(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.png").write_bytes(b"a")
    words = [tmp_path / "missing.png", "", tmp_path / "folder", tmp_path / "folder" / "*.png"]
    (tmp_path / "list.txt").write_text("\n".join(map(str, words)))
    found = contents(tmp_path / "list.txt")
    assert found[str(tmp_path / "missing.png")] == f"{tmp_path}/missing.png: No such file or directory"
    assert len(items(tmp_path / "list.txt")) == 3
    (tmp_path / "list.txt").write_text(f"{tmp_path}/list.txt")
    with pytest.raises(UsageError, match="a list names no other lists"):
        shards_of(str(tmp_path / "list.txt"), 9)


def test_a_path_that_is_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.png"
    Path(os.fsdecode(path)).write_bytes(b"x")
    shards = shards_of(str(tmp_path), 9)
    assert shards[0].paths == (os.fsdecode(path),)
    assert from_table(to_table(shards), "x") == shards
    assert [item.content for item in items_of(shards[0])] == [b"x"]


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("nothing", ImageError, "nothing: No such file or directory"),
        ("notes.md", UsageError, "neither a folder nor a file that ends with"),
        ("empty", ImageError, "no pictures, videos, .tar or .parquet files below this folder"),
        ("*.gif", ImageError, "no file fits this pattern"),
        ("broken.parquet", ImageError, "no Parquet file that can be read"),
        ("odd://x/y", UsageError, "no file system here opens this: Protocol not known: odd"),
    ],
)
def test_inputs_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[PosterError], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.md").touch()
    Path("empty").mkdir()
    Path("broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(error, match=words):
        shards_of(name, 9)


def test_a_tar(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", {"a.png": b"a", "a.cls": b"3", "deep/b.jpg": b"b", "__MACOSX": b""})
    assert contents(path) == {f"{path}/a.png": b"a", f"{path}/deep/b.jpg": b"b"}
    whole = path.read_bytes()
    path.write_bytes(whole[:600])
    with pytest.raises(ImageError, match="the tar is broken"):
        items(path)


@pytest.mark.parametrize("shape", ["bytes", "image", "struct", "paths"])
def test_parquet(tmp_path: Path, shape: str) -> None:
    path, count = tmp_path / "x.parquet", 10
    faces = [face.read_bytes() for face in FACES[:count]]
    columns = {
        "bytes": {"path": [f"f{number}" for number in range(count)], "bytes": faces},
        "image": {"image": faces, "label": list(range(count))},
        "struct": {"image": [{"bytes": face, "path": f"f{number}"} for number, face in enumerate(faces)]},
        "paths": {"path": list(map(str, FACES[:count])), "label": [0] * count},
    }[shape]
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=4)
    shards = shards_of(str(path), 3)
    assert [(shard.begin, shard.end) for shard in shards] == [(0, 3), (3, 4), (4, 7), (7, 10)]
    found = [item for shard in shards for item in items_of(shard)]
    assert [item.content for item in found] == faces
    names = {"image": [f"{path}#{number}" for number in range(count)], "paths": list(map(str, FACES[:count]))}
    assert [item.source for item in found] == names.get(shape, [f"f{number}" for number in range(count)])


@pytest.mark.parametrize(
    ("groups", "ranges"),
    [
        ([2, 2, 2, 2, 2], [(0, 4), (4, 8), (8, 10)]),
        ([5, 5], [(0, 5), (5, 10)]),
        ([12, 4, 3], [(0, 5), (5, 10), (10, 12), (12, 16), (16, 19)]),
        ([3, 0, 2], [(0, 5)]),
        ([], []),
    ],
)
def test_parquet_is_cut_where_row_groups_end(tmp_path: Path, groups: list[int], ranges: list[tuple[int, int]]) -> None:
    path, schema = tmp_path / "x.parquet", pyarrow.schema([("bytes", pyarrow.binary())])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for rows in groups:
            writer.write_table(pyarrow.table({"bytes": [b"x"] * rows}, schema))
    assert [(shard.begin, shard.end) for shard in shards_of(str(path), 5)] == ranges


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_picture_of_too_many_bytes_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    folder = "memory://pictures" if elsewhere else str(tmp_path)
    most, large, empty = f"{folder}/most.png", f"{folder}/large.png", f"{folder}/empty.png"
    for path, size in ((most, 10), (large, 10_000), (empty, 0)):
        Place(path).write(b"x" * size)
    got: list[int] = []
    read = Place.read
    monkeypatch.setattr(Place, "read", lambda *words: got.append(len(content := read(*words))) or content)
    found = [item.content for item in items_of(Shard(0, "pictures", (most, large, empty)))]
    assert [str(content) if isinstance(content, PosterError) else content for content in found] == [
        b"x" * 10,
        f"{large}: the file is over the limit of 10 bytes",
        b"",
    ]
    assert got == [10, 11, 0]


def test_a_picture_elsewhere_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    Place("memory://pictures/a.png").write(b"x")
    asked: list[str] = []
    for name in ("info", "ls", "_open", "cat_file"):
        ask = getattr(MemoryFileSystem, name)
        monkeypatch.setattr(
            MemoryFileSystem,
            name,
            lambda *words, name=name, ask=ask, **more: asked.append(name) or ask(*words, **more),
        )
    assert [item.content for item in items_of(Shard(0, "pictures", ("memory://pictures/a.png",)))] == [b"x"]
    assert asked == ["cat_file"]


def test_parquet_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"label": [1, 2]}), path)
    with pytest.raises(UsageError, match=r"no column holds pictures \(bytes, .*it has label"):
        items(path)
    pyarrow.parquet.write_table(pyarrow.table({"bytes": [None, b"x"], "name": ["a", None]}), path)
    assert contents(path) == {"a": "a: there are no bytes in bytes", f"{path}#1": b"x"}


def test_a_table_that_holds_no_shards() -> None:
    with pytest.raises(UsageError, match="jobs/x: no shards of a job"):
        from_table(b"PAR1", "jobs/x")
    with pytest.raises(ValueError, match="there is no kind 'a'"):
        Shard.of({"number": 0, "kind": "a", "paths": [], "begin": 0, "end": 0})
