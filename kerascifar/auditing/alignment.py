"""Lay one picture onto another: shift, scale, mirror and contrast that fit best, and what is left then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from kerascifar.auditing.candidates import Candidates
from kerascifar.auditing.poses import SIDE, Pose

SIGMAS = (0.8, 1.5)  # pixels of a side of 32: blurs that are taken off; what is left are edges and texture
FITTED = 1.5  # the one of them that the alignment is fitted by
OVERLAP = 0.45  # of the image at least, else two corners of sky would fit
STEPS = ((1.0, 0.06), (0.5, 0.03), (0.25, 0.015), (0.12, 0.007))  # of shift in pixels and of the logarithm of scale
ROUNDS = 2  # per step
HOPELESS = 0.25  # correlation after the first step below which the search of a pair ends
_CONSTANT = 1e-3  # variance per pixel, so that blank images correlate with nothing


@dataclass(frozen=True)
class Aligned:
    """Pairs of images, and how b lies under a.

    Attributes:
        mirror: bool (P,), whether a was mirrored first.
        place: float32 (P, 4): shift down and right in pixels, logarithm of the scale down and across, of b in a.
        residual: float32 (P,): 0 for the same picture, 1 for unrelated ones; see ``residuals``.
        gain: float32 (P,), and
        offset: float32 (P,): a is about gain * b + offset, in pixel values.
    """

    mirror: np.ndarray
    place: np.ndarray
    residual: np.ndarray
    gain: np.ndarray
    offset: np.ndarray

    @property
    def enlarged(self) -> np.ndarray:
        """How many times as large b shows in a, float64 (P,), the mean of down and across."""
        return np.exp(-self.place[:, 2:].sum(1, dtype=np.float64) / 2)

    @property
    def shifts(self) -> tuple[np.ndarray, np.ndarray]:
        """How far b's middle lies from a's, in pixels of a, down and right: float64 (P,) each."""
        down, right = self.place[:, :2].T * -self.enlarged
        return down, np.where(self.mirror, -right, right)


def first_places(found: Candidates, poses: Sequence[Pose], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the search begins: mirror bool (P,) and place float32 (P, 4), for images of `side` pixels."""
    mirror = np.array([pose.mirror for pose in poses])[found.pose]
    table = np.array([(pose.y, pose.x, np.log(pose.scale)) for pose in poses])[found.pose]
    y, x, scale = table.T
    # The pose says where b's middle lies in a; here it is where a's middle lies in b.
    shrink = np.exp(-scale) * side / SIDE
    place = np.stack([-y * shrink, np.where(mirror, x, -x) * shrink, -scale, -scale], axis=1)
    return mirror, place.astype(np.float32)


def exchanged(found: Candidates, poses: Sequence[Pose], side: int) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """Return the pairs with a and b exchanged, and where the search begins for them."""
    mirror = np.array([pose.mirror for pose in poses])[found.pose]
    y, x, scale = np.array([(pose.y, pose.x, np.log(pose.scale)) for pose in poses])[found.pose].T
    place = np.stack([y * side / SIDE, x * side / SIDE, scale, scale], axis=1)
    return replace(found, a=found.b, b=found.a), mirror, place.astype(np.float32)


def align(a: np.ndarray, b: np.ndarray, mirror: np.ndarray, place: np.ndarray) -> Aligned:
    """Move b over a until their edges fit best: a pattern search from `place`, which keeps what is better.

    Args:
        a: uint8 (P, S, S, C).
        b: the same; each lies somewhere under its a.
        mirror: bool (P,), whether a is mirrored first.
        place: float32 (P, 4), where to begin.
    """
    side = a.shape[1]
    a, b = channels_first(a), channels_first(b)
    a = np.where(mirror[:, None, None, None], a[..., ::-1], a)
    edges_a, edges_b = (edges(images, FITTED * side / SIDE) for images in (a, b))
    place = place.copy()
    best = _fit(edges_a, edges_b, place)
    left = np.arange(len(a))
    for shift, zoom in STEPS:
        for _ in range(ROUNDS):
            for move in _moves(shift * side / SIDE, zoom):
                tried = place[left] + move
                fit = _fit(edges_a[left], edges_b[left], tried)
                better = fit > best[left]
                place[left[better]], best[left[better]] = tried[better], fit[better]
        left = left[best[left] >= HOPELESS]
    gain, offset = _contrast(a, b, place)
    return Aligned(mirror, place, residuals(a, b, place), gain, offset)


