import argparse

import pytest

from kerascifar.cli import add_flags
from kerascifar.config import FIELDS, RunConfig, flag
from kerascifar.configure import read_config
from kerascifar.core.errors import InputError


def parse(*argv):
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return vars(parser.parse_args(argv))


# A valid value other than the default for each field, as text on the command line.
OTHER = {
    "tcns": "1,16,1,1;6,24,2,2", "blocks": "2,2", "widths": "8,16", "filters": "4,4", "milestones": "3,5",
    "faults": "output_relu", "se": "every", "decay": "decoupled", "precision": "mixed_float16", "name": "x",
    "phases": "2,1,0.1;3,0,0.01", "select": "test", "pixels": "interleaved", "statistics": "own",
}  # fmt: skip


def other(name):
    """A value for `name` that differs from its default, as command-line arguments."""
    default = FIELDS[name].default
    if isinstance(default, bool) or name == "nesterov":
        return [("--no-" + flag(name)[2:]) if default else flag(name)]
    if name in OTHER:
        return [flag(name), OTHER[name]]
    hint = RunConfig.__annotations__[name]
    if "float" in str(hint):
        return [flag(name), "0.25"]
    return [flag(name), "7" if "int" in str(hint) else "word"]


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_is_a_flag_that_sets_it_and_survives_json(name):
    try:
        config = RunConfig(**parse(*other(name)))
    except InputError as refused:  # fields with a closed set of values of their own
        assert "one of" in str(refused)
        return
    assert getattr(config, name) != FIELDS[name].default
    if FIELDS[name].metadata["identity"]:
        assert RunConfig(**config.to_dict()).run_id == config.run_id


@pytest.mark.parametrize("name", FIELDS)
def test_run_id_changes_exactly_with_what_decides_the_numbers(name):
    try:
        config = RunConfig(**parse(*other(name)))
    except InputError:
        pytest.skip("a closed set of values, covered where its table is")
    assert (config.run_id != RunConfig().run_id) == FIELDS[name].metadata["identity"]


def test_what_does_not_change_the_numbers_stays_out_of_run_id():
    free = {name for name, f in FIELDS.items() if not f.metadata["identity"]}
    assert free >= {"runs", "data_dir", "unverified", "device", "threads", "memory", "checkpoint_steps", "again"}


def test_equal_tables_give_equal_ids_however_they_are_written():
    text, rows = RunConfig(tcns="1,16,1,1; 6,24,2,2;"), RunConfig(tcns=[[1, 16, 1, 1], [6, 24, 2, 2]])
    assert text.tcns == rows.tcns == ((1, 16, 1, 1), (6, 24, 2, 2))
    assert text.run_id == rows.run_id


@pytest.mark.parametrize(
    ("given", "told"),
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
        ({"seed": 2**32}, "--seed: must be from 0 to 4294967295"),
    ],
)
def test_wrong_values_are_refused_by_flag(given, told):
    with pytest.raises(InputError) as refused:
        RunConfig(**given)
    assert told in str(refused.value)


def test_toml_gives_fields_and_unknown_keys_are_answered(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('arch = "lenet"\nepochs = 3\n')
    assert read_config(file) == {"arch": "lenet", "epochs": 3}
    file.write_text("epoch = 3\n")
    with pytest.raises(InputError, match=r"unknown key 'epoch' \(did you mean epochs\?\)"):
        read_config(file)
    file.write_text("epochs = = 3\n")
    with pytest.raises(InputError, match="is not TOML"):
        read_config(file)
    with pytest.raises(InputError, match="cannot read"):
        read_config(tmp_path / "none.toml")
