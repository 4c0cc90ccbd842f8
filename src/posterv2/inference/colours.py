"""The one palette: which colour an expression has in every picture.

Any two of the eight stay apart for people who see no red, no green or no blue (simulated after Machado et al. 2009):
their CIEDE2000 distance is 13 or more, and each has a contrast of 4 or more to the dark cards. A name stands beside
every colour all the same.
"""

from collections.abc import Iterable

from posterv2.inference.results import UNCERTAIN
from posterv2.labels import Expression

Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

WHITE: Colour = (255, 255, 255)
DARK: Colour = (16, 18, 24)
MUTED: Colour = (150, 154, 160)
"""For `uncertain`, whose bars and boxes differ in shape too."""

_COLOURS: dict[str, Colour] = {
    Expression.NEUTRAL: (161, 168, 173),
    Expression.HAPPINESS: (255, 225, 26),
    Expression.SURPRISE: (245, 155, 90),
    Expression.SADNESS: (79, 127, 214),
    Expression.ANGER: (232, 32, 28),
    Expression.DISGUST: (95, 232, 176),
    Expression.FEAR: (216, 174, 255),
    Expression.CONTEMPT: (183, 83, 115),
}


def colours(names: Iterable[str]) -> dict[str, Colour]:
    """A colour for each of `names`: the eight expressions have theirs, classes of your own get the free ones in order.

    From the ninth class on, colours come again.
    """
    names = tuple(dict.fromkeys(names))
    known = {name: _COLOURS[name] for name in names if name in _COLOURS}
    known |= {UNCERTAIN: MUTED} if UNCERTAIN in names else {}
    free = [colour for name, colour in _COLOURS.items() if name not in known][::-1] or [*_COLOURS.values()]
    strangers = [name for name in names if name not in known]
    known |= {name: free[index % len(free)] for index, name in enumerate(strangers)}
    return {name: known[name] for name in names}


def css(colour: Colour) -> str:
    """The colour as CSS, SVG and matplotlib write it: `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
