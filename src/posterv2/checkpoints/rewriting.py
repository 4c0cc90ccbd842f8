"""The same numbers under another header."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load, save

from posterv2.checkpoints.header import KEY, WeightsHeader
from posterv2.checkpoints.kind import kind_of
from posterv2.errors import WeightsError
from posterv2.files import write_whole


def with_header(source: str | Path, target: str | Path, header: WeightsHeader) -> None:
    """Copy one of our weight files, safetensors or ONNX, with `header` in place of its own.

    Raises:
        WeightsError: `source` is of another kind, or broken.
        OutputError: `target` cannot be written.
    """
    import onnx

    source = Path(source)
    kind = kind_of(source)
    if kind not in ("safetensors", "onnx"):
        raise WeightsError(f"{source}: no header fits into such a file; make ours from it: posterv2 weights convert")
    try:
        if kind == "safetensors":
            data = save(load(source.read_bytes()), {KEY: header.to_json()})
        else:
            model = onnx.load_model_from_string(source.read_bytes())
            onnx.helper.set_model_props(model, {KEY: header.to_json()})
            data = model.SerializeToString()
    except (SafetensorError, ValueError, OSError) as error:
        raise WeightsError(f"{source}: cannot be read: {error}") from error
    write_whole(Path(target), data)
