"""How long `posterv2 batch` takes by the size of its shards, if workers die, are slow and get slow shards: simulated.

    python benchmarks/simulate_batch.py
    python benchmarks/simulate_batch.py --jobs 1e8:64 --seconds 0.1 --deaths 1 --whole

Nothing is measured here: what comes out is arithmetic on what the options say. Workers take shards from one queue; the
driver hands out one at a time, so all of them together get no more than it can. A worker that dies loses the shard that
it was at, which goes back into the queue. Ideal is the time in which workers that never start, wait, die or write would
do all inputs; lost is work on shards that deaths ended, as a share of all work; the tail begins when the first worker
finds nothing left to do.
"""

import argparse
import inspect
import math
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from posterv2.cli.batch import batch

SIZES = (100, 300, 1000, 2000, 5000, 10_000, 30_000, 100_000)
DEFAULT = inspect.signature(batch).parameters["shard"].default
NEAR = 0.01  # over the best, and as good as it
_TRIES = 3  # as of posterv2.batch.engine
_ROUNDS = 8  # of bundles ahead of each worker; the last so many shards of each go out one by one


@dataclass(frozen=True)
class Cluster:
    """The workers, and what happens to them. Times are seconds.

    Attributes:
        workers: how many.
        seconds: of one input, on average.
        spread: sigma of the lognormal distribution of that.
        start: until a worker can take its first shard.
        overhead: of a shard, beside its inputs: to open it and to write its rows.
        driver: of a shard, to hand it out and take its answer, one after the other for all workers.
        slow: share of the workers that are slow, and how many times.
        hard: share of the shards that are slow, and how many times.
        deaths: of a worker, an hour.
        back: until a worker that has died starts again.
        whole: a death ends the run, and all begin again, as on one machine; else the others go on, as on a cluster.
    """

    workers: int
    seconds: float = 0.0041
    spread: float = 0.5
    start: float = 5.0
    overhead: float = 0.05
    driver: float = 0.012
    slow: tuple[float, float] = (0.02, 2.0)
    hard: tuple[float, float] = (0.001, 5.0)
    deaths: float = 0.02
    back: float = 60.0
    whole: bool = False

    def pace(self) -> np.ndarray:
        """How many times slower each worker is."""
        share, times = self.slow
        return np.where(np.arange(self.workers) < round(share * self.workers), times, 1.0)

    def ideal(self, inputs: float) -> float:
        """Seconds in which the workers would do all inputs if nothing else took time."""
        return inputs * self.seconds / float((1 / self.pace()).sum())


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        seconds: until its last shard was done; infinite if it was given up.
        lost: seconds of work on shards that were begun and not finished, of all workers.
        tail: seconds from when the first worker found nothing left to do.
        deaths: of workers.
    """

    seconds: float
    lost: float
    tail: float
    deaths: int


def simulate(cluster: Cluster, inputs: float, size: int, seed: int = 0) -> Outcome:
    """One job, event by event.

    While many shards are left a worker takes a bundle of them in one event: the same time, the same losses, and far
    fewer events. A shard that is done again takes another time than before.
    """
    random, pace, shards = np.random.default_rng(seed), cluster.pace(), math.ceil(inputs / size)
    left, lost, deaths, run, tries, finished = shards, 0.0, 0, 0, 0, 0
    busy: dict[int, tuple[float, float, int]] = {}  # worker: when its bundle begins and ends, and of how many shards
    events = [(cluster.start, worker, run, False) for worker in range(cluster.workers)]
    idle: set[int] = set()
    now, emptied = 0.0, math.inf
    while left or busy:
        now, worker, of_run, dies = heappop(events)
        if of_run != run:  # of a run that has ended since
            continue
        if dies:
            deaths += 1
            for other in list(busy) if cluster.whole else [worker]:
                begin, end, count = busy.pop(other)
                whole_ones = min(count - 1, int(count * (now - begin) / (end - begin)))
                lost += now - begin - whole_ones * (end - begin) / count
                left, finished = left + count - whole_ones, finished + whole_ones
            again = [worker]
            if cluster.whole:
                run, again = run + 1, list(range(cluster.workers))
                idle.clear()
                tries, finished = 1 if finished else tries + 1, 0
                if tries == _TRIES:
                    return Outcome(math.inf, lost, 0.0, deaths)
            for other in again:
                heappush(events, (now + cluster.back + cluster.start, other, run, False))
            for other in idle:
                heappush(events, (now, other, run, False))
            idle.clear()
            continue
        if worker in busy:
            finished += busy.pop(worker)[2]
        if not left:
            idle.add(worker)
            emptied = min(emptied, now)
            continue
        count = max(1, int(left / (_ROUNDS * cluster.workers * pace[worker])))
        left -= count
        took = count * cluster.driver + pace[worker] * _work(cluster, random, count, inputs / shards)
        end = now + max(took, count * cluster.driver * cluster.workers)  # the others get shards too
        busy[worker] = (now, end, count)
        death = now + random.exponential(3600 / cluster.deaths) if cluster.deaths else math.inf
        heappush(events, (min(death, end), worker, run, death < end))
    return Outcome(now, lost, max(0.0, now - emptied), deaths)


def _work(cluster: Cluster, random: np.random.Generator, count: int, size: float) -> float:
    """Seconds of a worker that is not slow on so many shards; the sum of lognormals is drawn as one lognormal."""
    variance = math.log1p(math.expm1(cluster.spread**2) / (count * size))
    work = count * size * cluster.seconds * random.lognormal(-variance / 2, math.sqrt(variance))
    share, times = cluster.hard
    return work * (1 + random.binomial(count, share) * (times - 1) / count) + count * cluster.overhead


def report(cluster: Cluster, inputs: float, sizes: tuple[int, ...], repeats: int, seed: int) -> list[str]:
    """The lines on one job: a table with a row a size, and which size is best."""
    ideal, seconds = cluster.ideal(inputs), {}
    lines = [
        f"{inputs:,.0f} inputs on {cluster.workers:,} workers, ideal {ideal / 3600:.3f} h",
        f"{'shard':>8} {'files':>12} {'hours':>8} {'over ideal':>11} {'lost':>8} {'tail':>9} {'deaths':>7}",
    ]
    for size in sizes:
        outcomes = [simulate(cluster, inputs, size, seed + number) for number in range(repeats)]
        took, lost, tail, deaths = np.mean([(o.seconds, o.lost, o.tail, o.deaths) for o in outcomes], axis=0)
        files, seconds[size] = math.ceil(inputs / size), float(took)
        if math.isinf(took):
            given_up = sum(math.isinf(outcome.seconds) for outcome in outcomes)
            lines.append(
                f"{size:>8,} {files:>12,} given up, {given_up} of {repeats}: {_TRIES} deaths, no shard between"
            )
            continue
        over, share = took / ideal - 1, lost / (inputs * cluster.seconds)
        words = f"{took / 3600:>8.3f} {over:>11.1%} {share:>8.3%} {tail:>7.1f} s {deaths:>7.1f}"
        lines.append(f"{size:>8,} {files:>12,} {words}")
    best = min(seconds, key=lambda size: seconds[size])
    if math.isinf(seconds[best]):
        return [*lines, "no size is done", ""]
    near = [size for size in seconds if seconds[size] <= seconds[best] * (1 + NEAR)]
    words = f"best: {best:,}; within {NEAR:.0%} of it: {', '.join(f'{size:,}' for size in near)}"
    if DEFAULT in seconds:
        more = seconds[DEFAULT] / seconds[best] - 1
        words += f"; the default of {DEFAULT:,} " + ("is given up" if math.isinf(more) else f"takes {more:.1%} more")
    return [*lines, words, ""]


def main() -> None:
    """Simulate each job at each size and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", nargs="+", default=["1e6:8", "1e8:64", "1e10:1024"], metavar="INPUTS:WORKERS")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    for name in ("seconds", "spread", "start", "overhead", "driver", "deaths", "back"):
        parser.add_argument(f"--{name}", type=float, default=getattr(Cluster, name))
    for name in ("slow", "hard"):
        default = getattr(Cluster, name)
        parser.add_argument(f"--{name}", type=float, nargs=2, default=default, metavar=("SHARE", "TIMES"))
    parser.add_argument("--whole", action="store_true", help="a death ends the run of all workers")
    parser.add_argument("--repeats", type=int, default=5, help="means over so many seeds")
    parser.add_argument("--seed", type=int, default=0)
    values = vars(parser.parse_args())
    sizes, repeats, seed = tuple(values.pop("sizes")), values.pop("repeats"), values.pop("seed")
    for job in values.pop("jobs"):
        inputs, workers = job.split(":")
        cluster = Cluster(int(workers), **values)
        print("\n".join(report(cluster, float(inputs), sizes, repeats, seed)))


if __name__ == "__main__":
    main()
