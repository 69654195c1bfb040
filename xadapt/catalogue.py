"""What there is to know of a task, as data and as text; the table of tasks in README.md is made here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from xadapt.task import Source, Task, sources
from xadapt.tasks import tasks


@dataclass(frozen=True)
class Place:
    """Where one part of a task's data comes from: one split of one dataset, in one config or several."""

    part: str
    """train, dev, tune or test."""
    path: str
    """Hub id; empty for data of a local folder only."""
    split: str
    revision: str | None
    configs: tuple[str, ...]
    local: tuple[str, ...]
    """The same rows below a data folder."""
    files: tuple[str, ...] = ()
    """The user's own, in place of all these."""

    def text(self) -> str:
        """`owner/name config split @ revision, or a folder's name/config/split`, or a file."""
        if self.files:
            return _few(self.files)
        folder = f"{_few(self.local)} in a folder"
        if not self.path:
            return folder
        hub = f"{self.path} {_few(self.configs)} {self.split} @ {self.revision or 'to be locked'}"
        return f"{hub}; {folder}"


def _few(names: tuple[str, ...]) -> str:
    return " ".join(names) if len(names) < 3 else f"{names[0]} ... {names[-1]} ({len(names)})"


def places(what: Task) -> list[Place]:
    """The places of all parts and languages; what differs in its config alone is one."""
    found: dict[tuple[str, str, str, str | None], list[Source]] = {}
    for part, source in _parts(what):
        found.setdefault((part, source.path, source.split, source.revision), []).append(source)
    return [
        Place(
            *key,
            configs=_once(each.config for each in every if each.file is None),
            local=_once(each.local for each in every if each.file is None),
            files=_once(str(each.file) for each in every if each.file is not None),
        )
        for key, every in found.items()
    ]


def _parts(what: Task) -> Iterator[tuple[str, Source]]:
    for part, english in (("train", what.train), ("dev", what.dev)):
        yield from ((part, source) for source in sources(english))
    for part, given in (("tune", what.tune), ("test", what.test)):
        for language in (*what.languages, *what.wider) if given else ():
            yield from ((part, source) for source in sources(given(language)))  # type: ignore[misc]


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def facts(what: Task) -> dict[str, Any]:
    """Everything about one task, as JSON data; a size that could not be verified is None."""
    return {
        "name": what.name,
        "title": what.title,
        "type": what.type,
        "role": what.role,
        "benchmark": list(what.benchmarks),
        "languages": list(what.languages),
        "wider": list(what.wider),
        "metric": what.metric,
        "labels": list(what.labels),
        "trains_as": what.trains_as,
        "sizes": what.sizes._asdict() if what.sizes else None,
        "sources": [vars(place) for place in places(what)],
        "license": what.license,
        "quirks": what.quirks,
    }


def lines(what: Task) -> list[tuple[str, str]]:
    """(what, value) of everything about one task, for people."""
    sizes = what.sizes._asdict() if what.sizes else {}
    known = [f"{part} {size:,}" for part, size in sizes.items() if size is not None]
    return [
        ("task", f"{what.name}: {what.title}"),
        ("type", what.type),
        ("role", ", ".join((what.role, *what.benchmarks))),
        ("languages", f"{' '.join(what.languages)} ({len(what.languages)})"),
        *([("wider", f"{' '.join(what.wider)} ({len(what.wider)}, in XTREME-R)")] if what.wider else []),
        ("metric", what.metric),
        *([("labels", " ".join(what.labels))] if what.labels else []),
        *([("trains as", what.trains_as)] if what.trains_as else []),
        ("sizes", ", ".join(known) or "not verified"),
        *_said(places(what)),
        ("licence", what.license),
        ("quirks", what.quirks),
    ]


def _said(found: Iterable[Place]) -> Iterator[tuple[str, str]]:
    """(parts, place): what is scored is often the development data."""
    parts: dict[str, list[str]] = {}
    for place in found:
        parts.setdefault(place.text(), []).append(place.part)
    for text, named in parts.items():
        yield ", ".join(named), text


def table() -> str:
    """All tasks as a Markdown table: intermediate tasks, then targets, then text."""
    order = ("intermediate", "target", "text")
    every = sorted(tasks().values(), key=lambda what: (order.index(what.role), what.name))
    head = "| task | what it is | type | used as | languages | metric | source |\n" + "| --- " * 7 + "|"
    return "\n".join([head, *map(_row, every)]) + "\n"


def _row(what: Task) -> str:
    used = ", ".join(what.benchmarks) or what.role
    paths = _once(place.path or "a local folder" for place in places(what))
    many = what.languages[0] if len(what.languages) == 1 else str(len(what.languages))
    wider = f" + {len(what.wider)}" if what.wider else ""
    cells = (f"`{what.name}`", what.title, what.type, used, many + wider, what.metric, ", ".join(paths))
    return f"| {' | '.join(cells)} |"
