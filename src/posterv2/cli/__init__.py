"""The command line. One file a verb; what is heavy is imported inside the verbs.

exit code   meaning
0           everything asked for was done
1           something could not be done: a picture, a data set, a weight file, a training run
2           wrong use: an option, an argument, labels that do not fit
3           an optional part is not installed; the message holds the install command
130         interrupted with Ctrl-C
"""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
import typer.core
from typer.exceptions import TyperException

from posterv2 import __version__
from posterv2.cli import (
    batch,
    benchmark,
    calibrate,
    console,
    data,
    embed,
    evaluate,
    explain,
    export,
    info,
    live,
    predict,
    report,
    robustness,
    serve,
    train,
    weights,
)
from posterv2.errors import PosterError

_ANYWHERE = {"--quiet", "-q", "--verbose", "-v"}

_EPILOG = """\b
Examples:
  posterv2 predict photo.jpg
  posterv2 predict photos/ --format csv -o faces.csv --draw drawn/
  posterv2 evaluate --data ferplus.zip --json result.json

--quiet and --verbose may stand before or after the command.

\b
Exit codes:
  0    everything asked for was done
  1    something could not be done
  2    wrong use: an option, an argument, labels that do not fit
  3    an optional part is not installed
  130  interrupted
"""


class Verbs(typer.core.TyperGroup):
    """The verbs, with the one handler of what goes wrong in any of them."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read what stands before the verb."""
        with _told_in_one_line():
            return super().make_context(*args, **kwargs)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let --quiet and --verbose stand behind the verb too."""
        end = args.index("--") if "--" in args else len(args)
        moved = [word for word in args[:end] if word in _ANYWHERE]
        return super().parse_args(ctx, moved + [word for word in args[:end] if word not in _ANYWHERE] + args[end:])

    def invoke(self, ctx: Any) -> object:
        """Read what stands behind the verb, and run it."""
        with _told_in_one_line():
            return super().invoke(ctx)


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """What goes wrong becomes one line on stderr and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        console.note("interrupted")
        raise typer.Exit(130) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # typer leaves quietly when the reader of our output has left
            raise
        _report(error, f"{error.filename}: {error.strerror}" if error.filename else str(error))
        raise typer.Exit(1) from None
    except PosterError as error:
        _report(error, str(error))
        raise typer.Exit(error.exit_code) from None
    except TyperException as error:
        if "\n" in error.format_message():  # no verb at all is answered with the help
            raise
        _report(error, _wrong_use(error))
        raise typer.Exit(error.exit_code) from None


def _wrong_use(error: TyperException) -> str:
    """What typer says about an option or an argument, with the value that it got and where to read on."""
    message = error.format_message().replace("Value error, ", "").removesuffix(".")
    context = getattr(error, "ctx", None)
    if faults := getattr(error.__cause__, "errors", None):  # pydantic's, who checks the values
        got = repr(faults()[0]["input"])
        message += "" if got in message else f", got {got}"
    return f"{message} ({context.command_path if context else 'posterv2'} --help)"


def _report(error: Exception, message: str) -> None:
    if console.verbose():
        traceback.print_exception(error)
    console.error(message)


app = typer.Typer(
    name="posterv2",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich's help takes three times as long to start, and eats brackets
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)


def _show_version(asked: bool) -> None:
    if asked:
        console.result(f"posterv2 {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="More on stderr; a traceback with an error.")
    ] = False,
) -> None:
    """Facial expression recognition with POSTER V2: from a photo to a named expression."""
    if quiet and verbose:
        raise typer.BadParameter("--quiet and --verbose exclude each other")
    verbosity = console.Verbosity.QUIET if quiet else console.Verbosity.VERBOSE if verbose else console.Verbosity.NORMAL
    console.set_verbosity(verbosity)


app.command()(predict.predict)
app.command()(live.live)
app.command()(serve.serve)
app.command()(batch.batch)
app.command()(evaluate.evaluate)
app.command()(robustness.robustness)
app.command()(calibrate.calibrate)
app.command()(explain.explain)
app.command()(embed.embed)
app.command()(train.train)
app.add_typer(data.app, name="data")
app.add_typer(weights.app, name="weights")
app.add_typer(export.app, name="export")
app.add_typer(report.app, name="report")
app.command()(benchmark.benchmark)
app.command()(info.info)


def main() -> None:
    """The `posterv2` command."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - closed by the caller, as in `posterv2 info >&-`
    try:
        app(prog_name="posterv2")
    except SystemExit as end:
        if not sys.modules.keys() & {"daft", "pyarrow"}:
            raise
        # Threads of Daft 0.7, and of pyarrow too, abort Python now and then while it ends.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else end.code is not None)
