"""A weight file's header in words: what a person reads of it, on the terminal and in a report."""

from collections.abc import Iterable, Iterator

from posterv2.checkpoints.header import WeightsHeader


def described(header: WeightsHeader) -> Iterator[tuple[str, str]]:
    """All of a header, line by line: what it is about, and what it says; values within that as `name value`."""
    preprocessing = header.preprocessing
    yield "name", header.name
    yield "labels", f"{header.labels.id}: {_numbered(header.labels.names)}"
    yield "network", _pairs(header.config.to_dict())
    yield "input", f"{preprocessing.size} x {preprocessing.size} pixels, {'grey' if preprocessing.grayscale else 'RGB'}"
    yield "mean, std", f"{_plain(preprocessing.mean)}; {_plain(preprocessing.std)} of pixels in 0..1"
    yield "margin", f"{preprocessing.margin:.0%} of a detected box's side, added on each side"
    yield "mirror", "the mean over a face and its mirror image" if preprocessing.mirror else "no"
    yield "exposure", "dark, glaring and flat faces are brought to where most begin" if preprocessing.exposure else "no"
    yield "metrics", _pairs(header.metrics) or "none"
    yield "calibration", _calibration(header)
    yield "licence", header.licence or "not stated"
    for what, value in header.training.items() or (("", "not stated"),):
        yield f"training {what}".rstrip(), _plain(value)
    yield "format", f"{header.format}, written by posterv2 {header.version}"


def _calibration(header: WeightsHeader) -> str:
    calibration = header.calibration
    if calibration is None:
        return "none: probabilities are the softmax of the logits"
    if len(set(calibration.scale)) == 1 and not any(calibration.bias):
        return f"temperature {1 / calibration.scale[0]:.3f}, fitted on {calibration.fitted_on}"
    return f"scale {_plain(calibration.scale)}, bias {_plain(calibration.bias)}, fitted on {calibration.fitted_on}"


def _numbered(names: Iterable[str]) -> str:
    return ", ".join(f"{index} {name}" for index, name in enumerate(names))


def _pairs(values: dict[str, object] | dict[str, float]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return _pairs(value) or "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return " ".join(map(_plain, value))
    return str(value)