def residuals(a: np.ndarray, b: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return what the alignment leaves unexplained, from 0 for the same picture to about 1 for unrelated ones: (P,).

    It is 1 - c * sqrt(s): c is the correlation of edges and texture where the two overlap, the mean over SIGMAS, and s
    the share of the picture that overlaps, of the one of which less does. Correlation forgives another brightness and
    contrast; only edges are compared since two photographs of the sky agree in all that varies slowly.

    Args:
        a: float32 (P, C, S, S), channels first.
        b: the same.
        place: float32 (P, 4), see Aligned.
    """
    side = a.shape[2]
    moved, inside = moved_onto(b, place)
    fits = [_correlation(*(edges(images, sigma * side / SIDE) for images in (a, moved)), inside) for sigma in SIGMAS]
    seen = inside.mean((1, 2, 3), dtype=np.float32)
    shared = np.minimum(seen, seen * np.exp(place[:, 2] + place[:, 3]))  # of a, and of b
    return 1 - np.mean(fits, axis=0) * np.sqrt(shared)


def edges(images: np.ndarray, sigma: float) -> np.ndarray:
    """Return images (N, C, H, W) without what varies over more than `sigma` pixels."""
    return images - gaussian_filter(images, (0, 0, sigma, sigma), mode="nearest")


def channels_first(images: np.ndarray) -> np.ndarray:
    """Return uint8 images (N, H, W, C) as float32 (N, C, H, W), of which one product moves a whole channel."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)


def moved_onto(b: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return b as it lies under a, float32 (P, C, S, S), by linear interpolation, and where it does: (P, 1, S, S)."""
    side = b.shape[2]
    down, inside_down = _interpolation(place[:, 0], np.exp(place[:, 2]), side)
    across, inside_across = _interpolation(place[:, 1], np.exp(place[:, 3]), side)
    moved = down[:, None] @ b @ across.transpose(0, 2, 1)[:, None]
    return moved, (inside_down[:, :, None] & inside_across[:, None, :])[:, None]


def _interpolation(shift: np.ndarray, scale: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices (P, side, side) that read b at the pixels of a, and which of these b has: bool (P, side)."""
    pixels, middle = np.arange(side, dtype=np.float32), (side - 1) / 2
    at = middle + shift[:, None] + (pixels - middle) * scale[:, None]
    weights = np.maximum(0, 1 - np.abs(at[:, :, None] - pixels))
    return weights.astype(np.float32), (at > -0.01) & (at < side - 0.99)


def _moves(shift: float, zoom: float) -> np.ndarray:
    """Return the moves of one round, (10, 4): down, right, larger, taller, wider, and back."""
    forth = [(shift, 0, 0, 0), (0, shift, 0, 0), (0, 0, zoom, zoom), (0, 0, zoom, 0), (0, 0, 0, zoom)]
    return np.array([sign * np.array(move) for move in forth for sign in (1, -1)], np.float32)


def _fit(edges_a: np.ndarray, edges_b: np.ndarray, place: np.ndarray) -> np.ndarray:
    moved, inside = moved_onto(edges_b, place)
    return np.where(inside.mean((1, 2, 3)) < OVERLAP, -1, _correlation(edges_a, moved, inside))


def _correlation(a: np.ndarray, b: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of each pair where it overlaps, each channel about its own mean: (P,)."""
    mask = inside.astype(np.float32)
    count = np.maximum(mask.sum((2, 3), keepdims=True), 1)
    a, b = ((x - (x * mask).sum((2, 3), keepdims=True) / count) * mask for x in (a, b))
    product, squares_a, squares_b = (np.einsum("pchw,pchw->p", x, y) for x, y in ((a, b), (a, a), (b, b)))
    least = _CONSTANT * count[:, 0, 0, 0] * a.shape[1]
    return product / np.sqrt((squares_a + least) * (squares_b + least))


def _contrast(a: np.ndarray, b: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and offset that bring b nearest to a, by least squares over all channels: (P,) each."""
    moved, inside = moved_onto(b, place)
    mask = inside.astype(np.float32)
    count = np.maximum(mask.sum((1, 2, 3)) * a.shape[1], 1)
    means = [(x * mask).sum((1, 2, 3)) / count for x in (a, moved)]
    a, b = ((x - mean[:, None, None, None]) * mask for x, mean in zip((a, moved), means, strict=True))
    gain = np.einsum("pchw,pchw->p", a, b) / np.maximum(np.einsum("pchw,pchw->p", b, b), 1)
    return gain, means[0] - gain * means[1]
