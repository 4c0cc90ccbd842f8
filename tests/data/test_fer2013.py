import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError

Make = Callable[[str], Path]


def test_the_csv_itself_may_be_named(laid_out: Make) -> None:
    root = laid_out("fer2013")
    (root / "other.csv").write_text("path,label\n")
    split = open_split(root / "fer2013.csv")
    assert split.dataset == "fer2013"
    assert str(split.store.path) == str(root / "fer2013.csv")
    assert split.sources == open_split(root).sources
    assert split.image(0).shape == (48, 48, 3)


def test_it_may_lie_in_a_folder_of_its_name(laid_out: Make) -> None:
    root = laid_out("fer2013")
    (root / "fer2013").mkdir()
    (root / "fer2013.csv").rename(root / "fer2013" / "fer2013.csv")
    assert open_split(root).dataset == "fer2013"


def test_the_private_test_is_a_split_of_its_own(laid_out: Make) -> None:
    root = laid_out("fer2013")
    file = root / "fer2013.csv"
    file.write_text(file.read_text() + file.read_text().splitlines()[-1].replace("PublicTest", "PrivateTest") + "\n")
    assert open_split(root, split="test").counts() == {
        **dict.fromkeys(open_split(root, split="test").labels.names, 0),
        "neutral": 1,
    }
    with pytest.raises(DatasetError, match="several splits"):
        open_split(root)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_read_the_pictures_too(laid_out: Make, method: str) -> None:
    split = open_split(laid_out("fer2013"))
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(split.store.read, [split.sources[0]]) == split.store.read(split.sources[0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("6,", "7,", r"expected an emotion from 0 to 6, got '7'"),
        ("6,", "6,256 ", r"expected 2304 grey values from 0 to 255, got 2305 words beginning with '256 "),
        ("6,", "6,x ", r"expected 2304 grey values"),
        ("PublicTest", "Publictest", r"expected a Usage of Training, PublicTest, PrivateTest, got 'Publictest'"),
        (",PublicTest", "", r"expected a Usage of .*, got ''"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(laid_out: Make, old: str, new: str, message: str) -> None:
    root = laid_out("fer2013")
    *rows, last = (root / "fer2013.csv").read_text().splitlines()
    (root / "fer2013.csv").write_text("\n".join([*rows, last.replace(old, new, 1)]))
    with pytest.raises(DatasetError, match=rf"fer2013\.csv/line 15: {message}.*\(1 of 7 are\)"):
        open_split(root)
