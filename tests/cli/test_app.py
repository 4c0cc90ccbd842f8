"""The frame of the command line: help, one table of exit codes, one line for what goes wrong."""

import importlib.metadata
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from posterv2 import __version__
from posterv2.cli import app, console
from posterv2.errors import ImageError, LabelsError, MissingExtraError, PosterError

VERBS = (
    *("predict", "evaluate", "robustness", "train", "data check"),
    *("weights", "weights list", "weights inspect", "weights convert", "info"),
)


def run(*words: str):
    return CliRunner().invoke(app, words)


def run_process(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "posterv2", *words], capture_output=True, text=True, check=False)


def test_help_lists_verbs_and_exit_codes():
    help = run("--help").stdout
    for verb in VERBS:
        assert f"\n  {verb.split()[0]} " in help
    for code in ("0  ", "1  ", "2  ", "3  ", "130  "):
        assert f"\n    {code}" in help


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(verb: str):
    help = run(*verb.split(), "--help")
    assert help.exit_code == 0
    assert "Example" in help.stdout
    assert f"posterv2 {verb}" in help.stdout.partition("Example")[2]


def test_version():
    assert run("--version").stdout == f"posterv2 {__version__}\n"
    assert run_process("--version").stdout == f"posterv2 {__version__}\n"
    assert (
        importlib.metadata.entry_points(name="posterv2", group="console_scripts")["posterv2"].value
        == "posterv2.cli:main"
    )


@pytest.mark.parametrize(
    "words", [["predct"], ["predict"], ["--nonsense"], ["-q", "-v", "info"], ["predict", "--nonsense"]]
)
def test_wrong_use_is_2(words: list[str]):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Lets `posterv2 info` raise what is asked for."""

    def fail_with(error: BaseException) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(console, "table", fail)

    return fail_with


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PosterError("it [torch] failed"), 1),
        (ImageError("it [torch] failed"), 1),
        (LabelsError("it [torch]\nfailed"), 2),
        (MissingExtraError("it [torch] failed"), 3),
    ],
)
def test_errors_are_one_line_with_their_code(failing, error: PosterError, code: int):
    failing(error)
    result = run("info")
    assert (result.exit_code, result.stderr, result.stdout) == (code, "error: it [torch] failed\n", "")
    result = run("info", "--verbose")
    assert result.exit_code == code
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: it [torch] failed\n")


def test_errors_of_the_system_are_one_line(failing):
    failing(PermissionError(13, "Permission denied", "out.csv"))
    result = run("info")
    assert (result.exit_code, result.stderr) == (1, "error: out.csv: Permission denied\n")


def test_our_own_mistakes_keep_their_traceback(failing):
    failing(ZeroDivisionError())
    assert isinstance(run("info").exception, ZeroDivisionError)


def test_interrupted_is_130(failing):
    failing(KeyboardInterrupt())
    result = run("info")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


def test_a_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "posterv2", "--version"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert done.returncode == 1


@pytest.mark.parametrize("words", [["-v", "info"], ["info", "-v"], ["info", "--verbose"]])
def test_verbosity_may_stand_anywhere(words: list[str], monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(console, "table", lambda *_, **__: seen.append(console.verbose()) or "")
    assert run(*words).exit_code == 0
    assert run("info").exit_code == 0
    assert seen == [True, False]
