"""Neighbours of many images, found chunk by chunk and kept on disk, so that a killed search goes on."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.baselines.images import Images
from kerascifar.baselines.neighbors import KNeighbors
from kerascifar.baselines.search import Found, progress_bar
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_arrays

CHUNK = 2000  # queries a file: on two cores about half a minute of SSIM against 50,000 images


def neighbors_in_chunks(
    model: KNeighbors, images: Images, folder: Path | None, identity: Mapping[str, Any], chunk: int = CHUNK
) -> Found:
    """Find the k nearest as ``model.kneighbors`` does, and keep each finished chunk in `folder` until all are done.

    Args:
        model: fitted.
        images: the queries.
        folder: where chunks lie; None keeps none.
        identity: what else decides the answer, as JSON types; a chunk of another identity is not used.
        chunk: queries a file.

    Returns:
        float64 distances (Q, k) and int64 indices (Q, k).
    """
    told = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    told.update(np.ascontiguousarray(images.stored))
    told.update(repr((images.shape, np.asarray(images.mean).tolist(), np.asarray(images.std).tolist())).encode())
    fingerprint, training = told.hexdigest(), len(model.y_)
    found, written = [], []
    with progress_bar(len(images) * training, True, model.distance) as advance:
        for start in range(0, len(images), chunk):
            rows = slice(start, min(start + chunk, len(images)))
            path = folder and folder / f"chunk-{fingerprint[:12]}-{start:06d}.npz"
            size = (rows.stop - start, model.k)
            done = path and _read(path, fingerprint, size, training)
            if done:
                advance(size[0] * training)
            else:
                part = Images(images.stored[rows], images.mean, images.std)
                done = model.search_.nearest(part, model.k, advance)
                if path:
                    _write(path, fingerprint, done)
            found.append(done)
            written.append(path)
    for path in filter(None, written):
        path.unlink(missing_ok=True)
    distances, indices = (np.concatenate(side) for side in zip(*found, strict=True))
    return distances, indices


def _write(path: Path, fingerprint: str, found: Found) -> None:
    arrays = {"distances": found[0], "indices": found[1], "fingerprint": np.array(fingerprint)}
    files.write_atomically(path, lambda part: np.savez(part, **arrays))


def _read(path: Path, fingerprint: str, size: tuple[int, int], training: int) -> Found | None:
    """Return a chunk, or None where there is none or it is not this search's."""
    try:
        chunk = read_arrays(path)
        distances, indices, its = chunk["distances"], chunk["indices"], str(chunk["fingerprint"])
    except (OSError, InputError, KeyError):
        return None
    fits = its == fingerprint and distances.shape == indices.shape == size
    fits = fits and distances.dtype == np.float64 and indices.dtype == np.int64
    return (distances, indices) if fits and indices.min() >= 0 and indices.max() < training else None
