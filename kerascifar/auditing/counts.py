"""The sections of the page that count: verdicts, classes, confusions, and what it all means for the runs."""

from collections import Counter
from collections.abc import Mapping, Sequence

from kerascifar.auditing.findings import VERDICTS, Pair, Suspect
from kerascifar.core.shown import printable
from kerascifar.reporting.document import Cell, Column, Fold, Section, Table, Text, number, text

_CONFUSIONS = 40  # rows of given and proposed classes: the frequent ones say what is confused, the rest is in the list
Effect = Mapping[str, str | int | float | None]


def sections(pairs: Sequence[Pair], suspects: Sequence[Suspect], effects: Sequence[Effect]) -> list[Section]:
    """Return the counts of an audit, and a table of `effects` where there are any.

    Args:
        pairs: the pairs found.
        suspects: the labels found, those that do not count as wrong too.
        effects: a row per run, by heading: words, counts, and accuracies as floats, 0 to 1; None where there is none.
    """
    wrong = [one for one in suspects if one.suspect]
    found = [*([_verdicts(pairs)] if pairs else []), *([_confusions(wrong)] if wrong else [])]
    if pairs or suspects:
        found.append(Fold("classes", "Per class", [_classes(pairs, wrong)]))
    done = [Section("found", "What was found", "How many of each, and where?", found or [Text("Nothing was found.")])]
    if effects:
        question = "How much of an accuracy is memory, and how much is lost to wrong labels?"
        done.append(Section("runs", "What it means for the runs", question, [_effects(effects)]))
    return done


def _verdicts(pairs: Sequence[Pair]) -> Table:
    counts = Counter((between(pair), pair.verdict) for pair in pairs)
    rows = [
        [text(place), *(_count(counts[place, verdict]) for verdict in VERDICTS),
         _count(sum(counts[place, verdict] for verdict in VERDICTS))]
        for place in dict.fromkeys(map(between, pairs))
    ]  # fmt: skip
    return Table("Pairs by the splits that they stand in, and by verdict.",
                 [Column("splits", numbers=False), *map(Column, VERDICTS), Column("all")], rows)  # fmt: skip


def _confusions(wrong: Sequence[Suspect]) -> Table:
    counts = Counter((one.given, one.proposed) for one in wrong)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    caption = "Suspect labels by the class given and the class proposed"
    caption += "." if len(ranked) <= _CONFUSIONS else f"; the {_CONFUSIONS} most frequent of {len(ranked)}."
    columns = [Column("given", numbers=False), Column("proposed", numbers=False), Column("labels")]
    rows = [[_name(given), _name(proposed), _count(n)] for (given, proposed), n in ranked[:_CONFUSIONS]]
    return Table(caption, columns, rows)


def _classes(pairs: Sequence[Pair], wrong: Sequence[Suspect]) -> Table:
    # A pair of two classes counts for both.
    by_verdict = Counter((name, p.verdict) for p in pairs for name in {p.a_label, p.b_label})
    apart = Counter(name for p in pairs if p.a_label != p.b_label for name in (p.a_label, p.b_label))
    given, proposed = Counter(one.given for one in wrong), Counter(one.proposed for one in wrong)
    columns = [
        Column("class", numbers=False),
        *map(Column, VERDICTS),
        Column("two labels", note="Pairs whose labels differ"),
        Column("suspect", note="Labels of this class that are suspect"),
        Column("proposed", note="Suspect labels for which this class is proposed"),
    ]
    rows = [
        [_name(name), *(_count(by_verdict[name, verdict]) for verdict in VERDICTS),
         _count(apart[name]), _count(given[name]), _count(proposed[name])]
        for name in sorted({name for name, _ in by_verdict} | set(given) | set(proposed))
    ]  # fmt: skip
    return Table("Pairs and suspect labels of each class; a pair of two classes counts for both.", columns, rows)


def _effects(effects: Sequence[Effect]) -> Table:
    names = list(dict.fromkeys(name for row in effects for name in row))
    words = {name for name in names if any(isinstance(row.get(name), str) for row in effects)}
    columns = [Column(printable(name), numbers=name not in words) for name in names]
    return Table("A row per run; the scores that it saved, once more, on fewer images.", columns,
                 [[_value(row.get(name)) for name in names] for row in effects])  # fmt: skip


def between(pair: Pair) -> str:
    """Return the splits of a pair in words, such as ``test and train``, or ``within test``."""
    return f"within {pair.a_split}" if pair.a_split == pair.b_split else f"{pair.a_split} and {pair.b_split}"


def _value(value: str | int | float | None) -> Cell:
    if isinstance(value, str):
        return _name(value)
    return number(value, ",d" if isinstance(value, int) else ".4f")


def _name(words: str) -> Cell:
    return text(printable(words))


def _count(value: int) -> Cell:
    return number(value, ",d")
