"""Figures in words, the same on the terminal and in reports."""

from posterv2.evaluation.answers import BINS
from posterv2.evaluation.intervals import Interval

TITLES = {
    "accuracy": "accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "kappa": "Cohen's kappa",
    "top2_accuracy": "top-2 accuracy",
    "nll": "NLL",
    "brier": "Brier score",
    "ece": f"ECE, {BINS} equal-mass bins",
}
"""What each figure is called, in the order in which they are told."""

_NUMBERS = ("kappa", "nll", "brier", "ece")  # told as numbers, not as shares


def in_words(metric: str, value: float, ends: Interval) -> tuple[str, str]:
    """A figure and its interval."""
    form = number if metric in _NUMBERS else share
    return form(value), " .. ".join(map(form, ends))


def visible(text: str) -> str:
    """The text with what shows nothing, or turns the direction of reading, written out: names come from anywhere."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def share(value: float) -> str:
    """A share of 0..1 in percent; `-` for a share of nothing."""
    return "-" if value != value else f"{value:.2%}"  # NaN is not itself


def number(value: float) -> str:
    """A number with three decimals; `-` for none."""
    return "-" if value != value else f"{value:.3f}"
