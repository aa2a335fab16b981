"""--precision auto: the rule, the measurements that it comes from, and that a run goes on in its own precision."""

import dataclasses
import json
from pathlib import Path

import pytest

import kerascifar as kc
from kerascifar.config import RunConfig
from kerascifar.configure import configure
from kerascifar.core import processor
from kerascifar.core.errors import InputError
from kerascifar.core.registry import Variant
from kerascifar.results import read_result
from kerascifar.run import run
from kerascifar.studies.forecast import forecast
from kerascifar.studies.rows import Training
from kerascifar.training import checkpoint, precision
from tuner.definition import make_search

MEASURED = sorted((Path(__file__).resolve().parents[2] / "tools" / "measured").glob("precision*.json"))
# Which gain more in another precision than their share tells; in the chosen one they gain too.
MISSED = {"tiny36k"}
AMX, AMD, XEON = {"avx512_bf16", "amx_bf16"}, {"avx512_bf16", "sse4a"}, {"avx512_bf16"}
NET = {"arch": "resnet18", "blocks": (1,), "widths": (4,), "dataset": "synthetic:100", "epochs": 2, "batch_size": 30}
SEARCH = {"space": "study002", "oracle": "random", "max_trials": 1, "initial_points": None, "seeds": 1}


@pytest.fixture
def on(monkeypatch):
    """Return a function that lets the processor list other flags."""
    return lambda flags: monkeypatch.setattr(precision, "flags", lambda: frozenset({"avx2"} | flags))


@pytest.mark.parametrize(
    ("flags", "share", "wanted", "why"),
    [
        (set(), 1.0, "float32", "lists neither amx_bf16 nor avx512_bf16"),
        (
            AMX,
            1.0,
            "mixed_bfloat16",
            "amx_bf16, and 100.0% of the multiply-adds of net are in dense convolutions",
        ),
        (AMX, 0.957, "bfloat16_convolutions", "95.7% of the multiply-adds of net are in dense convolutions"),
        (AMD, 1.0, "mixed_bfloat16", "lists avx512_bf16 and sse4a"),
        (AMD, 0.0, "bfloat16_convolutions", "lists avx512_bf16 and sse4a, and 0.0%"),
        (XEON, 1.0, "float32", "lists avx512_bf16 alone, with which bfloat16 was slower where it was measured"),
        (AMX, None, "float32", "nothing is known of the layers of net"),
    ],
)
def test_the_rule(flags, share, wanted, why):
    choice = precision.choose(frozenset(flags), "net", share)
    assert choice.precision == wanted
    assert why in choice.why


@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.name)
def test_the_rule_is_what_was_measured(path):
    for net, row in json.loads(path.read_text())["nets"].items():
        choice = precision.choose(frozenset(row["machine"]["flags"]), net, row["dense_share"])
        # Of CPU time, which other work on the machine disturbs less.
        told = row["gains_of_cpu_time"]
        sides = {"mixed_bfloat16": "kerascifar bfloat16", "bfloat16_convolutions": "kerascifar bfloat16 convolutions"}
        gains = {"float32": 1.0} | {name: told[side] for name, side in sides.items() if side in told}
        assert gains[choice.precision] > (1.0 if net in MISSED else 0.95 * max(gains.values())), net


def test_auto_is_resolved_before_the_run_id(on):
    plain = configure(**NET)
    assert plain.precision == "float32"  # the default stays, and with it the ids of old runs
    for flags, wanted in ((XEON, "float32"), (AMX, "mixed_bfloat16")):
        on(flags)
        config = configure(**NET, precision="auto")
        assert (config.precision, config.run_id) == (wanted, configure(**NET, precision=wanted).run_id)
        assert "auto" not in json.dumps(config.to_dict())
    assert configure(**NET, precision="float32").run_id == plain.run_id != config.run_id


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"arch": "knn"}, "--precision does not apply to knn; it applies to Keras nets"),
        ({"arch": "scratch_fc3"}, "--precision does not apply to scratch_fc3"),
        ({"arch": "lenett"}, "did you mean lenet"),
        ({"device": "gpu"}, "is a rule for CPUs, got --device gpu"),
        ({"strategy": "multiworker"}, "the workers' processors may differ"),
    ],
)
def test_where_it_means_nothing_it_is_refused(fields, told):
    with pytest.raises(InputError, match=told):
        configure(precision="auto", **fields)


