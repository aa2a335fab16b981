"""Pictures for the tests of the audit."""

import numpy as np
from scipy.ndimage import gaussian_filter


def pictures(count, side=32, seed=0):
    """Smooth noise with edges: as unlike one another as photographs of different things."""
    noise = np.random.default_rng(seed).normal(size=(count, side, side, 3))
    smooth = gaussian_filter(noise, (0, side / 16, side / 16, 0))
    steps = np.sign(gaussian_filter(noise[..., ::-1], (0, side / 10, side / 10, 0)))
    return np.clip(128 + 300 * smooth + 35 * steps, 0, 255).astype(np.uint8)
