"""--precision auto: how much of a net is in bfloat16, by what the processor lists and what the net's layers are.

The choice is made before the run id, which depends on it, and by nothing that is measured: so the same command on the
same processor always names the same run.
"""

from dataclasses import dataclass, replace

from kerascifar import results
from kerascifar.config import FIELDS, RunConfig
from kerascifar.core.errors import InputError
from kerascifar.core.processor import flags
from kerascifar.core.registry import Variant

AUTO, CHOICES = "auto", ("float32", "mixed_bfloat16", "bfloat16_convolutions")


@dataclass(frozen=True)
class Rule:
    """What processors that list `flags` gain from bfloat16.

    Attributes:
        precisions: (dense_share, precision): the first row whose share a net's ``Variant.dense_share`` reaches is that
            of the net; float32 where it reaches none.
        source: what was measured, and where.
    """

    flags: frozenset[str]
    precisions: tuple[tuple[float, str], ...]
    source: str


_WITH_BFLOAT16 = ((0.96, "mixed_bfloat16"), (0.0, "bfloat16_convolutions"))
# The first row whose flags a processor lists decides; tests hold it against each tools/measured/precision*.json, which
# `python tools/bench_training.py --precision --out FILE` writes.
RULES = (
    Rule(
        frozenset({"amx_bf16"}),
        _WITH_BFLOAT16,
        "no measurement of ours: Intel states 1,024 operations a cycle and core, AVX-512's float32 has 64",
    ),
    Rule(
        frozenset({"avx512_bf16", "sse4a"}),  # sse4a: AMD's alone
        _WITH_BFLOAT16,
        "EPYC (Zen 4), tools/measured/precision-epyc.json",
    ),
    Rule(
        frozenset({"avx512_bf16"}),
        (),
        "Xeon without AMX, tools/measured/precision.json and 0015: slower than float32",
    ),
)


@dataclass(frozen=True)
class Choice:
    """A precision, and why in words."""

    precision: str
    why: str


def choose(listed: frozenset[str], arch: str, dense_share: float | None) -> Choice:
    """Return the precision for a processor that lists the flags `listed`, and for `arch` with its share.

    >>> listed = frozenset({"avx512_bf16", "amx_bf16"})
    >>> choose(listed, "resnet18", 1.0).precision, choose(listed, "mobilenet_v2", 0.933).precision
    ('mixed_bfloat16', 'bfloat16_convolutions')
    >>> choose(frozenset({"avx2"}), "resnet18", 1.0)
    Choice(precision='float32', why='this processor lists neither amx_bf16 nor avx512_bf16')
    """
    rule = next((rule for rule in RULES if rule.flags <= listed), None)
    if rule is None:
        return Choice("float32", "this processor lists neither amx_bf16 nor avx512_bf16")
    has = " and ".join(sorted(rule.flags))
    if not rule.precisions:
        return Choice(
            "float32", f"this processor lists {has} alone, with which bfloat16 was slower where it was measured"
        )
    if dense_share is None:
        return Choice("float32", f"nothing is known of the layers of {arch}")
    share = f"{dense_share:.1%} of the multiply-adds of {arch} are in dense convolutions"
    precision = next((name for least, name in rule.precisions if dense_share >= least), "float32")
    return Choice(precision, f"this processor lists {has}, and {share}")


def chosen(arch: str, variant: Variant) -> dict[str, str | bool]:
    """Return the RunConfig fields that ``precision="auto"`` stands for, for `arch` on this processor.

    Raises InputError: it is no Keras net.
    """
    if variant.engine not in FIELDS["precision"].metadata["engines"]:
        raise InputError(f"--precision does not apply to {arch}; it applies to Keras nets")
    return {"precision": choose(flags(), arch, variant.dense_share).precision, "precision_auto": True}


def check_auto(config: RunConfig) -> None:
    """Refuse --precision auto where more than one processor or a GPU computes. Raises InputError."""
    if config.precision_auto and config.strategy == "multiworker":
        raise InputError("--precision auto: the workers' processors may differ, give one by name")
    if config.precision_auto and config.device.startswith("gpu"):
        raise InputError(f"--precision auto is a rule for CPUs, got --device {config.device}: give one by name")


def as_begun(config: RunConfig) -> RunConfig:
    """Return `config` in the precision in which --precision auto began its run elsewhere, if such a run lies there.

    A run of the precision chosen here comes first, and --again begins anew.
    """
    if not config.precision_auto or config.again:
        return config
    ways = [config, *(replace(config, precision=other) for other in CHOICES if other != config.precision)]
    files = (results.FINISHED, results.VALIDATED, results.CHECKPOINT, results.BEFORE)
    return next((way for way in ways if any((way.folder / file).exists() for file in files)), config)


def describe(config: RunConfig, variant: Variant) -> str:
    """Return a line on what --precision auto chose and why; "" where the precision was given."""
    if not config.precision_auto:
        return ""
    here = choose(flags(), config.arch, variant.dense_share)
    if config.precision == here.precision:
        return f"precision {here.precision} (auto: {here.why})"
    return f"precision {config.precision} (auto: the run was begun in it; a new one would be in {here.precision} here)"
