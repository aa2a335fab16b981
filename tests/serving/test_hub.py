"""The head of a model card: YAML that says what the result says, whatever the result holds."""

import dataclasses
import json
import re

import pytest

from kerascifar.configure import configure
from kerascifar.core.errors import InputError
from kerascifar.results import Result
from kerascifar.serving.hub import head

TEST = {"accuracy": 0.91, "accuracy_interval": [0.9042, 0.9155], "images": 10_000}
RESULT = Result(
    run_id="dfb1230f3bf2", config=configure(arch="tiny36k").to_dict(), metrics={"test": TEST}, trainable_parameters=1,
    multiply_adds=1, seconds_per_epoch=None, images_per_second=None, dataset={"name": "cifar10"}, versions={},
    revision=None, history=[], notes={},
)  # fmt: skip
HOSTILE = 'x"\n---\nlicense: gpl\n\u2028\x85 #{[&*!|>%@`: \\ \ud800 \ufeff\uffff é 🦊 ${x}'


def read(text):
    """Read the subset of YAML that the head is made of: mappings, sequences, and scalars that are JSON's."""
    first, *lines, last, empty = text.removesuffix("\n").split("\n")
    assert (first, last, empty) == ("---", "---", "")

    def block(indent):
        if re.match(r" *- ", lines[0]):
            items = []
            while lines and re.match(rf" {{{indent}}}- ", lines[0]):
                lines[0] = lines[0].replace("- ", "  ", 1)
                inner = lines[0].strip()
                items.append(block(indent + 2) if re.match(r"[\w-]+:", inner) else json.loads(lines.pop(0)))
            return items
        found = {}
        while lines and (match := re.fullmatch(rf" {{{indent}}}([\w-]+):(?: (.+))?", lines[0])):
            lines.pop(0)
            key, value = match.groups()
            assert key not in found
            deeper = indent + 2 if value is None and not re.match(rf" {{{indent}}}- ", lines[0]) else indent
            found[key] = block(deeper) if value is None else json.loads(value)
        return found

    found = block(0)
    assert not lines
    return found


def test_what_the_hub_reads():
    assert read(head(RESULT, "mit")) == {
        "license": "mit",
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "kerascifar", "tiny36k"],
        "datasets": ["uoft-cs/cifar10"],
        "model-index": [
            {
                "name": "tiny36k/dfb1230f3bf2",
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"type": "uoft-cs/cifar10", "name": "cifar10", "split": "test"},
                        "metrics": [
                            {
                                "type": "accuracy",
                                "name": "test accuracy",
                                "value": 0.91,
                                "args": {"images": 10_000, "confidence": 0.95, "interval": [0.9042, 0.9155]},
                            }
                        ],
                    }
                ],
            }
        ],
    }


def test_a_data_set_that_is_not_on_the_hub_and_a_net_of_numpy():
    config = configure(arch="scratch_fc3", dataset="digits").to_dict()
    facts = read(head(dataclasses.replace(RESULT, config=config, dataset={"name": "digits"})))
    assert facts["license"] == "unknown"
    assert facts["library_name"] == "kerascifar"
    assert "datasets" not in facts
    assert facts["model-index"][0]["results"][0]["dataset"]["type"] == "digits"


def hostile():
    return head(dataclasses.replace(RESULT, run_id=HOSTILE, dataset={"name": HOSTILE}), HOSTILE)


def test_a_hostile_name_stays_a_text():
    text = hostile().removesuffix("\n\n")
    assert text.splitlines()[0] == text.splitlines()[-1] == "---"
    assert text.splitlines().count("---") == 2
    assert [line for line in text.splitlines() if line.startswith("license:")] == [text.splitlines()[1]]
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert '\\"\\\\n---\\\\nlicense: gpl' in text  # the quote is escaped, the line's end has become two letters
    assert "\\U0000FFFF é 🦊" in text


def test_a_yaml_parser_reads_both():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    for text in (head(RESULT, "mit"), hostile()):
        (facts,) = yaml.safe_load_all(text.rsplit("---", 1)[0])
        assert list(facts)[:3] == ["license", "library_name", "pipeline_tag"]
        assert facts["model-index"][0]["results"][0]["metrics"][0]["args"]["interval"] == [0.9042, 0.9155]
    assert facts["license"].startswith('x"\\n---\\nlicense: gpl')
    assert facts["license"].endswith("\ufeff\uffff é 🦊 ${x}")
    assert facts["model-index"][0]["name"] == f"tiny36k/{facts['license']}"


@pytest.mark.parametrize(
    "test", [{"accuracy": 0.5}, {**TEST, "accuracy_interval": ["a", "b"]}, {**TEST, "images": None}]
)
def test_a_result_without_an_interval(test):
    with pytest.raises(InputError, match="has no interval of its test accuracy"):
        head(dataclasses.replace(RESULT, metrics={"test": test}))
