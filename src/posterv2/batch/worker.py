"""What one worker does: a shard of pictures in, the rows of one file out."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from posterv2.batch.reading import Item, items_of
from posterv2.batch.shards import Shard
from posterv2.errors import ImageError, PosterError, require
from posterv2.inference.classifier import probabilities
from posterv2.inference.predictor import Look, Predictor, load
from posterv2.inference.results import Result
from posterv2.inference.rows import as_text, columns_of, rows_of, schema_of
from posterv2.places import Place
from posterv2.preprocessing import read_image

_TOGETHER = 64  # pictures whose faces go through the network together
_CHUNK = 4096  # rows that are kept as objects
_KEY = b"posterv2"


@dataclass(frozen=True)
class Settings:
    """What all workers of a job share; plain values, for they travel.

    Attributes:
        output: the folder that files of rows are written to.
        weights, labels, device, engine, precision, detector, uncertain_below: as `load` takes them.
        threads: of each worker.
        aligned: pictures are face crops already.
        fps: frames a second of videos.
        digest: of the weights, as rows hold it.
    """

    output: str
    weights: str | None
    labels: str | None
    device: str
    engine: str
    precision: str
    detector: str
    uncertain_below: float
    threads: int
    aligned: bool
    fps: float | None
    digest: str

    def deciding(self) -> dict[str, Any]:
        """Those that decide what the rows are, so that a job goes on with the same ones only."""
        values = asdict(self)
        return {key: value for key, value in values.items() if key not in ("output", "weights", "device", "threads")}


@dataclass
class Done:
    """What became of a shard.

    Attributes:
        shard: its number.
        inputs: pictures and frames.
        faces: that were named.
        failures: how often each reason kept an input from having a result.
        seconds: of work.
    """

    shard: int
    inputs: int = 0
    faces: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def of(cls, part: Place) -> Done:
        """What a file of rows says of itself.

        Raises:
            ImageError: it cannot be read, or is not a worker's.
        """
        parquet = require("pyarrow.parquet", "batch")
        with part.opened() as file:
            try:
                return cls(**json.loads(parquet.read_metadata(file).metadata[_KEY]))
            except Exception as error:  # pyarrow's errors share no base but this
                raise ImageError(f"{part.name}: no file of a job's rows") from error


def part_of(shard: int) -> str:
    """The name of a shard's file of rows."""
    return f"part-{shard:07d}.parquet"


class Worker:
    """Works on one shard after the other with one predictor.

    Raises:
        PosterError: as from `load`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        chosen: Any = settings  # `load` checks the words
        self._predictor: Predictor = load(
            chosen.weights,
            chosen.labels,
            chosen.device,
            chosen.detector,
            chosen.uncertain_below,
            None,
            chosen.engine,
            chosen.precision,
            chosen.threads,
        )

    def __call__(self, shard: Shard) -> Done:
        """Write the rows of a shard, whole or not at all; doing so twice gives the same file.

        Raises:
            OutputError: they cannot be written.
        """
        pyarrow, parquet = require("pyarrow", "batch"), require("pyarrow.parquet", "batch")
        begun, done, names = time.monotonic(), Done(shard.number), self._predictor.labels.names
        failures: Counter[str] = Counter()
        schema = schema_of((*columns_of(names), "error", "weights"))
        tables, rows = [], []
        for result, error in self._results(shard):
            done.inputs += 1
            done.faces += len(result.faces)
            reason = None
            if error is not None:
                reason = as_text(str(error)).removeprefix(f"{as_text(result.source)}: ")
                failures[reason] += 1
            marks = {"error": reason, "weights": self._settings.digest}
            rows += [row | marks for row in rows_of(result, names)]
            if len(rows) >= _CHUNK:
                tables.append(pyarrow.Table.from_pylist(rows, schema))
                rows = []
        tables.append(pyarrow.Table.from_pylist(rows, schema))
        done.failures = dict(failures.most_common())
        done.seconds = round(time.monotonic() - begun, 3)
        file = io.BytesIO()
        table = pyarrow.concat_tables(tables)
        parquet.write_table(table.replace_schema_metadata({_KEY: json.dumps(asdict(done)).encode()}), file)
        Place(self._settings.output).child(part_of(shard.number)).write(file.getvalue())
        return done

    def _results(self, shard: Shard) -> Iterator[tuple[Result, PosterError | None]]:
        if shard.kind == "video":
            yield from self._video(shard.paths[0])
            return
        items = items_of(shard)
        try:
            while chunk := list(islice(items, _TOGETHER)):
                yield from self._named(chunk)
        except ImageError as error:  # the rest of a broken file is nowhere
            yield _nothing(shard.paths[0]), error

    def _named(self, items: list[Item]) -> Iterator[tuple[Result, PosterError | None]]:
        looks = [self._look(item) for item in items]
        pixels = [face for look in looks if isinstance(look, Look) for face in look.pixels]
        rows = iter(probabilities(self._predictor.classifier, pixels))
        for item, look in zip(items, looks, strict=True):
            if isinstance(look, Look):
                yield replace(self._predictor.named(look, rows), source=item.source, pixels=None), None
            else:
                yield _nothing(item.source), look

    def _look(self, item: Item) -> Look | PosterError:
        if isinstance(item.content, PosterError):
            return item.content
        try:
            return self._predictor.look(read_image(item.content, item.source), self._settings.aligned)
        except ImageError as error:
            return error

    def _video(self, path: str) -> Iterator[tuple[Result, PosterError | None]]:
        """Frames in their order; videos of object stores are copied first, for readers go back and forth in them."""
        frame = 0
        try:
            with Place(path).as_file() as file:
                for result in self._predictor.video(file, fps=self._settings.fps):
                    frame = result.frame + 1
                    yield replace(result, source=path), None
        except ImageError as error:
            yield _nothing(path, frame), error


def _nothing(source: str, frame: int = 0) -> Result:
    return Result(source, 0, 0, (), frame)
