"""Files are there whole or not at all."""

import os
from pathlib import Path

import pytest

from posterv2.errors import OutputError
from posterv2.files import drafts, whole, write_whole


def test_written_whole(tmp_path: Path):
    path = tmp_path / "out.csv"
    write_whole(path, "Gesicht-ü\udcff.png")
    assert "Gesicht-ü\\udcff.png" in path.read_text(encoding="utf-8")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"out\.csv: cannot be written: No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="there is no folder"):
        write_whole(tmp_path / "nowhere" / "x", "new")


def test_devices_are_written_to_and_links_followed(tmp_path: Path):
    write_whole(Path(os.devnull), "text")
    assert not Path(os.devnull).is_file()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "text"


def test_what_a_killed_process_left_is_found(tmp_path: Path):
    write_whole(tmp_path / "out.csv", "text")
    with whole(tmp_path / "out.csv") as draft:
        draft.write_text("half")
        assert drafts(tmp_path) == [draft]
