"""Two hosts made of one machine: a job runs across both, and goes on without the one that is lost."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.batch.conftest import finished, kill, parts_in, ray_started, rows_in, started, until

PORT = 6379  # of its own network
LOST_SOON = {
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
}
"""A host is given up after seconds; Ray waits for half a minute otherwise."""


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Host:
    """A network namespace.

    Attributes:
        name: of the namespace, and of its end of the cable.
        address: in its network.
        umask: the permissions of files tell who has written them.
        ray: a folder, which its processes see as /tmp/ray.
    """

    name: str
    address: str
    umask: str
    ray: Path

    @property
    def on(self) -> list[str]:
        """What stands before a command that runs there."""
        script = 'umask "$0" && mount --bind "$1" /tmp/ray && shift && exec "$@"'
        return ["ip", "netns", "exec", self.name, "sh", "-c", script, self.umask, str(self.ray)]

    def wrote(self, folder: Path) -> int:
        """How many parts are its own."""
        parts = [path.stat().st_mode & 0o777 for path in folder.glob("part-*")]
        return parts.count(0o666 & ~int(self.umask, 8))

    def lost(self) -> None:
        """The cable is pulled, then the power."""
        ip("-n", self.name, "link", "set", self.name, "down")
        while processes := ip("netns", "pids", self.name).split():
            for process in processes:
                kill(int(process))


@pytest.fixture
def hosts(tmp_path: Path, turn: None) -> Iterator[tuple[Host, Host]]:
    """Two, joined by a cable."""
    pytest.importorskip("ray")
    if os.geteuid() or shutil.which("ip") is None:
        pytest.skip("it takes root and `ip` of iproute2 to make hosts")
    Path("/tmp/ray").mkdir(exist_ok=True)
    made = []
    with contextlib.ExitStack() as stack:
        for number, umask in ((1, "022"), (2, "077")):
            host = Host(f"pv2-{os.getpid()}-{number}", f"192.0.2.{number}", umask, tmp_path / f"ray{number}")
            host.ray.mkdir()
            try:
                ip("netns", "add", host.name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no network can be made here: {error.stderr}")
            stack.callback(ip, "netns", "delete", host.name)
            made.append(host)
        first, second = made
        ip("link", "add", first.name, "netns", first.name, "type", "veth", "peer", second.name, "netns", second.name)
        for host in made:
            stack.callback(host.lost)
            ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", host.name)
            ip("-n", host.name, "link", "set", "lo", "up")
            ip("-n", host.name, "link", "set", host.name, "up")
        yield first, second


@pytest.mark.hosts
def test_a_job_runs_across_two_hosts_and_goes_on_without_the_second(
    undisturbed: tuple[Path, Path], hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    (faces, rows), (first, second) = undisturbed, hosts
    address = f"{first.address}:{PORT}"
    words = ("--aligned", "--shard", 20, "--address", address)
    head = ("--head", "--include-dashboard=false", f"--port={PORT}", f"--node-ip-address={first.address}")
    other = (f"--address={address}", f"--node-ip-address={second.address}")
    with (
        ray_started(*head, "--num-cpus=1", on=first.on, **LOST_SOON),
        ray_started(*other, "--num-cpus=1", on=second.on),
    ):
        code, _, errors = finished(started(faces, tmp_path / "across", *words, on=first.on))
        assert code == 1, errors
        assert rows_in(tmp_path / "across").equals(rows_in(rows))
        assert min(first.wrote(tmp_path / "across"), second.wrote(tmp_path / "across")) > 0

        job = started(faces, tmp_path / "alone", *words, on=first.on)
        until(lambda: second.wrote(tmp_path / "alone") > 0, job)
        second.lost()
        assert parts_in(tmp_path / "alone") < parts_in(rows)
        code, _, errors = finished(job)
        assert code == 1, errors
        assert "298 faces in 300 inputs" in errors
        assert "Traceback" not in errors
        assert rows_in(tmp_path / "alone").equals(rows_in(rows))
