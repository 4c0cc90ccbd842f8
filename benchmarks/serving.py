"""The service under load, over loopback, beside the predictor that it runs.

    python benchmarks/serving.py [--clients 16] [--cores 2] [--rounds 5] [--seconds 5] [--minutes 10] [--json OUT]

`posterv2 serve` runs in a process of its own. Clients, service and predictor share the same cores, and service and
predictor take turns: medians of the rounds are compared, `ratio` is the median of each round's, and `clients` the share
of the cores' time that asking took. Clients ask again as soon as they are answered. They are raw sockets in this
process: an HTTP library would take time that is measured.

With `--minutes`, a mix of good and bad requests follows: each answer is compared with the predictor's, statuses are
counted, and the service's memory is read each second: `begin` is the median of the tenth behind the first tenth, which
warms up, `end` that of the last tenth.
"""

import argparse
import asyncio
import io
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

import posterv2
from posterv2.inference.predictor import Predictor
from posterv2.inference.results import Result

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "samples" / "astronaut.jpg"
FACES = sorted((ROOT / "tests" / "fixtures" / "faces").glob("*.png"))
SIDE, FACE_SIDE = 640, 112  # pixels
DIRECT = {False: 16, True: 64}  # pictures of one call of the predictor: photos, faces
TOLERANCE = 1e-4  # of a probability: batches of other sizes round otherwise
BOUNDARY = "a-boundary-that-no-picture-holds"
Answer = Result | None  # None stands for a picture that must be refused


@dataclass(frozen=True)
class Asked:
    """A request and what must come back.

    Attributes:
        kind: what it is called in tables.
        data: all of its bytes.
        status: of the answer.
        answers: one for each picture, where the status is 200.
        pause: seconds between the first and the second half of its bytes.
        leaves: the client goes away after the first half.
    """

    kind: str
    data: bytes
    status: int = 200
    answers: tuple[Answer, ...] = ()
    pause: float = 0.0
    leaves: bool = False


@dataclass
class Tally:
    """What came back."""

    begun: float = field(default_factory=time.perf_counter)
    seconds: list[float] = field(default_factory=list)  # of each request
    pictures: int = 0
    statuses: Counter[str] = field(default_factory=Counter)  # by kind and status
    wrong: list[str] = field(default_factory=list)
    bodies: list[tuple[Asked, int, bytes]] = field(default_factory=list)  # not judged yet

    def judge(self) -> None:
        """Compare what came with what had to."""
        for asked, status, body in self.bodies:
            self.statuses[f"{asked.kind}: {status}"] += 1
            if status != 429 and (fault := fault_of(asked, status, body)):
                self.wrong.append(f"{asked.kind}: {fault}")
        self.bodies.clear()


def fault_of(asked: Asked, status: int, body: bytes) -> str | None:
    """What is wrong with an answer."""
    if status != asked.status:
        return f"status {status}, not {asked.status}: {body[:200]!r}"
    values = json.loads(body)
    if status != 200:
        return None if set(values["error"]) == {"code", "message"} else f"an odd error: {body[:200]!r}"
    if len(values) != len(asked.answers):
        return f"{len(values)} answers, not {len(asked.answers)}"
    for entry, expected in zip(values, asked.answers, strict=True):
        if expected is None or "error" in entry:
            if (expected is None) != ("error" in entry):
                return f"refused is what should not be, or the other way round: {entry}"
            continue
        result = Result.from_dict(entry)
        if (result.source, len(result.faces)) != (expected.source, len(expected.faces)):
            return f"{result.source} with {len(result.faces)} faces, not {expected.source} with {len(expected.faces)}"
        for face, other in zip(result.faces, expected.faces, strict=True):
            off = max(abs(value - other.probabilities[name]) for name, value in face.probabilities.items())
            if face.box != other.box or off > TOLERANCE:
                return f"{result.source}: {face.box} and {off:.2g} off, not {other.box}"
    return None


def request(path: str, body: bytes = b"", kind: str | None = "image/jpeg", method: str = "POST") -> bytes:
    """The bytes of an HTTP request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [] if kind is None else [f"Content-Type: {kind}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def form(path: str, files: Sequence[tuple[str, bytes]]) -> bytes:
    """A request with several pictures."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode() + data
        for name, data in files
    ]
    return request(
        path, b"\r\n".join([*parts, f"--{BOUNDARY}--\r\n".encode()]), f"multipart/form-data; boundary={BOUNDARY}"
    )


