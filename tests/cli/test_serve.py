import json
import re
import signal
import socket
import urllib.error
import urllib.request

import pytest
from typer.testing import CliRunner

from posterv2.cli import app
from posterv2.cli.serve import _listening
from tests.serving.conftest import PHOTO
from tests.serving.process import served


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


def test_it_prints_its_address_and_answers_there() -> None:
    with served() as (process, address):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
        request = urllib.request.Request(f"{address}/v1/predict", PHOTO.read_bytes(), {"Content-Type": "image/jpeg"})
        with urllib.request.urlopen(request, timeout=60) as response:
            [picture] = json.load(response)
        assert picture["faces"][0]["expression"] == "happiness"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, 130)
        assert "Traceback" not in errors


def test_what_was_accepted_is_answered_after_it_was_told_to_stop() -> None:
    data = PHOTO.read_bytes()
    with served() as (process, address):
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            head = f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            connection.sendall(head.encode() + data[:1000])
            with urllib.request.urlopen(f"{address}/healthz", timeout=60):
                pass  # so the first request has been accepted
            process.send_signal(signal.SIGTERM)
            while _accepts(port):
                pass
            connection.sendall(data[1000:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"happiness" in answer
        process.communicate(timeout=60)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def test_other_machines_are_answered_only_with_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "example.org"):
        assert f"{host} can be reached from other machines: set a token" in refused("--host", host)
    with served("--host", "0.0.0.0", POSTERV2_TOKEN="secret") as (_, address):
        port = address.rpartition(":")[2]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/model", timeout=60)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/model", headers={"Authorization": "Bearer secret"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            assert json.load(response)["name"] == "posterv2-nano"


def test_a_token_that_no_browser_can_send() -> None:
    result = refused("--token", "s€cret")
    assert "a token is of printable ASCII characters, and this one is not" in result
    assert "cret" not in result


def test_answers_do_not_wait_for_the_receipt_of_their_heads() -> None:
    with _listening("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_taken_port_and_a_strange_host_are_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in refused("--port", str(port))
    assert "cannot listen on 192.0.2.7, port 8000" in refused("--host", "192.0.2.7", "--insecure")
    long = 70 * "x"
    assert f"cannot listen on {long}, port 8000" in refused("--host", long, "--insecure")


def test_wrong_weights_are_one_line() -> None:
    assert "no embedded model" in refused("--weights", "nothing", "--port", "0")
