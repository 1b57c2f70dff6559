"""Small curves as text: Unicode's braille patterns have two by four dots in a character."""

import numpy as np

from .scale import Scale

_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # by row and column


def braille(values: np.ndarray, width: int, height: int) -> str:
    """A curve through `values` in `height` lines of `width` characters.

    >>> import numpy as np
    >>> print(braille(np.arange(12.0), width=6, height=1))
    ⣀⠤⠤⠒⠒⠉
    """
    place = np.linspace(0, len(values) - 1, 2 * width).round().astype(int)
    rows = 4 * height - 1
    heights = np.rint(rows * Scale.of(values, zero=True)(values[place])).astype(int)
    dots = np.zeros((4 * height, 2 * width), bool)
    before = heights[0]
    for column, now in enumerate(heights):
        # A jump is drawn as a line, without the dot that it starts from.
        low, high = sorted([now, before + np.sign(now - before)])
        dots[rows - high : rows - low + 1, column] = True
        before = now
    cells = dots.reshape(height, 4, width, 2).transpose(0, 2, 1, 3)
    codes = 0x2800 + (cells * _BITS).sum(axis=(2, 3))
    return "\n".join("".join(map(chr, line)) for line in codes)
