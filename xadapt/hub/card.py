"""The card of a module: complete from its records, the same for the same records, or refused."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xadapt.errors import ConfigError
from xadapt.hub import citations, facts, use
from xadapt.hub.address import Address
from xadapt.hub.bundle import Bundle
from xadapt.hub.carried import MISSING, Rows, Scored
from xadapt.hub.metadata import metadata
from xadapt.hub.modules import MAKERS, Shelf
from xadapt.workflow.record import Record

PLACEHOLDER = re.compile(r"\[More Information Needed\]|<!--|\{\{|\b(?:TODO|TBD|FIXME)\b")
"""What templates leave to be filled in."""


def card(bundle: Bundle, address: Address, command: str, license: str = "") -> str:
    """README.md of a bundle with a module at its root; `command` makes the module again.

    Raises ConfigError where something must be said that no record says.
    """
    record, shelf = bundle.stages[""], bundle.shelf
    ground = facts.base(record)
    data, scores = facts.stated(facts.trained_on(record, shelf), license), facts.scores(record, shelf)
    head = metadata(address.name, record, ground, facts.types(record, shelf), data, scores, license)
    body = [
        f"# {address.name}",
        _first(record, shelf, ground),
        "## Use",
        use.text(bundle, address, ground),
        "## What it is made of",
        made_of(bundle.stages, shelf),
        "## Training data",
        data_table(data),
        "## Scores",
        _scores(scores),
        "## Cost",
        cost(bundle.stages),
        "## Make it again",
        f"```\n{command}\n```",
        f"Digest `{record.digest}`; {_versions(record)}.",
        "## Limits",
        _limits(record, data, scores, bool(license)),
        "## Citation",
        citations.text(shelf, facts.makers(record, shelf)),
    ]
    return checked(written(head, body))


def written(head: dict[str, Any], body: Iterable[str]) -> str:
    """The text of a card."""
    from huggingface_hub import CardData

    top = CardData(**head).to_yaml()
    return f"---\n{top}\n---\n\n" + "\n\n".join(body) + "\n"


def checked(text: str) -> str:
    """`text`. Raises ConfigError when a placeholder is left in it, with its line."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := PLACEHOLDER.search(line):
            message = f"card, line {number}: {line.strip()[:100]!r} still holds {found[0]!r}"
            hint = "say the licence with --license, such as apache-2.0" if MISSING in line else ""
            raise ConfigError(f"{message}; nothing was pushed", hint)
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _first(record: Record, shelf: Shelf, ground: facts.Base) -> str:
    if language := record.fields.get("language"):
        return (
            f"`{shelf.title(record)}`: {shelf.method(record)}, on the frozen encoder {ground.described}. "
            f"Trained by xadapt by masked language modelling on text in `{language}`, to lie below modules "
            "of any task (MAD-X). `record.json` says how it was made."
        )
    full = shelf.method(record) == "full"
    how = "full fine-tuning of" if full else f"{shelf.method(record)}, on the frozen encoder"
    return (
        f"`{shelf.title(record)}`: {how} {ground.described}. Made by xadapt for zero-shot cross-lingual "
        "transfer: trained in one language, scored in those below. `record.json` says how it was made."
    )


def made_of(stages: Mapping[str, Record], shelf: Shelf) -> str:
    """Stages by their folder, as a table."""
    rows = (
        (
            f"`{folder or '.'}`",
            _title(each, shelf),
            _method(each, shelf),
            f"`{each.digest[:12]}`",
        )
        for folder, each in stages.items()
    )
    return table(("folder", "what", "method", "digest"), rows)


def _title(record: Record, shelf: Shelf) -> str:
    return f"`{shelf.title(record)}`" if record.kind in MAKERS else record.kind


def _method(record: Record, shelf: Shelf) -> str:
    seed = f", seed {record.fields['seed']}" if "seed" in record.fields else ""
    return f"{shelf.method(record)}{seed}"


def data_table(data: Sequence[Rows]) -> str:
    """Where the rows come from, as a table."""
    rows = (
        (
            each.task,
            each.what,
            f"`{each.revision}`" if each.revision else "",
            "" if each.kept is None else f"{each.kept:,}" + (" (limited)" if each.limit else ""),
            each.license,
        )
        for each in data
    )
    return table(("task", "source", "revision", "examples", "licence"), rows)


def _scores(scores: Sequence[Scored]) -> str:
    if not scores:
        return "No score of it was in the store that it was pushed from."
    rows = (
        (
            each.task,
            each.language,
            each.metric,
            f"{each.value:.1f}" + ("~" if each.at_chance else ""),
            f"{each.n:,}" + (" (limited)" if each.rows.limit else ""),
            f"`{each.digest[:12]}`",
            " ".join(filter(None, (f"`{each.data[:12]}`", each.test))),
        )
        for each in scores
    )
    means = "; ".join(_mean(name, found) for name, found in facts.tests(scores).items())
    note = f"Percent. {means}. ~: the 95 % interval reaches the best constant answer."
    head = ("task", "language", "metric", "score", "n", "digest", "test data")
    return f"{table(head, rows)}\n\n{note}"


def _mean(name: str, scores: Sequence[Scored]) -> str:
    if (found := facts.mean(scores)) is None:
        return f"{name}: no mean, since a language has several test data"
    return f"{name}: zero-shot mean over {found[1]} languages {found[0]:.1f}"


def cost(stages: Mapping[str, Record]) -> str:
    """What each stage took, as a table."""
    rows = []
    for folder, each in stages.items():
        notes = each.notes
        rows.append(
            (
                f"`{folder or '.'}`",
                f"{notes.get('training_seconds', each.seconds):,.1f}",
                f"{notes['tokens']:,}" if "tokens" in notes else "",
                f"{notes['steps']:,}" if "steps" in notes else "",
                f"{notes['trainable']:,}" if "trainable" in notes else "",
                ", ".join(str(notes[name]) for name in ("device", "precision") if name in notes),
                f"{notes['peak_memory_bytes'] / 1e9:.2f}" if "peak_memory_bytes" in notes else "",
            )
        )
    head = ("folder", "seconds", "tokens", "steps", "trained weights", "device", "peak memory, GB")
    said = "Trainings that ran side by side share their tokens and seconds; the peak on a CPU is what came"
    return f"{table(head, rows)}\n\n{said} on top of the frozen encoder."


def _versions(record: Record) -> str:
    known = ", ".join(f"{name} {version}" for name, version in sorted(record.packages.items()))
    return f"{known}, commit {record.commit[:12]}" if record.commit else known


def _limits(record: Record, data: Sequence[Rows], scores: Sequence[Scored], given: bool) -> str:
    seed = "One seed: another one gives other scores. " if "seed" in record.fields else ""
    languages = ", ".join(dict.fromkeys(each.language for each in scores)) or "none"
    lines = [
        "It computes what it was trained for on this encoder alone: loaded on another one, it means nothing.",
        f"{seed}Scored in these languages: {languages}. Nothing is known of others.",
    ]
    if any(each.limit for each in data):
        lines.append("It was trained on a part of its data alone.")
    if record.fields.get("recipe", {}).get("select") == "oracle":
        lines.append("Weights were selected on each test language: these scores are not zero-shot.")
    if "probe.safetensors" in record.files:
        lines.append(
            "`probe.safetensors` holds token numbers of at most four training sequences of 32 tokens, by "
            "which a wrong encoder is found."
        )
    rule = "as its author states" if given else "no wider than those of its training data"
    lines.append(f"Its licence is {rule}; the table above names the latter.")
    return "\n".join(f"- {line}" for line in lines)
