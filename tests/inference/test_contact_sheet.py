"""Pages of faces: all of them, in order, and never in place of somebody's picture."""

import io
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posterv2.errors import OutputError, UsageError
from posterv2.inference import contact_sheet
from posterv2.inference.contact_sheet import ContactSheet
from posterv2.inference.results import UNCERTAIN, Face, Result
from posterv2.preprocessing import Box

NAMES = ("neutral", "happiness", "sadness")
RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def result(name: str, probability: float, source: str = "a.png", expression: str | None = None) -> Result:
    rest = (1 - probability) / 2
    shares = {other: probability if other == name else rest for other in NAMES}
    box: Box = (0, 0, 50, 50)
    return Result(source, 50, 50, (Face(box, 1.0, expression or name, probability, shares),))


def tracked(faces: dict[int, tuple[str, float]], number: int, source: str = "clip.mp4") -> Result:
    """A frame of a video, one each 2.5 seconds, with these tracks."""
    found = [replace(result(*face).faces[0], track=track) for track, face in faces.items()]
    return Result(source, 50, 50, tuple(found), number, 2.5 * number)


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((50, 50, 3), colour, np.uint8)


def order_of(page: Path, colours: dict[str, tuple[int, int, int]]) -> list[str]:
    """The names of the colours of a page's faces, from left to right and from above to below."""
    pixels = np.asarray(Image.open(page).convert("RGB")).astype(int)
    found = []
    for name, colour in colours.items():
        rows, columns = np.nonzero((abs(pixels - colour) < 12).all(axis=-1))
        assert len(rows) > 100 * 100, f"{name} is not there"
        found.append((int(np.median(rows)) // 100, int(np.median(columns)), name))
    return [name for *_, name in sorted(found)]


@pytest.mark.parametrize("ending", [".png", ".jpg", ".JPEG"])
def test_faces_stand_by_expression_and_the_surest_first(tmp_path: Path, ending: str):
    sheet = ContactSheet(tmp_path / f"sheet{ending}")
    sheet.add(plain(RED), result("sadness", 0.9))
    sheet.add(plain(GREEN), result("happiness", 0.6))
    sheet.add(plain(BLUE), result("happiness", 0.8))
    sheet.add(plain((0, 160, 160)), result("neutral", 0.4, expression=UNCERTAIN))
    sheet.add(plain((160, 160, 0)), result("neutral", 0.5))
    sheet.add(np.zeros((9, 9, 3), np.uint8), Result("empty.png", 9, 9, ()))
    assert sheet.save() == [tmp_path / f"sheet{ending}"]
    colours = {"second": GREEN, "first": BLUE, "third": RED, "uncertain": (0, 160, 160), "neutral": (160, 160, 0)}
    assert order_of(tmp_path / f"sheet{ending}", colours) == ["neutral", "first", "second", "third", "uncertain"]


def test_many_faces_make_pages(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    for number in range(401):
        sheet.add(plain(RED), result("happiness", 0.5 + number / 1000, source=f"{number}.png"))
    pages = sheet.save()
    assert [page.name for page in pages] == ["sheet.png", "sheet-2.png", "sheet-3.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sheet-2.png", "sheet-3.png", "sheet.png"]
    red = [
        int((abs(np.asarray(Image.open(page)).astype(int) - RED) < 12).all(axis=-1).sum()) / 128**2 for page in pages
    ]
    assert [round(count) for count in red] == [200, 200, 1]


def test_no_face_makes_a_page_that_says_so(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    [page] = sheet.save()
    with Image.open(page) as picture:
        assert picture.width > 300
        assert len(picture.getcolors() or []) > 2  # something is written


def test_only_thumbnails_are_kept(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    image = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    tracemalloc.start()
    for number in range(20):
        sheet.add(image.copy(), result("happiness", 0.9, source=f"{number}.png"))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < image.nbytes / 2


def test_of_a_track_the_surest_look_is_kept_with_its_time(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    looks = [(RED, "happiness", 0.5), (GREEN, "sadness", 0.9), (BLUE, "happiness", 0.9), (RED, "neutral", 0.7)]
    for number, (colour, name, probability) in enumerate(looks):
        sheet.add(plain(colour), tracked({1: (name, probability)}, number))
    assert [(face.name, face.probability, face.place) for face in sheet._kept] == [("sadness", 0.9, "clip.mp4 2.5 s")]
    [page] = sheet.save()
    assert order_of(page, {"the surest, the first of two": GREEN}) == ["the surest, the first of two"]
    pixels = np.asarray(Image.open(page)).astype(int)
    assert not any((abs(pixels[60:] - colour) < 12).all(axis=-1).sum() > 500 for colour in (RED, BLUE))


def test_tracks_of_several_videos_are_apart_and_photos_have_none(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    for number in range(3):
        for source in ("one.mp4", "two.mp4"):
            sheet.add(plain(RED), tracked({1: ("happiness", 0.6), 2: ("sadness", 0.6)}, number, source))
        sheet.add(plain(RED), result("neutral", 0.9, "photo.jpg"))
    assert sorted(face.place for face in sheet._kept) == [
        *["one.mp4 0 s"] * 2,
        *["photo.jpg"] * 3,
        *["two.mp4 0 s"] * 2,
    ]


def test_what_is_kept_does_not_grow_with_the_frames(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "sheet.png")
    sizes: list[int] = []
    for number in range(300):
        probability = 0.4 + number / 1000  # each look is surer than the one before
        sheet.add(plain(RED), tracked({1: ("happiness", probability), 7: ("sadness", probability)}, number))
        sizes.append(sum(len(face.jpeg) for face in sheet._kept))
    assert len(sheet._kept) == 2
    assert [face.probability for face in sheet._kept] == [0.4 + 299 / 1000] * 2
    assert len(set(sizes)) == 1


def test_no_picture_is_replaced(tmp_path: Path):
    photo = tmp_path / "sheet-2.png"
    Image.fromarray(plain(BLUE)).save(photo)
    before = photo.read_bytes()
    sheet = ContactSheet(tmp_path / "sheet.png")
    for number in range(201):
        sheet.add(plain(RED), result("happiness", 0.9, source=str(photo) if number == 0 else f"{number}.png"))
    with pytest.raises(UsageError, match=r"would replace the picture .*sheet-2\.png"):
        sheet.save()
    assert photo.read_bytes() == before
    assert not (tmp_path / "sheet.png").exists()


def test_other_endings_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match=r"\.png or \.jpg.*sheet\.pdf"):
        ContactSheet(tmp_path / "sheet.pdf")


def test_a_missing_folder_is_said(tmp_path: Path):
    sheet = ContactSheet(tmp_path / "nowhere" / "sheet.png")
    with pytest.raises(OutputError, match="nowhere"):
        sheet.save()


@pytest.mark.parametrize("source", ["x" * 300 + ".png", "喜び\n<b>.png", "\udce9.png", ""])
@pytest.mark.parametrize("box", [(0, 0, 50, 50), (49, 49, 1, 1), (0, 20, 3, 30)])
def test_any_name_and_any_box(tmp_path: Path, source: str, box: Box):
    found = result("happiness", 0.9, source)
    face = Face(box, 1.0, "a class of your own with a long name", 0.9, {"a class of your own with a long name": 0.9})
    sheet = ContactSheet(tmp_path / "sheet.png")
    sheet.add(plain(RED), Result(source, 50, 50, (*found.faces, face), frame=3, time=1.5))
    assert len(sheet.save()) == 1


def test_the_square_around_a_face_stays_in_the_picture():
    image = np.zeros((40, 100, 3), np.uint8)
    image[:, 90:] = RED
    thumbnail = contact_sheet._thumbnail(image, (90, 0, 10, 10))
    assert b"JFIF" in thumbnail[:20]
    pixels = np.asarray(Image.open(io.BytesIO(thumbnail)))
    assert pixels.shape == (128, 128, 3)
    assert pixels[64, 120, 0] > 150  # the face at the border is in it
