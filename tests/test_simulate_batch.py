"""The simulated jobs of benchmarks/simulate_batch.py, beside times that are worked out by hand."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.simulate_batch import DEFAULT, Cluster, report, simulate

CALM = Cluster(
    workers=8,
    seconds=0.01,
    spread=0,
    start=5,
    overhead=0.5,
    driver=0,
    slow=(0, 1),
    hard=(0, 1),
    deaths=0,
    back=60,
)
INPUTS = 1e6


@pytest.mark.parametrize(("size", "rounds"), [(1000, 125), (12_500, 10), (100_000, 2)])
def test_calm_workers_take_the_ideal_time_and_the_overheads(size: int, rounds: int) -> None:
    outcome = simulate(CALM, INPUTS, size)
    assert outcome.seconds == pytest.approx(5 + rounds * (0.01 * size + 0.5))
    assert (outcome.lost, outcome.deaths) == (0, 0)


def test_an_uneven_last_round_is_the_tail() -> None:
    """Ten shards on eight workers: two do a second one while six wait."""
    assert simulate(CALM, INPUTS, 100_000).tail == pytest.approx(1000.5)
    assert simulate(CALM, INPUTS, 12_500).tail == pytest.approx(0)


def test_the_driver_hands_out_no_more_than_it_can() -> None:
    busy = simulate(replace(CALM, driver=0.5), INPUTS, 100)
    assert busy.seconds == pytest.approx(5 + 10_000 * 0.5)
    idle = simulate(replace(CALM, driver=0.01), INPUTS, 100)
    assert idle.seconds == pytest.approx(5 + 1250 * (1 + 0.5 + 0.01))


def test_ideal_counts_slow_workers_for_what_they_do() -> None:
    slow = replace(CALM, slow=(0.25, 4))
    assert slow.ideal(INPUTS) == pytest.approx(INPUTS * 0.01 / (6 + 2 / 4))
    assert simulate(replace(slow, overhead=0, start=0), INPUTS, 100).seconds == pytest.approx(
        slow.ideal(INPUTS), rel=0.005
    )


def test_a_slow_worker_with_a_large_shard_is_waited_for() -> None:
    slow = replace(CALM, slow=(0.125, 10))
    assert simulate(slow, INPUTS, 50_000).seconds == pytest.approx(5 + 10 * (500 + 0.5))
    assert simulate(slow, INPUTS, 1000).seconds < 1700


def test_the_spread_of_inputs_leaves_their_sum() -> None:
    times = [simulate(replace(CALM, spread=1, start=0, overhead=0), INPUTS, 1000, seed).seconds for seed in range(5)]
    assert sum(times) / 5 == pytest.approx(CALM.ideal(INPUTS), rel=0.02)
    assert len(set(times)) == 5


def test_slow_shards_cost_their_share() -> None:
    hard = replace(CALM, hard=(0.1, 11), start=0, overhead=0)
    assert simulate(hard, INPUTS, 100).seconds == pytest.approx(2 * CALM.ideal(INPUTS), rel=0.1)


def test_small_shards_lose_less_to_deaths() -> None:
    """A death loses half a shard on average, whatever else is in the bundle that stands for many."""
    mortal = replace(CALM, deaths=20, start=0, overhead=0)
    small, large = simulate(mortal, 1e7, 100), simulate(mortal, 1e7, 10_000)
    assert small.deaths > 300
    assert small.lost / small.deaths == pytest.approx(0.5, rel=0.2)
    assert large.lost / large.deaths == pytest.approx(50, rel=0.2)
    # Of each hour of work 20 minutes go to being away: 20 deaths of 60 s.
    assert small.seconds == pytest.approx(mortal.ideal(1e7) * (1 + 20 / 60), rel=0.05)


def test_a_death_that_ends_the_run_costs_all_workers() -> None:
    mortal = replace(CALM, deaths=2)
    alone, together = simulate(mortal, INPUTS, 1000), simulate(replace(mortal, whole=True), INPUTS, 1000)
    assert together.seconds > alone.seconds + 65 * (together.deaths - 1)
    assert together.lost / together.deaths == pytest.approx(8 * alone.lost / alone.deaths, rel=0.7)


def test_a_job_whose_shards_outlive_the_workers_is_given_up() -> None:
    hopeless = replace(CALM, deaths=10, whole=True)
    assert simulate(hopeless, INPUTS, 100_000).seconds == math.inf
    lines = report(hopeless, INPUTS, (10, 100_000), 2, 0)
    assert "given up, 2 of 2" in lines[3]
    assert "best: 10; within 1% of it: 10" in lines[4]
    assert "no size is done" in report(hopeless, INPUTS, (100_000,), 2, 0)


def test_the_same_seed_gives_the_same_job() -> None:
    mortal = replace(CALM, deaths=1, spread=1)
    assert simulate(mortal, INPUTS, 1000, 3) == simulate(mortal, INPUTS, 1000, 3) != simulate(mortal, INPUTS, 1000, 4)


def test_the_command_names_the_best_size() -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "simulate_batch.py"
    words = ["--jobs", "1e6:8", "--repeats", "1", "--sizes", "100", str(DEFAULT), "100000"]
    done = subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, check=True)
    assert f"best: {DEFAULT:,}; within 1% of it: {DEFAULT:,}; the default of {DEFAULT:,} takes 0.0% more" in done.stdout
