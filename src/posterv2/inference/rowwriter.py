"""Rows that are kept: written as they come, and continued to the byte after any interruption.

While a run lasts, a sidecar `.<name>.resume.json` lies beside the rows. It holds where the rows of the last checkpoint
end, and what the caller needs to go on from there. A run that goes on cuts the file off at that place; one that ends
well removes the sidecar. Parquet has its footer last, so its rows wait in `.<name>.journal`, as JSON lines, until then.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from posterv2.errors import OutputError, UsageError, cut, require
from posterv2.files import whole, write_whole
from posterv2.inference.results import Result
from posterv2.inference.rows import Row, RowFormat, columns_of, head_of, lines_of, read_rows, to_parquet

_VERSION = 1


class RowWriter:
    """Writes rows to a CSV, JSONL or Parquet file.

    with RowWriter("rows.csv", names, {"weights": "..."}, resume=True) as writer:
        for result in results_from(writer.state):
            writer.write(result)
            writer.checkpoint({"frame": result.frame + 1})

    When the block ends well, the file is finished; when not, `resume=True` goes on from the last checkpoint.

    Attributes:
        state: what the last checkpoint of the run that goes on was given; None where a run begins at its begin.
    """

    def __init__(
        self,
        path: str | Path,
        names: Sequence[str],
        fingerprint: dict[str, Any] | None = None,
        resume: bool = False,
        format: RowFormat | None = None,
    ) -> None:
        """Open the file; a finished one from before is replaced, for Parquet at the end.

        Args:
            path: of the rows.
            names: the classes, one column `p_<name>` each.
            fingerprint: plain JSON values that must be the same when the run goes on: weights, settings, sources.
            resume: go on with an unfinished run, or begin where there is none.
            format: by default as the path's ending says.

        Raises:
            UsageError: an unfinished run lies there and `resume` was not given; another fingerprint; a finished file
                with `resume` (see `finished`); an ending that says no format; another run writes there.
            OutputError: the file cannot be written, or is not as the unfinished run left it.
        """
        self._path = Path(path)
        self._names, self._columns = names, columns_of(names)
        self._format = format or RowFormat.of(self._path)
        self._card = {
            "version": _VERSION,
            "format": self._format.value,
            "columns": list(self._columns),
            "fingerprint": json.loads(json.dumps(fingerprint or {})),
        }
        self._sidecar = _beside(self._path, "resume.json")
        # Pipes and /dev/null are written to, and cannot be gone on with.
        self._regular = self._path.is_file() or not self._path.exists()
        self._rows = Path(os.path.realpath(self._path))
        if self._format is RowFormat.PARQUET:
            require("pyarrow.parquet", "video")  # now, and not when the rows are there
            self._rows = _beside(self._path, "journal")
        if not self._regular and (resume or self._format is RowFormat.PARQUET):
            raise UsageError(f"{path} is no ordinary file; --resume and Parquet need one")
        if resume and finished(self._path):
            raise UsageError(f"{path} is finished, nothing is left to do; without --resume it is made anew")
        with _told(self._path):
            self._file = self._rows.open("ab" if self._regular else "wb")
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._file)
            with _told(self._path):
                self.state: dict[str, Any] | None = self._begin(resume)
            stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Closed last: until then no other run may write here.
        with _told(self._path), self._file:
            if kind is None:
                self._finish()

    def write(self, result: Result) -> None:
        """Add the rows of a picture or frame.

        Raises:
            OutputError: the disk is full.
        """
        with _told(self._path):
            self._file.write(lines_of(result, self._names, self._format).encode())

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Bring all rows to the disk, and note that a run can go on behind them with `state`, plain JSON values.

        Raises:
            OutputError: the disk is full.
        """
        if self._regular:
            with _told(self._path):
                self._flush()
                self._note(self._file.tell(), state)

    def written(self) -> Iterator[Row]:
        """All rows up to now, those of the runs before included.

        Raises:
            UsageError: someone else has changed the file.
        """
        self._file.flush()
        return read_rows(self._rows, RowFormat.JSONL if self._format is RowFormat.PARQUET else self._format)

    def _begin(self, resume: bool) -> dict[str, Any] | None:
        if self._regular:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UsageError(
                    f"{self._path}: another run is writing there; wait for it or name another file"
                ) from error
        card = self._left() if self._regular else {}
        state, offset = card.get("state"), card.get("offset", 0)
        if state is not None and not resume:
            raise UsageError(
                f"{self._path}: an unfinished run lies there; go on with --resume, "
                f"or delete {self._sidecar} to begin anew"
            )
        if state is not None:
            self._check(card)
            self._file.truncate(offset)
            self._file.seek(offset)
            return state
        if self._regular:
            # The note comes first: a run that is killed between the two does not take the older file as whole.
            self._note(0, None)
            self._file.truncate(0)
            self._file.seek(0)
        self._file.write(head_of(self._names, self._format).encode())
        return None

    def _left(self) -> dict[str, Any]:
        """What an unfinished run has noted; nothing where there is none."""
        try:
            card = json.loads(self._sidecar.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise OutputError(f"{self._sidecar}: cannot be read ({error}); delete it to begin anew") from error
        if not isinstance(card, dict) or card.get("version") != _VERSION or not isinstance(card.get("offset"), int):
            raise OutputError(f"{self._sidecar}: not from this version of posterv2; delete it to begin anew")
        return card

    def _check(self, card: dict[str, Any]) -> None:
        """Refuse to go on with another run, or with a file that has changed since."""
        was, now = card | card.get("fingerprint", {}), self._card | self._card["fingerprint"]
        for key in ("format", "columns", *sorted({*card.get("fingerprint", {}), *self._card["fingerprint"]})):
            if was.get(key) != now.get(key):
                raise UsageError(
                    f"{self._path}: the unfinished run there was begun with {key} {_short(was.get(key))}, this one has "
                    f"{_short(now.get(key))}; give the same again, or delete {self._sidecar} to begin anew"
                )
        offset = card["offset"]
        with self._rows.open("rb") as file:
            whole_lines = file.seek(0, os.SEEK_END) >= offset > 0
            file.seek(max(0, offset - 1))
            if not whole_lines or file.read(1) != b"\n":
                raise OutputError(
                    f"{self._rows}: changed since its run was stopped; delete {self._sidecar} to begin anew"
                )

    def _note(self, offset: int, state: dict[str, Any] | None) -> None:
        write_whole(self._sidecar, json.dumps(self._card | {"offset": offset, "state": state}))

    def _flush(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def _finish(self) -> None:
        if not self._regular:
            return
        self._flush()
        if self._format is RowFormat.PARQUET:
            with whole(os.path.realpath(self._path)) as draft:
                to_parquet(self.written(), self._columns, draft)
        self._sidecar.unlink(missing_ok=True)
        if self._format is RowFormat.PARQUET:
            self._rows.unlink(missing_ok=True)


def finished(path: str | Path) -> bool:
    """Whether rows lie there that no run is left to go on with."""
    return Path(path).is_file() and not _beside(Path(path), "resume.json").exists()


def _short(value: object) -> str:
    return cut(json.dumps(value, ensure_ascii=False))


def _beside(path: Path, ending: str) -> Path:
    path = Path(os.path.realpath(path))
    return path.with_name(f".{path.name}.{ending}")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
