"""`posterv2 info`: what a bug report needs."""

import importlib.util
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from posterv2 import __version__
from posterv2.cli import console

_ALWAYS = ("numpy", "Pillow", "opencv-python-headless", "onnxruntime", "safetensors", "typer")
_REQUIREMENT = re.compile(r"""(?P<package>[\w.-]+).*\bextra\s*==\s*['"](?P<extra>[\w-]+)['"]""")
_FOR_DEVELOPERS = "dev"


def info() -> None:
    """Show versions, engines, devices, optional parts and embedded models, for a bug report.

    \b
    Example:
      posterv2 info
    """
    console.result(console.table(("what", "found"), [*_system(), *_engines(), *_extras(), *_models()]))


def _system() -> Iterator[tuple[str, str]]:
    yield "posterv2", __version__
    yield "Python", f"{platform.python_version()} ({sys.executable})"
    yield "platform", f"{platform.platform()}, {os.cpu_count()} cores"
    for package in _ALWAYS:
        yield package, _version(package) or "not installed"


def _engines() -> Iterator[tuple[str, str]]:
    import onnxruntime

    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers())
    yield "engine ONNX Runtime", f"has {providers}; posterv2 uses CPU"
    yield "engine OpenVINO", _openvino()
    if importlib.util.find_spec("torch") is None:
        yield "engine torch", "not installed"
        return
    try:
        import torch
    except (ImportError, OSError) as error:  # installed and broken: just what a bug report is about
        yield "engine torch", f"does not import: {error}"
        return
    devices = [
        "cpu",
        *(f"cuda:{index} {torch.cuda.get_device_name(index)}" for index in range(torch.cuda.device_count())),
    ]
    devices += ["mps"] * torch.backends.mps.is_available()
    yield "engine torch", f"{torch.__version__} on {', '.join(devices)}"


def _openvino() -> str:
    version = _version("openvino")
    if version is None:
        return "not installed"
    try:
        from openvino import Core

        core = Core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return f"{version} on {core.get_property('CPU', 'FULL_DEVICE_NAME')}, {'with' if has_bf16 else 'without'} bf16"
    except (ImportError, OSError, RuntimeError) as error:
        return f"{version}, does not work: {(str(error) or repr(error)).splitlines()[-1]}"


def _extras() -> Iterator[tuple[str, str]]:
    for extra, packages in _packages_by_extra().items():
        missing = [package for package in packages if _version(package) is None]
        found = ", ".join(f"{package} {_version(package)}" for package in packages if package not in missing)
        yield f"extra {extra}", f"pip install 'posterv2[{extra}]' (lacks {', '.join(missing)})" if missing else found


def _packages_by_extra() -> dict[str, list[str]]:
    """As the installed package itself declares them; none where the source runs without being installed."""
    extras: dict[str, list[str]] = {}
    requirements = metadata.requires("posterv2") if _version("posterv2") else None
    for requirement in requirements or ():
        found = _REQUIREMENT.match(requirement)
        if found and found["extra"] != _FOR_DEVELOPERS:
            extras.setdefault(found["extra"], []).append(found["package"])
    return extras


def _models() -> Iterator[tuple[str, str]]:
    from posterv2.checkpoints.catalog import EMBEDDED, embedded
    from posterv2.checkpoints.header import read_header
    from posterv2.errors import WeightsError

    for name in EMBEDDED:
        try:
            header = read_header(embedded(name, ".safetensors"))
            size = embedded(name, ".onnx").stat().st_size
            metrics = "".join(f", {metric} {value:.4f}" for metric, value in header.metrics.items())
            yield f"model {name}", f"{', '.join(header.labels.names)}{metrics}; ONNX file {size / 1e6:.1f} MB"
        except WeightsError as error:
            yield f"model {name}", str(error)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
