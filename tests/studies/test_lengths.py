"""How a budget becomes epochs, by hand."""

import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.studies.lengths import FULL, Length, duration, seconds, share_out, shorten
from kerascifar.studies.timing import Cost


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), ("1d 2h", 93600)]
)
def test_a_time_is_read(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "30", "m", "-5m", "0s", "30 minutes", "1h30", "9" * 400 + "h"])
def test_a_time_that_is_none_is_answered(text):
    with pytest.raises(InputError, match="--budget: expected a time such as 90s, 30m, 2h or 1h30m, got"):
        seconds(text)


def test_a_time_is_told():
    assert [duration(s) for s in (0.4, 89, 90, 3600, 5400, 12000)] == [
        "0 s", "89 s", "2 min", "60 min", "1 h 30 min", "3 h 20 min",
    ]  # fmt: skip


def test_equal_shares_and_what_one_does_not_need_goes_to_the_others():
    # 100 / 3 = 33.3 is more than the 10 that the second needs; the 90 that are left make 45 each.
    assert share_out(100, [90, 10, 60]) == [45, 10, 45]
    # 10 and 40 fit into their shares of 33.3 and 45; the rest is the third's.
    assert share_out(100, [10, 40, 90]) == [10, 40, 50]
    assert share_out(100, [20, 30]) == [20, 30]  # all fits
    assert share_out(100, []) == []


# 1 s to build, 10 ms an image, 900 + 100 + 300 images. An epoch is 0.01 (900 + 100 / 3) = 9.3333 s, the final scoring
# of 100 + 300 images 0.01 / 3 x 400 = 1.3333 s: 20 epochs take 1 + 20 x 9.3333 + 1.3333 = 189 s.
NET = Cost(once=1, image=0.01, train=900, validation=100, test=300, epochs=20)


def test_what_a_run_takes():
    assert NET.seconds() == pytest.approx(189)
    assert NET.seconds(Length(epochs=5)) == pytest.approx(1 + 5 * 28 / 3 + 4 / 3)
    # Half of the images: 450 + 50 of them in an epoch, and 50 + 300 scored in the end.
    assert NET.seconds(Length(epochs=1, train_limit=500)) == pytest.approx(1 + 14 / 3 + 3.5 / 3)
    assert NET.seconds(Length(test_limit=30)) == pytest.approx(189 - 0.9)


def test_what_a_time_pays_for():
    assert NET.length(189) == FULL
    assert NET.length(188.9) == Length(epochs=19)
    assert NET.length(NET.seconds(Length(epochs=7))) == Length(epochs=7)  # exactly


# 40,000 + 10,000 training images and 10,000 test images: an epoch takes 0.001 (40,000 + 3,333) = 43.3 s.
BIG = Cost(once=2, image=0.001, train=40_000, validation=10_000, test=10_000, epochs=300)


def test_fewer_images_where_one_epoch_is_too_long():
    length = BIG.length(20)
    assert length.epochs == 1
    assert BIG.seconds(length) == pytest.approx(20, abs=0.01)
    # 2 s once and 3.333 s for the test images leave 14.667 s; an image in 50,000 costs 0.8 of a step, and 0.2 of two
    # forward passes: 0.001 (0.8 + 0.2 x 2 / 3) = 0.00093333 s. 14.667 / 0.00093333 = 15,714.
    assert length.train_limit == pytest.approx(15_714, abs=1)
    assert length.test_limit is None


def test_a_part_of_the_test_images_where_scoring_them_takes_more_than_half():
    slow = Cost(once=0, image=0.03, train=45_000, validation=5_000, test=10_000, epochs=20)  # 100 s for the test images
    length = slow.length(60)
    assert length.test_limit == 3000  # 30 s at 10 ms each
    assert slow.seconds(length) == pytest.approx(60, abs=0.1)
    assert slow.length(1) == Length(epochs=1, train_limit=1000, test_limit=1000)  # never fewer


def test_baselines_are_shortened_by_test_images():
    baseline = Cost(once=5, image=0.02, train=50_000, validation=0, test=10_000, epochs=None)
    assert baseline.seconds() == 205
    assert baseline.length(205) == FULL
    assert baseline.length(65) == Length(test_limit=3000)


def test_a_search_divides_its_time_among_its_trials():
    # Each of the 10 trials takes 1 + 9.3333 n + 0.3333 s for n epochs: 300 s pay for 10 (1.3333 + 3 x 9.3333) = 293.3.
    search = Cost(once=1, image=0.01, train=900, validation=100, test=0, epochs=15, repeats=10)
    assert search.length(300) == Length(epochs=3)


CONFIG = {"arch": "lenet", "epochs": 100}


def test_the_marks_of_a_schedule_move_with_it():
    def short(**given):
        return shorten(configure(**CONFIG, **given), Length(epochs=25))

    assert short(warmup=8).warmup == 2
    assert short(schedule="step", step_epochs=40).step_epochs == 10
    assert short(schedule="multi_step", milestones=(40, 80)).milestones == (10, 20)
    assert short(schedule="multi_step", milestones=(1, 2, 80)).milestones == (1, 20)
    assert short(schedule="exponential", gamma=0.9).gamma == pytest.approx(0.9**4)  # 0.9^4 in 25 is 0.9 in 100 epochs
    assert short(schedule="cosine").step_epochs == 30  # of no meaning there, so the run id does not depend on it
    given = {"arch": "lenet", "phases": ((10, 1, 0.01), (90, 0, 0.001))}
    assert shorten(configure(**given), Length(epochs=25)).phases == ((2, 1, 0.01), (23, 0, 0.001))
    assert shorten(configure(**given), Length(epochs=1)).phases == ((1, 1, 0.01), (1, 0, 0.001))


def test_full_length_changes_nothing_and_limits_only_lower():
    config = configure(**CONFIG, train_limit=2000)
    assert shorten(config, FULL) == config
    assert shorten(config, Length(epochs=200)) == config
    assert shorten(config, Length(epochs=5, train_limit=5000)).train_limit == 2000
    short = shorten(config, Length(epochs=5, train_limit=1500, test_limit=300))
    assert (short.epochs, short.train_limit, short.test_limit) == (5, 1500, 300)
    assert short.run_id != config.run_id
