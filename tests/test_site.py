"""The documents as a site: whole, and read without asking anybody for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What a browser fetches by itself: scripts, styles, pictures, fonts; links wait to be clicked.
FETCHED = re.compile(r"""(?:<(?:script|img|iframe|source)\b[^>]*?\bsrc|<link\b[^>]*?\bhref)=["']?(https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make site` builds it: a warning, such as a link that leads nowhere, is an error."""
    out = tmp_path_factory.mktemp("site")
    sphinx = Path(sys.executable).with_name("sphinx-build")
    words = [sphinx, "-W", "-q", "-b", "html", "-d", out / "doctrees", ROOT / "docs", out / "site"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / "site"


def test_every_document_is_in_the_site(site: Path):
    pages = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    documents = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert documents <= pages


def test_every_public_name_is_in_the_reference(site: Path):
    import posterv2

    page = (site / "reference.html").read_text("utf-8")
    for name in posterv2.__all__:
        assert re.search(rf'id="posterv2\.(\w+\.)*{name}"', page), f"{name} is not in docs/reference.md"


def test_a_page_fetches_nothing_from_outside(site: Path):
    assert FETCHED.search('<link rel="stylesheet" href="https://example.org/a.css">')  # the rule finds what it is for
    for page in site.rglob("*.html"):
        assert not FETCHED.search(page.read_text("utf-8")), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""", sheet.read_text("utf-8")), sheet.name
