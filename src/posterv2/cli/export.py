"""`posterv2 export`: weights as files for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import UsageError

if TYPE_CHECKING:
    from posterv2.checkpoints.header import WeightsHeader
    from posterv2.export.graphs import Runtime

_EPILOG = """\b
Examples:
  posterv2 export onnx nano.onnx
  posterv2 export openvino nano.xml --int8 --calibrate ferplus.zip
"""

app = typer.Typer(
    help="Write weights as a file for another runtime, if it answers there as the network does.",
    epilog=_EPILOG,
    no_args_is_help=True,
)

Int8 = Annotated[bool, typer.Option("--int8", help="Quarter the size, and compute in 8 bits; needs --calibrate.")]
Calibrate = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Labelled faces for --int8: up to 300 to calibrate on, the others to measure."),
]
Fp16 = Annotated[bool, typer.Option("--fp16", help="Halve the size; computed in float32 all the same.")]


@app.command()
def onnx(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .onnx file to write.")],
    int8: Int8 = False,
    calibrate: Calibrate = None,
    fp16: Fp16 = False,
    dataset: options.Dataset = None,
    split: options.Split = None,
    weights: options.Weights = None,
    labels: options.Labels = None,
) -> None:
    """Write an ONNX file, with the label contract and the preprocessing in its metadata.

    It takes any number of faces at once. Before it gets its name it runs in ONNX Runtime on real faces, at batches of
    1, 3 and 64; where it differs from the network by more than it may, nothing is written.

    \b
    Examples:
      posterv2 export onnx nano.onnx
      posterv2 export onnx raf-db.onnx --weights raf-db.pth --labels rafdb --fp16
    """
    _export("onnx", out, int8, calibrate, fp16, dataset, split, weights, labels)


@app.command()
def openvino(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The .xml file to write; its .bin goes beside it.")],
    int8: Int8 = False,
    calibrate: Calibrate = None,
    fp16: Fp16 = False,
    dataset: options.Dataset = None,
    split: options.Split = None,
    weights: options.Weights = None,
    labels: options.Labels = None,
) -> None:
    """Write an OpenVINO file, with the label contract and the preprocessing in its metadata.

    As for ONNX, in OpenVINO. With --int8 this is the fastest file there is for processors that multiply 8 bits.

    \b
    Examples:
      posterv2 export openvino nano.xml
      posterv2 export openvino nano-int8.xml --int8 --calibrate ferplus.zip
    """
    _export("openvino", out, int8, calibrate, fp16, dataset, split, weights, labels)


def _export(
    runtime: Runtime,
    out: Path,
    int8: bool,
    calibrate: Path | None,
    fp16: bool,
    dataset: str | None,
    split: str | None,
    weights: str | None,
    labels: str | None,
) -> None:
    if int8 and fp16:
        raise UsageError("--int8 and --fp16 exclude each other")
    if int8 != (calibrate is not None):
        raise UsageError(
            "--int8 needs --calibrate DIR, labelled faces to calibrate on" if int8 else "--calibrate is for --int8"
        )
    if calibrate is None and (dataset is not None or split is not None):
        raise UsageError("--dataset and --split are of the faces of --calibrate DIR, and there is none")
    from posterv2.checkpoints import catalog
    from posterv2.data.dataset import open_split
    from posterv2.export.export import export
    from posterv2.export.graphs import GRAPHS
    from posterv2.export.quantised import parted, quantiser
    from posterv2.labels import label_set

    console.check_output("OUT", out, (GRAPHS[runtime].suffix,))
    if int8:
        quantiser()  # what is missing is missed before a large data set is opened
    faces = None if calibrate is None else open_split(calibrate, dataset, split)
    measured = 0 if faces is None else 2 * len(parted(faces)[1])
    with console.progress("Faces", measured) as advance:
        header = export(
            weights or catalog.DEFAULT,
            out,
            runtime,
            "int8" if int8 else "fp16" if fp16 else "fp32",
            faces,
            None if labels is None else label_set(labels),
            advance,
        )
    console.note(f"wrote {out}: {_in_words(header)}")


def _in_words(header: WeightsHeader) -> str:
    record = header.training["export"]
    assert isinstance(record, dict)
    words = f"{record['form']}, {record['precision']}; checked {record['checked']}: differs by {record['of_norm']:.2g} "
    words += "of the logits' norm"
    if "accuracy" in record:
        words += (
            f"; on {record['held_out']:,} held-out faces accuracy {record['accuracy']:.2%} changes by "
            f"{100 * record['accuracy_change']:+.2f} points, {record['same_answers']:.2%} get the same answer"
        )
    return words
