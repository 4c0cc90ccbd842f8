import shutil
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from posterv2.data.dataset import open_split
from posterv2.data.manifest import manifest_hash
from posterv2.errors import DatasetError, UsageError
from posterv2.labels import LABEL_SETS
from tests.fixtures.make_layouts import LAYOUTS


def test_the_layout_is_found_and_can_be_named(face_folders: Path, ferplus_zip: Path) -> None:
    assert open_split(face_folders).distributions is None
    assert open_split(ferplus_zip).distributions is not None
    assert open_split(face_folders).dataset == open_split(face_folders, "folders").dataset == "folders"
    assert open_split(ferplus_zip).dataset == open_split(ferplus_zip, "ferplus").dataset == "ferplus"
    with pytest.raises(DatasetError, match=r"label\.csv.*found train/, valid/"):
        open_split(face_folders, "ferplus")
    with pytest.raises(UsageError, match=r"no data set 'rafdb9'; choose one of ferplus, rafdb, .*, csv, or csv:ORDER"):
        open_split(face_folders, "rafdb9")


def test_an_unknown_layout_shows_what_is_there_and_what_is_known(tmp_path: Path) -> None:
    (tmp_path / "Anger").mkdir()
    with pytest.raises(DatasetError, match=r"ferplus: .*; folders: .*<class>/.*\); found Anger/"):
        open_split(tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_set_may_lie_in_the_only_folder(laid_out: Callable[[str], Path], layout: str, kind: str) -> None:
    root = laid_out(layout)
    there = open_split(root)
    its_hash = manifest_hash(there)
    outer = root.parent / "outer"
    (outer / "Download").mkdir(parents=True)
    root.rename(outer / "Download" / "My set")
    (outer / "Thumbs.db").write_bytes(b"x")
    found = open_split(outer if kind == "folder" else shutil.make_archive(str(root.parent / "set"), "zip", outer))
    assert (found.dataset, found.name, found.sources) == (there.dataset, there.name, there.sources)
    assert manifest_hash(found) == its_hash


def test_class_folders_come_before_lists_beside_their_folder(laid_out: Callable[[str], Path]) -> None:
    """RAF-DB as Kaggle has it."""
    root = laid_out("folders-1-7")
    (root / "DATASET").mkdir()
    for name in ("train", "valid"):
        (root / name).rename(root / "DATASET" / name)
        (root / f"{name}_labels.csv").write_text("image,label\n1.jpg,1\n")
    assert open_split(root).labels == LABEL_SETS["rafdb"]


def test_of_several_folders_none_is_chosen(face_folders: Path) -> None:
    outer = face_folders.parent / "outer"
    shutil.copytree(face_folders, outer / "one")
    shutil.copytree(face_folders, outer / "two")
    with pytest.raises(DatasetError, match=r"no data set is laid out there .*found one/, two/"):
        open_split(outer)


def test_a_csv_that_is_named_is_the_set_itself(face_folders: Path) -> None:
    outer = face_folders.parent / "outer"
    shutil.copytree(face_folders, outer / "set")
    (outer / "notes.csv").write_text("who,what\n")
    with pytest.raises(DatasetError, match="a CSV with the columns path and label"):
        open_split(outer / "notes.csv")


@pytest.mark.parametrize("name", ["valid", "val", "test"])
def test_the_one_evaluation_split_is_the_default(face_folders: Path, name: str) -> None:
    (face_folders / "valid").rename(face_folders / name)
    assert open_split(face_folders).name == name


@pytest.mark.parametrize(("asked", "there"), list(permutations(("valid", "val", "test"), 2)))
def test_valid_val_and_test_are_one_name_where_only_one_is_there(face_folders: Path, asked: str, there: str) -> None:
    (face_folders / "valid").rename(face_folders / there)
    assert open_split(face_folders, split=asked).name == there


def test_several_evaluation_splits_must_be_chosen_from(face_folders: Path) -> None:
    shutil.copytree(face_folders / "valid", face_folders / "val")
    with pytest.raises(DatasetError, match=r"several splits to evaluate on; there is train, valid, val; .*--split"):
        open_split(face_folders)
    assert open_split(face_folders, split="val").sources[0].startswith("val/")


def test_valid_is_val_also_beside_test_and_no_other_is(face_folders: Path) -> None:
    (face_folders / "valid").rename(face_folders / "val")
    shutil.copytree(face_folders / "val", face_folders / "test")
    assert open_split(face_folders, split="valid").name == "val"
    shutil.copytree(face_folders / "test", face_folders / "valid")
    shutil.rmtree(face_folders / "test")
    with pytest.raises(DatasetError, match=r"no split 'test'; there is train, valid, val"):
        open_split(face_folders, split="test")


def test_train_is_taken_only_when_it_is_named(face_folders: Path) -> None:
    shutil.rmtree(face_folders / "valid")
    with pytest.raises(DatasetError, match=r"no split to evaluate on; there is train; name one with --split"):
        open_split(face_folders)
    assert open_split(face_folders, split="train").name == "train"


@pytest.mark.parametrize("asked", ["all", "Train", "nonsense"])
def test_a_split_that_is_not_there_lists_those_that_are(ferplus_zip: Path, asked: str) -> None:
    with pytest.raises(DatasetError, match=rf"no split '{asked}'; there is train, valid"):
        open_split(ferplus_zip, split=asked)


def test_labels_are_matched_by_name(face_folders: Path) -> None:
    split = open_split(face_folders, labels=LABEL_SETS["affectnet8"])
    assert split.labels == LABEL_SETS["affectnet8"]
    for source, target in zip(split.sources, split.targets, strict=True):
        assert f"/{split.labels.names[target]}/" in source
