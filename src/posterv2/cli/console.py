"""What the command line says, and where: the result on stdout, everything else on stderr.

Text is never read as markup, so brackets in a path or in `posterv2[torch]` come out as they are.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from posterv2.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_FULL_WIDTH = 10_000  # characters: nothing is cut or folded where no terminal shows it
_SPEED_SECONDS = 3600.0  # the time left is told from this long a past: a step of training may take minutes


class Verbosity(IntEnum):
    """How much is said on stderr."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


_verbosity = Verbosity.NORMAL
_bar: Console | None = None  # where a bar stands, which lines must go above


def set_verbosity(verbosity: Verbosity) -> None:
    """Say less or more on stderr from now on."""
    global _verbosity
    _verbosity = verbosity


def verbose() -> bool:
    """Whether the user asked for details."""
    return _verbosity >= Verbosity.VERBOSE


def detail(message: str) -> None:
    """A line for those who asked for `--verbose`."""
    if verbose():
        _line(message)


def note(message: str) -> None:
    """A line that `--quiet` silences."""
    if _verbosity > Verbosity.QUIET:
        _line(message)


def warning(message: str) -> None:
    """A line that begins with `warning:`; `--quiet` silences it."""
    if _verbosity > Verbosity.QUIET:
        _line(message, "warning: ", typer.colors.YELLOW)


def error(message: str) -> None:
    """A line that begins with `error:`; nothing silences it."""
    _line(message, "error: ", typer.colors.RED)


def result(text: str) -> None:
    """Write `text` to stdout as it is; the only thing that goes there."""
    encoding = sys.stdout.encoding or "utf-8"
    # A file name may hold bytes that are no text; it shows as \udcff rather than ending the run.
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()  # a closed pipe is noticed here, not while Python shuts down


def check_output(option: str, path: Path, endings: Sequence[str] = ()) -> None:
    """Refuse a file that a result cannot go to, before any work is done.

    Raises:
        UsageError: it is a folder, lies in none, or does not end with one of `endings`; without these, it is called
            like a picture or a video, which somebody would miss.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{option} needs a file in a folder that is there, got {path}")
    if endings:
        if path.suffix.lower() not in endings:
            raise UsageError(f"{option} writes a file that ends with {' or '.join(endings)}, got {path}")
        return
    from posterv2.inference.sources import VIDEO_SUFFIXES
    from posterv2.preprocessing import SUFFIXES

    if path.suffix.lower() in SUFFIXES | VIDEO_SUFFIXES:
        raise UsageError(f"{option} writes text and {path} is called like a picture or a video; give another ending")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = (), plain: bool = False
) -> str:
    """Rows as an aligned table; the columns named in `right` are aligned to the right.

    On a terminal it fits the width, folding long cells. Elsewhere, or with `plain`, nothing is cut, coloured or ruled.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    plain = plain or not sys.stdout.isatty()
    columns, rows = list(map(visible, columns)), [list(map(visible, row)) for row in rows]
    console = Console(width=_FULL_WIDTH, color_system=None, force_terminal=False) if plain else Console()
    sheet = Table(box=None if plain else box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    sheet.padding = (0, 2, 0, 0) if plain else (0, 1)
    for column in columns:
        sheet.add_column(Text(column), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        sheet.add_row(*map(Text, row))
    with console.capture() as capture:
        console.print(sheet)
    return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


@contextmanager
def progress(description: str, total: int | None) -> Iterator[Callable[[str], None]]:
    """A bar with the time left on stderr; call what it yields after each of the `total` steps, None for nobody knows.

    The call takes the words to show behind the bar. Nothing shows with `--quiet` or where stderr is no terminal.
    """
    if _verbosity == Verbosity.QUIET or not sys.stderr.isatty():
        yield lambda words: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),  # where the terminal is narrow it alone gets shorter
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[words]}", markup=False),
    )
    global _bar
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, speed_estimate_period=_SPEED_SECONDS) as bar:
        task = bar.add_task(escape(description), total=total, words="")
        _bar = bar.console
        try:
            yield lambda words: bar.update(task, advance=1, words=visible(words))
        finally:
            _bar = None


def visible(text: str) -> str:
    """The text with control characters written out: a file's name must not steer the terminal."""
    return "".join(f"\\x{ord(sign):02x}" if unicodedata.category(sign) == "Cc" else sign for sign in text)


def _line(message: str, prefix: str = "", colour: str | None = None) -> None:
    one_line = visible(" ".join(message.splitlines()))
    if _bar is not None:
        from rich.text import Text

        _bar.print(Text.assemble((prefix, f"bold {colour}" if colour else ""), one_line), soft_wrap=True)
        return
    typer.echo(typer.style(prefix, fg=colour, bold=True) + one_line if prefix else one_line, err=True)
