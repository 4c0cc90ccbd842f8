from pathlib import Path

import numpy as np
import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError, ImageError, LabelsError
from posterv2.labels import LABEL_SETS, LabelSet


def test_relabel_moves_targets_and_votes_by_name(ferplus_folders: Path) -> None:
    split = open_split(ferplus_folders)
    moved = split.relabel(LABEL_SETS["affectnet8"])
    assert split.distributions is not None
    assert moved.distributions is not None
    for old, name in enumerate(split.labels.names):
        new = moved.labels.names.index(name)
        assert (split.targets == old).tolist() == (moved.targets == new).tolist()
        assert np.array_equal(split.distributions[:, old], moved.distributions[:, new])
    assert split.targets.tolist() == list(range(8))  # the one before is untouched


def test_relabel_refuses_to_lose_pictures(ferplus_folders: Path) -> None:
    with pytest.raises(LabelsError, match=r"contempt of ferplus \(neutral, .*\) is not in rafdb \(surprise, "):
        open_split(ferplus_folders).relabel(LABEL_SETS["rafdb"])


def test_relabel_leaves_out_a_class_without_pictures(ferplus_folders: Path) -> None:
    labels = ferplus_folders / "FER2013Valid" / "label.csv"
    rows = [row for row in labels.read_text().splitlines(keepends=True) if not row.startswith("contempt")]
    labels.write_text("".join(rows).replace('disgust_2.png,"(0, 0, 48, 48)",1,', 'disgust_2.png,"(0, 0, 48, 48)",2,'))
    split = open_split(ferplus_folders)
    assert split.empty_classes() == ["contempt"]
    moved = split.relabel(LABEL_SETS["rafdb"])
    assert moved.counts() == dict.fromkeys(LABEL_SETS["rafdb"].names, 1)
    assert moved.distributions is not None
    disgust = moved.distributions[5]  # neutral 2, disgust 6
    assert disgust == pytest.approx([0, 0, 0.75, 0, 0, 0, 0.25])


def test_relabel_to_more_classes_leaves_the_others_empty(face_folders: Path) -> None:
    target = LabelSet("custom", ("bored", *LABEL_SETS["ferplus"].names))
    assert open_split(face_folders).relabel(target).empty_classes() == ["bored"]


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_an_unreadable_picture_is_named(face_folders: Path, content: bytes | None) -> None:
    split = open_split(face_folders)
    file = face_folders / split.sources[2]
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(DatasetError if content is None else ImageError, match=rf"{split.sources[2]}: "):
        split.image(2)
