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
