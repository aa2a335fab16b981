"""Images as files for a page."""

import io

import numpy as np


def png(image: np.ndarray) -> bytes:
    r"""Return an image (H, W, C), uint8, C 1 or 3, as PNG.

    >>> png(np.zeros((2, 2, 1), np.uint8))[:4]
    b'\x89PNG'
    """
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image if image.shape[2] == 3 else image[..., 0]).save(file, "png", optimize=True)
    return file.getvalue()
