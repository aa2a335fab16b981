"""Neighbours of many images, found chunk by chunk and kept on disk, so that a killed search can resume."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerascifar.baselines.images import Images
from kerascifar.baselines.neighbors import KNeighbors
from kerascifar.baselines.search import Neighbors, progress_bar
from kerascifar.core import files
from kerascifar.core.errors import InputError
from kerascifar.core.reading import read_arrays

CHUNK = 2000  # queries per file: on two cores about half a minute of SSIM against 50,000 images


def neighbors_in_chunks(
    model: KNeighbors, images: Images, folder: Path | None, identity: Mapping[str, Any], chunk: int = CHUNK
) -> Neighbors:
    """Find the k nearest as ``model.kneighbors`` does, and keep finished chunks in `folder` until all are done.

    Args:
        model: fitted.
        images: the queries.
        folder: of the chunks; None keeps none.
        identity: what else the answer depends on, as JSON types; a chunk with another identity is not used.
        chunk: queries per file.

    Returns:
        float64 distances (Q, k) and int64 indices (Q, k).
    """
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(images.stored))
    digest.update(repr((images.shape, np.asarray(images.mean).tolist(), np.asarray(images.std).tolist())).encode())
    fingerprint, training = digest.hexdigest(), len(model.y_)
    finished, paths = [], []
    with progress_bar(len(images) * training, True, model.distance) as advance:
        for start in range(0, len(images), chunk):
            rows = slice(start, min(start + chunk, len(images)))
            path = folder and folder / f"chunk-{fingerprint[:12]}-{start:06d}.npz"
            size = (rows.stop - start, model.k)
            neighbors = path and _read(path, fingerprint, size, training)
            if neighbors:
                advance(size[0] * training)
            else:
                queries = Images(images.stored[rows], images.mean, images.std)
                neighbors = model.search_.nearest(queries, model.k, advance)
                if path:
                    _write(path, fingerprint, neighbors)
            finished.append(neighbors)
            paths.append(path)
    for path in filter(None, paths):
        path.unlink(missing_ok=True)
    distances, indices = (np.concatenate(arrays) for arrays in zip(*finished, strict=True))
    return distances, indices


def _write(path: Path, fingerprint: str, neighbors: Neighbors) -> None:
    arrays = {"distances": neighbors[0], "indices": neighbors[1], "fingerprint": np.array(fingerprint)}
    files.write_atomically(path, lambda draft: np.savez(draft, **arrays))


def _read(path: Path, fingerprint: str, size: tuple[int, int], training: int) -> Neighbors | None:
    """Return a chunk, or None if it does not exist or is not this search's."""
    try:
        chunk = read_arrays(path)
        distances, indices, written = chunk["distances"], chunk["indices"], str(chunk["fingerprint"])
    except (OSError, InputError, KeyError):
        return None
    fits = written == fingerprint and distances.shape == indices.shape == size
    fits = fits and distances.dtype == np.float64 and indices.dtype == np.int64
    return (distances, indices) if fits and indices.min() >= 0 and indices.max() < training else None
