"""What `posterv2 predict` was asked to write, checked before any work is done and written as results come."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posterv2.cli import console
from posterv2.cli.results import Table, Tally
from posterv2.errors import UsageError

if TYPE_CHECKING:
    from posterv2.inference.results import Result
    from posterv2.inference.rowwriter import RowWriter
    from posterv2.inference.sinks import Show, Take
    from posterv2.inference.sources import Source
    from posterv2.inference.steps import Failed, Step, Viewing


class Format(StrEnum):
    """How the result is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @staticmethod
    def of(path: Path | None) -> Format:
        """By a file's ending; a table where it says nothing."""
        ending = "" if path is None else path.suffix.lower().removeprefix(".")
        return Format(ending) if ending in list(Format) else Format.TABLE


_ROWS = (Format.CSV, Format.JSONL, Format.PARQUET)


@dataclass(frozen=True)
class Wanted:
    """The options of `posterv2 predict` that name places to write to."""

    output: Path | None
    format: Format
    resume: bool
    draw: Path | None
    blur: bool
    sheet: Path | None
    events: Path | None
    timeline: Path | None

    @property
    def keeps_rows(self) -> bool:
        """Whether a run that is stopped can go on: not with what went through a pipe."""
        output = self.output
        return output is not None and self.format in _ROWS and (output.is_file() or not output.exists())

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: an option without the one it belongs to, a file that cannot be written under that name, or one
                for two results.
        """
        if self.blur and self.draw is None and self.sheet is None:
            raise UsageError("--blur changes what --draw and --sheet write; give --draw PLACE or --sheet FILE too")
        if self.format is Format.PARQUET and not self.keeps_rows:
            raise UsageError("Parquet cannot go to stdout or a pipe; give -o FILE.parquet")
        if self.resume and not self.keeps_rows:
            raise UsageError("--resume goes on with rows that are kept; give -o FILE, a .csv, .jsonl or .parquet")
        endings = {"-o": (), "--sheet": (".png", ".jpg"), "--events": (".csv",), "--timeline": (".png", ".html")}
        for option, path in self._files():
            console.check_output(option, path, endings[option])
        takers: dict[str, str] = {}
        for option, path in [*self._files(), *([("--draw", self.draw)] if self.draw else [])]:
            other = takers.setdefault(os.path.realpath(path), option)
            if other != option:
                raise UsageError(f"{other} and {option} would both write {path}; give each its own name")

    def check_sources(self, sources: Sequence[Source], viewing: Viewing) -> None:
        """Refuse what cannot be with these sources.

        Raises:
            UsageError: a file would replace a source, events are asked for where there is no video, crops where there
                is no picture, or a camera would never end.
        """
        kinds = {source.kind for source in sources}
        if viewing.aligned and kinds and "picture" not in kinds:
            raise UsageError("--aligned is for pictures, and there is none")
        originals = {os.path.realpath(source.path) for source in sources}
        for option, path in self._files():
            if os.path.realpath(path) in originals:
                raise UsageError(f"{option} {path} would overwrite one of the sources; name another file")
            if option in ("--events", "--timeline") and kinds == {"picture"}:
                raise UsageError(f"{option} is for videos, and there is none")
        if "camera" in kinds:
            if viewing.end is None:
                raise UsageError("a camera does not end; give --end SECONDS too, or use posterv2 live")
            if self.resume:
                raise UsageError("what a camera shows does not come again, so --resume cannot go on with it")

    def _files(self) -> list[tuple[str, Path]]:
        files = {"-o": self.output, "--sheet": self.sheet, "--events": self.events, "--timeline": self.timeline}
        return [(option, path) for option, path in files.items() if path is not None]


class Outputs:
    """Open outputs.

    Attributes:
        tally: of what was added.
        takes: what takes results.
        shows: what takes results with their pictures.
        rows: what keeps rows, where they are wanted so.
    """

    def __init__(self, wanted: Wanted, sources: Sequence[Source], viewing: Viewing, names: Sequence[str]) -> None:
        self.tally = Tally()
        self.takes: list[Take] = [self.tally.add]
        self.shows: list[Show] = []
        self.rows: RowWriter | None = None
        self._wanted, self._sources, self._viewing, self._names = wanted, sources, viewing, names
        self._by_name = {source.name: source for source in sources}

    @property
    def state(self) -> dict[str, Any] | None:
        """Of the run that goes on; None where one begins."""
        return None if self.rows is None else self.rows.state

    def go_on(self, advance: Callable[[str], None]) -> None:
        """Take and show again what the run that goes on has found before, as its rows tell.

        Raises:
            ImageError: a source that was read then and is shown now cannot be read any more.
        """
        if self.rows is None or self.state is None:
            return
        from posterv2.inference.replay import results_in, with_pixels

        def again(result: Result) -> bool:
            """Whether it has to be shown: the drawings of photos are there, a sheet and half of a video are not."""
            return bool(self.shows) and (self._wanted.sheet is not None or result.time is not None)

        for result in results_in(self.rows.written(), self._names, self._sources):
            for take in self.takes:
                take(result)
            if not again(result):
                advance(Path(result.source).name)
        shown = filter(again, results_in(self.rows.written(), self._names, self._sources))
        for pixels, result in with_pixels(shown, self._sources, self._viewing):
            for show in self.shows:
                show(pixels, result)
            advance(Path(result.source).name)

    def add(self, step: Step, failures: Sequence[object]) -> None:
        """Write what there is of a picture or a frame; a run that goes on knows whether there were `failures`."""
        from posterv2.inference.replay import results_in
        from posterv2.inference.rows import rows_of

        result = step.result
        if self.rows is not None:  # what a run that goes on will show of it again, to the last digit
            source = self._by_name[result.source]
            [result] = results_in(rows_of(result, self._names), self._names, [source])
        for take in self.takes:
            take(result)
        for show in self.shows:
            show(step.frame.image, result)
        if self.rows is not None:
            self.rows.write(step.result)
            if step.state is not None:
                self.rows.checkpoint({**step.state, "failed": bool(failures)})


@contextmanager
def opened(
    wanted: Wanted,
    sources: Sequence[Source],
    viewing: Viewing,
    names: Sequence[str],
    settings: dict[str, Any],
    failed: Failed,
) -> Iterator[Outputs]:
    """All that is wanted, open; it is finished when the block ends well.

    Args:
        wanted: checked.
        sources: what results will come of.
        viewing: how the sources are looked at.
        names: the classes.
        settings: what else has to be the same when a run goes on.
        failed: told of each source that cannot be drawn.
    """
    from posterv2.inference import sinks
    from posterv2.inference.drawings import Drawings
    from posterv2.inference.rows import RowFormat
    from posterv2.inference.rowwriter import RowWriter

    outputs = Outputs(wanted, sources, viewing, names)
    with ExitStack() as stack:
        others = stack.enter_context(ExitStack())
        if wanted.events is not None:
            outputs.takes.append(others.enter_context(sinks.event_table(wanted.events)))
        if wanted.timeline is not None:
            outputs.takes.append(others.enter_context(sinks.timeline_picture(wanted.timeline)))
        if wanted.sheet is not None:
            outputs.shows.append(others.enter_context(sinks.contact_sheet(wanted.sheet, wanted.blur)))
        if wanted.draw is not None and sources:
            drawings = Drawings(sources, wanted.draw, viewing, failed, wanted.blur)
            outputs.shows.append(others.enter_context(drawings).add)
        # The rows are opened last: where anything else is refused, those of an older run are still there.
        if wanted.output is not None and wanted.keeps_rows:
            drawn = {"draw": None if wanted.draw is None else str(wanted.draw), "blur": wanted.blur}
            fingerprint = settings | drawn | asdict(viewing) | {"sources": _digest_of(sources)}
            writer = RowWriter(wanted.output, names, fingerprint, wanted.resume, RowFormat(wanted.format.value))
            outputs.rows = stack.enter_context(writer)
        else:
            outputs.takes.append(stack.enter_context(_written(wanted, names)))
        yield outputs
        others.close()  # before the rows: where anything else cannot be finished, the run can go on with them


@contextmanager
def _written(wanted: Wanted, names: Sequence[str]) -> Iterator[Take]:
    """The result where no run can go on with it: on stdout, or in a file that is there at the end."""
    from posterv2.files import encoded, opened_whole
    from posterv2.inference import sinks
    from posterv2.inference.rows import RowFormat, head_of, lines_of

    with ExitStack() as stack:
        write: Callable[[str], object] = console.result
        if wanted.output is not None:
            file = stack.enter_context(opened_whole(wanted.output))
            write = lambda text: file.write(encoded(text))  # noqa: E731
        if wanted.format is Format.JSON:
            yield stack.enter_context(sinks.json_document(write))
        elif wanted.format is Format.TABLE:
            table = Table()
            yield table.add
            write(table.text(plain=wanted.output is not None))
        else:
            format = RowFormat(wanted.format.value)
            write(head_of(names, format))
            yield lambda result: write(lines_of(result, names, format))


def _digest_of(sources: Sequence[Source]) -> str:
    """Of their names and sizes: with thousands of them, these themselves are too long to be kept at each checkpoint."""
    digest = hashlib.sha256()
    for source in sources:
        size = os.path.getsize(source.path) if os.path.isfile(source.path) else 0
        digest.update(f"{source.kind}\0{source.name}\0{size}\0".encode("utf-8", "surrogateescape"))
    return f"{len(sources)}, {digest.hexdigest()[:16]}"
