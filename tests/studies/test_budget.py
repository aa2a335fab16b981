"""Plans: what is run, how long, in which order, and what is kept."""

from dataclasses import replace

import pytest

from kerascifar.core.errors import InputError
from kerascifar.studies.budget import make_plan, ordered
from kerascifar.studies.lengths import FULL, Length
from kerascifar.studies.plan import Plan, PlannedRun, StudyRun, versions, write_plan
from kerascifar.studies.study import load_study
from kerascifar.studies.timing import Cost

RECIPE = """
title = "A study"
source = "Table 7"
[common]
dataset = "digits"
schedule = "constant"
epochs = 20
[[run]]
name = "big"
arch = "resnet18"
[[run]]
name = "small"
arch = "lenet"
as_published.learning_rate = 0.01
fault = "another rate"
[[run]]
name = "child"
arch = "lenet"
init_from = "small"
learning_rate = 0.0001
[[run]]
name = "twin"
arch = "lenet"
[[run]]
name = "elsewhere"
arch = "lenet"
not_run = "its weights are not at hand"
[[ensemble]]
name = "two"
members = ["small", "big"]
vote = "soft"
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE)
    return load_study(str(tmp_path / "mine.toml"))


def measure(config):
    """An epoch of resnet18 takes 100 s, one of lenet 1 s; nothing else takes any time."""
    second = {"resnet18": 0.1, "lenet": 0.001}[config.arch]
    return Cost(once=0, image=second, train=1000, validation=0, test=0, epochs=config.epochs)


def made(study, asked, folder, names=None, old=None, seeds=1, jobs=1):
    wanted = versions(study, names or [row.name for row in study.rows], ("as-published", "corrected"), seeds)
    return make_plan(StudyRun(study, folder, old or Plan()), asked, wanted, measure, jobs=jobs).plan


def finish(study, plan, run, folder):
    place = StudyRun(study, folder, plan).folder_of(run)
    place.mkdir(parents=True)
    (place / "result.json").write_text("{}")


def lengths(plan, asked):
    return {(p.row, p.mode): p.length for p in plan.of(asked)}


def test_every_version_is_run_and_rows_that_cannot_be_run_are_not(study):
    assert versions(study, [row.name for row in study.rows], ("as-published", "corrected"), 1) == [
        ("big", "corrected", 0),
        ("small", "as-published", 0),
        ("small", "corrected", 0),
        ("child", "corrected", 0),
        ("twin", "corrected", 0),
    ]
    assert versions(study, ["small"], ("as-published",), 2) == [
        ("small", "as-published", 0),
        ("small", "as-published", 1),
    ]


def test_full_length(study, tmp_path):
    plan = made(study, "--full", tmp_path)
    assert set(lengths(plan, "--full").values()) == {FULL}
    assert [p.seconds for p in plan.runs] == [2000, 20, 20, 20, 0]  # twin is small's run


def test_at_most_n_epochs(study, tmp_path):
    assert set(lengths(made(study, "--epochs 3", tmp_path), "--epochs 3").values()) == {Length(epochs=3)}
    assert set(lengths(made(study, "--epochs 99", tmp_path), "--epochs 99").values()) == {FULL}


def test_a_budget_is_divided(study, tmp_path):
    # Four runs (twin shares small's) in 1060 s: lenet's three need 20 s each, so resnet18 has 1,000 s for 10 epochs.
    plan = made(study, "--budget 1060s", tmp_path)
    assert lengths(plan, "--budget 1060s") == {
        ("big", "corrected"): Length(epochs=10),
        ("small", "as-published"): FULL,
        ("small", "corrected"): FULL,
        ("child", "corrected"): FULL,
        ("twin", "corrected"): FULL,
    }
    # In 140 s: 20 s each for lenet's, and 80 s for resnet18, whose epoch of 1,000 images, the fewest, takes 100. It
    # does not fit and leaves its time to the others.
    plan = made(study, "--budget 140s", tmp_path)
    assert [p.row for p in plan.runs if p.left_out] == ["big"]
    assert lengths(plan, "--budget 140s")["small", "corrected"] == FULL


def test_settings_of_one_net_that_are_compared_get_one_length(study, tmp_path):
    """twin costs 2 s an epoch, as a costlier augmentation would; small, 1 s, is to see no more."""

    def measure_twin(config):
        cost = measure(config)
        return replace(cost, image=0.002) if config.augment == "lai" else cost

    recipe = RECIPE.replace('name = "twin"', 'name = "twin"\naugment = "lai"')
    (tmp_path / "mine.toml").write_text(recipe)
    study = load_study(str(tmp_path / "mine.toml"))
    wanted = versions(study, ["small", "child", "twin"], ("corrected",), 1)
    plan = make_plan(StudyRun(study, tmp_path), "--budget 40s", wanted, measure_twin).plan
    # 10 s each, for small in both modes, child and twin: 5 epochs of twin, so 5 of small, which is compared with it;
    # child begins with other weights, and may take its 10.
    lengths = {run.row: (run.length.epochs, run.seconds) for run in plan.runs}
    assert lengths["twin"] == (5, 10)
    assert lengths["small"] == (5, 5)
    assert lengths["child"] == (10, 10)


def test_a_budget_too_small_for_all_rows_leaves_out_the_longest(study, tmp_path):
    # 30 s: resnet18 goes; three runs of lenet get 10 s each.
    plan = made(study, "--budget 30s", tmp_path)
    assert [p.row for p in plan.runs if p.left_out] == ["big"]
    assert [p.length.epochs for p in plan.runs if not p.left_out] == [10, 10, 10, 10]
    # 2 s: one epoch of lenet takes 1 s, so the last of the three goes too.
    plan = made(study, "--budget 2s", tmp_path)
    assert [(p.row, p.mode) for p in plan.runs if not p.left_out] == [
        ("small", "as-published"),
        ("small", "corrected"),
        ("twin", "corrected"),
    ]
    # No time at all, as where measuring took it: the shortest run of one row is still made.
    plan = made(study, "--budget 0.1s", tmp_path)
    assert [(p.row, p.mode) for p in plan.runs if not p.left_out] == [("small", "as-published")]
    # Where the parent of a child is left out, so is the child.
    costly = replace(measure(StudyRun(study, tmp_path, plan).config_of(plan.runs[1])), image=0.01)
    wanted = [("small", "corrected", 0), ("child", "corrected", 0), ("big", "corrected", 0)]
    plan = make_plan(StudyRun(study, tmp_path), "--budget 5s", wanted, lambda config: costly).plan
    assert [p.row for p in plan.runs if not p.left_out] in (["small"], ["big"])


def test_a_plan_is_kept_and_used_again(study, tmp_path):
    plan = made(study, "--budget 30s", tmp_path, ["small"])
    write_plan(tmp_path, plan)
    assert StudyRun.read(study, tmp_path).plan == plan
    again = made(study, "--budget 30s", tmp_path, old=plan)
    assert again.of("--budget 30s")[:2] == plan.of("--budget 30s")
    assert len(again.runs) == 5
    assert StudyRun.read(study, tmp_path / "nothing").plan == Plan(None, ())


def test_what_is_finished_at_full_length_costs_nothing(study, tmp_path):
    full = made(study, "--full", tmp_path)
    finish(study, full, full.runs[0], tmp_path)  # big
    plan = made(study, "--budget 30s", tmp_path)
    assert lengths(plan, "--budget 30s")["big", "corrected"] == FULL
    assert lengths(plan, "--budget 30s")["small", "corrected"] == Length(epochs=10)  # 30 s for three, not for four


def test_a_longer_run_of_another_plan_is_kept(study, tmp_path):
    old = made(study, "--epochs 12", tmp_path, ["small"])
    finish(study, old, old.runs[1], tmp_path)  # small, corrected: 12 epochs
    plan = made(study, "--budget 10s", tmp_path, ["small"], old)
    assert lengths(plan, "--budget 10s") == {
        ("small", "as-published"): Length(epochs=10),  # what the other does not need is its
        ("small", "corrected"): Length(epochs=12),
    }
    # A greater budget trains it anew, and the longest finished run is what the table shows.
    plan = made(study, "--budget 30s", tmp_path, ["small"], plan)
    assert lengths(plan, "--budget 30s")["small", "corrected"] == Length(epochs=15)
    shown = StudyRun(study, tmp_path, plan).shown()
    assert [(p.row, p.mode, p.length) for p in shown] == [("small", "corrected", Length(epochs=12))]


def test_a_child_begins_with_the_parent_of_its_own_plan(study, tmp_path):
    plan = made(study, "--epochs 3", tmp_path, old=made(study, "--full", tmp_path))
    study_run = StudyRun(study, tmp_path, plan)
    for asked in ("--full", "--epochs 3"):
        by_row = {(p.row, p.mode): p for p in plan.of(asked)}
        parent = study_run.config_of(by_row["small", "corrected"])
        child = study_run.config_of(by_row["child", "corrected"])
        assert child.to_dict()["init_weights"] == f"run:{parent.run_id}"
        assert child.epochs == parent.epochs


def test_rows_that_others_need_come_along(study):
    assert study.with_needed(["child"]) == ["small", "child"]
    assert study.with_needed(["two"]) == ["big", "small", "two"]


def test_the_table_fills_early(study, tmp_path):
    """Cheap rows first, every row once before the next seed, and parents before children however cheap."""
    runs = made(study, "--full", tmp_path, seeds=2).runs
    runs = [replace(p, seconds=1.0) if p.row == "child" else p for p in runs]
    assert [(p.row, p.mode, p.seed) for p in ordered(study, runs) if p.row != "twin"] == [
        ("small", "as-published", 0),
        ("small", "corrected", 0),
        ("child", "corrected", 0),
        ("big", "corrected", 0),
        ("small", "as-published", 1),
        ("small", "corrected", 1),
        ("child", "corrected", 1),
        ("big", "corrected", 1),
    ]


def test_a_corrupt_plan_is_answered(study, tmp_path):
    for text in ("{", "{}", '{"format": 1, "asked": "--full", "pieces": [{"rows": 1}]}', '{"format": 2, "pieces": []}'):
        (tmp_path / "plan.json").write_text(text)
        with pytest.raises(InputError, match=r"plan\.json is corrupt: .*; delete it, and a new plan is made"):
            StudyRun.read(study, tmp_path)


def test_rows_that_left_the_recipe_leave_the_plan(study, tmp_path):
    plan = Plan("--full", (PlannedRun("--full", "gone", "corrected", 0), PlannedRun("--full", "big", "corrected", 0)))
    write_plan(tmp_path, plan)
    assert [p.row for p in StudyRun.read(study, tmp_path).plan.runs] == ["big"]


def test_what_counts_as_finished(study, tmp_path):
    study_run, run = StudyRun(study, tmp_path), PlannedRun("--full", "big", "corrected", 0)
    assert not study_run.finished(run)
    study_run.folder_of(run).mkdir(parents=True)
    (study_run.folder_of(run) / "diverged.txt").touch()
    assert study_run.finished(run)


@pytest.mark.parametrize(
    ("seeds", "jobs", "epochs"),
    [
        (2, 1, 5),
        (2, 2, 10),  # side by side, each has the whole time
        (3, 1, 3),
        (3, 2, 5),  # one has to wait for another
        (1, 4, 10),  # more than the budget none gets
    ],
)
def test_rows_side_by_side_share_a_budget(study, tmp_path, seeds, jobs, epochs):
    plan = made(study, "--budget 10s", tmp_path, ["twin"], seeds=seeds, jobs=jobs)
    assert {run.length for run in plan.runs} == {Length(epochs)}
