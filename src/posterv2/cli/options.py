"""Options that several verbs share: one name, one meaning."""

from typing import Annotated

import typer

Weights = Annotated[str | None, typer.Option(metavar="FILE", help="A weight file, or an embedded model's name.")]
Labels = Annotated[
    str | None,
    typer.Option(metavar="SET", help="The classes of a published file: rafdb, affectnet7, ... or a,list,of,names."),
]
Device = Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or mps.")]
Detector = Annotated[
    str, typer.Option(metavar="NAME", help="What finds the faces: mtcnn, haar, or the path of a YuNet file.")
]
UncertainBelow = Annotated[
    float, typer.Option(metavar="P", min=0, max=1, help="Answer `uncertain` where the likeliest class has less than P.")
]
Smooth = Annotated[
    float, typer.Option(metavar="S", min=0, help="Time constant of smoothing over time, in seconds; 0 for none.")
]
