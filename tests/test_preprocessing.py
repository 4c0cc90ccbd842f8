"""Every kind of picture becomes the same upright RGB pixels, or is refused in words."""

import io
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from posterv2.errors import ImageError, UsageError
from posterv2.preprocessing import MAX_PIXELS, Preprocessing, exposed, read_image, roll_of, to_rgb, turned_square

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[:, None], (1, 40))  # (64, 40), black on top
GREY = Image.fromarray(RAMP)
COLOUR = Image.fromarray(np.stack([RAMP, RAMP // 2, 255 - RAMP], axis=-1))


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def rotated_by_its_tag() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown by turning it clockwise
    return encoded(COLOUR.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


@pytest.mark.parametrize(
    "data",
    [
        encoded(COLOUR, "PNG"),
        encoded(COLOUR, "BMP"),
        encoded(COLOUR, "PPM"),
        encoded(COLOUR, "WEBP", lossless=True),
        encoded(COLOUR.convert("RGBA"), "PNG"),
        encoded(COLOUR, "TIFF"),
        encoded(COLOUR.convert("P", palette=Image.Palette.ADAPTIVE, colors=256), "PNG"),
        encoded(COLOUR, "GIF", save_all=True, append_images=[GREY.convert("RGB")]),
        encoded(COLOUR, "JPEG", quality=95, subsampling=0),
        encoded(COLOUR.convert("CMYK"), "JPEG", quality=95),
        rotated_by_its_tag(),
    ],
    ids=["png", "bmp", "ppm", "webp", "rgba", "tiff", "palette", "animated gif", "jpeg", "cmyk", "exif"],
)
def test_colour(data: bytes):
    pixels = read_image(data)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels.astype(int), np.asarray(COLOUR, int), atol=6)


@pytest.mark.parametrize(
    "data",
    [
        encoded(GREY, "PNG"),
        encoded(GREY.convert("LA"), "PNG"),
        encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), "PNG"),
        encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), "TIFF"),
        encoded(Image.fromarray(RAMP.astype(np.int32) * 257), "TIFF"),
        encoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF"),
        encoded(Image.fromarray(RAMP.astype(np.float32) / 255), "TIFF"),
        encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"),
    ],
    ids=["8 bit", "with alpha", "16 bit png", "16 bit tiff", "32 bit", "32 bit small", "float to 1", "float to 255"],
)
def test_grey(data: bytes):
    np.testing.assert_allclose(read_image(data).astype(int), np.stack([RAMP] * 3, -1), atol=1)


def test_dark_16_bit_stays_dark():
    assert read_image(encoded(Image.fromarray(np.full((9, 9), 200, np.uint16)), "PNG")).max() <= 1


def test_transparency_is_white():
    clear = Image.new("RGBA", (5, 4), (0, 0, 0, 0))
    assert (read_image(encoded(clear, "PNG")) == 255).all()
    indexed = Image.new("P", (5, 4), 0)
    indexed.putpalette([10, 20, 30])
    assert (read_image(encoded(indexed, "PNG")) == (10, 20, 30)).all()
    assert (read_image(encoded(indexed, "PNG", transparency=0)) == 255).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"hello", "not a picture that can be read"),
        (bytes(1000), "not a picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not a picture"),
        (encoded(COLOUR, "PNG")[:90], "is broken"),
        (encoded(COLOUR, "JPEG")[:700], "is broken"),
    ],
    ids=["empty", "text", "zeros", "eps", "cut png", "cut jpeg"],
)
def test_no_pictures(tmp_path: Path, data: bytes, words: str):
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=rf"x\.jpg: .*{words}") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ImageError, match="the picture: "):
        read_image(data)


def test_missing_and_folder(tmp_path: Path):
    with pytest.raises(ImageError, match=r"x\.jpg: No such file"):
        read_image(tmp_path / "x.jpg")
    with pytest.raises(ImageError, match="Is a directory"):
        read_image(tmp_path)


