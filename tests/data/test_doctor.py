import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from posterv2.data.doctor import Checkup, check, read_labels
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS
from tests.fixtures.make_layouts import FACES, LAYOUTS, put

Make = Callable[[str], Path]


def _check(path: Path, dataset: str | None = None) -> Checkup:
    return check(read_labels(path, dataset))


def _found(path: Path) -> dict[str, tuple[list[str], bool]]:
    """Each finding's cases, and whether it spoils."""
    return {finding.title: (list(finding.cases), finding.spoils) for finding in _check(path).findings}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_good_set_has_no_finding(laid_out: Make, layout: str) -> None:
    root = laid_out(layout)
    if layout == "affectnet":
        shutil.rmtree(root / "Manually_Annotated_Images" / "108")
    checkup = _check(root)
    assert checkup.findings == []
    assert not checkup.spoilt
    assert {len(split) for split in checkup.pictures.values()} <= {7, 8}
    assert {picture.size for split in checkup.pictures.values() for picture in split} == {(48, 48)}


def test_pictures_that_are_none_are_listed_and_end_nothing(face_folders: Path) -> None:
    (face_folders / "train" / "fear" / "fear_1.png").write_bytes(b"")
    (face_folders / "train" / "anger" / "anger_1.png").write_bytes(b"no picture")
    half = face_folders / "valid" / "anger" / "anger_2.png"
    half.write_bytes(half.read_bytes()[:400])
    labels = read_labels(face_folders)
    shutil.rmtree(face_folders / "valid" / "sadness")
    seen: list[str] = []
    checkup = check(labels, seen.append)
    assert len(seen) == len(labels) == 16
    cases = {finding.title: finding.cases for finding in checkup.findings}
    assert cases.keys() == {"empty files", "pictures that cannot be read"}
    assert cases["empty files"] == ["train/fear/fear_1.png"]
    broken = cases["pictures that cannot be read"]
    assert broken[0] == "train/anger/anger_1.png: not a picture that can be read (got 10 bytes)"
    assert broken[1].startswith("valid/anger/anger_2.png: the picture is broken: ")
    assert broken[2] == "valid/sadness/sadness_2.png: cannot be read"
    assert checkup.spoilt


def test_tiny_pictures_are_a_note(face_folders: Path) -> None:
    file = face_folders / "valid" / "fear" / "fear_2.png"
    with Image.open(file) as face:
        face.resize((40, 31)).save(file)
    assert _found(face_folders) == {"pictures under 32 pixels a side": (["valid/fear/fear_2.png: 40 x 31"], False)}


def test_the_same_pixels_are_found_whatever_the_file(face_folders: Path) -> None:
    with Image.open(FACES / "fear_1.png") as face:
        face.save(face_folders / "train" / "fear" / "again.bmp")
    found = _found(face_folders)
    assert found == {"one picture several times in a split": (["train/fear/again.bmp = train/fear/fear_1.png"], False)}


def test_the_same_bytes_in_another_shape_are_another_picture(face_folders: Path) -> None:
    for size in ((40, 90), (90, 40)):
        Image.new("L", size).save(face_folders / "train" / "fear" / f"{size[0]}.png")
    assert _found(face_folders) == {}


def test_the_worst_comes_first(face_folders: Path) -> None:
    (face_folders / "train" / "contempt" / "contempt_1.png").rename(face_folders / "train" / "fear" / "contempt_1.png")
    (face_folders / "valid" / "fear" / "fear_2.png").write_bytes(b"")
    assert [finding.spoils for finding in _check(face_folders).findings] == [True, False]


def test_a_picture_in_two_splits_spoils_what_is_measured(face_folders: Path) -> None:
    put(FACES / "fear_2.png", face_folders / "train" / "fear" / "fear_2.png")
    (finding,) = _check(face_folders).findings
    assert finding.title == "one picture in several splits"
    assert finding.cases == ["train/fear/fear_2.png = valid/fear/fear_2.png"]
    assert finding.advice.startswith("12.50% of 'valid' is in another split too")
    (face_folders / "train").rename(face_folders / "test")  # there is no training set to remove it from
    (finding,) = _check(face_folders).findings
    assert finding.advice.endswith("keep it in one, and rather not in the training set")
    assert finding.spoils


