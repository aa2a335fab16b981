"""From a point of a space to RunConfigs, which settings contradict each other, and what search.json guards."""

import dataclasses
import json

import pytest

import tuner.definition
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.run import run
from tuner.definition import ORACLES
from tuner.spaces import NAMED, SPACES, Choice, Range, find_space

FIELDS = {"arch": "modified_net", "dataset": "digits"}


def test_a_trial_is_the_config_with_the_point_put_in(make_search):
    search = make_search(seeds=2)
    first, second = search.trials({"learning_rate": 0.02, "batch_size": 16, "nesterov": True})
    assert first == dataclasses.replace(search.config, learning_rate=0.02, batch_size=16, nesterov=True)
    assert second == dataclasses.replace(first, seed=1)


def test_another_optimizer_brings_its_own_options(make_search):
    search = make_search(space={"optimizer": Choice(("sgd", "adam")), "momentum": Range(0.0, 0.9)})
    (sgd,) = search.trials({"optimizer": "sgd", "momentum": 0.3})
    (adam,) = search.trials({"optimizer": "adam", "momentum": 0.3})
    assert (sgd.momentum, sgd.beta_1) == (0.3, None)
    assert (adam.momentum, adam.beta_1, adam.learning_rate) == (None, 0.9, 0.001)


def test_names_stand_for_fields(make_search):
    search = make_search(config=FIELDS, space=find_space("study004", "modified_net", "sgd"))
    (config,) = search.trials({"optimizer": "adam", "learning_rate": 0.001, "loss": "label_smoothed"})
    assert (config.loss, config.label_smoothing) == ("cross_entropy", 0.1)
    search = make_search(config={"arch": "mobilenet_mod"}, space=find_space("tables", "mobilenet_mod", "sgd"))
    (config,) = search.trials({"tcns": "imagenet"})
    assert config.tcns == NAMED["tcns"]["imagenet"]["tcns"]


@pytest.mark.parametrize("arch", ["custom_cnn", "resnet18", "modified_net", "mobilenet_mod"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("space", [name for name in SPACES if name != "tables"])
def test_every_space_can_be_trained(make_search, arch, optimizer, space):
    make_search(config={"arch": arch, "optimizer": optimizer}, space=find_space(space, arch, optimizer))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"config": {"validation": 0.0}}, "--validation 0"),
        ({"seeds": 0}, "--seeds: must be from 1 to 1000, got 0"),
        ({"seeds": 10**9}, "--seeds: must be from 1 to 1000"),
        ({"max_trials": 0}, "--max-trials"),
        ({"initial_points": 3}, "only the bayesian"),
        ({"oracle": "bayesian", "initial_points": 7}, "--max-trials 6 counts them"),
        ({"oracle": "bayes"}, "did you mean bayesian"),
        ({"oracle": "grid", "space": {"learning_rate": Range(0.1, 0.2)}}, "learning_rate is a range"),
        ({"space": {"beta_1": Range(0.0, 0.9)}}, "beta_1, which does not apply to sgd"),
        ({"space": {"momentum": Range(0.0, 1.0)}}, "--momentum: must be from 0 to below 1, got 1.0"),
        ({"space": {"batch_size": Choice((16, 1.5))}}, "whole number, got 1.5"),
        ({"space": {"dropout": Range(0.0, 0.5)}}, "--dropout does not apply to lenet"),
        ({"space": {"optimizer": Choice(("sgd", "sdg"))}}, "did you mean sgd"),
        ({"space": {"loss": Choice(("hinge",))}}, "unknown --loss 'hinge'"),
        ({"space": {"learning_rate": Range(0.1, float("inf"))}}, "expected a number, got inf"),
    ],
)
def test_what_does_not_fit_together(make_search, settings, message):
    with pytest.raises(InputError, match=message):
        make_search(**settings)


def test_a_baseline_has_no_training_to_vary(make_search):
    knn = {"arch": "knn", "dataset": "digits", "validation": 0.2}
    with pytest.raises(InputError, match="--batch-size does not apply to knn"):
        make_search(fields=knn, space={"batch_size": Choice((1, 2))})
    search = make_search(fields=knn, space={"k": Choice((1, 3)), "normalize": Choice(("none", "channel"))})
    (config,) = search.trials({"k": 3, "normalize": "none"})
    assert config == configure(**knn, k=3, normalize="none")