@pytest.mark.parametrize("side", [11_000, 14_000])
def test_bombs_are_refused_before_they_are_decoded(side: int):
    """Above our limit, and above the one from which Pillow itself refuses; its warning is no way to say so."""
    assert side * side > MAX_PIXELS
    bomb = Image.new("1", (side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match="over the limit of 120,000,000 pixels"):
            read_image(encoded(bomb, "PNG"))


def test_below_the_limit_nothing_is_said():
    large = encoded(Image.new("1", (9_500, 9_500)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(large).shape == (9_500, 9_500, 3)


def test_threads_leave_the_warning_filters_alone():
    before = list(warnings.filters)
    data = encoded(COLOUR, "PNG")
    threads = [threading.Thread(target=lambda: [read_image(data) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_crop_is_square_and_repeats_the_border():
    image = np.zeros((30, 40, 3), np.uint8)
    image[:, 0] = 9
    image[10:20, 10:20] = 200
    assert (Preprocessing().crop(image, (10, 10, 10, 10)) == 200).all()
    assert Preprocessing(margin=0.5).crop(image, (10, 10, 10, 10)).shape == (20, 20, 3)
    assert Preprocessing(margin=0.5).crop(image, (10, 10, 10, 10))[5:15, 5:15].min() == 200
    outside = Preprocessing(margin=1.0).crop(image, (0, 0, 10, 6))
    assert outside.shape == (30, 30, 3)
    assert (outside[:, :10] == 9).all()


def test_tilted_faces_are_cropped_upright():
    """A face drawn as four coloured quarters, turned; the crop shows it as if it had never been."""
    for roll in (-60, -20, 0, 35):
        angle = np.radians(roll)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        rows, columns = np.mgrid[0:200, 0:300]
        across, down = np.moveaxis((np.stack([columns - 140, rows - 90], -1) + 0.5) @ turn, -1, 0)
        image = np.zeros((200, 300, 3), np.uint8)
        image[..., 0] = np.where(across > 0, 200, 50)
        image[..., 1] = np.where(down > 0, 200, 50)
        points = np.array([(-10, -10), (10, -10), (0, 2), (-8, 12), (8, 12)]) @ turn.T + (140, 90)
        first, second, third, fourth, fifth = map(tuple, points.tolist())
        landmarks = (first, second, third, fourth, fifth)
        assert roll_of(landmarks) == pytest.approx(roll)
        crop = Preprocessing().crop(image, (120, 65, 40, 50), landmarks)
        half = crop.shape[0] // 2
        assert crop.shape == (41, 41, 3)  # less than the box's height, which holds the forehead
        assert (crop[: half - 1, : half - 1, :2] == 50).all()
        assert (crop[half + 2 :, : half - 1, :2] == (50, 200)).all()
        assert (crop[half + 2 :, half + 2 :, :2] == 200).all()
    assert Preprocessing(margin=0.5).crop(image, (120, 65, 40, 50), landmarks).shape == (82, 82, 3)


def test_an_upright_crop_repeats_the_border_too():
    image = np.full((40, 50, 3), 90, np.uint8)
    image[:, -1] = 250
    landmarks = ((40.0, 10.0), (48.0, 10.0), (44.0, 14.0), (41.0, 18.0), (47.0, 18.0))
    crop = Preprocessing(margin=1.0).crop(image, (36, 5, 14, 20), landmarks)
    assert (crop[:, -10:] == 250).all()
    assert (crop[:, :10] == 90).all()


def test_a_square_far_outside_is_all_border():
    image = np.full((9, 9, 3), 7, np.uint8)
    assert (turned_square(image, (900.0, -800.0), 20, 30, 12) == 7).all()
    assert (turned_square(image, (900.0, -800.0), 20, 30, 12, cv2.BORDER_CONSTANT) == 0).all()


def test_inputs():
    preprocessing = Preprocessing(size=8, mean=(0.5, 0.25, 0.0), std=(0.5, 1.0, 2.0))
    pixels = preprocessing.pixels(np.full((30, 20, 3), (255, 0, 128), np.uint8))
    assert pixels.shape == (8, 8, 3)
    inputs = preprocessing.normalise(pixels[None])
    assert (inputs.dtype, inputs.shape) == (np.float32, (1, 3, 8, 8))
    np.testing.assert_allclose(inputs[0, :, 0, 0], [1, -0.25, 128 / 255 / 2], atol=1e-6)
    grey = Preprocessing(size=8, grayscale=True).pixels(np.full((30, 20, 3), (255, 0, 0), np.uint8))
    assert (grey == 76).all()
    np.testing.assert_array_equal(preprocessing.pixels(pixels), pixels)


@pytest.mark.parametrize("values", [{"size": 0}, {"std": (1.0, 0.0, 1.0)}, {"mean": (1.0,)}, {"margin": -0.1}])
def test_settings_that_cannot_be(values: dict):
    with pytest.raises(UsageError, match="got"):
        Preprocessing(**values)


def test_a_pillow_without_a_format_reads_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    monkeypatch.delitem(Image.OPEN, "AVIF")
    assert read_image(Path(__file__).parents[1] / "samples" / "astronaut.jpg").shape == (512, 512, 3)


def test_numbers_that_are_none_become_black() -> None:
    values = np.array([[np.nan, 1.0], [0.5, 0.0]], np.float32)
    assert to_rgb(Image.fromarray(values))[..., 0].tolist() == [[0, 255], [128, 0]]


def test_a_path_that_cannot_be_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="embedded null"):
        read_image("a\0b")


def face(low: float, high: float) -> np.ndarray:
    """Grey values from `low` to `high`, evenly."""
    return np.repeat(np.linspace(low, high, 48 * 48).round().reshape(48, 48, 1), 3, 2).astype(np.uint8)


def span(pixels: np.ndarray) -> float:
    low, high = np.percentile(pixels, (5, 95))
    return high - low


def test_exposure_leaves_most_faces_as_they_are() -> None:
    for usual in (face(0, 255), face(10, 150), face(100, 250)):
        np.testing.assert_array_equal(exposed(usual), usual)


@pytest.mark.parametrize(
    ("given", "mean"), [(face(0, 30), 75), (face(220, 250), 183), (face(120, 140), 130), (face(0, 3), 75)]
)
def test_exposure_lifts_what_is_dark_glaring_or_flat(given: np.ndarray, mean: float) -> None:
    lifted = exposed(given)
    assert lifted.mean() == pytest.approx(mean, abs=2)
    assert span(lifted) == pytest.approx(105, abs=5)
    assert (np.diff(lifted.reshape(-1, 3).astype(int), axis=0) >= 0).all()  # what was darker still is


def test_exposure_does_not_jump_at_its_bounds() -> None:
    near = face(75 - 60.5, 75 + 60.5 - 2)  # a mean of 74 and a span of 107
    assert np.abs(exposed(near).astype(int) - near).max() <= 1
    flat = face(100, 100 + 105 / 0.9 - 2)  # a span of 103
    assert np.abs(exposed(flat).astype(int) - flat).max() <= 2


def test_exposure_keeps_hues_and_takes_any_crop() -> None:
    red = np.stack([face(0, 40)[..., 0], face(0, 20)[..., 0], face(0, 20)[..., 0]], 2)
    lifted = exposed(red).reshape(-1, 3).mean(0)
    assert lifted[0] > lifted[1] + 15
    assert exposed(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1, 3)
    assert exposed(np.zeros((48, 48, 3), np.uint8)).std() == 0


def test_the_network_sees_the_exposed_face() -> None:
    dark = face(0, 30)
    plain, lifted = (Preprocessing(48, grayscale=True, exposure=exposure).pixels(dark) for exposure in (False, True))
    np.testing.assert_array_equal(plain, dark)
    np.testing.assert_array_equal(lifted, exposed(dark))
