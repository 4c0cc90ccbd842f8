import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from posterv2.data.dataset import open_split
from posterv2.data.manifest import Entry, listing_hash, manifest_hash, write_manifest
from posterv2.data.split import Split
from posterv2.errors import DatasetError, OutputError
from posterv2.labels import LABEL_SETS

HASHES = [manifest_hash, listing_hash]
Hash = Callable[[Split], str]


@pytest.mark.parametrize("hash_of", HASHES)
def test_one_content_has_one_hash(face_folders: Path, tmp_path: Path, hash_of: Hash) -> None:
    split = open_split(face_folders)
    archive = open_split(shutil.make_archive(str(tmp_path / "set"), "zip", face_folders))
    backwards = replace(split, sources=split.sources[::-1], targets=split.targets[::-1])
    for same in (archive, backwards, split.relabel(LABEL_SETS["affectnet8"])):
        assert hash_of(same) == hash_of(split)
    assert hash_of(open_split(face_folders, split="train")) != hash_of(split)


@pytest.mark.parametrize("hash_of", HASHES)
def test_a_class_a_name_or_a_length_changes_it(face_folders: Path, hash_of: Hash) -> None:
    split = open_split(face_folders)
    before = hash_of(split)
    moved = split.targets.copy()
    moved[0] = 3
    assert hash_of(replace(split, targets=moved)) != before
    assert hash_of(replace(split, sources=split.sources[1:], targets=split.targets[1:])) != before
    file = face_folders / split.sources[0]
    content = file.read_bytes()
    file.write_bytes(content + b"\0")
    assert hash_of(split) != before
    file.write_bytes(content)
    assert hash_of(split) == before
    file.rename(file.with_name("other.png"))
    assert hash_of(open_split(face_folders)) != before


def test_one_other_byte_changes_the_hash_of_the_content_alone(face_folders: Path) -> None:
    split = open_split(face_folders)
    before, listing = manifest_hash(split), listing_hash(split)
    file = face_folders / split.sources[0]
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    assert manifest_hash(split) != before
    assert listing_hash(split) == listing


def test_the_hash_is_the_documented_one(face_folders: Path) -> None:
    split = open_split(face_folders)
    rows = [f"{source}\t{source.split('/')[1]}\t{_sha(face_folders / source)}\n" for source in split.sources]
    assert manifest_hash(split) == hashlib.sha256("".join(sorted(rows)).encode()).hexdigest()


def test_a_csv_of_pixels_has_a_hash_too(laid_out: Callable[[str], Path]) -> None:
    split = open_split(laid_out("fer2013"))
    assert manifest_hash(split) == manifest_hash(open_split(laid_out("fer2013-kaggle")))
    assert listing_hash(split) == listing_hash(open_split(split.store.path))


def test_what_is_gone(face_folders: Path) -> None:
    split = open_split(face_folders)
    (face_folders / split.sources[0]).unlink()
    assert len(manifest_hash(split)) == 64
    with pytest.raises(DatasetError, match=split.sources[0]):
        listing_hash(split)


def test_the_file_says_what_each_picture_was(tmp_path: Path) -> None:
    entries = [Entry("b.png", "fear", 3, "33"), Entry("a.png", "anger", None, None)]
    path = tmp_path / "manifest.json"
    whole = write_manifest(path, "Faces", "folders", {"train": entries, "valid": entries[:1]})
    document = json.loads(path.read_text())
    assert {name: document[name] for name in ("format", "data", "dataset", "hash")} == {
        "format": 1,
        "data": "Faces",
        "dataset": "folders",
        "hash": whole,
    }
    assert document["splits"]["train"]["pictures"] == [
        {"source": "a.png", "class": "anger", "bytes": None, "sha256": None},
        {"source": "b.png", "class": "fear", "bytes": 3, "sha256": "33"},
    ]
    assert len({whole, document["splits"]["train"]["hash"], document["splits"]["valid"]["hash"]}) == 3
    with pytest.raises(OutputError):
        write_manifest(tmp_path / "nowhere" / "manifest.json", "Faces", "folders", {})


def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
