"""Colours stay apart for people who see red, green or blue less; the simulations are those of Machado et al. 2009."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from posterv2.inference.colours import DARK, MUTED, colours, css
from posterv2.inference.results import UNCERTAIN
from posterv2.labels import Expression

NAMES = tuple(str(expression) for expression in Expression)
SIGHT = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: object) -> np.ndarray:
    shares = np.asarray(colour, float) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def seen(colour: object, sight: str) -> np.ndarray:
    light = np.clip(linear(colour) @ np.transpose(SIGHT[sight]), 0, 1)
    return rgb2lab(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("sight", SIGHT)
def test_any_two_expressions_stay_apart(sight: str):
    lab = seen([*colours(NAMES).values()], sight)
    first, second = np.triu_indices(len(NAMES), 1)
    distances = deltaE_ciede2000(lab[first], lab[second])
    closest = distances.argmin()
    assert distances[closest] >= 13, (NAMES[first[closest]], NAMES[second[closest]])


@pytest.mark.parametrize("name", NAMES)
def test_every_bar_stands_out_from_its_card(name: str):
    bright, dark = (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05 for colour in (colours(NAMES)[name], DARK))
    assert bright / dark >= 4


def test_classes_of_your_own_get_colours_of_their_own():
    mixed = colours(["calm", "happiness", "tense", UNCERTAIN])
    assert len(set(mixed.values())) == 4
    assert mixed["happiness"] == colours(NAMES)["happiness"]
    assert mixed[UNCERTAIN] == MUTED
    assert len(set(colours(map(str, range(8))).values())) == 8
    assert len(colours([*NAMES, *map(str, range(20))])) == 28
    assert css((1, 2, 255)) == "#0102ff"
