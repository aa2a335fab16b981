"""`train --seeds` gives mean and spread, `train --dry-run` tells what a training takes and writes nothing."""

import re
import statistics

import pytest

from kerascifar import train
from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.results import list_runs
from kerascifar.studies.seeds import mean_and_spread, of_seeds, run_all

QUICK = ("--arch", "scratch_fc3", "--dataset", "synthetic:80", "--epochs", "1", "--device", "cpu")


def test_mean_and_spread_of_seeds(tmp_path, capsys):
    argv = [*QUICK, "--seed", "3", "--seeds", "3", "--runs", str(tmp_path)]
    train.main(argv)
    printed = capsys.readouterr().out
    rows, _ = list_runs(tmp_path)
    assert sorted(row["seed"] for row in rows) == [3, 4, 5]
    for split in ("validation", "test"):
        values = [row[f"{split}_accuracy"] for row in rows]
        told = f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f} (standard deviation of 3 seeds"
        assert f"mean {split} accuracy {told}" in printed
    train.main(argv)  # reads them back
    assert capsys.readouterr().out.count("its result is read back") == 3


def test_one_seed_has_no_spread(tmp_path, capsys):
    configs = of_seeds(configure(arch="nearest_centroid", dataset="synthetic:80", runs=str(tmp_path)), 1)
    assert mean_and_spread(run_all(configs, lambda config, result: None)) == []
    assert "seed 0" not in capsys.readouterr().out


def test_wrong_seeds_are_refused():
    workers = ("--seeds", "2", "--arch", "lenet", "--strategy", "multiworker")
    for more, message in (
        (("--seeds", "0"), "must be from 1 to 1000, got 0"),
        (("--seeds", "9" * 9), "from 1 to 1000"),
        (workers, "on one machine"),
    ):
        with pytest.raises(InputError, match=message):
            train.main([*QUICK, *more])


@pytest.mark.parametrize("arch", ["modified_net", "nearest_centroid"])
def test_a_dry_run_tells_and_writes_nothing(arch, command, tmp_path):
    epochs = () if arch == "nearest_centroid" else ("--epochs", "2")
    asked = ("--arch", arch, "--dataset", "synthetic:400", *epochs, "--device", "cpu")
    done = command("kerascifar.train", *asked, "--seeds", "2", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())
    assert re.search(r"^time: about \d+ (s|min) for 2 of 2 runs, begun anew$", done.stdout, re.M), done.stdout
    assert re.search(r"^memory: about \d\.\d GiB", done.stdout, re.M)
    assert re.search(r"^based on .* taken here just now; .*100 test images$", done.stdout, re.M)
    assert done.stdout.count("would be trained") == 2


def test_a_dry_run_refuses_first_weights_that_do_not_fit(tmp_path):
    argv = ["--init-weights", "tiny12k", "--arch", "origin_net", "--dataset", "synthetic:80", "--runs", str(tmp_path)]
    with pytest.raises(InputError, match="does not fit this model"):
        train.main([*argv, "--dry-run"])


def test_a_dry_run_of_what_is_finished(tmp_path, capsys):
    argv = ["--arch", "nearest_centroid", "--dataset", "synthetic:80", "--runs", str(tmp_path)]
    train.main(argv)
    train.main([*argv, "--dry-run"])
    folder = configure(arch="nearest_centroid", dataset="synthetic:80", runs=str(tmp_path)).folder
    told = capsys.readouterr().out.splitlines()[-2:]
    assert told == [f"{folder}: is finished, and would be read back", "nothing would be trained"]
