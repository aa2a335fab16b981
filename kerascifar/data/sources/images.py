"""Read single pictures: PNG, JPEG and others, of any size, as uint8 RGB."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerascifar.core.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
# Only formats that Pillow decodes by itself: EPS, for one, would start Ghostscript.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# A small file can claim a huge picture and fill memory when decoded; 64 million pixels are 192 MB.
_MOST_PIXELS = 64_000_000


def is_image(path: Path) -> bool:
    """Return whether `path` is named like an image and is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_image(path: Path, side: int | None = None) -> np.ndarray:
    """Read a picture as uint8 (H, W, 3); with `side`, resized to (side, side, 3).

    Grey and palette pictures become RGB, 16-bit grey keeps its upper 8 bits, transparency is dropped, photographs are
    turned upright as their EXIF says, of an animation the first frame is taken.

    Raises:
        InputError: the file is truncated or no image, or has more than 64 million pixels.
    """
    from PIL import Image, ImageOps

    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")  # a FIFO or a device would wait for ever
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels are too many")
                image.load()
                return np.asarray(_resized(_rgb(ImageOps.exif_transpose(image)), side))
    except Exception as error:  # a broken file makes Pillow's decoders raise anything: struct, zlib, SyntaxError, ...
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a whole image ({reason})") from None


def resize(image: np.ndarray, side: int) -> np.ndarray:
    """Resize uint8 (H, W, C), C 1 or 3, to (side, side, C), as ``read_image`` does."""
    from PIL import Image

    grey = image.shape[-1] == 1
    return np.asarray(_resized(Image.fromarray(image[..., 0] if grey else image), side)).reshape(side, side, -1)


def _rgb(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    if image.mode.startswith("I;16"):  # Pillow's own conversion would clip at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of Pillow's mode {image.mode}; 8 or 16 bits per channel are expected")
    return image if image.mode == "RGB" else image.convert("RGB")


def _resized(image: "Image.Image", side: int | None) -> "Image.Image":
    """Stretch to a square; Pillow's filters widen when shrinking, so that nothing aliases."""
    from PIL import Image

    if side is None or image.size == (side, side):
        return image
    return image.resize((side, side), Image.Resampling.BICUBIC)
