from pathlib import Path

import numpy as np
import pytest

from posterv2.data.dataset import open_split
from posterv2.errors import DatasetError
from posterv2.labels import LABEL_SETS

WHOLE = Path(__file__).parents[2] / ".." / "shared" / "data" / "ferplus.zip"


@pytest.fixture
def one_face(tmp_path: Path, face_files: list[Path]) -> Path:
    """A validation split with one picture, `a.png`, and no rows yet."""
    folder = tmp_path / "one" / "FER2013Valid"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(face_files[0].read_bytes())
    return folder.parent


def _write(root: Path, *rows: str) -> None:
    (root / "FER2013Valid" / "label.csv").write_text("".join(f'a.png,"(0, 0, 48, 48)",{row}\n' for row in rows))


@pytest.mark.parametrize("kind", ["ferplus_folders", "ferplus_zip"])
def test_folders_and_zip_are_read_alike(kind: str, request: pytest.FixtureRequest, face_files: list[Path]) -> None:
    split = open_split(request.getfixturevalue(kind))
    assert (split.name, split.labels) == ("valid", LABEL_SETS["ferplus"])
    assert [Path(source).stem for source in split.sources] == [f"{name}_2" for name in split.labels.names]
    assert split.targets.tolist() == list(range(8))
    assert split.counts() == dict.fromkeys(split.labels.names, 1)
    assert (split.image(4).shape, split.image(4).dtype) == ((48, 48, 3), np.uint8)
    train = open_split(request.getfixturevalue(kind), split="train")
    assert Path(train.sources[0]).name == "neutral_1.png"


def test_distributions_are_the_votes_without_single_ones(ferplus_folders: Path) -> None:
    split = open_split(ferplus_folders)
    assert split.distributions is not None
    assert split.distributions.dtype == np.float32
    contempt = split.distributions[7]  # disgust 2, contempt 7, unknown 1
    assert contempt == pytest.approx([0, 0, 0, 0, 0, 2 / 9, 0, 7 / 9])
    assert split.distributions.sum(axis=1) == pytest.approx(np.ones(8))


@pytest.mark.parametrize(
    ("votes", "target"),
    [
        ("5,0,0,0,0,4,0,0,1,0", 0),  # 5 of 9
        ("1,1,1,1,1,0,2,1,1,1", 6),  # only fear is left
        ("0,0,0,0,0,0,0,4,3,0", 7),  # unknown counts among the votes: 4 of 7
        ("5,5,0,0,0,0,0,0,0,0", None),  # half is not more than half
        ("4,2,2,0,0,0,0,0,0,0", None),
        ("0,0,0,0,0,0,0,4,4,0", None),
        ("0,0,0,3,0,0,0,0,7,0", None),  # unknown wins
        ("0,0,0,0,0,0,0,0,0,10", None),  # not a face
        ("1,1,1,1,1,1,1,1,1,1", None),  # nothing is left
    ],
)
def test_the_majority_rule(one_face: Path, votes: str, target: int | None) -> None:
    _write(one_face, votes, "0,10,0,0,0,0,0,0,0,0")
    assert open_split(one_face).targets.tolist() == ([1] if target is None else [target, 1])


def test_a_missing_picture_is_named(ferplus_folders: Path) -> None:
    (ferplus_folders / "FER2013Valid" / "fear_2.png").unlink()
    with pytest.raises(DatasetError, match=r"FER2013Valid/fear_2\.png: .*missing \(1 of 8 are\)"):
        open_split(ferplus_folders)


@pytest.mark.parametrize(
    "row",
    [
        "1,2,3",
        "99999999999999999999,0,0,0,0,0,0,0,0,0",
        "a,0,0,0,0,0,0,0,0,0",
        "-9,0,0,0,0,0,0,0,0,0",
        "1,0,0,0,0,0,0,0,0,0,0",
        ",,,,,,,,,",
    ],
)
def test_a_row_that_is_none_is_named_by_its_line(one_face: Path, row: str) -> None:
    _write(one_face, "0,10,0,0,0,0,0,0,0,0", row)
    with pytest.raises(DatasetError, match=r"label\.csv, line 2: expected .* 10 votes, got \['a\.png'"):
        open_split(one_face)


@pytest.mark.parametrize("rows", [(), ("0,0,0,0,0,0,0,0,0,10",)])
def test_no_face_left_is_an_error(one_face: Path, rows: tuple[str, ...]) -> None:
    _write(one_face, *rows)
    with pytest.raises(DatasetError, match=rf"no face is left by the majority rule \({len(rows)} rows\)"):
        open_split(one_face)


@pytest.mark.skipif(not WHOLE.is_file(), reason="the whole of FERPlus is not beside the repository")
def test_the_whole_set_has_the_known_counts() -> None:
    train, valid = open_split(WHOLE, split="train"), open_split(WHOLE)
    assert (len(train), len(valid)) == (25_045, 3_191)
    assert train.counts() == {
        "neutral": 8733,
        "happiness": 7284,
        "surprise": 3136,
        "sadness": 3022,
        "anger": 2098,
        "disgust": 116,
        "fear": 536,
        "contempt": 120,
    }
