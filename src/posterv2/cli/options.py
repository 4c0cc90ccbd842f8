"""Options that several verbs share: one name, one meaning."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DATASETS = "ferplus, rafdb, affectnet7, affectnet8, caers, fer2013, folders, csv or csv:ORDER"
"""What --dataset takes, for the help; the readers themselves are too heavy to import for it."""

Data = Annotated[Path, typer.Option(metavar="DIR", help="The data set: a folder, a zip as it is, or one CSV file.")]
Dataset = Annotated[str | None, typer.Option(metavar="NAME", help=f"{DATASETS}; found by itself if not given.")]
Split = Annotated[
    str | None, typer.Option(metavar="NAME", help="train, valid, val or test; by default the one beside train.")
]
Weights = Annotated[str | None, typer.Option(metavar="FILE", help="A weight file, or an embedded model's name.")]
Labels = Annotated[
    str | None,
    typer.Option(metavar="SET", help="The classes of a published file: rafdb, affectnet7, ... or a,list,of,names."),
]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or mps.")]
Engine = Annotated[
    Literal["auto", "onnxruntime", "openvino", "torch", "torch-compiled"],
    typer.Option(help="What runs the network; auto is the fastest one installed (posterv2 benchmark)."),
]
Precision = Annotated[
    Literal["fp32", "bf16"], typer.Option(help="The network's arithmetic; bf16 is faster where the processor has it.")
]
Detector = Annotated[
    str, typer.Option(metavar="NAME", help="What finds the faces: mtcnn, haar, or the path of a YuNet file.")
]
UncertainBelow = Annotated[
    float, typer.Option(metavar="P", min=0, max=1, help="Answer `uncertain` where the likeliest class has less than P.")
]
Smooth = Annotated[
    float, typer.Option(metavar="S", min=0, help="Time constant of smoothing over time, in seconds; 0 for none.")
]
