"""Every kind of picture through the whole of it: the portrait smiles in each, or the picture is refused in words."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import posterv2
from posterv2.errors import ImageError
from posterv2.inference.predictor import Predictor

PORTRAIT = Path(__file__).parents[2] / "samples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return posterv2.load()


@pytest.fixture(scope="module")
def portrait() -> Image.Image:
    return Image.open(PORTRAIT).convert("RGB")


def saved(picture: Image.Image, kind: str, **options: Any) -> Callable[[Path], Path]:
    def save(folder: Path) -> Path:
        picture.save(folder / f"photo.{kind}", **options)
        return folder / f"photo.{kind}"

    return save


def shown_by_tag(picture: Image.Image) -> Callable[[Path], Path]:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown by turning it clockwise
    return saved(picture.transpose(Image.Transpose.ROTATE_90), "jpg", exif=exif)


def sixteen_bit(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


KINDS: dict[str, Callable[[Image.Image], Callable[[Path], Path]]] = {
    "exif": shown_by_tag,
    "grey": lambda picture: saved(picture.convert("L"), "png"),
    "grey with alpha": lambda picture: saved(picture.convert("LA"), "png"),
    "rgba": lambda picture: saved(picture.convert("RGBA"), "png"),
    "palette": lambda picture: saved(picture.convert("P", palette=Image.Palette.ADAPTIVE), "png"),
    "16 bit png": lambda picture: saved(sixteen_bit(picture), "png"),
    "16 bit tiff": lambda picture: saved(sixteen_bit(picture), "tiff"),
    "cmyk": lambda picture: saved(picture.convert("CMYK"), "jpg"),
    "animated gif": lambda picture: saved(
        picture, "gif", save_all=True, append_images=[Image.new("RGB", picture.size)]
    ),
    "animated webp": lambda picture: saved(
        picture, "webp", save_all=True, append_images=[Image.new("RGB", (512, 512))]
    ),
    "small": lambda picture: saved(picture.resize((200, 200)), "png"),
    "large": lambda picture: saved(picture.resize((3000, 3000)), "jpg"),
    "tilted": lambda picture: saved(picture.rotate(35, center=(224, 118), resample=Image.Resampling.BICUBIC), "png"),
    "tilted to the other side": lambda picture: saved(
        picture.rotate(-40, center=(224, 118), resample=Image.Resampling.BICUBIC), "png"
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_portrait_smiles_in_every_kind(kind: str, predictor: Predictor, portrait: Image.Image, tmp_path: Path):
    result = predictor(KINDS[kind](portrait)(tmp_path))
    [face] = result.faces
    assert face.expression == "happiness"
    x, y, width, height = face.box
    unit = result.width / 512
    assert 165 * unit < x < 200 * unit
    assert x + width < 285 * unit
    assert 40 * unit < y < y + height < 190 * unit
    assert face.landmarks is not None
    assert face.quality is not None
    assert face.quality.notes == ()


def test_the_answer_holds_when_the_head_is_tilted(predictor: Predictor, portrait: Image.Image):
    for angle in (-40, -20, 20, 40):
        [face] = predictor(portrait.rotate(angle, center=(224, 118), resample=Image.Resampling.BICUBIC)).faces
        assert face.quality is not None
        assert face.quality.roll == pytest.approx(3 - angle, abs=6)  # three degrees are her own
        assert face.probabilities["happiness"] > 0.9


def test_a_face_cut_off_by_the_border(predictor: Predictor, portrait: Image.Image):
    [face] = predictor(portrait.crop((205, 40, 400, 300))).faces  # through an eye
    assert face.quality is not None
    assert face.quality.notes == ("cut off",)
    assert face.box[0] == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (20, 20), (47, 13)])
def test_very_small_and_thin_pictures(predictor: Predictor, portrait: Image.Image, size: tuple[int, int]):
    assert predictor(portrait.resize(size)).faces == ()
    [face] = predictor(portrait.resize(size), aligned=True).faces
    assert face.box == (0, 0, *size)
    assert face.quality is not None
    assert face.quality.size == min(size)
    assert (face.quality.roll, face.quality.yaw, face.quality.at_border) == (None, None, False)


def test_a_hundred_megapixels(predictor: Predictor, portrait: Image.Image, tmp_path: Path):
    picture = Image.new("L", (10_000, 10_000), 120)
    picture.paste(portrait.convert("L").resize((1024, 1024)), (7000, 3000))
    path = saved(picture, "png", compress_level=1)(tmp_path)
    [face] = predictor(path).faces
    assert 7350 < face.box[0] < 7400
    assert face.expression == "happiness"


def test_a_decompression_bomb(predictor: Predictor, tmp_path: Path):
    data = io.BytesIO()
    Image.new("1", (14_000, 14_000)).save(data, "PNG")
    (tmp_path / "bomb.png").write_bytes(data.getvalue())
    assert len(data.getvalue()) < 100_000
    with pytest.raises(ImageError, match=r"bomb\.png: .*over the limit of 120,000,000 pixels"):
        predictor(tmp_path / "bomb.png")
