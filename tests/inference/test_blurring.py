"""A blurred face holds nothing of the face, and the rest of the picture is left alone."""

import numpy as np
import pytest
from PIL import Image

from posterv2.inference.blurring import blurred
from posterv2.preprocessing import Box


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_blurring_throws_the_face_away():
    """Only the mean colour of each of the mosaic's cells is left, so nothing brings the face back."""
    box = (36, 36, 48, 48)  # with its margin a patch of 72 pixels, so cells of 12
    image = noise(120, 120)
    other = image.copy()
    cells = other[24:96, 24:96].reshape(6, 12, 6, 12, 3).swapaxes(1, 2).reshape(36, 144, 3)
    np.random.default_rng(1).shuffle(cells, axis=1)
    other[24:96, 24:96] = cells.reshape(6, 6, 12, 12, 3).swapaxes(1, 2).reshape(72, 72, 3)
    assert (other != image).mean() > 0.3
    np.testing.assert_allclose(blurred(image, [box]).astype(int), blurred(other, [box]), atol=1)  # of 255: rounding


def test_blurring_leaves_the_rest_alone():
    image = noise(200, 200)
    done = blurred(image, [(80, 80, 40, 40)])
    assert (done[70:130, 70:130] != image[70:130, 70:130]).mean() > 0.9
    done = done.copy()
    done[70:130, 70:130] = image[70:130, 70:130]
    np.testing.assert_array_equal(done, image)


@pytest.mark.parametrize("box", [(0, 0, 200, 200), (199, 199, 1, 1), (0, 150, 7, 50)])
def test_blurring_at_the_border(box: Box):
    image = noise(200, 200)
    assert blurred(image, [box]).shape == image.shape
    assert Image.fromarray(blurred(image, [box]))
