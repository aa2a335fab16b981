"""Read single pictures: PNG, JPEG and others, of any size, as uint8 RGB."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerascifar.core.errors import InputError
from kerascifar.core.shown import few, printable

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".tga", ".avif",
)  # fmt: skip
# Only formats that Pillow decodes by itself: EPS, for one, would start Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "TGA", "AVIF")
# A small file can claim a huge picture and fill memory when decoded; 64 million pixels are 192 MB.
_MOST_PIXELS = 64_000_000
_MOST_NAMED = 10  # damaged pictures in one message


def is_image(path: Path) -> bool:
    """Return whether `path` is a regular file that is named like an image or, under any other name, holds one."""
    from PIL import Image

    if not path.is_file():
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.open(path, formats=FORMATS).close()
    except (Image.DecompressionBombError, PermissionError):
        return True  # who reads it says what is wrong
    except Exception:  # Pillow's parsers raise anything on what is none of theirs
        return False
    return True


def check_regular(path: Path) -> None:
    """Refuse what is no regular file: reading a FIFO or a device could wait for ever. Raises InputError: says so."""
    if not path.is_file():
        raise InputError(f"{printable(path)}: {'not a regular file' if path.exists() else 'no such file or folder'}")


def visible_files(folder: Path, unreadable: Callable[[OSError], object] | None = None) -> Iterator[Path]:
    """Yield what is in `folder` and the folders below: files, and links to folders, which are not followed.

    Hidden files and folders, whose names start with a dot, are left out. `unreadable` is told of folders that cannot
    be read.
    """
    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        yield from (Path(place, name) for name in (*files, *links) if not name.startswith("."))


@dataclass
class Reader:
    """Reads many pictures and keeps what a person must be told of.

    Attributes:
        damaged: what is no whole picture, with the reason.
        dark: pictures of 16 bits a channel of which no pixel uses more than the lower 12.
        passed_over: files that were not read, by what they are.
    """

    damaged: list[str] = field(default_factory=list)
    dark: list[str] = field(default_factory=list)
    passed_over: dict[str, list[str]] = field(default_factory=dict)

    def read(self, path: Path, side: int | None) -> np.ndarray | None:
        """Return the picture as `read_image` does, or None where it is damaged."""
        try:
            return read_image(path, side, self.dark)
        except InputError as error:
            self.damaged.append(str(error))
            return None

    def cannot_open(self, error: OSError) -> None:
        """Note a folder whose files cannot be listed, for `visible_files`."""
        self.damaged.append(f"{printable(error.filename)}: {error.strerror}")

    def pass_over(self, what: str, path: str | os.PathLike) -> None:
        """Note a file that is not read; `what` says what such files are, in the plural."""
        self.passed_over.setdefault(what, []).append(printable(path))

    def damage(self) -> str:
        """Return what is damaged in one line: ten files at most, then their number."""
        listed = "; ".join(sorted(self.damaged)[:_MOST_NAMED])
        if len(self.damaged) < 2:
            return listed
        more = len(self.damaged) - _MOST_NAMED
        return f"{len(self.damaged)} pictures cannot be read: {listed}{f'; and {more} more' if more > 0 else ''}"

    def tell(self) -> None:
        """Say on stderr what was passed over and what is dark, a line for each kind."""
        for what, names in self.passed_over.items():
            print(f"passed over {what}: {len(names):,} ({few(sorted(names))})", file=sys.stderr)
        if self.dark:
            print(
                f"nearly black pictures: {len(self.dark):,} ({few(sorted(self.dark))}); of 16 bits a channel they use "
                f"the lower 12 at most, and the upper 8 are read; if 12 bits are meant, multiply their values by 16",
                file=sys.stderr,
            )


def read_image(path: Path, side: int | None = None, dark: list[str] | None = None) -> np.ndarray:
    """Read a picture as uint8 (H, W, 3); with `side`, resized to (side, side, 3).

    The content tells the format, whatever the name. Grey and palette pictures become RGB, transparency is dropped,
    photographs are turned upright as their EXIF says, of an animation the first frame is taken. Of 16 bits a channel
    the upper 8 are kept. A file does not say how many of them it uses, and scaling each by its own brightest pixel
    would make dark scenes bright; so 12-bit values come out nearly black, and the path is put into `dark`.

    Raises:
        InputError: no regular file, truncated or no image, or more than 64 million pixels.
    """
    from PIL import Image, ImageOps

    check_regular(path)
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no regular file")  # a FIFO or a device would wait for ever
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as on a palette's transparency, which is dropped
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels are too many")
                deep = ";16" in f"{image.tile}"  # such as RGB;16B, how the stored pixels are to be unpacked
                image.load()
                rgb = _rgb(ImageOps.exif_transpose(image))
                if dark is not None and deep and max(high for _, high in rgb.getextrema()) < 16:
                    dark.append(printable(path))
                return np.asarray(_resized(rgb, side))
    except Exception as error:  # a broken file makes Pillow's decoders raise anything: struct, zlib, SyntaxError, ...
        reason = " ".join(str(error).replace(f" {str(path)!r}", "").split()) or type(error).__name__
        raise InputError(f"{printable(path)}: not a whole image ({reason})") from None


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
