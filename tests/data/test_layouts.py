"""Every layout that people have gives each face the class that its file name says."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posterv2.data.dataset import READERS, Split, open_split
from posterv2.errors import DatasetError, LabelsError, UsageError
from posterv2.labels import LABEL_SETS
from posterv2.preprocessing import read_image
from tests.fixtures.make_layouts import LAYOUTS, put

Make = Callable[[str], Path]

FOUND = {
    "folders": ("folders", 8, "valid"),
    "folders-1-7": ("folders", 7, "valid"),
    "folders-0-6": ("folders", 7, "valid"),
    "folders-0-7": ("folders", 8, "test"),
    "caers": ("folders", 7, "test"),
    "ferplus": ("ferplus", 8, "valid"),
    "ferplus-one-list": ("ferplus", 8, "valid"),
    "rafdb": ("rafdb", 7, "test"),
    "rafdb-basic": ("rafdb", 7, "test"),
    "rafdb-flat": ("rafdb", 7, "valid"),
    "affectnet": ("affectnet8", 8, "valid"),
    "affectnet-beside": ("affectnet8", 8, "valid"),
    "affectnet-npy": ("affectnet8", 8, "val"),
    "fer2013": ("fer2013", 7, "valid"),
    "fer2013-kaggle": ("fer2013", 7, "valid"),
    "csv": ("csv", 8, "test"),
    "csv-splits": ("csv", 8, "val"),
}
NAMED = [
    ("rafdb", "rafdb"),
    ("rafdb", "rafdb-flat"),
    ("rafdb", "folders-1-7"),
    ("rafdb", "caers"),
    ("affectnet7", "affectnet"),
    ("affectnet7", "affectnet-npy"),
    ("affectnet7", "folders-0-6"),
    ("affectnet7", "folders-0-7"),
    ("affectnet7", "folders"),
    ("affectnet8", "affectnet-beside"),
    ("affectnet8", "folders-0-7"),
    ("affectnet8", "folders"),
    ("caers", "caers"),
    ("fer2013", "fer2013"),
    ("fer2013", "caers"),
]


@pytest.fixture
def faces(face_files: list[Path]) -> dict[bytes, str]:
    """Each face's file name, `anger_1` and so on, by its pixels."""
    return {read_image(file).tobytes(): file.stem for file in face_files}


def classes(split: Split, faces: dict[bytes, str]) -> dict[str, str]:
    """Each face's file name, and the class that it was read as."""
    return {
        faces[split.image(index).tobytes()]: split.labels.names[target] for index, target in enumerate(split.targets)
    }


def expected(number: int, names: tuple[str, ...]) -> dict[str, str]:
    return {f"{name}_{number}": name for name in names}


def test_every_layout_is_tried() -> None:
    assert FOUND.keys() == LAYOUTS.keys()
    assert {dataset for dataset, _ in NAMED} | {dataset for dataset, _, _ in FOUND.values()} == READERS.keys()


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_face_has_the_class_that_its_name_says(
    laid_out: Make, layout: str, kind: str, faces: dict[bytes, str], tmp_path: Path
) -> None:
    root = laid_out(layout)
    if kind == "zip":
        root = Path(shutil.make_archive(str(tmp_path / "set"), "zip", root))
    dataset, count, name = FOUND[layout]
    names = LABEL_SETS["affectnet8" if count == 8 else "affectnet7"].names
    train, other = open_split(root, split="train"), open_split(root)
    assert (train.dataset, train.name, len(train)) == (dataset, "train", count)
    assert (other.dataset, other.name, len(other)) == (dataset, name, count)
    assert train.labels == other.labels
    assert set(train.labels.names) == set(names)
    assert classes(train, faces) == expected(1, names)
    assert classes(other, faces) == expected(2, names)


@pytest.mark.parametrize(("dataset", "layout"), NAMED)
def test_a_named_set_has_its_own_labels_in_each_of_its_layouts(
    laid_out: Make, dataset: str, layout: str, faces: dict[bytes, str]
) -> None:
    split = open_split(laid_out(layout), dataset)
    assert (split.dataset, split.labels) == (dataset, LABEL_SETS[dataset])
    assert classes(split, faces) == expected(2, LABEL_SETS[dataset].names)


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
@pytest.mark.parametrize("layout", ["affectnet", "affectnet-npy"])
def test_affectnet_has_contempt_where_the_labels_have_it(
    laid_out: Make, layout: str, labels, faces: dict[bytes, str]
) -> None:
    split = open_split(laid_out(layout), labels=labels)
    assert split.labels == labels
    assert split.dataset == f"affectnet{len(labels)}"
    assert classes(split, faces) == expected(2, labels.names)


def test_affectnet_has_seven_classes_where_no_split_has_contempt(laid_out: Make) -> None:
    root = laid_out("affectnet-npy")
    (root / "train_set" / "annotations" / "49_exp.npy").unlink()
    assert open_split(root, split="train").labels.id == "affectnet8"
    np.save(root / "val_set" / "annotations" / "49_exp.npy", np.array("10"))
    assert open_split(root, split="train").labels.id == "affectnet7"


def test_a_named_affectnet8_is_not_cut_to_seven(laid_out: Make) -> None:
    with pytest.raises(LabelsError, match=r"contempt of affectnet8 .* is not in affectnet7"):
        open_split(laid_out("affectnet"), "affectnet8", labels=LABEL_SETS["affectnet7"])


@pytest.mark.parametrize(
    ("dataset", "layout", "message"),
    [
        ("rafdb", "folders-0-6", r"are 0, 1, .*, 6; 0 are none of the classes of rafdb .* numbered 1\.\.7"),
        ("caers", "folders", r"contempt are none of the classes of caers"),
        ("affectnet7", "folders-1-7", r"neutral have no folder among the classes of affectnet7 .* numbered 0\.\.6"),
        ("affectnet8", "caers", r"contempt have no folder among the classes of affectnet8"),
        ("fer2013", "rafdb", r"class folders: .*<class>/.*found EmoLabel/, Image/"),
    ],
)
def test_a_set_that_is_another_is_refused(laid_out: Make, dataset: str, layout: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_split(laid_out(layout), dataset)


def test_a_name_says_what_the_numbers_mean(laid_out: Make, faces: dict[bytes, str]) -> None:
    root = laid_out("folders-0-6")
    for index, name in enumerate(LABEL_SETS["fer2013"].names):
        shutil.rmtree(root / "valid" / str(index))
        put(Path(__file__).parents[1] / "fixtures" / "faces" / f"{name}_2.png", root / "valid" / str(index) / "a.png")
    split = open_split(root, "fer2013")
    assert classes(split, faces) == expected(2, LABEL_SETS["fer2013"].names)


def test_only_csv_takes_an_order(laid_out: Make) -> None:
    with pytest.raises(UsageError, match="no data set 'folders:rafdb'"):
        open_split(laid_out("folders"), "folders:rafdb")
    with pytest.raises(LabelsError, match="no label set 'raf'"):
        open_split(laid_out("csv"), "csv:raf")
