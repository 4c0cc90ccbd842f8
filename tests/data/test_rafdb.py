from collections.abc import Callable
from pathlib import Path

import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError

Make = Callable[[str], Path]


def _list(root: Path) -> Path:
    return next(root.rglob("list_*.txt"))


@pytest.mark.parametrize("row", ["test_00001.jpg 0", "test_00001.jpg 8", "test_00001.jpg", "face.jpg 3", "test_1 2 3"])
@pytest.mark.parametrize("layout", ["rafdb", "rafdb-flat"])
def test_a_row_that_is_none_is_named_by_its_line(laid_out: Make, layout: str, row: str) -> None:
    root = laid_out(layout)
    _list(root).write_text(f"\n{row}\n" + _list(root).read_text())
    with pytest.raises(
        DatasetError, match=rf"label\.txt, line 2: expected .* 1 to 7, got '{row}' \(1 of 8 are\); mend"
    ):
        open_split(root)


def test_a_wrong_row_of_another_split_does_no_harm(laid_out: Make) -> None:
    root = laid_out("rafdb")
    _list(root).write_text(_list(root).read_text() + "train_00009.jpg 9\n")
    assert len(open_split(root, split="test")) == 7


@pytest.mark.parametrize("layout", ["rafdb", "rafdb-flat"])
def test_a_missing_picture_is_named_in_its_own_split(laid_out: Make, layout: str) -> None:
    root = laid_out(layout)
    next(root.rglob("test_00003*")).unlink()
    assert len(open_split(root, split="train")) == 7
    with pytest.raises(
        DatasetError, match=r"test_00003_aligned\.jpg: .*line 10 names .* missing \(1 of 7 are\); unpack"
    ):
        open_split(root)


def test_an_archive_that_is_not_unpacked_is_told(laid_out: Make) -> None:
    root = laid_out("rafdb")
    (root / "Image" / "aligned").rename(root / "Image" / "original")
    (root / "Image" / "aligned.zip").write_bytes(b"PK")
    with pytest.raises(DatasetError, match=r"Image/aligned\.zip: .* unpack it into Image/aligned/"):
        open_split(root)


def test_class_folders_beside_the_list_are_class_folders(laid_out: Make) -> None:
    root = laid_out("folders-1-7")
    (root / "list_patition_label.txt").write_text("train_00001.jpg 5\n")
    assert open_split(root).dataset == "folders"


def test_in_the_flat_layout_the_folder_says_the_split(laid_out: Make) -> None:
    """A validation set held out of the training set, beside the published test set."""
    root = laid_out("rafdb-flat")
    (root / "valid").rename(root / "test")
    (root / "valid").mkdir()
    (root / "train" / "train_00004.jpg").rename(root / "valid" / "train_00004.jpg")
    assert open_split(root, split="valid").counts()["happiness"] == len(open_split(root, split="valid")) == 1
    assert len(open_split(root, split="train")) == 6
    assert len(open_split(root, split="test")) == 7
