"""Pictures for the tests of the audit."""

import numpy as np
from scipy.ndimage import gaussian_filter


def pictures(count, side=32, seed=0):
    """Smooth shapes with edges, as unlike one another as photographs of different things; uint8 (count, side, side, 3).

    As in photographs the channels are much alike, which JPEG counts on.
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, side, side, 1)) + 0.4 * rng.normal(size=(count, side, side, 3))
    smooth = gaussian_filter(noise, (0, side / 16, side / 16, 0))
    grey = noise[..., :1] + rng.normal(size=(count, side, side, 1))
    steps = np.sign(gaussian_filter(grey, (0, side / 10, side / 10, 0)))
    return np.clip(128 + 200 * smooth + 35 * steps, 0, 255).astype(np.uint8)
