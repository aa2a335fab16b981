import argparse

import pytest

from kerascifar.cli import add_flags
from kerascifar.config import FIELDS, RunConfig, flag, kinds
from kerascifar.configure import configure, read_config
from kerascifar.core.errors import InputError


def parse(*argv):
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(argv))


# A second valid value for fields whose type and check do not give one.
OTHER = {
    "tcns": "1,16,1,1;6,24,2,2", "blocks": "2,2", "widths": "8,16", "filters": "4,4", "sides": "24,24",
    "milestones": "3,5", "faults": "output_relu", "phases": "2,1,0.1;3,0,0.01",
    "exclude": "list:0123456789abcdef",
}  # fmt: skip
PLAIN = {int: "7", float: "0.25", str: "word"}


ASKED = [name for name, f in FIELDS.items() if f.metadata["asked"]]  # the others follow from these


def other(name):
    """A valid value for the field `name` that differs from its default, as command-line arguments."""
    default, check, kind = FIELDS[name].default, FIELDS[name].metadata["check"], kinds(name)[0]
    if kind is bool:
        return [("--no-" + flag(name)[2:]) if default else flag(name)]
    if check is not None and check[0].startswith("one of "):
        choices = check[0].removeprefix("one of ").split(", ")
        return [flag(name), next(choice for choice in choices if choice != default)]
    return [flag(name), OTHER[name] if name in OTHER else PLAIN[kind]]


@pytest.mark.parametrize("name", ASKED)
def test_each_field_is_a_flag_that_sets_it_and_survives_json(name):
    config = RunConfig(**parse(*other(name)))
    assert getattr(config, name) != FIELDS[name].default
    if FIELDS[name].metadata["identity"]:
        assert RunConfig(**config.to_dict()).run_id == config.run_id


@pytest.mark.parametrize("name", ASKED)
def test_run_id_changes_exactly_with_what_decides_the_numbers(name):
    config = RunConfig(**parse(*other(name)))
    assert getattr(config, name) != FIELDS[name].default
    assert (config.run_id != RunConfig().run_id) == FIELDS[name].metadata["identity"]


@pytest.mark.parametrize(
    ("run_id", "fields"),
    [
        ("aa67a8296365", {}),
        ("ae24b52601c2", {"arch": "lenet", "epochs": 5, "seed": 3}),
        (
            "138d3cb15159",
            {"arch": "mobilenet_v2", "tcns": "1,16,1,1;6,24,2,2;6,96,2,2", "augment": "flip_crop mixup(0.2)",
             "epochs": 50},
        ),
        (
            "8cf92614dcec",
            {"arch": "resnet18", "dataset": "cifar100", "optimizer": "adam", "schedule": "multi_step",
             "milestones": "3,5", "label_smoothing": 0.1, "patience": 4, "precision": "mixed_bfloat16"},
        ),
        ("4a660547bf12", {"arch": "knn", "k": 3, "distance": "cosine", "pixels": "planar", "validation": 0.2}),
        ("706404c519a8", {"arch": "scratch_cnn", "filters": "4,4", "faults": "output_relu,full_batch", "folds": 2}),
        ("edf81e30ab36", {"arch": "airbench94", "sides": "24,24", "tta": "mirror_translate", "whiten_epochs": 2}),
    ],
)  # fmt: skip
def test_run_ids_never_change(run_id, fields):
    """Run folders bear these names: ids of an earlier version, written down."""
    assert configure(**fields).run_id == run_id


def test_what_does_not_change_the_numbers_stays_out_of_run_id():
    free = {name for name, f in FIELDS.items() if not f.metadata["identity"]}
    assert free >= {"runs", "data_dir", "unverified", "device", "threads", "memory", "checkpoint_steps", "again"}


def test_equal_tables_give_equal_ids_however_they_are_written():
    text, rows = RunConfig(tcns="1,16,1,1; 6,24,2,2;"), RunConfig(tcns=[[1, 16, 1, 1], [6, 24, 2, 2]])
    assert text.tcns == rows.tcns == ((1, 16, 1, 1), (6, 24, 2, 2))
    assert text.run_id == rows.run_id


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "--epochs: must be greater than 0, got 0"),
        ({"epochs": "ten"}, "--epochs: expected a whole number, got 'ten'"),
        ({"epochs": 2.5}, "--epochs: expected a whole number, got 2.5"),
        ({"batch_size": -1}, "--batch-size: must be greater than 0, got -1"),
        ({"batch_size": True}, "--batch-size: expected a whole number, got True"),
        ({"learning_rate": "nan"}, "--learning-rate: expected a number, got 'nan'"),
        ({"validation": 1.0}, "--validation: must be from 0 to below 1, got 1.0"),
        ({"tcns": "1,16,1"}, "--tcns: expected rows of four whole numbers of at least 1"),
        ({"tcns": "1,16,1,0"}, "--tcns: expected rows of four whole numbers of at least 1"),
        ({"tcns": ""}, "--tcns: expected rows of four whole numbers"),
        ({"widths": "64,-1"}, "--widths: must be all greater than 0"),
        ({"name": "../x"}, "--name: must be a plain folder name"),
        ({"precision": "half"}, "--precision: must be one of float32, mixed_float16, mixed_bfloat16"),
        ({"arch": None}, "--arch: a value is needed"),
        ({"again": "yes"}, "--again: expected true or false"),
        ({"learning_rate": 10**400}, "--learning-rate: expected a number, got 1000"),
        ({"learning_rate": "9" * 400}, "--learning-rate: expected a number, got '999"),
        ({"learning_rate": 10**5000}, "--learning-rate: expected a number, got a number of too many digits"),
        ({"epochs": "9" * 400}, "--epochs: expected a whole number, got '999"),
        ({"phases": f"1,0,{'9' * 400}"}, "--phases: expected rows of epochs"),
        ({"blocks": [10**400]}, "--blocks: expected whole numbers"),
        ({"data_dir": "a\0b"}, "--data-dir: expected a text, got 'a\\x00b'"),
        ({"name": "a\0b"}, "--name: expected a text"),
        ({"image_size": 1_000_000}, "--image-size: must be from 1 to 4096"),
        ({"seed": 2**32}, "--seed: must be from 0 to 4294967295"),
    ],
)
def test_wrong_values_are_refused_by_flag(fields, message):
    with pytest.raises(InputError) as refused:
        RunConfig(**fields)
    assert message in str(refused.value)
    assert len(str(refused.value)) < 400


def test_toml_gives_fields_and_unknown_keys_are_answered(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('arch = "lenet"\nepochs = 3\n')
    assert read_config(file) == {"arch": "lenet", "epochs": 3}
    file.write_text('\ufeff[[run]]\narch = "lenet"\nepochs = 3\n', encoding="utf-8")  # of an older search; a BOM
    assert read_config(file) == {"arch": "lenet", "epochs": 3}
    file.write_text("[[run]]\nepochs = 3\n[[run]]\nepochs = 4\n")
    with pytest.raises(InputError, match="unknown key 'run'"):
        read_config(file)
    file.write_text("epoch = 3\n")
    with pytest.raises(InputError, match=r"unknown key 'epoch' \(did you mean epochs\?\)"):
        read_config(file)
    file.write_text("epochs = = 3\n")
    with pytest.raises(InputError, match="is corrupt"):
        read_config(file)
    with pytest.raises(InputError, match="there is no file"):
        read_config(tmp_path / "none.toml")
