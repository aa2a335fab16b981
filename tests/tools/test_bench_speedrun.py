"""tools/bench_speedrun.py: what it makes of the times, and what it refuses."""

import json
from dataclasses import replace

import pytest

from kerascifar.core.errors import InputError


@pytest.fixture
def bench(load_tool):
    return load_tool("bench_speedrun")


def test_shares_by_hand(bench, monkeypatch, capsys, tmp_path):
    # 2 x 4096^3 = 137.4e9 operations: 200 GFLOP/s take 0.687 s, 400 half of that.
    seconds = {"float32": 2 * 4096**3 / 200e9, "bfloat16": 2 * 4096**3 / 400e9}
    monkeypatch.setattr(bench, "product_seconds", seconds.__getitem__)
    counted = {name: replace(row, multiply_adds=100_000_000) for name, row in bench.ARCHITECTURES.items()}
    monkeypatch.setattr(bench, "ARCHITECTURES", counted)
    asked = {}

    def measure(arch, device, images, epochs, batch_size, precision):
        asked[arch] = precision, batch_size
        return (images / {"airbench94": 500, "resnet18": 50}[arch], device)

    monkeypatch.setattr(bench, "measure", measure)
    bench.main(["--nets", "airbench94", "--rounds", "2", "--out", str(tmp_path / "speedrun.json")])
    assert asked == {"airbench94": ("mixed_bfloat16", 2000), "resnet18": ("float32", 128)}
    found = json.loads((tmp_path / "speedrun.json").read_text())
    assert found["matrix_product_gflops"] == pytest.approx({"float32": 200, "bfloat16": 400})
    # 6 x 1e8 operations x 500 images/s = 300 GFLOP/s, 75 % of 400; 50,000 images take 100 s.
    row = found["nets"]["airbench94"]
    assert (row["gflops"], row["share_of_peak"], row["seconds_an_epoch"]) == pytest.approx((300, 0.75, 100))
    assert "75% of the matrix product; an epoch of 50,000 images: 100 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "told"), [(["--rounds", "0"], "greater than 0, got 0"), (["--nets", "airbench4"], "did you mean airbench")]
)
def test_bad_input_is_told_in_a_line(bench, argv, told):
    with pytest.raises(InputError, match=told):
        bench.main(argv)


def test_a_product_takes_time(bench, monkeypatch):
    monkeypatch.setattr(bench, "SIDE", 64)
    assert bench.product_seconds("float32") > 0
