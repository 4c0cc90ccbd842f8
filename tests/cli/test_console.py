"""Results on stdout, words on stderr, brackets as they are."""

import re

import pytest

from posterv2.cli import console


@pytest.fixture(autouse=True)
def normal_again():
    yield
    console.set_verbosity(console.Verbosity.NORMAL)


@pytest.mark.parametrize(
    ("verbosity", "heard"),
    [
        (console.Verbosity.QUIET, ["error: d [x]"]),
        (console.Verbosity.NORMAL, ["b", "warning: c", "error: d [x]"]),
        (console.Verbosity.VERBOSE, ["a", "b", "warning: c", "error: d [x]"]),
    ],
)
def test_verbosity(verbosity: console.Verbosity, heard: list[str], capsys: pytest.CaptureFixture[str]):
    console.set_verbosity(verbosity)
    console.detail("a")
    console.note("b")
    console.warning("c")
    console.error("d\n[x]")
    console.result("result [red]")
    out, err = capsys.readouterr()
    assert err.splitlines() == heard
    assert out == "result [red]"


def test_table_cuts_nothing_where_no_terminal_is():
    long = "[bold]/" * 100
    head, first, second = console.table(("name", "n"), [(long, "1"), ("b", "20")], right=("n",)).splitlines()
    assert head.split() == ["name", "n"]
    assert first == f"{long}   1"
    assert second.split() == ["b", "20"]
    assert second.endswith(" 20")
    assert len(second) == len(first)


def test_table_without_rows_is_its_head():
    assert console.table(("name", "n"), []).splitlines()[0].split() == ["name", "n"]


def test_progress_is_silent_where_no_terminal_is(capsys: pytest.CaptureFixture[str]):
    with console.progress("Pictures", 2) as advance:
        advance("a.jpg")
        advance("b.jpg")
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with console.progress("Pictures [a]", 2) as advance:
        advance("[b].jpg")
        console.error("in between")
        advance("c.jpg")
    out, err = capsys.readouterr()
    assert out == ""
    assert "Pictures [a]" in err
    assert "1/2" in err or "2/2" in err
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err.replace("\r", "\n")).splitlines()
    assert "error: in between" in [line.strip() for line in lines]  # above the bar, not behind it


def shown(columns: int, steps: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The bar of a long run after some steps of 40 seconds each."""
    now = [0.0]
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("rich.console.monotonic", lambda: now[0])
    with console.progress("", 17_600) as advance:
        for _ in range(steps):
            now[0] += 40
            advance("epoch 123/200  loss 2.2767  accuracy 11.8%  460 faces/s")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err.replace("\r", "\n")).splitlines()
    return next(line for line in reversed(lines) if line.strip())


def test_progress_tells_the_time_left_of_slow_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert "195:30:00" in shown(120, 5, monkeypatch, capsys)  # 17,595 steps


def test_progress_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    line = shown(80, 5, monkeypatch, capsys)
    assert re.search(r"5/17600 +\d+:\d\d:\d\d epoch 123/200  loss 2.2767  accuracy 11.8%  460 faces/s", line), line
