"""What can be worked out before there is a face; the same numbers for less work. No torch needed."""

import numpy as np


def can_compose(side: int) -> bool:
    """Whether `composed_convolutions` gives the same for a map of this side.

    Between the two convolutions the border is padded with zeros, whatever lies there; the one convolution sees through
    to the map's last column from beyond it, where the side is even and half of it odd.
    """
    return side % 4 != 2


def composed_convolutions(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two 3 x 3 convolutions of stride 2 and padding 1, one after the other, as one of 7 x 7, stride 4 and padding 3.

    Where `can_compose`, exact but for both biases, which `composed_bias` brings.

    Args:
        first: (M, C, 3, 3).
        second: (N, M, 3, 3).

    Returns:
        (N, C, 7, 7), float32.
    """
    composed = np.zeros((second.shape[0], first.shape[1], 7, 7))
    first = first.astype(np.float64)
    for row in range(3):
        for column in range(3):
            part = np.einsum("nm,mckl->nckl", second[:, :, row, column].astype(np.float64), first, optimize=True)
            composed[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += part
    return composed.astype(np.float32)


def composed_bias(bias: np.ndarray, second: np.ndarray, second_bias: np.ndarray, side: int) -> np.ndarray:
    """What `composed_convolutions` leaves out: both biases as they arrive at each place of the result.

    Args:
        bias: (M,), the first convolution's.
        second: (N, M, 3, 3).
        second_bias: (N,).
        side: of the map between the two.

    Returns:
        (N, s, s), s = ceil(side / 2), float32.
    """
    taps = np.einsum("nmkl,m->nkl", second.astype(np.float64), bias.astype(np.float64))
    inside = np.arange(0, side, 2)[:, None] + np.arange(-1, 2)
    seen = ((inside >= 0) & (inside < side)).astype(np.float64)  # (s, 3): the padding holds no bias
    return (np.einsum("nkl,rk,cl->nrc", taps, seen, seen) + second_bias[:, None, None]).astype(np.float32)


def relative_position_bias(table: np.ndarray, window: int) -> np.ndarray:
    """The learned bias of each pair of a query and a key token: ((2w-1)**2, heads) to (heads, w**2, w**2)."""
    rows, columns = np.divmod(np.arange(window**2), window)
    down, across = (place[:, None] - place[None, :] + window - 1 for place in (rows, columns))
    return np.ascontiguousarray(table[down * (2 * window - 1) + across].transpose(2, 0, 1))
