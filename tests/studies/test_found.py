"""Settings that the searches of a paper found, beside ours."""

from kerascifar.studies.found import found_settings
from kerascifar.studies.outcomes import RowOutcomes, ScoredSearch
from kerascifar.studies.rows import Search


def test_settings_stand_beside_ours():
    found = {"learning_rate": 3.158e-3, "momentum": 0.273}
    row = Search(name="s", table="Table 1", expect={"validation_accuracy": 0.3484}, found=found, space="x", recipe={})
    ours = {"momentum": 0.5, "learning_rate": 0.00123456}
    figures = {"images": 9, "training_images": 81, "parameters": 7, "seconds_per_epoch": 1.0, "device": "cpu"}
    outcome = ScoredSearch(
        validation_accuracy=0.4, epochs=1, of_epochs=15, trials=14, settings=ours, file="x/validation.json", **figures
    )
    assert found_settings([RowOutcomes(row, {"corrected": outcome})]).splitlines()[2:] == [
        "| table | row | found by | learning_rate | momentum | validation_accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
        "| Table 1 | s | paper | 0.003158 | 0.273 | 0.3484 |",
        "| Table 1 | s | ours: **1 of 15 epochs**, 81 images, 14 trials | 0.001235 | 0.5 | 0.4000 |",
    ]
    assert found_settings([RowOutcomes(row, {})]).count("Table 1") == 1


def test_a_study_without_such_searches_has_no_such_section():
    assert found_settings([RowOutcomes(Search(name="s", space="x", recipe={}), {})]) == ""
