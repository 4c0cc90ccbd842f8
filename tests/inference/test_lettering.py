"""Text is cut where it must be, and letters that one font lacks come from another."""

import numpy as np
import pytest

from posterv2.inference import lettering


@pytest.mark.parametrize("text", ["happiness", "a name that is much too long for its place", "two\nlines of text", ""])
def test_shortened_text_fits(text: str):
    short = lettering.shortened(text, 20, 120)
    assert lettering.width(short, 20) <= 120
    assert "\n" not in short
    assert short == text or short.endswith("…") or len(text) < 20


def test_no_room_at_all_leaves_the_dots():
    assert lettering.shortened("happiness", 20, 1) == "…"


def test_letters_beyond_english_ones_are_drawn():
    """Pillow's own font has the same box for all of them; without another one they lose their dots instead."""
    assert not np.array_equal(lettering.letters("ü", 30), lettering.letters("ö", 30))


def test_letters_without_a_font_for_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lettering, "_wide", lambda size: None)
    for cached in (lettering.width, lettering.letters):
        cached.cache_clear()
    np.testing.assert_array_equal(lettering.letters("Glück", 29), lettering.letters("Gluck", 29))
    np.testing.assert_array_equal(lettering.letters("喜", 29), lettering.letters("?", 29))
    for cached in (lettering.width, lettering.letters):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("left", "middle"), [(-500, 20), (-3, 20), (95, 20), (300, 20), (5, -50), (5, 1), (5, 39), (5, 99)]
)
def test_what_is_outside_is_cut_off(left: int, middle: int):
    pixels = np.zeros((40, 100, 3), np.uint8)
    lettering.write(pixels, "text", 20, left, middle, (255, 255, 255))
    assert pixels.any() == (left in (-3, 95, 5) and middle in (20, 1, 39))
