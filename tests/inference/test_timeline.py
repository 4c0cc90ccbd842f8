"""The timeline as a picture and as a page: gaps are empty, colours are the palette's, the page is safe and alone."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterv2.errors import MissingExtraError, OutputError, UsageError
from posterv2.inference.colours import colours, css
from posterv2.inference.curves import Timeline
from posterv2.inference.results import UNCERTAIN, Face, Result
from posterv2.inference.timeline import draw_timeline
from posterv2.inference.timeline_page import timeline_html

NAMES = ("neutral", "happiness", "anger")
EVIL = "</script><script>alert(1)</script> \"'&$title.mp4"


def rows(source: str = "a.mp4", names: tuple[str, ...] = NAMES, tracks: int = 2, count: int = 100) -> list[Result]:
    """Track 1 is always happy; the others are angry in the first and in the last third and absent between."""
    made = []
    for number in range(count):
        faces = []
        for track in range(1, tracks + 1):
            if track == 1 or not count / 3 < number < 2 * count / 3:
                best = names[1] if track == 1 else names[2]
                shares = {name: 0.9 if name == best else 0.05 for name in names}
                faces.append(Face((0, 0, 9, 9), 0.9, best, 0.9, shares, track=track))
        made.append(Result(source, 64, 48, tuple(faces), number, number / 10))
    return made


EVENTS = [{"track": 2, "expression": "anger", "onset": 0.0, "offset": 3.3}]


class Page(HTMLParser):
    """All of a page's tags and texts; what it would fetch or link to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        found = [attrs for name, attrs in self.tags if name == tag]
        return [attrs for attrs in found if all(attrs.get(key) == value for key, value in wanted.items())]


def test_the_picture_has_areas_gaps_and_events(tmp_path: Path):
    draw_timeline(tmp_path / "without.png", Timeline(rows()))
    during_gap = {"track": 2, "expression": "anger", "onset": 4, "offset": 6}
    draw_timeline(tmp_path / "with.png", Timeline(rows()), [during_gap])
    heights = {}
    for name in ("without", "with"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.format == "PNG"
            pixels = np.asarray(picture.convert("RGB"))[50:]  # below the legend
        columns = {shade: (pixels == colour).all(axis=-1).sum(axis=0) for shade, colour in colours(NAMES).items()}
        begin, *_, end = np.flatnonzero(columns["happiness"] > 20)
        assert columns["happiness"][begin:end].mean() > 50  # track 1, from end to end
        heights[name] = [columns["anger"][begin + round(share * (end - begin))] for share in (0.1, 0.5, 0.9)]
    first, gap, last = heights["without"]
    assert first > gap + 50 < last
    assert heights["with"][1] >= gap + 8  # the event's strip


def test_a_picture_is_whole_or_not_there(tmp_path: Path):
    with pytest.raises(OutputError, match="nowhere"):
        draw_timeline(tmp_path / "nowhere" / "t.png", Timeline(rows()))
    with pytest.raises(UsageError, match="event 1"):
        draw_timeline(tmp_path / "t.png", Timeline(rows()), [{"track": 1}])
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"posterv2\[plot\]"):
        draw_timeline(tmp_path / "t.png", Timeline(rows()))


@pytest.mark.parametrize(
    "timeline",
    [
        Timeline(),
        Timeline([Result("a.mp4", 9, 9, (), 0, 0.0)]),
        Timeline(rows(count=1)),
        Timeline(rows(names=("calm", "<b>", "$x_{"), source="$\\frac{.mp4")),
        Timeline(rows() + rows(source="b.mp4")),
    ],
    ids=["no row", "no face", "one frame", "odd names", "two sources"],
)
def test_anything_can_be_drawn(tmp_path: Path, timeline: Timeline):
    draw_timeline(tmp_path / "t.png", timeline)
    assert (tmp_path / "t.png").stat().st_size > 1000
    assert Page(timeline_html(timeline)).all("script", type="application/json")


def test_the_page_asks_for_nothing_else():
    text = timeline_html(Timeline(rows()), EVENTS)
    page = Page(text)
    assert not re.search(r"https?:|//\w|url\(|@import|\bfetch\b|XMLHttp|innerHTML|eval\(", text)
    assert not [attrs for _, attrs in page.tags if {"src", "href", "srcset", "onload"} & attrs.keys()]
    [policy] = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert (policy["content"] or "").startswith("default-src 'none';")
    assert "prefers-color-scheme: dark" in text
    assert page.all("meta", name="viewport")


def test_strings_from_outside_stay_text():
    names = ("neutral", EVIL, "<img src=x>")
    event = {"track": 2, "expression": EVIL, "onset": 0, "offset": 1}
    page = Page(timeline_html(Timeline(rows(EVIL, names) + rows("b.mp4", names)), [{**event, "source": EVIL}]))
    assert len(page.all("script")) == 2
    assert not page.all("img")
    assert EVIL in page.texts
    alone = Page(timeline_html(Timeline(rows(EVIL, names))))
    assert len(alone.all("script")) == 2
    assert alone.texts.count(EVIL) == 4  # the title, the heading, the legend and the area
    data = json.loads(next(text for text in page.texts if text.startswith("{")))
    assert data["names"] == list(names)


def test_the_page_holds_what_it_tells():
    page = Page(timeline_html(Timeline(rows()), EVENTS))
    data = json.loads(next(text for text in page.texts if text.startswith("{")))
    [source] = data["sources"]
    first, second = source["tracks"]
    assert data["colours"] == [css(colour) for colour in colours(NAMES).values()]
    assert len(source["times"]) == len(first["points"]) == 100
    assert first["shares"][:3] == [50, 900, 50]
    assert second["points"] == [*range(34), *range(67, 100)]
    assert len(page.all("path")) == 3 + 2 * 3  # three classes: one run, then two
    assert len(page.all("rect")) == 1
    plots = page.all("div", role="slider")
    assert [plot["tabindex"] for plot in plots] == ["0", "0"]
    assert [plot["aria-valuemax"] for plot in plots] == ["99", "99"]
    assert {"#2", "no face"} <= {*page.texts}


def test_areas_are_where_the_shares_are():
    """The upper edge of the lowest area, which is happiness, is at 90 %; neutral lies on top."""
    page = Page(timeline_html(Timeline(rows(tracks=1))))
    fills = [path["fill"] for path in page.all("path")]
    shades = {name: css(colour) for name, colour in colours(NAMES).items()}
    assert fills == [shades["neutral"], shades["anger"], shades["happiness"]]
    heights = [{int(y) for y in re.findall(r"\d+ (\d+)", path["d"] or "")} - {1000} for path in page.all("path")]
    assert heights == [{0}, {50}, {100}]


def test_long_videos_make_small_pages_that_say_so():
    names = tuple(map(str, range(8)))
    timeline, rng = Timeline(), np.random.default_rng(0)
    for number in range(20_000):
        shares = dict(zip(names, rng.dirichlet(np.ones(8)).tolist(), strict=True))
        face = Face((0, 0, 9, 9), 0.9, UNCERTAIN, max(shares.values()), shares, track=1)
        timeline.add(Result("long.mp4", 9, 9, (face,), number, number / 30))
    text = timeline_html(timeline)
    assert len(text) < 200_000
    assert "20,000 frames shown as 800 points, each the mean of 25 frames (0.83 s)." in text
