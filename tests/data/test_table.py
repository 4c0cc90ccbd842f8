import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError, LabelsError
from posterv2.labels import LABEL_SETS

Make = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, face_files: list[Path]):
    """Make `a.png`, `b.png` and a CSV of these rows beside them."""
    for name, file in zip("ab", face_files, strict=False):
        shutil.copy(file, tmp_path / f"{name}.png")

    def make(*rows: str, name: str = "faces.csv") -> Path:
        (tmp_path / name).write_text("\n".join(rows))
        return tmp_path

    return make


def _read(path: Path, dataset: str | None = None) -> dict[str, str]:
    split = open_split(path, dataset)
    return {source: split.labels.names[target] for source, target in zip(split.sources, split.targets, strict=True)}


@pytest.mark.parametrize(
    "header", ["path,label", " File , Emotion ", "image,class", "pth,expression", "filename,label"]
)
def test_columns_have_several_names(write, header: str) -> None:
    path = write(header, "a.png,Happy", "b.png,sad")
    assert _read(path) == {"a.png": "happiness", "b.png": "sadness"}
    assert open_split(path).name == "all"


def test_columns_may_stand_anywhere(write) -> None:
    assert _read(write("id,class,x,path", "7,joy,?,a.png")) == {"a.png": "happiness"}


def test_a_whole_path_into_the_folder_is_read(write, tmp_path: Path) -> None:
    assert _read(write("path,label", f"{tmp_path}/a.png,joy", "b.png,sad")) == {
        "a.png": "happiness",
        "b.png": "sadness",
    }


def test_two_columns_of_one_meaning_are_refused(write) -> None:
    with pytest.raises(DatasetError, match=r"faces\.csv: the columns label, emotion mean the same"):
        open_split(write("path,label,emotion", "a.png,happy,sad"))


def test_a_set_that_is_not_divided_is_no_training_split(write) -> None:
    with pytest.raises(DatasetError, match="no split 'train'; there is all"):
        open_split(write("path,label", "a.png,happy"), split="train")


def test_one_file_of_several_is_named(write) -> None:
    write("path,label", "a.png,happy", name="mine.csv")
    path = write("path,label", "a.png,sad")
    with pytest.raises(DatasetError, match=r"several CSV files with paths and labels: faces\.csv, mine\.csv; give one"):
        open_split(path)
    assert _read(path / "mine.csv") == {"a.png": "happiness"}


def test_files_called_by_a_split_come_before_others(write) -> None:
    write("path,label", "a.png,happy", name="mine.csv")
    path = write("path,label", "a.png,bored", "b.png,keen", name="test.csv")
    assert open_split(path).name == "test"
    assert open_split(path).labels.names == ("bored", "keen")


def test_a_byte_order_mark_is_no_part_of_the_header(write) -> None:
    assert _read(write("\ufeffpath,label", "a.png,sad")) == {"a.png": "sadness"}


def test_a_named_file_comes_before_the_folders_beside_it(laid_out: Make) -> None:
    root = laid_out("folders")
    (root / "my.csv").write_text("path,label\nvalid/anger/anger_2.png,bored\ntrain/fear/fear_1.png,keen\n")
    assert open_split(root).dataset == "folders"
    assert open_split(root / "my.csv").labels.names == ("bored", "keen")


def test_numbers_need_an_order(write) -> None:
    path = write("path,label", "a.png,1", "b.png,7")
    with pytest.raises(DatasetError, match=r"the labels 1, 7 are numbers.*--dataset csv:affectnet8"):
        open_split(path)
    with pytest.raises(DatasetError, match=r"the labels 1, 7 are numbers"):
        open_split(path, labels=LABEL_SETS["rafdb"])  # the labels asked for say nothing about the file
    assert _read(path, "csv:rafdb") == {"a.png": "surprise", "b.png": "neutral"}
    assert _read(path, "csv:affectnet8") == {"a.png": "happiness", "b.png": "contempt"}
    assert _read(path, "csv:a,b,c,d,e,f,g,h") == {"a.png": "b", "b.png": "h"}
    with pytest.raises(DatasetError, match=r"line 3: the label '7' is none of affectnet7 .*\(1 of 2 are\)"):
        open_split(path, "csv:affectnet7")


@pytest.mark.parametrize(
    "name", ["../a.png", "/a.png", "x/../../a.png", "C:/a.png", "..\\a.png", "\\\\server\\share\\a.png", ""]
)
def test_a_path_out_of_the_folder_is_refused(write, name: str) -> None:
    with pytest.raises(DatasetError, match=r"faces\.csv, line 3: the path must lie in the CSV's folder"):
        open_split(write("path,label", "a.png,happy", f"{name},sad"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("gone.png,happy,test", r"gone\.png: faces\.csv, line 3 names this picture and it is missing"),
        ("b.png,,test", r"line 3: the label '' is none of"),
        ("b.png,sad,later", r"line 3: expected a split such as train, valid, val, test, got 'later'"),
        ("b.png", r"line 3: expected a split"),
    ],
)
def test_a_wrong_row_is_named(write, row: str, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"{message}.*\(1 of 2 are\)"):
        open_split(write("path,label,split", "a.png,happy,test", row))


def test_labels_are_told_by_all_splits_together(write) -> None:
    path = write("path,label,usage", "a.png,bored,Training", "b.png,keen,PublicTest")
    assert open_split(path, split="train").labels.names == open_split(path).labels.names == ("bored", "keen")


def test_one_word_makes_no_label_set(write) -> None:
    with pytest.raises(LabelsError, match="at least two names"):
        open_split(write("path,label", "a.png,bored"))


def test_what_is_no_csv_is_said(write, tmp_path: Path) -> None:
    path = write("path,label", "a.png,happy", '"' + "x" * 200_000 + '",happy')
    with pytest.raises(DatasetError, match=r"faces\.csv, line 3: no CSV: field larger than"):
        open_split(path)
