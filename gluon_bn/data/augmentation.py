"""Training images made from training images: :func:`shift_images`."""
import numpy as np


def shift_images(images, max_shift, rng):
    """Each image moved by a random whole number of pixels, at most ``max_shift`` in either direction on both axes.

    Parameters
    ----------
    images : array ``(n, C, H, W)``
    max_shift : int
    rng : ``np.random.Generator``, which draws two numbers an image

    Returns
    -------
    array ``(n, C, H, W)`` of the same type; what moves in at the border is 0.

    Example
    -------
    >>> image = np.array([[[[1, 2], [3, 4]]]], np.uint8)
    >>> moved = shift_images(np.repeat(image, 50, axis=0), 1, np.random.default_rng(0))
    >>> [0, 1] in moved[:, 0, 0].tolist(), int(moved.max())
    (True, 4)
    """
    n, C, H, W = images.shape
    border = ((0, 0), (0, 0), (max_shift, max_shift), (max_shift, max_shift))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(images, border), (H, W), axis=(2, 3))
    rows, columns = rng.integers(0, 2 * max_shift + 1, (2, n))
    return windows[np.arange(n), :, rows, columns]                                  # (n, C, H, W)
