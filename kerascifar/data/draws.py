"""Randomness without state, on TensorFlow and on JAX: what is drawn is a function of integers alone.

Keys are integers (2,). The two backends draw other numbers from the same distributions. Places and indices are int64
on TensorFlow, int32 on JAX.
"""

from typing import Any

import keras
import numpy as np

# Keeps the order apart from other random numbers that are keyed by the same seed and epoch, and sides from both.
_ORDER, _SIDES = 0x0E1, 0x51DE


def key(seed: int, salt: int) -> Any:
    """Return a key; `salt` tells apart what is drawn for different ends from one seed."""
    if _jax():
        import jax

        return jax.random.fold_in(np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32), salt)
    import tensorflow as tf

    return tf.constant([seed, salt], tf.int64)


def folded(old: Any, number: Any) -> Any:
    """Return the key that `old` and the integer `number` make."""
    if _jax():
        import jax

        return jax.random.fold_in(old, number)
    import tensorflow as tf

    return tf.random.experimental.stateless_fold_in(old, number)


def order(seed: int, epoch: Any, places: Any, count: int) -> Any:
    """Return which of `count` images stand at `places` (B,) of the order that (seed, epoch) draws."""
    if _jax():
        return np.random.default_rng((seed, _ORDER, epoch)).permutation(count)[places]
    import tensorflow as tf

    # tf.random.experimental.index_shuffle stops at 4 rounds of its cipher and takes the seed as it is: orders of
    # neighbouring seeds then share their batches (pairs of images met again 41 to 84 times as often as by chance).
    drawn = tf.concat([tf.cast(folded(key(seed, _ORDER), epoch), tf.uint32), tf.constant([1], tf.uint32)], 0)
    return tf.raw_ops.RandomIndexShuffle(index=places, seed=drawn, max_index=count - 1, rounds=16)


def sides(seed: int, index: Any) -> Any:
    """Return 0 or 1 for each number of `index` (B,), the same whenever and beside whichever others it is asked for."""
    if _jax():
        import jax

        each = jax.vmap(lambda number: jax.random.bits(folded(key(seed, _SIDES), number)))
        return (each(index) & 1).astype("int32")
    import tensorflow as tf

    # The lowest bit of a permutation keyed by the seed. Again four rounds do not do: neighbours, and neighbouring
    # seeds, correlate.
    drawn = tf.constant([seed, _SIDES, 0], tf.int64)
    most = tf.constant(2**31 - 1, tf.int64)
    return tf.raw_ops.RandomIndexShuffle(index=tf.cast(index, tf.int64), seed=drawn, max_index=most, rounds=16) % 2


def compiled(function: Any) -> Any:
    """Return `function` of arrays, compiled on JAX.

    On TensorFlow it stays as it is: tf.data runs one operation after the other too, so the pixels are its, while the
    optimised graph of a tf.function rounds some of them otherwise.
    """
    if _jax():
        import jax

        return jax.jit(function)
    return function


def _jax() -> bool:
    return keras.backend.backend() == "jax"