async def ask(port: int, requests: Iterator[Asked], until: float, tally: Tally) -> None:
    """One client: ask, wait for the answer, ask again."""
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while time.perf_counter() < until:
        reader, writer = connection = connection or await asyncio.open_connection("127.0.0.1", port)
        asked, begun = next(requests), time.perf_counter()
        half = len(asked.data) // 2 if asked.pause or asked.leaves else len(asked.data)
        writer.write(asked.data[:half])
        if asked.leaves:
            await writer.drain()
            writer.close()
            connection = None
            tally.statuses[f"{asked.kind}: left"] += 1
            continue
        if asked.pause:
            await asyncio.sleep(asked.pause)
            writer.write(asked.data[half:])
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            body, status = await reader.readexactly(length), int(head[9:12])
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            tally.statuses[f"{asked.kind}: {type(error).__name__}"] += 1
            tally.wrong.append(f"{asked.kind}: {error}, after {time.perf_counter() - begun:.1f} s")
            connection = None
            continue
        tally.seconds.append(time.perf_counter() - begun)
        tally.pictures += len(asked.answers)
        tally.bodies.append((asked, status, body))
        if b"connection: close" in head:
            writer.close()
            connection = None
        if status == 429:
            await asyncio.sleep(1)
    if connection is not None:
        connection[1].close()


async def load(port: int, mix: Sequence[Asked], clients: int, seconds: float, judge: bool = False) -> Tally:
    """Many clients at once; with `judge` answers are compared as they come, else behind the last."""
    tally, draw = Tally(), random.Random(0)
    until = tally.begun + seconds

    def endless(seed: int) -> Iterator[Asked]:
        own = random.Random(seed)
        while True:
            yield own.choice(mix)

    async def judging() -> None:
        while True:
            await asyncio.sleep(0.2)
            tally.judge()

    judged = asyncio.create_task(judging()) if judge else None
    await asyncio.gather(*(ask(port, endless(draw.randrange(2**32)), until, tally) for _ in range(clients)))
    if judged is not None:
        judged.cancel()
    return tally


def jpeg(image: np.ndarray, side: int | None = None) -> bytes:
    """A picture as a file, its longer side resized."""
    picture, file = Image.fromarray(image), io.BytesIO()
    if side is not None:
        scale = side / max(picture.size)
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)))
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def photos(count: int) -> list[bytes]:
    """Parts of one photo, each with the face in it."""
    photo, draw = np.asarray(Image.open(PHOTO).convert("RGB")), random.Random(0)
    found = []
    for _ in range(count):
        left, top = draw.randrange(0, 120), draw.randrange(0, 30)
        right, bottom = draw.randrange(380, 513), draw.randrange(380, 513)
        part = photo[top:bottom, left:right]
        found.append(jpeg(part[:, ::-1] if draw.random() < 0.5 else part, SIDE))
    return found


def faces(count: int) -> list[bytes]:
    """Faces of eight expressions, each in several ways."""
    draw, found = random.Random(0), []
    for number in range(count):
        face = Image.open(FACES[number % len(FACES)]).convert("RGB")
        edge = draw.randrange(0, 5)
        face = face.crop((edge, edge, 48 - draw.randrange(0, 5), 48 - draw.randrange(0, 5)))
        face = ImageEnhance.Brightness(ImageOps.mirror(face) if draw.random() < 0.5 else face).enhance(
            draw.uniform(0.7, 1.3)
        )
        found.append(jpeg(np.asarray(face.resize((FACE_SIDE, FACE_SIDE)))))
    return found


@dataclass(frozen=True)
class Row:
    """One way of asking, beside the predictor.

    Attributes:
        what: is asked.
        direct: pictures a second of the predictor.
        service: pictures a second of the service.
        ratio: of the two.
        clients: the share of the cores' time that asking took.
        p50, p95, p99: milliseconds of a request.
        wrong: answers that were not the predictor's.
    """

    what: str
    direct: float
    service: float
    ratio: float
    clients: float
    p50: float
    p95: float
    p99: float
    wrong: int