def test_few_pictures_in_two_splits_are_a_note(face_folders: Path) -> None:
    put(FACES / "fear_2.png", face_folders / "train" / "fear" / "fear_2.png")
    for number in range(100):
        Image.new("L", (40, 40), number).save(face_folders / "valid" / "fear" / f"{number}.png")
    assert [finding.spoils for finding in _check(face_folders).findings] == [False]


def test_one_picture_under_two_classes_is_told(face_folders: Path) -> None:
    put(FACES / "fear_1.png", face_folders / "train" / "anger" / "a.png")
    found = _found(face_folders)
    assert found == {
        "one picture under several classes": (["train/anger/a.png (anger) = train/fear/fear_1.png (fear)"], True)
    }


def test_splits_whose_orders_disagree_are_told(laid_out: Make) -> None:
    root = laid_out("rafdb")
    rows = []
    for name, number in zip(("surprise", "fear", "disgust", "happiness"), (3, 1, 2, 4), strict=True):
        put(FACES / f"{name}_1.png", root / "Image" / "aligned" / f"test_1{number}_aligned.jpg")
        rows.append(f"test_1{number}.jpg {number}\n")
    with next(root.rglob("list_*.txt")).open("a") as file:
        file.writelines(rows)
    cases, spoils = _found(root)["the labels are permuted: two splits call the same pictures otherwise"]
    assert spoils
    assert set(cases) == {
        "surprise in 'train' is disgust in 'test'",
        "fear in 'train' is surprise in 'test'",
        "disgust in 'train' is fear in 'test'",
    }


def test_published_counts_under_other_names_are_told(tmp_path: Path) -> None:
    """RAF-DB's test set in class folders whose numbers are AffectNet's order."""
    shown = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger")
    counts = dict(zip(LABEL_SETS["rafdb"].names, (329, 74, 160, 1185, 478, 162, 680), strict=True))
    for index, name in enumerate(shown, start=1):
        folder = tmp_path / "test" / str(index)
        folder.mkdir(parents=True)
        for number in range(counts[name]):
            (folder / f"{number}.jpg").touch()
    found = _found(tmp_path)
    cases, spoils = found["the labels are permuted: the classes of RAF-DB's test set under other names"]
    assert spoils
    assert "test: what is called surprise is as frequent as neutral is" in cases
    assert "test: what is called happiness is as frequent as surprise is" in cases
    assert len(cases) == 7


def test_wrong_rows_and_what_no_row_names(laid_out: Make) -> None:
    root = laid_out("rafdb")
    aligned = root / "Image" / "aligned"
    put(FACES / "fear_1.png", root / "Image" / "original" / "train_00001.jpg")
    (aligned / "train_00003_aligned.jpg").rename(aligned / "train_00099_aligned.jpg")
    list_ = next(root.rglob("list_*.txt"))
    list_.write_text(list_.read_text().replace("test_00002.jpg 2", "test_00002.jpg 0"))
    found = _found(root)
    assert found["pictures that a label list names and that are missing"] == (
        [
            "Image/aligned/train_00003_aligned.jpg: EmoLabel/list_patition_label.txt, line 3 names this picture and "
            "it is missing"
        ],
        True,
    )
    (row,), spoils = found["wrong rows in a label list"]
    assert "line 9: expected" in row
    assert spoils
    assert found["pictures that no label list names"] == (
        ["Image/aligned/test_00002_aligned.jpg", "Image/aligned/train_00099_aligned.jpg"],
        False,
    )
    assert found["classes without a picture"] == (["train: disgust", "test: fear"], False)


def test_pictures_without_a_majority_are_named_by_the_list(ferplus_folders: Path) -> None:
    labels = ferplus_folders / "FER2013Valid" / "label.csv"
    labels.write_text(labels.read_text().replace(",10,0", ",5,5"))
    assert "pictures that no label list names" not in _found(ferplus_folders)


def test_a_split_that_cannot_be_read_leaves_the_others(ferplus_folders: Path) -> None:
    (ferplus_folders / "FER2013Valid" / "label.csv").write_text("")
    cases, spoils = _found(ferplus_folders)["splits that cannot be read"]
    assert "FER2013Valid/label.csv: no face is left" in cases[0]
    assert spoils
    (ferplus_folders / "FER2013Train" / "label.csv").write_text("")
    with pytest.raises(DatasetError, match=r"FER2013Train/label\.csv: no face .*; .*FER2013Valid/label\.csv: no face"):
        read_labels(ferplus_folders)
