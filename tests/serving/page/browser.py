"""Debian's Chromium in front of a service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Download, Page, expect, sync_playwright

from posterv2.preprocessing import read_image
from tests.serving.conftest import PHOTO

_REFUSED = "Failed to load resource: the server responded with a status of 4"  # how Chromium notes any refusal

TOKEN = "secret ~~~???>>>"  # in base64 it has signs that no subprotocol may have


@contextmanager
def chromium(executable: str, camera: Path) -> Iterator[Browser]:
    """A browser whose camera shows the Y4M file again and again."""
    flags = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        # Root has no sandbox, and what is opened here is our own.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", *flags])
        yield browser
        browser.close()


@dataclass
class Visit:
    """One page, and all that it asked for and complained of.

    Attributes:
        refusals: whether the test makes the server refuse something, which Chromium notes as errors.
    """

    address: str
    context: BrowserContext
    page: Page = field(init=False)
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refusals: bool = False

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url.replace("ws:", "http:")))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        self.page.goto(self.address)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not (self.refusals and message.text.startswith(_REFUSED)):
            self.complaints.append(message.text)

    def check(self) -> None:
        """Nothing went elsewhere, and nothing was wrong."""
        assert self.requests
        assert [url for url in self.requests if not url.startswith((self.address + "/", "blob:" + self.address))] == []
        assert self.complaints == []


Open = Callable[..., Visit]
"""Opens the page at an address: see the fixture `visit`."""


def film(path: Path) -> Path:
    """The photo as a camera's picture, 640 x 480, in a file as Chromium's fake camera takes them."""
    photo = read_image(PHOTO)[:384]  # of 512 x 512, with the face, and not distorted
    picture = Image.fromarray(photo).resize((640, 480)).convert("YCbCr")
    light, blue, red = (np.asarray(plane) for plane in picture.split())
    frame = b"FRAME\n" + b"".join(plane.tobytes() for plane in (light, blue[::2, ::2], red[::2, ::2]))
    path.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + 10 * frame)
    return path


def choose(page: Page, *files: Path) -> None:
    page.locator("#files").set_input_files(files)


def pictures(page: Page, count: int) -> None:
    """Wait until so many pictures have their answer."""
    expect(page.locator("#results .picture:not(.working)")).to_have_count(count)


def download(page: Page, name: str) -> tuple[Download, str]:
    with page.expect_download() as info:
        page.get_by_role("button", name=name).click()
    return info.value, info.value.path().read_text(encoding="utf-8")


def drawn(page: Page, canvas: str) -> bool:
    """Whether anything was drawn on a canvas."""
    return page.locator(canvas).evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(value => value)"
    )
