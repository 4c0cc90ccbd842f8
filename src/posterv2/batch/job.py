"""A job on disk: what is to be done, what has been, and nothing twice.

The output folder holds `_job.json` (settings and input), `_shards.parquet` (what the input was cut into) and, for each
finished shard, `part-0000000.parquet`. Such a file of rows is there whole or not at all, and says in its footer
what became of its shard: that is all the state there is, so whoever is killed, the next run does what is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from posterv2.batch.shards import Shard, from_table, shards_of, to_table
from posterv2.batch.worker import Done, part_of
from posterv2.errors import UsageError, cut
from posterv2.places import Place

_CARD, _SHARDS = "_job.json", "_shards.parquet"
_PART = re.compile(r"part-(\d{7,})\.parquet")
_VERSION = 1


class Job:
    """The shards of a job, and which of them are finished.

    Attributes:
        output: the folder.
        shards: all of them.
    """

    def __init__(self, output: str, word: str, settings: dict[str, Any], size: int, resume: bool) -> None:
        """Begin a job, or go on with one.

        Args:
            output: a folder that is empty or not there; with `resume`, one that a job has begun.
            word: its inputs, as `shards_of` takes them.
            settings: plain JSON values that decide what the rows are.
            size: inputs of a shard.
            resume: go on, or begin where there is none.

        Raises:
            UsageError: the folder holds something, or the job that goes on has other inputs or settings.
            ImageError: inputs that are not there.
            OutputError: the folder cannot be written to.
        """
        self.output = Place(output)
        card = json.loads(json.dumps({"version": _VERSION, "input": word, "shard": size, "settings": settings}))
        path, table = self.output.child(_CARD), self.output.child(_SHARDS)
        there = self.output.children() if self.output.exists() else []
        if _CARD in there:
            self._expect_same(path, card, resume)
            self.shards = from_table(table.read(), table.name)
            return
        if there:
            raise UsageError(f"{output}: holds {cut(there[0])} and no job; give a folder that is empty or not there")
        self.shards = shards_of(word, size)
        self.output.make_folder()
        table.write(to_table(self.shards))
        path.write(json.dumps(card, indent=1).encode() + b"\n")  # last: with it the job has begun

    def finished(self) -> set[int]:
        """The numbers of the finished shards."""
        return {int(found[1]) for name in self.output.children() if (found := _PART.fullmatch(name))}

    def pending(self) -> list[Shard]:
        """The shards that are left, in their order."""
        finished = self.finished()
        return [shard for shard in self.shards if shard.number not in finished]

    def done(self) -> Iterator[Done]:
        """What became of the finished shards."""
        for number in sorted(self.finished()):
            yield self.done_of(number)

    def done_of(self, number: int) -> Done:
        """What became of a finished shard."""
        return Done.of(self.output.child(part_of(number)))

    @staticmethod
    def _expect_same(path: Place, card: dict[str, Any], resume: bool) -> None:
        if not resume:
            raise UsageError(f"{path.name}: a job was begun here; go on with --resume, or give another folder")
        try:
            before = json.loads(path.read())
            pairs = [(key, before[key], card[key]) for key in ("version", "input", "shard")]
            pairs += [(key, before["settings"].get(key), value) for key, value in card["settings"].items()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{path.name}: not the card of a job") from error
        for key, was, now in pairs:
            if was != now:
                raise UsageError(
                    f"{path.name}: this job was begun with {key} {cut(str(was))}, not {cut(str(now))}; "
                    "go on with the same, or give another folder"
                )
