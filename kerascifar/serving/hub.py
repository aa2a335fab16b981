"""The head of a model card in YAML, as the Hugging Face hub reads it: what the net is, and how good."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from kerascifar.architectures import engine
from kerascifar.core.errors import InputError
from kerascifar.core.shown import printable
from kerascifar.results import KERAS_MODEL, Result

LICENSE = "unknown"  # a word that the hub knows
DATASETS = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}  # names on the hub
_TASK = "image-classification"


def head(result: Result, license: str = LICENSE) -> str:
    """Return the head for the card of `result`, with its lines of three hyphens.

    Every text is quoted and escaped, so that none from a file can end its line or the head.

    Args:
        result: a finished run.
        license: the licence of the net, by its name on the hub, such as mit.

    Raises InputError: the result has no interval of its accuracy.
    """
    arch, data, test = result.config["arch"], str(result.dataset.get("name")), result.metrics["test"]
    try:
        low, high = map(float, test["accuracy_interval"])
        images = int(test["images"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"the result of run {printable(result.run_id)} has no interval of its test accuracy") from None
    measured = {
        "task": {"type": _TASK},
        "dataset": {"type": DATASETS.get(data, data), "name": data, "split": "test"},
        "metrics": [
            {
                "type": "accuracy",
                "name": "test accuracy",
                "value": float(result.accuracy),
                "args": {"images": images, "confidence": 0.95, "interval": [low, high]},
            }
        ],
    }
    facts = {
        "license": license,
        "library_name": "keras" if engine(arch).MODEL == KERAS_MODEL else "kerascifar",
        "pipeline_tag": _TASK,
        "tags": [_TASK, "kerascifar", arch],
        **({"datasets": [DATASETS[data]]} if data in DATASETS else {}),
        "model-index": [{"name": f"{arch}/{result.run_id}", "results": [measured]}],
    }
    return "\n".join(["---", *_yaml(facts), "---", "", ""])


def _yaml(mapping: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of `mapping`, whose keys are plain words, as block YAML."""
    for key, value in mapping.items():
        if isinstance(value, dict):
            yield f"{key}:"
            yield from (f"  {line}" for line in _yaml(value))
        elif isinstance(value, list):
            yield f"{key}:"
            for item in value:
                first, *rest = _yaml(item) if isinstance(item, dict) else [_scalar(item)]
                yield f"- {first}"
                yield from (f"  {line}" for line in rest)
        else:
            yield f"{key}: {_scalar(value)}"


def _scalar(value: str | float) -> str:
    """Return a number, or a text in quotes with JSON's escapes, which are YAML's too."""
    if not isinstance(value, str):
        return json.dumps(value, allow_nan=False)
    quoted = json.dumps(printable(value), ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08X}" for letter in quoted)
