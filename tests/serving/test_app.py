import io
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from posterv2.inference.detection.detector import Detection
from posterv2.inference.predictor import Predictor
from posterv2.serving import schemas
from posterv2.serving.app import create_app
from posterv2.serving.limits import Limits
from tests.serving.conftest import PHOTO, client_of

JPEG = {"Content-Type": "image/jpeg"}


def png(width: int = 48, height: int = 48, value: int = 90) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (value, value, value)).save(out, "PNG")
    return out.getvalue()


def code(response: object) -> tuple[int, str]:
    """Status and code of an error, which is JSON of one form."""
    body = response.json()  # pyright: ignore[reportAttributeAccessIssue]
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    return response.status_code, body["error"]["code"]  # pyright: ignore[reportAttributeAccessIssue]


class Blocked:
    """A detector that waits at pictures of 13 pixels' width until it may go on, and sees one face in each picture."""

    def __init__(self) -> None:
        self.go, self.reached = threading.Event(), threading.Event()

    def detect(self, image: np.ndarray) -> list[Detection]:
        if image.shape[1] == 13:
            self.reached.set()
            assert self.go.wait(30)
        return [Detection((0, 0, image.shape[1], image.shape[0]), 1.0)]


@contextmanager
def blocked(predictor: Predictor, **limits: float) -> Iterator[tuple[TestClient, Blocked]]:
    detector = Blocked()
    app = create_app(predictor, lambda: detector, Limits(**limits))  # pyright: ignore[reportArgumentType]
    with TestClient(app, raise_server_exceptions=False) as client:
        try:
            yield client, detector
        finally:
            detector.go.set()


def test_the_answer_is_what_predict_gives(client: TestClient, predictor: Predictor) -> None:
    for aligned in (False, True):
        response = client.post(f"/v1/predict?aligned={aligned}", content=PHOTO.read_bytes(), headers=JPEG)
        expected = predictor(PHOTO, aligned=aligned).to_dict() | {"source": "picture"}
        assert response.status_code == 200
        assert response.json() == json.loads(json.dumps([expected]))


def test_many_files_are_answered_in_their_order_under_their_names(client: TestClient) -> None:
    files = [("files", ("one.jpg", PHOTO.read_bytes())), ("files", ("two.png", png(60)))]
    found = client.post("/v1/predict", files=files).json()
    assert [(entry["source"], entry["width"], len(entry["faces"])) for entry in found] == [
        ("one.jpg", 512, 1),
        ("two.png", 60, 0),
    ]
    TypeAdapter(list[schemas.Picture]).validate_python(found)


def test_a_broken_file_does_not_fail_the_others(client: TestClient) -> None:
    files = [("files", ("bad.jpg", b"nonsense")), ("files", ("good.jpg", PHOTO.read_bytes()))]
    response = client.post("/v1/predict", files=files)
    bad, good = response.json()
    assert response.status_code == 200
    assert (bad["source"], bad["error"]["code"]) == ("bad.jpg", "not_a_picture")
    assert good["faces"][0]["expression"] == "happiness"
    TypeAdapter(list[schemas.Picture | schemas.FailedPicture]).validate_python([bad, good])


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"", JPEG, (400, "empty")),
        (b"", {}, (400, "empty")),
        (b"nonsense", JPEG, (422, "not_a_picture")),
        (b"nonsense", {}, (422, "not_a_picture")),
        (PHOTO.read_bytes()[:9000], JPEG, (422, "not_a_picture")),
        (b"{}", {"Content-Type": "application/json"}, (415, "content_type")),
        (b"x", {"Content-Type": "multipart/form-data"}, (400, "bad_request")),
        (b"x", {"Content-Type": "multipart/form-data; boundary=y"}, (400, "bad_request")),
        (b"--y--", {"Content-Type": "multipart/form-data; boundary=y"}, (400, "empty")),
        (b"--y\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=y"}, (400, "empty")),
        (b"--y\r\n", {"Content-Type": b"multipart/form-data; boundary=\xff"}, (400, "bad_request")),
    ],
)
def test_bad_bodies_are_told_what_to_do(
    client: TestClient, content: bytes, headers: dict[str, str | bytes], expected: tuple[int, str]
) -> None:
    assert code(client.post("/v1/predict", content=content, headers=headers)) == expected  # pyright: ignore[reportArgumentType]


