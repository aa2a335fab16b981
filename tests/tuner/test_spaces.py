"""Spaces as data: the studies' figures, and what a TOML file may say."""

import math

import pytest

from kerascifar.config import RunConfig
from kerascifar.core.errors import InputError
from kerascifar.models import build
from kerascifar.training.optimizers import OPTIMIZERS
from tuner.spaces import NAMED, SPACES, Choice, Range, find_space, read_space

UNIT = Range(0.0, 0.99)
# Study 002: batch 2^5 to 2^9, lr 1e-4 to 1e-2, L2 1e-5 to 1e-2, sampled linearly.
COMMON = {
    "batch_size": Choice((32, 64, 128, 256, 512)),
    "learning_rate": Range(0.0001, 0.01, "linear"),
    "weight_decay": Range(0.00001, 0.01, "linear"),
}


@pytest.mark.parametrize(
    ("arch", "optimizer", "further"),
    [
        ("custom_cnn", "sgd", {"dropout": Range(0.0, 0.2), "momentum": UNIT}),
        ("custom_cnn", "adam", {"dropout": Range(0.0, 0.2), "beta_1": UNIT, "beta_2": UNIT}),
        ("resnet18", "sgd", {"momentum": UNIT}),
        ("resnet18", "adam", {"beta_1": UNIT, "beta_2": UNIT}),
        ("modified_net", "rmsprop", {}),
    ],
)
def test_study_002_by_net_and_optimizer(arch, optimizer, further):
    assert find_space("study002", arch, optimizer) == {**COMMON, **further}


def test_log_twin_has_the_same_ends_and_values():
    linear, log = (find_space(name, "custom_cnn", "adam") for name in ("study002", "study002_log"))
    linear_ends, log_ends = ({name: varied.ends for name, varied in space.items()} for space in (linear, log))
    assert log_ends == linear_ends
    assert [name for name, varied in log.items() if getattr(varied, "scale", "") == "log"] == [
        "learning_rate",
        "weight_decay",
    ]


def test_grids_of_studies_001_and_004():
    study001 = find_space("study001", "mobilenet_mod", "sgd")
    assert set(study001["optimizer"].values) == {"sgd", "adadelta", "adam"}
    assert set(study001["learning_rate"].values) == {0.1, 0.01}
    study004 = find_space("study004", "modified_net", "sgd")
    assert study004["learning_rate"].values == (0.0001, 0.0005, 0.001, 0.005, 0.01)
    assert set(study004["optimizer"].values) == {"sgd", "adam", "rmsprop", "adagrad"}
    assert len(study004["loss"].values) == 3


def test_tables_by_name():
    # Study 001's shortened table, as STUDIES gives it for mobilenet_mod.
    short = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 1, 2), (6, 96, 2, 1), (6, 160, 2, 2), (6, 320, 1, 1))
    assert NAMED["tcns"]["short"] == {"tcns": short}
    tables = SPACES["tables"]
    hyperparameters = (tables.hyperparameters, *tables.by_arch.values())
    assert {name for group in hyperparameters for name in group["tcns"].values} == set(NAMED["tcns"])


# Study 004's ModifiedNet, and the 12,000 of the records.
BUDGETS = {"tiny36k": 35_730, "tiny12k": 12_000}


@pytest.mark.parametrize(
    ("arch", "name"),
    [(arch, name) for arch in BUDGETS for name in find_space("tables", arch, "muon")["tcns"].values],
)
def test_tables_of_a_tiny_net_are_of_equal_size(arch, name):
    assert find_space("tiny", arch, "muon")["tcns"] == find_space("tables", arch, "muon")["tcns"]
    model = build(arch, **NAMED["tcns"][name])
    # Each uses nine tenths of its budget at least.
    assert 0.9 * BUDGETS[arch] <= sum(math.prod(w.shape) for w in model.trainable_weights) <= BUDGETS[arch]


@pytest.mark.parametrize("name", SPACES)
def test_every_space_names_its_source_and_fields_that_exist(name):
    space = SPACES[name]
    assert space.source
    for hyperparameters in (space.hyperparameters, *space.by_arch.values(), *space.by_optimizer.values()):
        for field in hyperparameters:
            assert hasattr(RunConfig(), field)
    assert set(space.by_optimizer) <= set(OPTIMIZERS)


def test_toml_space(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'batch_size = [32, 64]\nlearning_rate = {low = 1e-4, high = 1, scale = "log"}\nk = {low = 1, high = 9}\n'
        'nesterov = [true, false]\naugment = ["none", "flip_crop"]\ndropout = [0, 0.5]\n'
    )
    assert read_space(file) == {
        "batch_size": Choice((32, 64)),
        "learning_rate": Range(1e-4, 1.0, "log"),
        "k": Range(1, 9),
        "nesterov": Choice((True, False)),
        "augment": Choice(("none", "flip_crop")),
        "dropout": Choice((0.0, 0.5)),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rat = [0.1]", "did you mean learning_rate"),
        ("learning_rate = {low = 0.1, high = 0.01}", "low must be below high, got low = 0.1, high = 0.01"),
        ("learning_rate = {low = 0.1, high = 0.1}", "low must be below high"),
        ("learning_rate = {low = 0.1}", "two numbers"),
        ("learning_rate = {low = 0.1, hihg = 1.0}", "unknown key 'hihg' .did you mean high"),
        ('learning_rate = {low = 0.1, high = 1.0, scale = "cubic"}', "linear or log, got 'cubic'"),
        ('learning_rate = {low = 0, high = 1.0, scale = "log"}', "above 0"),
        ("learning_rate = 0.1", "give a list"),
        ("learning_rate = []", "one kind"),
        ('learning_rate = [0.1, "x"]', "one kind"),
        ("nesterov = [true, 1]", "one kind"),
        ("nesterov = [true]", "both true and false"),
        ("batch_size = [32, 32]", "twice"),
        ("optimizer = {low = 1, high = 2}", "not a number"),
        ("seed = [1, 2]", "not a hyperparameter"),
        ('dataset = ["digits", "cifar10"]', "not a hyperparameter"),
        ("", "empty"),
        ("learning_rate = ", "is corrupt"),
        (f"learning_rate = [0.1, {'9' * 400}]", "too many digits"),
        (f"learning_rate = {{low = 1, high = {'9' * 400}}}", "too many digits"),
    ],
)
def test_what_a_space_may_not_say(tmp_path, text, message):
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_space(file)


def test_unknown_space_and_missing_file(tmp_path):
    with pytest.raises(InputError, match="did you mean study002"):
        find_space("study02", "lenet", "sgd")
    with pytest.raises(InputError, match=r"there is no file .*none\.toml"):
        find_space(str(tmp_path / "none.toml"), "lenet", "sgd")
