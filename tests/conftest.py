"""Sixteen real faces, laid out as the data sets that people have.

The first face of each expression is for training, the second for validation.
"""

import shutil
from pathlib import Path

import pytest

FACES = Path(__file__).parent / "fixtures" / "faces"
PARTS = {"train": ("FER2013Train", "_1.png"), "valid": ("FER2013Valid", "_2.png")}


@pytest.fixture
def face_files() -> list[Path]:
    """The sixteen files, `anger_1.png` to `surprise_2.png`."""
    return sorted(FACES.glob("*.png"))


@pytest.fixture
def face_folders(tmp_path: Path, face_files: list[Path]) -> Path:
    """`train/happiness/happiness_1.png`, `valid/happiness/happiness_2.png` and so on: eight faces each."""
    root = tmp_path / "folders"
    for split, (_, ending) in PARTS.items():
        for file in face_files:
            if file.name.endswith(ending):
                folder = root / split / file.stem.partition("_")[0]
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, folder)
    return root


@pytest.fixture
def ferplus_folders(tmp_path: Path, face_files: list[Path]) -> Path:
    """FERPlus' own layout with `FER2013Train` and `FER2013Valid`: eight faces each."""
    root = tmp_path / "ferplus"
    rows = (FACES / "label.csv").read_text().splitlines(keepends=True)
    for part, ending in PARTS.values():
        folder = root / part
        folder.mkdir(parents=True)
        for file in face_files:
            if file.name.endswith(ending):
                shutil.copy(file, folder)
        (folder / "label.csv").write_text("".join(row for row in rows if f"{ending}," in row))
    return root


@pytest.fixture
def ferplus_zip(tmp_path: Path, ferplus_folders: Path) -> Path:
    """The same in a zip, as FERPlus is passed around."""
    return Path(shutil.make_archive(str(tmp_path / "ferplus"), "zip", ferplus_folders))
