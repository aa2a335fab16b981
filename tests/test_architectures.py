import re

import pytest

from kerascifar import explore
from kerascifar.architectures import ARCHITECTURES, list_architectures, print_layers, summarize
from kerascifar.config import FIELDS, RunConfig
from kerascifar.configure import configure
from kerascifar.core.errors import InputError


def rows(arch, shape=(32, 32, 3), classes=10, **options):
    return summarize(configure(arch=arch, **options), shape, classes)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_argument_has_a_flag(arch):
    variant = ARCHITECTURES[arch]
    for name in variant.args:
        # None leaves the variant's own value.
        assert FIELDS[name].default is None
        assert variant.engine in FIELDS[name].metadata["engines"]
        # `statistics` and `pixels` prepare the images of Keras nets too, whose builders do not know them.
        assert FIELDS[name].metadata["builder"] or name in ("statistics", "pixels")
    assert variant.arguments(RunConfig(arch=arch)) == variant.args


def test_every_flag_of_a_builder_has_an_architecture_that_takes_it():
    flags = {name for name, field in FIELDS.items() if field.metadata["builder"]}
    assert flags <= {name for variant in ARCHITECTURES.values() for name in variant.args}


def test_a_net_of_keras_by_hand():
    layers = {row.name: row for row in rows("modified_net") if row.parameters}
    # Three 3x3 convolutions with bias, each with BatchNorm: scale, offset, and two moving statistics a channel.
    parameters = [row.parameters for row in layers.values()]
    assert parameters[:6] == [
        3 * 3 * 3 * 8 + 8, 4 * 8, 3 * 3 * 8 * 12 + 12, 4 * 12, 3 * 3 * 12 * 16 + 16, 4 * 16,
    ]  # fmt: skip
    first, second, *_ = layers.values()
    assert first.output == (32, 32, 8)
    assert (second.trainable, second.parameters) == (2 * 8, 4 * 8)
    assert first.multiply_adds == 32 * 32 * 3 * 3 * 3 * 8
    assert sum(row.trainable for row in layers.values()) == 35_730  # study 004, Table VI


def test_a_net_from_scratch_by_hand():
    layers = rows("scratch_fc3", shape=(2, 2, 3), classes=4)
    dense = [row for row in layers if row.kind == "Dense"]
    # 2x2x3 = 12 inputs, then 1024, 512, 256 and 4, with biases.
    assert [row.output for row in dense] == [(1024,), (512,), (256,), (4,)]
    assert [row.multiply_adds for row in dense] == [12 * 1024, 1024 * 512, 512 * 256, 256 * 4]
    assert dense[0].parameters == dense[0].trainable == 12 * 1024 + 1024


def test_moving_statistics_of_a_scratch_net_are_counted_apart():
    layers = [row for row in rows("scratch_convnet") if row.kind == "BatchNormalization"]
    assert [(row.trainable, row.parameters) for row in layers] == [(64, 128), (128, 256), (256, 512)]


@pytest.mark.parametrize("arch", ["lenet", "mobilenet_mod", "se_resnet", "scratch_cnn"])
def test_totals_are_those_of_the_list(arch):
    layers = rows(arch)
    totals = sum(row.trainable for row in layers), sum(row.multiply_adds for row in layers)
    assert totals == (ARCHITECTURES[arch].params, ARCHITECTURES[arch].multiply_adds)
    assert layers[-1].output == (10,)


def test_options_and_the_data_set_change_the_net(capsys):
    explore.main(["--arch", "se_resnet", "--blocks", "1,1,1", "--dataset", "digits"])
    printed = capsys.readouterr().out
    assert "se_resnet: 10 classes, images of 32x32x3" in printed
    assert "layer1.0.conv1" in printed
    assert "layer1.1.conv1" not in printed
    explore.main(["--arch", "scratch_cnn", "--filters", "5"])
    assert re.search(r"Conv2D +32 x 32 x 5 +140 ", capsys.readouterr().out)  # 3 x 3 x 3 x 5 + 5


def test_the_table_adds_up(capsys):
    layers = rows("scratch_convnet")
    print_layers(layers)
    lines = capsys.readouterr().out.splitlines()
    assert len({line.index(row.kind) for line, row in zip(lines[1:], layers, strict=False)}) == 1  # one column
    trainable = sum(row.trainable for row in layers)
    parameters = trainable + 2 * (32 + 64 + 128)  # two moving statistics per channel
    assert lines[-4].split() == ["trainable", "parameters", f"{trainable:,}"]
    assert lines[-3].split()[:5] == ["all", "parameters", f"{parameters:,}", "with", "moving"]
    assert lines[-1].split() == ["size", f"{parameters * 4 / 2**20:.3f}", "MiB", "of", "float32"]


def test_batch_normalization_is_printed_without_its_statistics(capsys):
    """As study 003's Figure 2 (64 channels: 128) and study 004's Table VI (8, 12, 16 channels: 16, 24, 32) have it."""
    for arch, first in (("se_resnet", ["128"]), ("modified_net", ["16", "24", "32"])):
        layers = rows(arch)
        capsys.readouterr()  # which device it is
        print_layers(layers)
        lines = capsys.readouterr().out.splitlines()
        column = lines[0].index("trainable") + len("trainable")
        shown = [line[:column].split()[-1] for line in lines if "BatchNormalization" in line]
        assert shown[: len(first)] == first


def test_the_list_names_every_architecture(capsys):
    list_architectures()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [[name, f"{v.params:,}"] for name, v in ARCHITECTURES.items()]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--arch", "se_resnt"], "did you mean se_resnet"),
        (["--arch", "knn"], "knn has no layers; name a net"),
        (["--arch", "lenet", "--blocks", "1,1"], "--blocks does not apply to lenet"),
        (["--arch", "lenet", "--view", "pca"], "--view is for pictures of a data set"),
        (["--arch", "lenet", "--out", "a.png"], "--out is for pictures of a data set"),
        (["--blocks", "1,1"], "--blocks is for the layers of a net: name it with --arch"),
    ],
)
def test_bad_input_is_refused_in_one_line(argv, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        explore.main(argv)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []
