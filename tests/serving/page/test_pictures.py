"""Pictures on the page, in a real browser: what people see and can do."""

import base64
import csv
import io
import json
import re
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Route, expect

from tests.fixtures.make_layouts import FACES
from tests.serving.conftest import PHOTO
from tests.serving.page.browser import TOKEN, Open, choose, download, drawn, pictures


def test_a_photo_is_named_over_it_and_beside_it(visit: Open, address: str) -> None:
    page = visit(address).page
    choose(page, PHOTO)
    pictures(page, 1)
    face = page.locator("#results .faces > li")
    expect(face).to_have_count(1)
    expect(face.locator("summary")).to_contain_text("happiness> 99 %")
    expect(face.get_by_role("row", name="happiness > 99 %")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Done: 1 face in 1 picture.")
    assert drawn(page, "#results .stage canvas")
    expect(page.locator("body")).to_contain_text("go to this server only and are never stored")
    expect(page.locator("body")).to_contain_text("does not know what anyone feels")


def test_many_files_keep_their_names_and_one_that_is_broken_fails_alone(
    visit: Open, address: str, tmp_path: Path
) -> None:
    page = visit(address, refusals=True).page
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    sky = tmp_path / "sky, blue.png"
    Image.new("RGB", (300, 200), (90, 120, 160)).save(sky)
    faces = sorted(FACES.glob("*_1.png"))
    choose(page, PHOTO, broken, sky, *faces)
    pictures(page, 3 + len(faces))
    expect(page.get_by_role("article", name="astronaut.jpg")).to_contain_text("happiness")
    expect(page.get_by_role("article", name="broken.jpg")).to_contain_text("not a picture that can be read")
    expect(page.get_by_role("article", name="sky, blue.png")).to_contain_text("No face was found")
    expect(page.get_by_role("alert")).to_contain_text("broken.jpg: not a picture")

    file, text = download(page, "Download CSV of the pictures")
    assert file.suggested_filename == "pictures.csv"
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0])[:12] == [
        *("source", "frame", "time", "face", "track", "x", "y", "width", "height", "score", "expression", "probability")
    ]
    assert [name for name in rows[0] if name.startswith("p_")] == [
        f"p_{name}" for name in ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    ]
    assert rows[0]["source"] == "astronaut.jpg"
    assert (rows[0]["expression"], rows[0]["face"]) == ("happiness", "1")
    assert float(rows[0]["p_happiness"]) == float(rows[0]["probability"]) > 0.99
    assert rows[1] == dict.fromkeys(rows[0], "") | {"source": "sky, blue.png", "frame": "0"}

    file, text = download(page, "Download JSON of the pictures")
    assert file.suggested_filename == "pictures.json"
    answers = json.loads(text)
    assert [answer["source"] for answer in answers] == [path.name for path in (PHOTO, broken, sky, *faces)]
    assert answers[0]["faces"][0]["expression"] == "happiness"
    assert answers[1]["error"]["code"] == "not_a_picture"

    page.get_by_role("button", name="Clear the pictures").click()
    expect(page.locator("#results")).to_be_hidden()
    expect(page.get_by_role("button", name="Choose pictures")).to_be_focused()


def test_a_picture_is_pasted(visit: Open, address: str) -> None:
    page = visit(address, permissions=["clipboard-read", "clipboard-write"]).page
    out = io.BytesIO()
    Image.open(PHOTO).save(out, "PNG")
    page.evaluate(
        """data => {
          const blob = new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))], { type: "image/png" });
          return navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        base64.b64encode(out.getvalue()).decode(),
    )
    page.keyboard.press("Control+V")
    pictures(page, 1)
    expect(page.locator("#results .faces")).to_contain_text("happiness")


def test_a_picture_is_dropped(visit: Open, address: str) -> None:
    page = visit(address).page
    transfer = page.evaluate_handle(
        """data => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], "dropped.jpg"));
          return transfer;
        }""",
        base64.b64encode(PHOTO.read_bytes()).decode(),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    pictures(page, 1)
    expect(page.get_by_role("article", name="dropped.jpg")).to_contain_text("happiness")


def test_a_busy_server_is_asked_again(visit: Open, address: str) -> None:
    page = visit(address, refusals=True).page
    busy = json.dumps({"error": {"code": "busy", "message": "too many wait"}})
    tries: list[Route] = []

    def answer(route: Route) -> None:
        tries.append(route)
        if len(tries) > 1:
            route.continue_()
        else:
            route.fulfill(status=429, headers={"Retry-After": "1"}, content_type="application/json", body=busy)

    page.route("**/v1/predict", answer)
    choose(page, PHOTO)
    expect(page.get_by_role("status")).to_have_text("The server is busy. Trying again in 1 second …")
    pictures(page, 1)
    expect(page.locator("#results .faces")).to_contain_text("happiness")
    assert len(tries) == 2


def test_a_server_that_is_gone_is_told(visit: Open, address: str) -> None:
    opened = visit(address)
    opened.page.route("**/v1/predict", lambda route: route.abort())
    choose(opened.page, PHOTO)
    expect(opened.page.get_by_role("alert")).to_contain_text("The server did not answer")
    assert [text for text in opened.complaints if "net::ERR_FAILED" not in text] == []
    opened.complaints.clear()


def test_all_works_from_the_keyboard(visit: Open, address: str) -> None:
    page = visit(address).page
    # From the first listener on choosers are caught, a moment later: told now, none can be missed.
    page.on("filechooser", lambda chooser: None)

    def tab_to(name: str) -> None:
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        expect(focused).to_contain_text(name)
        assert focused.evaluate("element => getComputedStyle(element).outlineStyle") != "none"

    tab_to("Skip to the content")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    tab_to("Choose pictures")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(PHOTO)
    pictures(page, 1)
    for name in ("Switch the camera on", "Download CSV", "Download JSON", "Clear", "happiness"):
        tab_to(name)
    table = page.locator("#results .faces table")
    expect(table).to_be_visible()
    page.keyboard.press("Enter")
    expect(table).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_state_is_accessible_and_fits(visit: Open, strict: str, tmp_path: Path, scheme: str, width: int) -> None:
    page = visit(strict, refusals=True, color_scheme=scheme, viewport={"width": width, "height": 800}).page

    def check() -> None:
        found = Axe().run(page)["violations"]
        assert [(each["id"], each["help"]) for each in found if each["impact"] in ("serious", "critical")] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width

    expect(page.get_by_label("Token", exact=True)).to_be_focused()
    check()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#model")).to_contain_text("posterv2-nano")
    check()
    broken = tmp_path / f"{'long' * 20}.jpg"
    broken.write_bytes(b"no picture")
    choose(page, PHOTO, FACES / "fear_2.png", broken)
    pictures(page, 3)
    doubtful = page.get_by_role("article", name="fear_2.png").locator(".faces > li")
    expect(doubtful.locator("summary")).to_contain_text(re.compile(r"uncertainfear \d\d %"))
    assert doubtful.evaluate("element => getComputedStyle(element).borderStyle") == "dashed"
    check()
    page.get_by_role("button", name="Switch the camera on").click()
    expect(page.locator("#timeline")).to_be_visible()
    check()
