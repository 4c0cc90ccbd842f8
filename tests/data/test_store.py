import multiprocessing
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

from posterv2.data.store import ZipStore, listing, open_store
from posterv2.errors import DatasetError


def test_folder_and_zip_hold_the_same_names_and_bytes(ferplus_folders: Path, ferplus_zip: Path) -> None:
    folder, archive = open_store(ferplus_folders), open_store(ferplus_zip)
    assert folder.names("") == archive.names("") == {"FER2013Train/", "FER2013Valid/"}
    assert folder.names("FER2013Valid") == archive.names("FER2013Valid")
    assert {"FER2013Valid/label.csv", "FER2013Valid/anger_2.png"} <= folder.names("FER2013Valid")
    assert folder.names("FER2013Test") == archive.names("FER2013Test") == set()
    assert folder.read("FER2013Valid/anger_2.png") == archive.read("FER2013Valid/anger_2.png")


def test_hidden_files_and_what_macos_adds_are_left_out(tmp_path: Path) -> None:
    folder, archive = tmp_path / "folder", tmp_path / "set.zip"
    for name in ("train/joy/a.png", "train/joy/.b.png", ".git/config", "__MACOSX/train/joy/a.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
        with zipfile.ZipFile(archive, "a") as file:
            file.write(folder / name, name)
    for store in (open_store(folder), open_store(archive)):
        assert store.names("") == {"train/"}
        assert store.names("train") == {"train/joy/", "train/joy/a.png"}


def test_forked_workers_read_a_zip_that_the_parent_has_open(ferplus_zip: Path) -> None:
    store = ZipStore(ferplus_zip)
    names = [name for name in sorted(store.names("FER2013Valid")) if name.endswith(".png")] * 25
    with multiprocessing.get_context("fork").Pool(4) as pool:
        parts = pool.map(store.read, names, chunksize=3)
    assert parts == [store.read(name) for name in names]


def test_a_spawned_worker_reads_a_zip_that_the_parent_has_open(ferplus_zip: Path) -> None:
    store = ZipStore(ferplus_zip)
    name = "FER2013Train/anger_1.png"
    assert name in store.names("FER2013Train")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(store.read, [name]) == store.read(name)


def test_the_only_folder_is_a_store_of_its_own(ferplus_folders: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(ferplus_folders, outer / "data")
    for path in (outer, Path(shutil.make_archive(str(tmp_path / "outer"), "zip", outer))):
        inner = open_store(path).inner()
        assert inner is not None
        assert inner.path == path / "data"
        assert inner.names("") == {"FER2013Train/", "FER2013Valid/"}
        again = pickle.loads(pickle.dumps(inner))
        assert again.read("FER2013Valid/anger_2.png") == inner.read("FER2013Valid/anger_2.png")
        assert again.size("FER2013Valid/anger_2.png") == len(inner.read("FER2013Valid/anger_2.png"))
        assert inner.inner() is None


def test_what_is_missing_names_what_lies_beside_it(ferplus_folders: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: there is no such folder or zip; .* holds FER2013Train/, FER"):
        open_store(ferplus_folders / "nowhere")
    with pytest.raises(DatasetError, match=r"gone\.png: cannot be read: .*No such file"):
        open_store(ferplus_folders).read("gone.png")


def test_files_that_are_no_zip_are_refused(tmp_path: Path, ferplus_zip: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(DatasetError, match="a data set is a folder or a zip"):
        open_store(text)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(ferplus_zip.read_bytes()[:5000])
    with pytest.raises(DatasetError, match="a data set is a folder or a zip"):
        open_store(cut)


def test_a_damaged_file_in_a_zip_is_named(ferplus_zip: Path) -> None:
    store = ZipStore(ferplus_zip)
    with zipfile.ZipFile(ferplus_zip) as archive:
        info = archive.getinfo("FER2013Valid/anger_2.png")
    data = bytearray(ferplus_zip.read_bytes())
    start = info.header_offset + 60 + len(info.filename)
    data[start : start + 200] = bytes(200)
    ferplus_zip.write_bytes(data)
    with pytest.raises(DatasetError, match=r"FER2013Valid/anger_2\.png: cannot be read"):
        store.read("FER2013Valid/anger_2.png")


def test_a_long_listing_is_cut(tmp_path: Path) -> None:
    assert listing(open_store(tmp_path)) == "nothing"
    for number in range(13):
        (tmp_path / f"{number:02}.txt").touch()
    assert listing(open_store(tmp_path)).endswith("09.txt and 3 more")


@pytest.mark.parametrize("kind", ["ferplus_folders", "ferplus_zip"])
def test_a_file_is_looked_at_without_reading_it(kind: str, request: pytest.FixtureRequest) -> None:
    store = open_store(request.getfixturevalue(kind))
    name = "FER2013Valid/anger_2.png"
    content = store.read(name)
    with store.open(name) as file:
        assert file.read(12) == content[:12]
    assert store.size(name) == len(content)
    assert store.has(name)
    assert not store.has("FER2013Valid/anger_1.png")
    assert not store.has("anger_2.png")
    with pytest.raises(DatasetError, match=r"gone\.png: cannot be read"):
        store.size("gone.png")
    with pytest.raises(DatasetError, match=r"gone\.png: cannot be read"), store.open("gone.png"):
        pass


def test_a_csv_hides_the_other_ones_beside_it(tmp_path: Path) -> None:
    for name in ("a.csv", "b.CSV", "a.png"):
        (tmp_path / name).touch()
    assert open_store(tmp_path / "a.csv").names("") == {"a.csv", "a.png"}


def test_a_zip_of_a_newer_kind_is_named(ferplus_zip: Path) -> None:
    data = bytearray(ferplus_zip.read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 99  # the version that reading needs
    ferplus_zip.write_bytes(data)
    with pytest.raises(DatasetError, match=r"ferplus\.zip: cannot be read: zip file version 9\.9"):
        open_store(ferplus_zip).names("")
