"""MobileNetV2 from any t/c/n/s table: parameters by an independent count, geometry by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascifar.models import VARIANTS, build

ROW = st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 2), st.integers(1, 2))


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def expected(rows, classes: int, stem: int, head: int) -> int:
    """Weights of convolutions (no bias), two of BatchNorm a channel, and the dense layer's with bias."""
    total, channels = 3 * 9 * stem + 2 * stem, stem
    for t, c, n, _ in rows:
        for _ in range(n):
            hidden = t * channels
            total += (channels * hidden + 2 * hidden) * (t > 1)  # no expansion where t is 1
            total += 9 * hidden + 2 * hidden
            total += hidden * c + 2 * c
            channels = c
    return total + channels * head + 2 * head + head * classes + classes


@given(
    st.lists(ROW, min_size=1, max_size=3).map(tuple),
    st.integers(2, 12),
    st.integers(1, 2),
    st.integers(1, 40),
)
@settings(max_examples=8, deadline=None)
def test_parameters_of_any_table(rows, classes, stem_stride, head):
    model = build("mobilenet_v2", (16, 16, 3), classes, tcns=rows, stem_stride=stem_stride, head_width=head)
    assert trainable(model) == expected(rows, classes, stem=32, head=head)


def test_the_count_agrees_with_the_published_table():
    assert expected(VARIANTS["mobilenet_v2"].args["tcns"], 10, 32, 1280) == 2_236_682


def test_a_table_that_is_in_no_paper():
    # stem 3*9*32 + 64 = 928; row (1,8,1,1): 9*32 + 64 + 32*8 + 16 = 624;
    # row (4,12,2,2), first: 8*32 + 64 + 9*32 + 64 + 32*12 + 24 = 1,080;
    # second: 12*48 + 96 + 9*48 + 96 + 48*12 + 24 = 1,800;
    # head 12*1280 + 2560 = 17,920; dense 12,810. Sum 35,162.
    assert trainable(build("mobilenet_v2", tcns=((1, 8, 1, 1), (4, 12, 2, 2)))) == 35_162


def channels(model: keras.Model, name: str) -> int:
    return model.get_layer(name).output.shape[-1]


def test_width_rounds_to_multiples_of_8_only_where_it_is_not_1():
    rows = ((1, 13, 1, 1), (6, 44, 1, 1))
    plain = build("mobilenet_v2", tcns=rows, head_width=100)
    assert [channels(plain, f"features.{n}") for n in ("0.0", "1.conv.1", "2.conv.2", "3.0")] == [32, 13, 44, 100]
    # x 0.5: 16; 6.5 -> 8; 22 -> 24 (nearest is 24: 22 + 4 = 26 -> 24); the head keeps its 100.
    half = build("mobilenet_v2", tcns=rows, head_width=100, width=0.5)
    assert [channels(half, f"features.{n}") for n in ("0.0", "1.conv.1", "2.conv.2", "3.0")] == [16, 8, 24, 100]
    # x 1.5: 48; 19.5 -> 16 loses over a tenth (17.55), so 24; 66 -> 64; head 150 -> 152.
    wide = build("mobilenet_v2", tcns=rows, head_width=100, width=1.5)
    assert [channels(wide, f"features.{n}") for n in ("0.0", "1.conv.1", "2.conv.2", "3.0")] == [48, 24, 64, 152]


@pytest.mark.parametrize(("stride", "side"), [(1, 15), (2, 8), (3, 5)])
def test_a_stride_s_leaves_every_sth_pixel_from_the_first(stride, side):
    # PyTorch: floor((15 + 2 - 3) / s) + 1
    model = build("mobilenet_v2", (15, 15, 3), tcns=((1, 8, 2, stride),))
    assert model.get_layer("features.1.conv.0.0").output.shape[1] == side
    assert model.get_layer("features.2.conv.0.0").output.shape[1] == side


def test_blocks_add_their_input_only_where_shapes_agree():
    names = [layer.name for layer in build("mobilenet_v2").layers if isinstance(layer, keras.layers.Add)]
    # Rows of n repeats add n - 1 times: 0 + 1 + 2 + 3 + 2 + 2 + 0.
    assert len(names) == 10
    assert names[0] == "features.3.conv.add"


def test_the_plain_net_adds_nowhere_and_is_otherwise_the_same():
    plain, net = build("mobilenet_v2_plain"), build("mobilenet_v2")
    assert not [layer for layer in plain.layers if isinstance(layer, keras.layers.Add)]
    assert [w.shape for w in plain.weights] == [w.shape for w in net.weights]