def test_a_config_holds_what_was_chosen():
    with pytest.raises(InputError, match="--precision: must be one of float32, mixed_float16, mixed_bfloat16"):
        RunConfig(precision="auto")


def test_a_run_goes_on_in_its_own_precision_on_another_processor(on, tmp_path, monkeypatch, capsys):
    class Killed(Exception):
        pass

    def fit():
        return kc.fit(**NET, precision="auto", runs=str(tmp_path), device="cpu")

    on(AMX)
    with monkeypatch.context() as patch, pytest.raises(Killed):

        def killed(*args, save=checkpoint.save):
            save(*args)
            raise Killed

        patch.setattr(checkpoint, "save", killed)
        fit()
    assert "precision mixed_bfloat16 (auto: this processor lists amx_bf16" in capsys.readouterr().out
    on(XEON)
    row = Training(name="row", recipe={**NET, "precision": "auto"})
    assert row.config("corrected", tmp_path).precision == "mixed_bfloat16"
    net = fit()
    told = capsys.readouterr().out
    assert "precision mixed_bfloat16 (auto: the run was begun in it; a new one would be in float32 here)" in told
    assert "resuming in epoch 2" in told
    assert net.config.precision == net.result.config["precision"] == "mixed_bfloat16"
    assert "begun in it" in net.result.notes["precision_auto"]
    assert fit().config == net.config  # finished, it is read back
    assert "its result is read back" in capsys.readouterr().out
    again = configure(**NET, precision="auto", runs=str(tmp_path), again=True)
    assert precision.as_begun(again).precision == "float32"
    assert (
        "precision mixed_bfloat16 (auto" in forecast([precision.as_begun(dataclasses.replace(again, again=False))])[1]
    )


def test_a_config_gets_it_in_fit(on, tmp_path):
    on(set())
    config = configure(**NET, runs=str(tmp_path), device="cpu", precision="mixed_bfloat16")
    net = kc.fit(config, precision="auto")
    assert net.config.precision == "float32"
    assert "lists neither" in net.result.notes["precision_auto"]
    assert "precision_auto" not in run(dataclasses.replace(config, precision="float32")).config
    assert read_result(net.folder).config["precision"] == "float32"


def test_a_search_goes_on_in_its_own_precision(on, tmp_path):
    fields = {"arch": "resnet18", "dataset": "synthetic:100", "precision": "auto"}
    on(AMD)
    search = make_search(fields, {**SEARCH, "dir": str(tmp_path / "search")})
    search.folder.mkdir()
    search.settle()
    on(set())
    again = make_search(fields, {**SEARCH, "dir": str(tmp_path / "search")})
    assert again.config.precision == search.config.precision == "mixed_bfloat16"
    again.compare()
    assert make_search(fields, {**SEARCH, "dir": str(tmp_path / "other")}).config.precision == "float32"


def test_flags_are_those_of_the_first_core(monkeypatch):
    told = "processor\t: 0\nmodel name\t: A CPU\nflags\t\t: fpu avx512_bf16\n\nmodel name\t: B\nflags\t\t: fpu\n"
    monkeypatch.setattr(processor.Path, "read_text", lambda self: told)
    assert processor.flags() == {"fpu", "avx512_bf16"}
    assert processor.processor()["processor"] == "A CPU"

    def missing(self):
        raise FileNotFoundError

    monkeypatch.setattr(processor.Path, "read_text", missing)
    assert processor.flags() == frozenset()


def test_a_plugins_net_is_unknown_unless_its_row_tells():
    assert Variant(None).dense_share is None
