import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError

Make = Callable[[str], Path]


@pytest.fixture
def training(laid_out: Make) -> Path:
    """The training list of AffectNet as distributed."""
    return laid_out("affectnet") / "Manually_annotated_file_lists" / "training.csv"


def _root(list_: Path) -> Path:
    return list_.parents[1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("100/1000.jpg,0,0,48,48,,11,0,0", r"training\.csv, line 13: expected an expression from 0 to 10, got '11'"),
        ("100/1000.jpg,0,0,48,48,,happy,0,0", "got 'happy'"),
        ("100/1000.jpg", r"expected a path in the data set's folder .* got '100/1000\.jpg'"),
        (
            "../100/1000.jpg,0,0,48,48,,1,0,0",
            r"expected a path in the data set's folder .* got '\.\./100/1000\.jpg,0,0",
        ),
        ("100/gone.jpg,0,0,48,48,,1,0,0", r"Images/100/gone\.jpg: .*line 13 names .* missing"),
    ],
)
def test_a_wrong_row_is_named(training: Path, row: str, message: str) -> None:
    training.write_text(f"{training.read_text()}{row}\n")
    with pytest.raises(DatasetError, match=rf"{message}.*\(1 of 12 are\)"):
        open_split(_root(training), split="train")


def test_a_left_out_picture_need_not_be_there(training: Path) -> None:
    (_root(training) / "Manually_Annotated_Images" / "108" / "1008.jpg").unlink()
    assert len(open_split(_root(training), split="train")) == 8


def test_the_automatic_labels_train_where_there_are_no_others(training: Path) -> None:
    automatic = training.with_name("automatically_annotated.csv")
    automatic.write_text("".join(training.read_text().splitlines(keepends=True)[:3]))
    assert len(open_split(_root(training), split="train")) == 8
    training.unlink()
    (_root(training) / "Manually_Annotated_Images").rename(_root(training) / "Automatically_Annotated_Images")
    assert len(open_split(_root(training), split="train")) == 2


def test_whole_paths_into_the_set_are_read(training: Path) -> None:
    there = open_split(_root(training), split="train").sources
    header, *rows = training.read_text().splitlines()
    images = _root(training) / "Manually_Annotated_Images"
    training.write_text("\n".join([header, *(f"{images}/{row}" for row in rows)]))
    assert open_split(_root(training), split="train").sources == there


def test_pictures_may_lie_one_folder_deeper(training: Path) -> None:
    folder = _root(training) / "Manually_Annotated"
    folder.mkdir()
    (_root(training) / "Manually_Annotated_Images").rename(folder / "Manually_Annotated_Images")
    assert open_split(_root(training)).sources[0] == "Manually_Annotated/Manually_Annotated_Images/100/2000.jpg"


BROKEN_TEXT = (
    b"\x93NUMPY\x01\x00\x76\x00"
    + b"{'descr': '<U1', 'fortran_order': False, 'shape': ()}".ljust(117)
    + b"\n\xff\xff\xff\xff"
)


@pytest.mark.parametrize(
    "content", [b"", b"no array", b"PK\x03\x04", BROKEN_TEXT, "object", np.array([1, 2]), np.array(11)]
)
def test_a_wrong_annotation_is_named(laid_out: Make, content: object) -> None:
    root = laid_out("affectnet-npy")
    file = root / "val_set" / "annotations" / "14_exp.npy"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        np.save(file, np.array([print], dtype=object) if isinstance(content, str) else np.asarray(content))
    with pytest.raises(DatasetError, match=r"14_exp\.npy: expected an expression from 0 to 10, got .*\(1 of 8 are\)"):
        open_split(root)


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_nothing_in_an_annotation_runs(laid_out: Make, tmp_path: Path) -> None:
    root = laid_out("affectnet-npy")
    np.save(root / "val_set" / "annotations" / "14_exp.npy", np.array([Hostile(tmp_path / "ran")], dtype=object))
    with pytest.raises(DatasetError, match=r"14_exp\.npy: expected an expression"):
        open_split(root)
    assert not (tmp_path / "ran").exists()


def test_a_picture_of_an_annotation_may_be_a_png(laid_out: Make) -> None:
    root = laid_out("affectnet-npy")
    images = root / "val_set" / "images"
    (images / "7.jpg").rename(images / "7.png")
    assert "val_set/images/7.png" in open_split(root).sources
    (images / "7.png").unlink()
    with pytest.raises(DatasetError, match=r"val_set/images/7\.jpg: .*7_exp\.npy names .* missing"):
        open_split(root)