def test_other_paths_methods_and_options(client: TestClient) -> None:
    assert code(client.get("/v2")) == (404, "not_found")
    assert code(client.get("/page/../app.py")) == (404, "not_found")
    assert code(client.get("/page/%2e%2e%2fapp.py")) == (404, "not_found")
    assert code(client.get("/v1/predict")) == (405, "method")
    assert code(client.post("/v1/predict?aligned=perhaps", content=png())) == (400, "bad_request")


def test_each_limit_has_its_status(predictor: Predictor) -> None:
    with client_of(predictor, bytes=3000, pixels=50 * 50, files=2) as client:
        assert code(client.post("/v1/predict", content=b"x" * 3001, headers=JPEG)) == (413, "too_large")
        assert code(client.post("/v1/predict", content=iter([b"x" * 2000] * 2), headers=JPEG)) == (413, "too_large")
        files = [("files", ("a.png", png()))] * 3
        assert code(client.post("/v1/predict", files=files)) == (413, "too_many_files")
        assert code(client.post("/v1/predict", content=png(51, 50), headers=JPEG)) == (413, "too_many_pixels")
        assert client.post("/v1/predict", content=png(50, 50), headers=JPEG).status_code == 200
        assert code(client.post("/v1/predict", files=[("files", ("a.png", b"x" * 3001))])) == (413, "too_large")


def test_a_bomb_is_refused_before_it_is_decoded(client: TestClient) -> None:
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    assert len(out.getvalue()) < 1_000_000
    assert code(client.post("/v1/predict", content=out.getvalue(), headers=JPEG)) == (413, "too_many_pixels")


def test_more_faces_than_allowed(predictor: Predictor) -> None:
    class Two:
        def detect(self, image: np.ndarray) -> list[Detection]:
            return [Detection((0, 0, 20, 20), 1.0), Detection((20, 20, 20, 20), 1.0)]

    app = create_app(predictor, Two, Limits(faces=1))
    with TestClient(app) as client:
        assert code(client.post("/v1/predict", content=png())) == (422, "too_many_faces")


def test_a_slow_picture_delays_no_other(predictor: Predictor) -> None:
    with blocked(predictor) as (client, detector):
        answers = []
        slow = threading.Thread(target=lambda: answers.append(client.post("/v1/predict", content=png(13))))
        slow.start()
        assert detector.reached.wait(30)
        for _ in range(5):
            assert client.post("/v1/predict", content=png()).status_code == 200
        assert not answers
        detector.go.set()
        slow.join()
        assert answers[0].status_code == 200


def test_a_full_queue_says_when_to_come_back(predictor: Predictor) -> None:
    with blocked(predictor, waiting=1) as (client, detector):
        slow = threading.Thread(target=lambda: client.post("/v1/predict", content=png(13)))
        slow.start()
        assert detector.reached.wait(30)
        full = client.post("/v1/predict", content=png())
        assert code(full) == (429, "busy")
        assert int(full.headers["retry-after"]) >= 1
        detector.go.set()
        slow.join()
        assert client.post("/v1/predict", content=png()).status_code == 200


def test_a_request_has_its_time_and_keeps_its_place_until_its_picture_is_done(predictor: Predictor) -> None:
    with blocked(predictor, waiting=1, seconds=0.2) as (client, detector):
        assert code(client.post("/v1/predict", content=png(13))) == (408, "too_slow")
        assert code(client.post("/v1/predict", content=png())) == (429, "busy")
        detector.go.set()
        while client.get("/metrics").text.find("posterv2_waiting_pictures 0.0") < 0:
            pass
        assert client.post("/v1/predict", content=png()).status_code != 429  # 0.2 s may be too few on a busy machine


