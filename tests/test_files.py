"""Files are there whole or not at all."""

import os
from pathlib import Path

import pytest

from posterv2.errors import OutputError
from posterv2.files import drafts, whole, whole_with_others, write_whole


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


def write_pair(path: Path, content: str) -> None:
    """A file and one beside it, as OpenVINO's are."""
    with whole_with_others(path) as draft:
        assert draft.name == path.name
        assert draft.parent.parent == path.parent
        assert drafts(path.parent) == [draft.parent]
        draft.write_text(content)
        draft.with_suffix(".bin").write_text(f"numbers of {content}")


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_files_that_belong_together(tmp_path: Path):
    write_pair(tmp_path / "x.xml", "old")
    assert contents(tmp_path) == {"x.xml": "old", "x.bin": "numbers of old"}
    (tmp_path / "other.bin").write_text("mine")
    write_pair(tmp_path / "x.xml", "new")
    assert contents(tmp_path) == {"x.xml": "new", "x.bin": "numbers of new", "other.bin": "mine"}


def test_files_that_belong_together_stay_when_the_block_fails(tmp_path: Path):
    write_pair(tmp_path / "x.xml", "old")

    def fail() -> None:
        with whole_with_others(tmp_path / "x.xml") as draft:
            draft.write_text("new")
            draft.with_suffix(".bin").write_text("numbers of new")
            raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        fail()
    assert contents(tmp_path) == {"x.xml": "old", "x.bin": "numbers of old"}


def test_the_named_file_goes_first_and_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whoever is killed between two moves leaves no file that is read with another's numbers."""
    path, numbers = tmp_path / "a.xml", tmp_path / "a.bin"
    write_pair(path, "old")
    seen = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        replace(source, target)
        seen.append((path.exists() and path.read_text(), numbers.exists() and numbers.read_text()))

    monkeypatch.setattr(os, "replace", watched)
    write_pair(path, "new")
    assert seen == [
        (False, "numbers of old"),
        (False, False),
        (False, "numbers of new"),
        ("new", "numbers of new"),
    ]


@pytest.mark.parametrize("at", ["a.bin", "a.xml"])
@pytest.mark.parametrize("before", [{}, {"a.xml": "old", "a.bin": "numbers of old"}, {"a.bin": "mine"}])
def test_files_that_belong_together_when_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, before: dict[str, str]
):
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if target == tmp_path / at and "new" in source.read_text():
            raise OSError(28, "No space left on device")
        replace(source, target)

    for name, content in before.items():
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"a\.xml: cannot be written: No space left"):
        write_pair(tmp_path / "a.xml", "new")
    assert contents(tmp_path) == before


def test_where_files_that_belong_together_cannot_go(tmp_path: Path):
    with pytest.raises(OutputError, match="there is no folder"):
        write_pair(tmp_path / "nowhere" / "a.xml", "new")
    for name in ("a.xml", "b.bin"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
        with pytest.raises(OutputError, match=rf"{name[0]}\.xml: cannot be written: {name} is a folder"):
            write_pair((tmp_path / name).with_suffix(".xml"), "new")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.xml", "b.bin"]
    assert (tmp_path / "b.bin" / "mine").exists()


def test_a_link_to_a_file_with_others(tmp_path: Path):
    (tmp_path / "there").mkdir()
    (tmp_path / "x.xml").symlink_to(tmp_path / "there" / "y.xml")
    write_pair(tmp_path / "x.xml", "new")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["there", "x.bin", "x.xml"]
    assert (tmp_path / "x.xml").read_text() == "new"
    assert not list((tmp_path / "there").iterdir())
