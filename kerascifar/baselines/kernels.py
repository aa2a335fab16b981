"""Compiled inner loops for L1 and SSIM: the optional extra [fast] (decision 0005).

numba vectorises a plain loop over contiguous memory well, such as L1's. SSIM's sliding sums are no such loop, so its
kernel uses explicit vectors: the few operations below work on LANES training images at once, whatever the width of the
processor's registers.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from kerascifar.baselines.ssim import WINDOW

# Training images compared at once: two AVX-512 registers, so that a number of the query, once broadcast, is used twice.
LANES = {np.dtype(np.float32): 32, np.dtype(np.float64): 16}
_LANES = {types.float32: 32, types.float64: 16}


class _Vector(types.Type):
    """The numba type of LANES numbers in registers."""

    def __init__(self, scalar: types.Type) -> None:
        self.scalar = scalar
        super().__init__(name=f"{_LANES[scalar]} x {scalar}")


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: object, kind: _Vector) -> None:
        scalar = ir.FloatType() if kind.scalar == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(scalar, _LANES[kind.scalar]))


def _pointer(context, builder, array_type, array, index, vector):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), context.get_value_type(vector).as_pointer())


@intrinsic
def _load(typing, array, index):
    """Return array[index : index + LANES] of a flat array, without a check of bounds."""
    vector = _Vector(array.dtype)

    def lower(context, builder, signature, args):
        return builder.load(_pointer(context, builder, signature.args[0], *args, vector), align=4)

    return vector(array, types.intp), lower


@intrinsic
def _store(typing, array, index, vector):
    """Set array[index : index + LANES] of a flat array, without a check of bounds."""

    def lower(context, builder, signature, args):
        builder.store(args[2], _pointer(context, builder, signature.args[0], *args[:2], vector), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), lower


@intrinsic
def _spread(typing, scalar):
    """Return a vector that holds `scalar` in every lane."""
    vector = _Vector(scalar)

    def lower(context, builder, signature, args):
        kind = context.get_value_type(vector)
        empty = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(empty, args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None))

    return vector(scalar), lower


def _arithmetic(operation: str):
    @intrinsic
    def function(typing, a, b):
        def lower(context, builder, signature, args):
            return getattr(builder, operation)(*args)

        return a(a, b), lower

    return function


_add, _subtract, _multiply, _divide = (_arithmetic(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


@intrinsic
def _multiply_add(typing, a, b, c):
    """Return a * b + c, rounded once."""

    def lower(context, builder, signature, args):
        kind = context.get_value_type(a)
        name = f"llvm.fma.v{kind.count}f{32 if a.scalar == types.float32 else 64}"
        return builder.call(
            cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name), args
        )

    return a(a, b, c), lower


@njit(nogil=True, cache=True)
def ssim_sums(x, x_windows, y, y_windows, slopes, constants, zero, columns, out, side):
    """Sum SSIM over channels and windows for every query and every group of LANES training images.

    All arrays are flat, of one float type; L is LANES of that type. SSIM of a window is
    (2 mx my + C1)(2 cov + C2) / ((mx^2 + my^2 + C1)(vx + vy + C2)); what depends on one image only is prepared:

    Args:
        x: (Q, C, H + 1, W) pixels of the queries, below one row of zeros.
        x_windows: (Q, C, h, w, 5): 2 mx; factor of my and constant term in 2 cov + C2; mx^2 + C1; vx + C2.
        y: (G, C, H, W, L) pixels of the training images.
        y_windows: (G, C, h, w, 2, L): my, vy.
        slopes: (C,) factor of the sum of products over a window in 2 cov.
        constants: (Q,) C1.
        zero: (1,) a zero of the float type.
        columns: (W, L) working memory for the sums of products down the last WINDOW rows.
        out: (Q, G, L), the result.
        side: (C, H, W).
    """
    channels, height, width = side
    lanes = columns.size // width
    down, across = height - WINDOW + 1, width - WINDOW + 1
    nothing = _spread(zero[0])
    for group in range(out.size // (lanes * constants.size)):
        for query in range(constants.size):
            c1 = _spread(constants[query])
            total = nothing
            for channel in range(channels):
                slope = _spread(slopes[channel])
                at_x = (query * channels + channel) * (height + 1) * width
                at_y = (group * channels + channel) * height * width
                at_xw = (query * channels + channel) * down * across
                at_yw = (group * channels + channel) * down * across
                for i in range(width):
                    _store(columns, i * lanes, nothing)
                for row in range(height):
                    # One row enters the sums of each column and one leaves: a row of zeros at first.
                    enters, leaves = (row + 1) * width, max(row - WINDOW + 1, 0) * width
                    leaves_y = max(row - WINDOW, 0) * width
                    window = nothing
                    row_total = nothing
                    for i in range(width):
                        new = _multiply(_spread(x[at_x + enters + i]), _load(y, (at_y + row * width + i) * lanes))
                        old = _multiply_add(
                            _spread(-x[at_x + leaves + i]), _load(y, (at_y + leaves_y + i) * lanes), new
                        )
                        column = _add(_load(columns, i * lanes), old)
                        _store(columns, i * lanes, column)
                        if row < WINDOW - 1:
                            continue
                        window = _add(window, column)
                        if i < WINDOW - 1:
                            continue
                        place = (row - WINDOW + 1) * across + i - WINDOW + 1
                        q = (at_xw + place) * 5
                        t = (at_yw + place) * 2 * lanes
                        mean, variance = _load(y_windows, t), _load(y_windows, t + lanes)
                        shift = _multiply_add(mean, _spread(x_windows[q + 1]), _spread(x_windows[q + 2]))
                        above = _multiply(
                            _multiply_add(mean, _spread(x_windows[q]), c1), _multiply_add(slope, window, shift)
                        )
                        below = _multiply(
                            _multiply_add(mean, mean, _spread(x_windows[q + 3])),
                            _add(variance, _spread(x_windows[q + 4])),
                        )
                        row_total = _add(row_total, _divide(above, below))
                        window = _subtract(window, _load(columns, (i - WINDOW + 1) * lanes))
                    total = _add(total, row_total)
            _store(out, (query * (out.size // (lanes * constants.size)) + group) * lanes, total)


@njit(nogil=True, cache=True)
def l1_bytes(x, y, out):
    """Write sums of absolute differences of uint8 rows x (Q, D) and y (T, D) into int32 out (Q, T)."""
    for t in range(len(y)):
        for q in range(len(x)):
            total = np.int32(0)
            for i in range(x.shape[1]):
                # LLVM compiles this to psadbw (64 bytes per instruction) as long as nothing is wider than int32.
                total = np.int32(total + np.int32(abs(np.int32(np.int32(x[q, i]) - np.int32(y[t, i])))))
            out[q, t] = total


@njit(nogil=True, cache=True, fastmath=True)
def l1_floats(x, y, out):
    """Write sums of absolute differences of float rows x (Q, D) and y (T, D) into out (Q, T)."""
    for t in range(len(y)):
        for q in range(len(x)):
            total = out.dtype.type(0)
            for i in range(x.shape[1]):
                total += abs(x[q, i] - y[t, i])
            out[q, t] = total
