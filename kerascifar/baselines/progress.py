"""A bar on stderr with the time left, where there is enough of it to be told."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def progress_bar(pairs: int, shown: bool, what: str) -> Iterator[Callable[[int], object]]:
    """Yield what to call with the number of pairs done."""
    with tqdm(total=pairs, disable=not shown, desc=what, unit="pair", unit_scale=True, smoothing=0.05, delay=1) as bar:
        yield bar.update
