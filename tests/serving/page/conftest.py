"""The browser, and the servers in front of which it is put."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.serving.page.browser import TOKEN, Open, Visit, chromium, film
from tests.serving.process import served


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as (_, address):
        yield address


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    """A server that asks for a token, takes little and doubts much."""
    with served("--max-bytes", "200000", "--uncertain-below", "0.9", POSTERV2_TOKEN=TOKEN) as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("no Chromium here; make browser installs it")
    with chromium(executable, film(tmp_path_factory.mktemp("camera") / "face.y4m")) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens the page at an address; when the test ends, each page must have been quiet and at home."""
    visits: list[Visit] = []

    def open_page(address: str, refusals: bool = False, **settings: Any) -> Visit:
        context = browser.new_context(**{"permissions": ["camera"], **settings})
        visits.append(Visit(address, context, refusals=refusals))
        return visits[-1]

    yield open_page
    for each in visits:
        each.context.close()
        each.check()
