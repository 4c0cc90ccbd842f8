"""`posterv2 explain`: where the network looked in a photo's faces, and what speaks for an expression."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import ImageError, UsageError

_MOST = 12  # faces on a page


def explain(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="A picture.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Draw into FILE, a .png or .jpg.")],
    expression: Annotated[
        str | None, typer.Option(metavar="NAME", help="What speaks for this one; by default for each face's answer.")
    ] = None,
    aligned: Annotated[bool, typer.Option("--aligned", help="The picture is a face crop already.")] = False,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    detector: options.Detector = "mtcnn",
) -> None:
    """Draw where the network looked in each face of a photo, and what speaks for its expression.

    The maps are attention rollout and Grad-CAM: hints at how the network works, no proof. Needs torch.

    \b
    Examples:
      posterv2 explain photo.jpg -o why.png
      posterv2 explain photo.jpg -o why.png --expression fear
      posterv2 explain face.png --aligned -o why.png --weights raf-db.pth --labels rafdb
    """
    console.check_output("-o", output, (".png", ".jpg"))
    if os.path.realpath(output) == os.path.realpath(photo):
        raise UsageError(f"-o {output} would overwrite the photo; name another file")
    from posterv2.checkpoints.catalog import DEFAULT
    from posterv2.evaluation.explain import explain as explained
    from posterv2.evaluation.explain_page import Row, explain_page
    from posterv2.files import whole
    from posterv2.inference.cards import likeliest
    from posterv2.inference.detection.factory import open_detector
    from posterv2.inference.engines.torch import TorchClassifier
    from posterv2.inference.predictor import Predictor
    from posterv2.labels import label_set
    from posterv2.preprocessing import read_image

    classifier = TorchClassifier(weights or DEFAULT, None if labels is None else label_set(labels), device)
    header = classifier.header
    asked = None if expression is None else header.labels.names[header.labels.index(expression)]
    image = read_image(photo)
    faces = Predictor(classifier, open_detector(detector))(image, aligned).faces
    if not faces:
        raise ImageError(
            f"{photo}: no face was found: those in profile and very small ones are missed; a face crop needs --aligned"
        )
    if len(faces) > _MOST:
        console.note(f"the {_MOST} largest of {len(faces)} faces are explained")
        largest = sorted(faces, key=lambda face: -min(face.box[2:]))[:_MOST]
        faces = [face for face in faces if face in largest]
    crops = [image if aligned else header.preprocessing.crop(image, face.box, face.landmarks) for face in faces]
    names = [asked or likeliest(face) for face in faces]
    rows: list[Row] = []
    with console.progress("Faces", len(faces)) as advance:
        for face, crop, name in zip(faces, crops, names, strict=True):
            rows += [Row(crop, face, name, *explained(classifier, [crop], [header.labels.index(name)]))]
            advance(name)
    with whole(output) as draft:
        page = explain_page(rows, f"{photo.name}, seen by {header.name}")
        page.save(draft, "PNG" if output.suffix.lower() == ".png" else "JPEG", quality=90)
    console.note(f"wrote {output}: {len(faces)} face(s)")
