"""The camera and the token on the page, in a real browser."""

import csv
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import WebSocketRoute, expect

from tests.serving.conftest import PHOTO
from tests.serving.page.browser import TOKEN, Open, choose, download, drawn, pictures


def noise(path: Path, side: int) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)).save(path)
    return path


def test_the_camera_is_named_live_and_stops(visit: Open, address: str) -> None:
    page = visit(address).page
    with page.expect_websocket() as info:
        page.get_by_role("button", name="Switch the camera on").click()
    expect(page.locator("#live .faces summary")).to_contain_text("happiness")
    track = page.locator("#timeline .tracks > li")
    expect(track).to_have_count(1)
    expect(track).to_contain_text("Face 1 happiness")
    expect(track.get_by_role("img")).to_have_attribute(
        "aria-label", "Face 1 over the last 30 seconds: mostly happiness"
    )
    assert drawn(page, "#live .stage canvas")
    page.wait_for_timeout(1000)
    assert drawn(page, "#timeline canvas")

    page.get_by_role("button", name="Stop the camera").click()
    expect(page.get_by_role("status")).to_have_text("The camera is off.")
    expect(page.get_by_role("button", name="Switch the camera on")).to_be_focused()
    expect(page.locator("#live video")).to_be_hidden()
    assert page.locator("#live video").evaluate("video => video.srcObject") is None
    if not info.value.is_closed():
        info.value.wait_for_event("close")

    _, text = download(page, "Download CSV of the camera")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) > 3
    assert {(row["source"], row["track"], row["expression"]) for row in rows} == {("camera", "1", "happiness")}
    assert [int(row["frame"]) for row in rows] == list(range(len(rows)))
    times = [float(row["time"]) for row in rows]
    assert times == sorted(times)
    answers = json.loads(download(page, "Download JSON of the camera")[1])
    assert len(answers) == len(rows)


def test_a_camera_that_is_refused_is_told(visit: Open, address: str) -> None:
    page = visit(address, permissions=[]).page
    page.get_by_role("button", name="Switch the camera on").click()
    expect(page.get_by_role("alert")).to_contain_text("The browser keeps the camera from this page")
    expect(page.locator("#live")).to_be_hidden()


def test_the_token_is_asked_for_once_and_kept_nowhere(visit: Open, strict: str, tmp_path: Path) -> None:
    page = visit(strict, refusals=True).page
    token = page.get_by_label("Token", exact=True)
    expect(token).to_be_focused()
    token.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not take this token")
    token.fill(TOKEN)
    page.get_by_role("button", name="Use this token").click()
    expect(token).to_be_hidden()
    expect(page.locator("#model")).to_have_text("posterv2-nano · 8 expressions")

    choose(page, noise(tmp_path / "large.png", 300), PHOTO)
    pictures(page, 2)
    expect(page.get_by_role("article", name="large.png")).to_contain_text("over the limit of 200,000 bytes")
    expect(page.get_by_role("alert")).to_contain_text("large.png: the body is over the limit")
    expect(page.get_by_role("article", name="astronaut.jpg")).to_contain_text("happiness")
    page.get_by_role("button", name="Switch the camera on").click()
    expect(page.locator("#live .faces")).to_contain_text("happiness")

    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    page.reload()
    expect(token).to_be_visible()


def test_a_camera_waits_for_a_token(visit: Open, strict: str) -> None:
    page = visit(strict, refusals=True).page
    page.get_by_role("button", name="Switch the camera on").click()
    page.get_by_label("Token", exact=True).fill(TOKEN)
    expect(page.get_by_role("button", name="Stop the camera")).to_be_visible()
    page.keyboard.press("Enter")  # at the token still: the camera, once on, takes nobody away from there
    expect(page.locator("#live .faces")).to_contain_text("happiness")


def test_a_stream_refused_before_the_token_was_given_comes_back_with_it(visit: Open, strict: str) -> None:
    page = visit(strict, refusals=True).page
    streams: list[WebSocketRoute] = []
    page.route_web_socket("**/v1/stream", lambda stream: streams.append(stream))
    page.get_by_role("button", name="Switch the camera on").click()
    expect(page.get_by_role("status")).to_have_text("The camera is on.")
    token = page.get_by_label("Token", exact=True)
    token.fill(TOKEN)
    token.press("Enter")
    expect(page.locator("#model")).to_contain_text("posterv2-nano")
    streams[0].close(code=4401)
    page.wait_for_timeout(500)
    assert len(streams) == 2
    expect(token).to_be_hidden()