def test_a_failure_of_ours_says_nothing_of_the_inside(predictor: Predictor) -> None:
    class Broken:
        def detect(self, image: np.ndarray) -> list[Detection]:
            raise RuntimeError("secret")

    with TestClient(create_app(predictor, Broken), raise_server_exceptions=False) as client:
        response = client.post("/v1/predict", content=png())
    assert code(response) == (500, "internal")
    assert "secret" not in response.text


def test_nothing_is_written(client: TestClient) -> None:
    written: list[object] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        makes = event in ("os.mkdir", "tempfile.mkstemp", "tempfile.mkdtemp")
        writes = event == "open" and isinstance(arguments[1], str) and bool(set(arguments[1]) & set("wax+"))
        if watching and (makes or writes):
            written.append(arguments[0])

    sys.addaudithook(watch)  # stays for the life of the process, and looks only while this test runs
    noise = np.random.default_rng(0).integers(0, 255, (1400, 1400, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    assert len(out.getvalue()) > 2**22  # far above what forms are spooled at by default
    try:
        files = [("files", ("large.png", out.getvalue())), ("files", ("face.jpg", PHOTO.read_bytes()))]
        assert client.post("/v1/predict", files=files).status_code == 200
        assert client.post("/v1/predict", content=out.getvalue(), headers=JPEG).status_code == 200
    finally:
        watching = False
    assert not written


def test_the_model_and_its_card(client: TestClient, predictor: Predictor) -> None:
    model = client.get("/v1/model").json()
    assert model["labels"] == list(predictor.labels.names)
    assert "What it must not be used for" in model["card"]


def test_health_counts_and_description(client: TestClient) -> None:
    assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
    client.post("/v1/predict", content=png())
    client.get("/nowhere/at/all")
    counts = client.get("/metrics").text
    assert 'posterv2_requests_total{route="/v1/predict",status="200"} 1.0' in counts
    assert 'posterv2_requests_total{route="other",status="404"} 1.0' in counts
    described = client.get("/v1/openapi.json").json()
    answers = described["paths"]["/v1/predict"]["post"]["responses"]
    assert set(answers) == {"200", "400", "401", "408", "413", "415", "422", "429"}
    example = answers["200"]["content"]["application/json"]["example"]
    TypeAdapter(list[schemas.Picture]).validate_python(example)


def test_it_is_not_ready_before_it_starts_and_after_it_stops(predictor: Predictor) -> None:
    client = client_of(predictor)
    assert client.get("/readyz").status_code == 503
    with client:
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/model", "/nowhere", "/v1/predict"])
def test_browsers_are_told_what_is_allowed(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic c2VjcmV0", "Bearer secretly", "Bearer s\xe9"])
def test_without_the_token_nothing_is_answered(predictor: Predictor, given: str) -> None:
    with client_of(predictor, token="secret") as client:
        headers = {"Authorization": given.encode("latin-1")}
        for response in (
            client.post("/v1/predict", content=png(), headers=headers),  # pyright: ignore[reportArgumentType]
            client.get("/v1/model", headers=headers),  # pyright: ignore[reportArgumentType]
            client.get("/metrics", headers=headers),  # pyright: ignore[reportArgumentType]
            client.get("/v1/openapi.json", headers=headers),  # pyright: ignore[reportArgumentType]
        ):
            assert code(response) == (401, "token")
            assert response.headers["www-authenticate"] == "Bearer"
        assert client.get("/").status_code == client.get("/healthz").status_code == 200


def test_with_the_token_all_is_answered(predictor: Predictor) -> None:
    with client_of(predictor, token="secret") as client:
        headers = {"Authorization": "Bearer secret"}
        assert client.post("/v1/predict", content=png(), headers=headers).status_code == 200
        assert client.get("/v1/model", headers=headers).status_code == 200


def test_the_page_is_files_of_the_package(client: TestClient) -> None:
    assert client.get("/").headers["content-type"].startswith("text/html")
    folder = Path(__file__).parents[2] / "src" / "posterv2" / "serving" / "page"
    for file in folder.iterdir():
        assert client.get(f"/page/{file.name}").content == file.read_bytes()
