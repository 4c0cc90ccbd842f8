import shutil
from pathlib import Path

import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError, LabelsError
from posterv2.labels import LABEL_SETS


@pytest.fixture
def lay_out(tmp_path: Path, face_files: list[Path]):
    """Make `valid/<class>/` with one picture each."""

    def make(*classes: str, split: str = "valid") -> Path:
        for name in classes:
            (tmp_path / "set" / split / name).mkdir(parents=True)
            shutil.copy(face_files[0], tmp_path / "set" / split / name / "face.png")
        return tmp_path / "set"

    return make


def _named(path: Path) -> dict[str, str]:
    """Each picture's folder and the class it was read as."""
    split = open_split(path)
    names = (split.labels.names[target] for target in split.targets)
    return {source.split("/")[1]: name for source, name in zip(split.sources, names, strict=True)}


def test_words_are_read_by_name(face_folders: Path) -> None:
    assert _named(face_folders) == {name: name for name in LABEL_SETS["ferplus"].names}


def test_a_zip_of_class_folders_is_read_alike(face_folders: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "folders"), "zip", face_folders))
    assert open_split(archive).sources == open_split(face_folders).sources
    assert _named(archive) == _named(face_folders)


def test_words_of_any_case_and_synonyms_are_one_name(lay_out) -> None:
    path = lay_out("Happy", "ANGRY", "sad", "Natural")
    assert _named(path) == {"Happy": "happiness", "ANGRY": "anger", "sad": "sadness", "Natural": "neutral"}


def test_a_class_without_a_folder_has_no_pictures(lay_out) -> None:
    split = open_split(lay_out("happy"))
    assert split.labels == LABEL_SETS["caers"]  # the seven basic expressions, alphabetical
    assert split.counts()["happiness"] == len(split) == 1
    assert split.empty_classes() == ["anger", "disgust", "fear", "neutral", "sadness", "surprise"]


@pytest.mark.parametrize(("first", "last", "known"), [(1, 7, "rafdb"), (0, 6, "affectnet7"), (0, 7, "affectnet8")])
def test_numbers_are_read_in_the_order_of_their_set(lay_out, first: int, last: int, known: str) -> None:
    numbers = [str(number) for number in range(first, last + 1)]
    path = lay_out(*numbers)
    assert open_split(path).labels == LABEL_SETS[known]
    assert _named(path) == dict(zip(numbers, LABEL_SETS[known].names, strict=True))


def test_an_empty_class_folder_counts_as_a_number(lay_out) -> None:
    path = lay_out("1", "2", "3", "4", "5", "6", "7")
    (path / "valid" / "3" / "face.png").unlink()
    assert open_split(path).empty_classes() == ["disgust"]


def test_the_numbering_is_told_by_all_splits_together(lay_out) -> None:
    lay_out("1", "2", "3", "4", "5", "6", "7", split="train")
    split = open_split(lay_out("4", "7"))
    assert split.labels == LABEL_SETS["rafdb"]
    assert [split.labels.names[target] for target in split.targets] == ["happiness", "neutral"]


@pytest.mark.parametrize("folders", [("1", "2", "3"), ("0", "1", "2", "3", "4", "5", "6", "7", "8"), ("0", "happy")])
def test_other_numbers_show_what_was_found_and_what_is_known(lay_out, folders: tuple[str, ...]) -> None:
    with pytest.raises(LabelsError, match=r"Asked for is ferplus \(neutral,") as refused:
        open_split(lay_out(*folders), labels=LABEL_SETS["ferplus"])
    message = str(refused.value)
    assert ", ".join(folders) in message
    assert all(str(LABEL_SETS[known]) in message for known in ("rafdb", "affectnet7", "affectnet8"))


def test_own_words_are_a_set_of_their_own(lay_out) -> None:
    split = open_split(lay_out("Dog", "cat", "happy"))
    assert (split.labels.id, split.labels.names) == ("custom", ("cat", "dog", "happiness"))
    with pytest.raises(LabelsError) as refused:
        split.relabel(LABEL_SETS["rafdb"])
    assert "cat, dog of custom (cat, dog, happiness)" in str(refused.value)
    assert str(LABEL_SETS["rafdb"]) in str(refused.value)


def test_only_pictures_are_taken_also_from_deeper_folders(lay_out, face_files: list[Path]) -> None:
    path = lay_out("happy")
    folder = path / "valid" / "happy"
    for name in ("B.JPG", ".hidden.png", "d.dat", "no ending", "person/c.jpeg"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(face_files[0], folder / name)
    for name in ("notes.txt", "Thumbs.db", "label.csv", "empty"):
        (folder / name).write_bytes(b"" if name == "empty" else b"BMW and other notes")
    sources = [source.removeprefix("valid/happy/") for source in open_split(path).sources]
    assert sources == ["B.JPG", "d.dat", "face.png", "no ending", "person/c.jpeg"]


def test_no_picture_at_all_is_an_error(lay_out) -> None:
    path = lay_out("happy", "sad")
    for file in path.rglob("*.png"):
        file.with_suffix(".txt").write_text("no picture")
        file.unlink()
    with pytest.raises(DatasetError, match=r"valid: no picture in its class folders \(happy, sad\)"):
        open_split(path)


@pytest.mark.parametrize(("name", "split"), [("Validation", "valid"), ("Test", "test"), ("VAL", "val")])
def test_splits_go_by_other_words_and_cases_too(face_folders: Path, name: str, split: str) -> None:
    """A folder `validation` that is passed over leaves a training set alone, which is told much later."""
    there = open_split(face_folders)
    (face_folders / "train").rename(face_folders / "Training")
    (face_folders / "valid").rename(face_folders / name)
    found = open_split(face_folders)
    assert (found.name, found.counts()) == (split, there.counts())
    assert found.sources[0].startswith(f"{name}/")
    assert len(open_split(face_folders, split="train")) == 8


def test_class_folders_alone_are_one_undivided_set(lay_out) -> None:
    path = lay_out("cat", "Dog", "happy")
    (path / "valid").rename(path.with_name("flat"))
    (path.with_name("flat") / "none").mkdir()
    split = open_split(path.with_name("flat"))
    assert (split.name, split.sources) == ("all", ("Dog/face.png", "cat/face.png", "happy/face.png"))
    assert split.labels.names == ("cat", "dog", "happiness", "none")
    assert [split.labels.names[target] for target in split.targets] == ["dog", "cat", "happiness"]


@pytest.mark.parametrize(
    "folders", [("FER2013Train", "FER2013Valid"), ("images", "annotations"), ("Training", "other"), ("alone",)]
)
def test_folders_that_are_no_classes_are_not_taken_for_them(folders, tmp_path: Path, face_files: list[Path]) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
        shutil.copy(face_files[0], tmp_path / folder / ("0_exp.npy" if folder == "annotations" else "face.png"))
    if "annotations" in folders:
        (tmp_path / "annotations" / "0_exp.npy").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="no data set is laid out there"):
        open_split(tmp_path)
