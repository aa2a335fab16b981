"""Pictures that are no good example of anything: a single colour, hardly any pixels, very long or very wide."""

from collections.abc import Iterator

from kerascifar.auditing.findings import Oddity
from kerascifar.core.contracts import Whole
from kerascifar.data.sources.images import FORMATS

FLAT = 2.0  # standard deviation in grey levels below which an image shows nothing
LEAST_SIDE = 16  # pixels
LONGEST = 3.0  # the longer side over the shorter


def find_oddities(whole: Whole) -> list[Oddity]:
    """Return what is odd, by split and index; sizes are looked at where images lie in files of their own."""
    return [oddity for name in whole.splits for oddity in (*_flat(whole, name), *_sizes(whole, name))]


def _flat(whole: Whole, name: str) -> Iterator[Oddity]:
    images = whole.splits[name].images
    files = whole.files.get(name)
    for index, image in enumerate(images):
        if (spread := image.std(axis=(0, 1)).max()) < FLAT:
            what = "a single colour" if spread == 0 else "almost a single colour"
            yield Oddity(name, index, files[index] if files else "", what)


def _sizes(whole: Whole, name: str) -> Iterator[Oddity]:
    from PIL import Image

    for index, file in enumerate(whole.files.get(name, ())):
        with Image.open(file, formats=FORMATS) as picture:  # the header alone is read; the pixels were, by the reader
            width, height = picture.size
        short, long = sorted((width, height))
        if short < LEAST_SIDE:
            yield Oddity(name, index, file, f"{width}x{height} pixels, less than {LEAST_SIDE} on a side")
        elif long > LONGEST * short:
            yield Oddity(name, index, file, f"{width}x{height} pixels, more than {LONGEST:g} times as long as wide")
