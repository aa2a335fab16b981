import pytest

from kerascifar.models import build
from kerascifar.models.counting import multiply_adds


def test_modified_net_by_hand():
    # 32*32*9*3*8 + 16*16*9*8*12 + 8*8*9*12*16 + 256*100 + 100*64 + 64*10
    # = 221,184 + 221,184 + 110,592 + 25,600 + 6,400 + 640
    assert multiply_adds(build("modified_net")) == 585_600


def test_depthwise_net_by_hand():
    # depthwise 9 x channels, pointwise in x out, a position: 32*32*(27 + 30) + 16*16*(90 + 120) + 8*8*(108 + 288)
    # = 58,368 + 53,760 + 25,344, dense 384*100 + 6,400 + 640
    assert multiply_adds(build("depthwise_net")) == 182_912


def test_a_layer_counts_as_often_as_it_is_applied():
    # 1,024 pixels: 27 x 16 once, 9 x 16 + 16 x 16 + 9 x 16 + 16 x 16 = 800 each time; then 16 x 10
    model = build("tiny36k", tcns=((1, 16, 1, 1),), repeats=3)
    assert multiply_adds(model) == 1024 * (432 + 3 * 800) + 160


def test_squeeze_and_excitation_counts_its_two_small_layers():
    # se_resnet's one gate: 64*4 + 4*64
    assert multiply_adds(build("se_resnet")) - multiply_adds(build("se_resnet", se="none")) == 512


# Billions at 224 px and 1000 classes, as torchvision prints them beside its weights.
@pytest.mark.parametrize(
    ("arch", "published"), [("resnet18_imagenet", 1.81), ("resnet34_imagenet", 3.66), ("mobilenet_v2_imagenet", 0.30)]
)
def test_torchvisions_published_counts(arch, published):
    assert round(multiply_adds(build(arch, (224, 224, 3), 1000)) / 1e9, 2) == published