@dataclass(frozen=True)
class Soak:
    """Minutes of good and bad requests; memory in MB."""

    minutes: float
    requests: int
    pictures_per_second: float
    statuses: dict[str, int]
    wrong: list[str]
    memory: list[float]
    begin: float
    end: float


@dataclass(frozen=True)
class Pictures:
    """The same pictures as files and as requests."""

    files: list[Path]
    aligned: bool
    answers: list[Result]

    @classmethod
    def of(cls, pictures: Sequence[bytes], aligned: bool, folder: Path, predictor: Predictor) -> "Pictures":
        """With the predictor's answers, called what the service calls the pictures of a form."""
        files = [folder / f"{'face' if aligned else 'photo'}-{number}.jpg" for number in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            file.write_bytes(picture)
        answers = [replace(answer, source=Path(answer.source).name) for answer in predictor(files, aligned)]
        return cls(files, aligned, answers)

    @property
    def path(self) -> str:
        """Of the route."""
        return f"/v1/predict?aligned={str(self.aligned).lower()}"

    def single(self, kind: str, pause: float = 0.0) -> list[Asked]:
        """A request for each."""
        return [
            Asked(kind, request(self.path, file.read_bytes()), 200, (replace(answer, source="picture"),), pause)
            for file, answer in zip(self.files, self.answers, strict=True)
        ]

    def forms(self, kind: str, many: int, broken: bytes | None = None) -> list[Asked]:
        """Requests for many each; with `broken`, that is one more in each."""
        asked = []
        for start in range(0, len(self.files) - many + 1, many):
            parts = [(file.name, file.read_bytes()) for file in self.files[start : start + many]]
            answers: list[Answer] = list(self.answers[start : start + many])
            if broken is not None:
                parts.insert(1, ("broken.jpg", broken))
                answers.insert(1, None)
            asked.append(Asked(kind, form(self.path, parts), 200, tuple(answers)))
        return asked


def bad(photo: bytes) -> list[Asked]:
    """What must be refused, and how."""
    bomb = io.BytesIO()
    Image.new("1", (8000, 8000)).save(bomb, "PNG")
    path = "/v1/predict"
    too_large = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n"
    return [
        Asked("nothing", request(path), 400),
        Asked("an empty form", form(path, []), 400),
        Asked("no picture", request(path, b"no picture" * 100), 422),
        Asked("cut off", request(path, photo[: len(photo) // 2]), 422),
        Asked("all broken", form(path, [("a.jpg", b"x"), ("b.jpg", b"y")]), 422),
        Asked("another type", request(path, photo, "text/html"), 415),
        Asked("a bomb", request(path, bomb.getvalue()), 413),
        Asked("too large", too_large, 413),
        Asked("too many files", form(path, [("a.jpg", b"x")] * 17), 413),
        Asked("an odd option", request(path + "?aligned=perhaps", photo), 400),
        Asked("nowhere", request("/v2/predict", photo), 404),
        Asked("another method", request(path, method="DELETE"), 405),
        Asked("gone", request(path, photo), leaves=True),
    ]


@contextmanager
def service(*words: str) -> Iterator[tuple[int, int]]:
    """`posterv2 serve` on a free port: its port and the number of its process."""
    command = [sys.executable, "-m", "posterv2", "serve", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().rpartition(":")[2]), process.pid
        finally:
            process.terminate()


def direct(predictor: Predictor, pictures: Pictures, seconds: float) -> float:
    """Pictures a second of the predictor, in batches, from files to answers."""
    batch, done, begun = DIRECT[pictures.aligned], 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        start = done % len(pictures.files)
        predictor(pictures.files[start : start + batch], pictures.aligned)
        done += batch
    return done / took


def measured(
    what: str, predictor: Predictor, pictures: Pictures, mix: list[Asked], port: int, options: argparse.Namespace
) -> Row:
    """Rounds of the predictor and the service in turns, behind one that warms both."""
    rates, seconds, wrong, asking = [], [], 0, []
    for number in range(options.rounds + 1):
        alone = direct(predictor, pictures, options.seconds)
        own = time.process_time()
        tally = asyncio.run(load(port, mix, options.clients, options.seconds))
        took, own = time.perf_counter() - tally.begun, time.process_time() - own
        rate = tally.pictures / took
        tally.judge()
        wrong += len(tally.wrong)
        for fault in tally.wrong[:3]:
            print(fault, file=sys.stderr)
        if number:
            rates.append((alone, rate))
            asking.append(own / took / len(os.sched_getaffinity(0)))
            seconds += tally.seconds
    cuts = statistics.quantiles(seconds, n=100)
    ratio = statistics.median(rate / alone for alone, rate in rates)
    alone, rate = (statistics.median(each) for each in zip(*rates, strict=True))
    p50, p95, p99 = (1000 * cuts[percent - 1] for percent in (50, 95, 99))
    return Row(what, alone, rate, ratio, statistics.median(asking), p50, p95, p99, wrong)


def memory(process: int) -> float:
    """MB of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def soaked(port: int, process: int, mix: list[Asked], options: argparse.Namespace) -> Soak:
    """Minutes of them."""
    read: list[float] = []

    async def reading() -> None:
        while True:
            await asyncio.sleep(1)
            read.append(memory(process))

    watching = asyncio.create_task(reading())
    tally = await load(port, mix, options.clients, 60 * options.minutes, judge=True)
    watching.cancel()
    rate = tally.pictures / (time.perf_counter() - tally.begun)
    tally.judge()
    tenth = max(1, len(read) // 10)
    begin, end = statistics.median(read[tenth : 2 * tenth]), statistics.median(read[-tenth:])
    statuses = dict(sorted(tally.statuses.items()))
    return Soak(options.minutes, len(tally.seconds), rate, statuses, tally.wrong, read[::10], begin, end)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of a turn")
    parser.add_argument("--minutes", type=float, default=0, help="of good and bad requests")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service does not outlive this
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])  # the service inherits it
    cores = len(os.sched_getaffinity(0))
    rows, soak = [], None
    with tempfile.TemporaryDirectory() as folder, service() as (port, process):
        predictor = posterv2.load()
        photo = Pictures.of(photos(64), False, Path(folder), predictor)
        face = Pictures.of(faces(256), True, Path(folder), predictor)
        engine = type(predictor.classifier).__name__
        print(f"{platform.processor() or platform.machine()}, {cores} core(s), {options.clients} clients, {engine}")
        print("\n| | direct/s | service/s | ratio | clients | p50 ms | p95 ms | p99 ms | wrong |")
        print(f"{9 * '|---'}|")
        for what, pictures, mix in (
            (f"photos of {SIDE} px, one a request", photo, photo.single("photo")),
            ("faces, one a request", face, face.single("face")),
            ("faces, 16 a request", face, face.forms("faces", 16)),
        ):
            row = measured(what, predictor, pictures, mix, port, options)
            rows.append(row)
            rates = f"{row.direct:,.1f} | {row.service:,.1f} | {row.ratio:.2f} | {row.clients:.0%}"
            times = " | ".join(f"{each:,.0f}" for each in (row.p50, row.p95, row.p99))
            print(f"| {what} | {rates} | {times} | {row.wrong} |", flush=True)
        if options.minutes:
            some = photo.files[0].read_bytes()
            good = photo.single("photo") + face.single("face") + face.forms("faces", 8)
            good += photo.single("slow", pause=0.3)[:16] + photo.forms("some broken", 2, b"no picture")
            mix = good + 8 * bad(some)
            soak = asyncio.run(soaked(port, process, mix, options))
            print(
                f"\n{soak.requests:,} requests in {soak.minutes:g} minutes, {soak.pictures_per_second:,.1f} pictures/s"
            )
            print(f"{len(soak.wrong)} wrong answers {soak.wrong[:3] or ''}")
            grown = soak.end / soak.begin - 1
            print(f"memory {soak.begin:,.1f} MB behind the warm-up, {soak.end:,.1f} MB at the end: {grown:+.1%}")
            print("\n| request: status | times |\n|---|---|")
            print("\n".join(f"| {name} | {times:,} |" for name, times in soak.statuses.items()))
    if options.json is not None:
        values = {"cores": cores, "clients": options.clients, "engine": engine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(values | {"soak": None if soak is None else asdict(soak)}, indent=1) + "\n")


if __name__ == "__main__":
    main()