def test_the_same_search_goes_on_and_may_become_longer(make_search):
    make_search().settle()
    make_search().settle()
    make_search(max_trials=20, config={"threads": 1}).settle()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"oracle": "bayesian"}, 'oracle was "random", is now "bayesian"'),
        ({"seeds": 2}, "seeds was 1, is now 2"),
        ({"config": {"epochs": 2}}, "epochs was 1, is now 2"),
        ({"config": {"seed": 5}}, "seed was 0, is now 5"),
        (
            {"space": {"learning_rate": Range(1e-3, 1e-2, "log")}},
            r'space learning_rate was .*"high": 0\.1.* is now .*"high": 0\.01.*space batch_size was .* is now absent',
        ),
    ],
)
def test_another_search_in_the_folder_is_refused(make_search, settings, message):
    make_search().settle()
    before = (make_search().folder / "search.json").read_text()
    with pytest.raises(InputError, match=message):
        make_search(**settings).settle()
    assert (make_search().folder / "search.json").read_text() == before


def test_a_field_that_came_later_had_its_default(make_search):
    search = make_search()
    search.settle()
    path = search.folder / "search.json"
    definition = json.loads(path.read_text())
    del definition["config"]["label_smoothing"]
    path.write_text(json.dumps(definition))
    search.settle()
    with pytest.raises(InputError, match=r"label_smoothing was 0\.0, is now 0\.1"):
        make_search(config={"label_smoothing": 0.1}).settle()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}', "\udcff"])
def test_a_damaged_search_json(make_search, text):
    search = make_search()
    search.folder.mkdir()
    (search.folder / "search.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"search\.json is"):
        search.settle()


def test_bayesian_defaults_are_the_study_s():
    assert ORACLES["bayesian"] == (14, 4)


@pytest.fixture
def searched(make_search, class_folders, tmp_path):
    """Return the search on a folder, "a" or "b" with other images; its trials need no TensorFlow."""
    for seed, name in enumerate("ab"):
        class_folders(tmp_path / name, seed=seed)

    def search(name, **more):
        fields = {"arch": "nearest_centroid", "dataset": "folder", "validation": 0.25, **more}
        fields |= {"data_dir": str(tmp_path / name)} if fields["dataset"] == "folder" else {}
        return make_search(fields=fields, space={"normalize": Choice(("none", "channel"))})

    return search


OTHER = r"other data than this: its SHA-256 of the train images was \w+…, is \w+…; choose another --dir"


def test_a_search_is_of_its_own_images_only(searched):
    searched("a").settle()
    searched("a").settle()
    before = searched("a").file.read_text()
    assert "test" not in json.loads(before)["provenance"]["sha256"]
    for again in (searched("b").settle, searched("b").compare):
        with pytest.raises(InputError, match=f"holds a search on {OTHER}"):
            again()
    assert searched("a").file.read_text() == before


@pytest.mark.parametrize("trained", [True, False])
def test_a_search_of_an_earlier_version_is_known_by_its_trials(searched, trained):
    search = searched("a")
    search.settle()
    definition = json.loads(search.file.read_text())
    del definition["provenance"]
    search.file.write_text(json.dumps(definition))
    if trained:
        run(search.in_folder(search.trials({"normalize": "none"})[0]), validation_only=True)
    searched("a").settle()
    if trained:
        with pytest.raises(InputError, match=f"is a finished run of {OTHER}"):
            searched("b").settle()
    else:
        searched("b").settle()  # there is nothing of the other images in it


def test_official_images_are_not_read_to_go_on_with_a_search(searched, monkeypatch):
    monkeypatch.setattr(tuner.definition, "load", None)
    searched("a", dataset="digits").settle()
    searched("a", dataset="digits").settle()


@pytest.mark.parametrize("damaged", [3, {}, {"classes": [1], "sha256": {}}, {"classes": [], "sha256": []}])
def test_a_damaged_record_of_the_images(searched, damaged):
    search = searched("a")
    search.settle()
    definition = json.loads(search.file.read_text())
    search.file.write_text(json.dumps({**definition, "provenance": damaged}))
    with pytest.raises(InputError, match=r"search\.json is corrupt: what data it had"):
        searched("a").compare()
