"""What a card says of stages that do not go with a module, its data and scores: `facts.json` beside it.

A store keeps what it pulled, so that a module that is pushed on has the same card.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xadapt import typed
from xadapt.errors import IntegrityError
from xadapt.workflow.digest import digest_of
from xadapt.workflow.disk import writable
from xadapt.workflow.store import Store, write_atomically

NAME = "facts.json"
FOLDER = ".facts"
"""In a store: the facts of each pull, named by their content."""
MISSING = "[More Information Needed]"
"""What stands where something is not known, as in the hub's own template: no card is pushed with it."""


@dataclass(frozen=True)
class Rows:
    """One place that rows of a task were read from."""

    task: str
    what: str
    """`owner/name config split`, or a file by its content."""
    dataset: str = ""
    """Hub id; empty for rows from elsewhere."""
    config: str = ""
    split: str = ""
    revision: str = ""
    kept: int | None = None
    limit: int | None = None
    license: str = MISSING


@dataclass(frozen=True)
class Scored:
    """One score of a module."""

    task: str
    type: str
    language: str
    metric: str
    value: float
    """Percent."""
    n: int
    rows: Rows
    digest: str
    data: str
    """Digest of the test data."""
    test: str = ""
    """What tells it from other tests of the task, whatever the language: `limit 7`."""
    at_chance: bool = False


@dataclass(frozen=True)
class Facts:
    """`rows` by the digest of the data, `scores` by that of the module."""

    rows: dict[str, tuple[Rows, ...]] = field(default_factory=dict)
    scores: dict[str, tuple[Scored, ...]] = field(default_factory=dict)

    def of(self, data: Collection[str], modules: Collection[str]) -> "Facts":
        """What is said of these alone."""
        return Facts(
            {digest: said for digest, said in self.rows.items() if digest in data},
            {digest: said for digest, said in self.scores.items() if digest in modules},
        )


def text(facts: Facts) -> str:
    """As JSON with a seal, the same for the same facts."""
    plain = _filled(dataclasses.asdict(facts))
    return json.dumps(plain | {"seal": digest_of(plain)}, indent=1, sort_keys=True) + "\n"


def _filled(value: Any) -> Any:
    """Without what is None, and with lists for tuples, as it is read again."""
    if isinstance(value, Mapping):
        return {name: _filled(each) for name, each in value.items() if each is not None}
    return [_filled(each) for each in value] if isinstance(value, list | tuple) else value


def read(raw: bytes, at: str) -> Facts:
    """Raises IntegrityError, beginning with `at`, for anything but sealed facts."""
    try:
        plain = json.loads(raw)
        seal = plain.pop("seal")
        found: Facts = typed.build(Facts, plain, ())
    except (ValueError, KeyError, TypeError, AttributeError, typed.Wrong) as error:
        raise IntegrityError(f"{at}: not readable facts ({error})") from error
    if seal != digest_of(plain):
        raise IntegrityError(f"{at}: changed since it was written")
    return found


def keep(facts: Facts, store: Store) -> None:
    """Raises DiskFull or Unwritable."""
    said = text(facts)
    with writable(store.root):
        (store.root / FOLDER).mkdir(exist_ok=True)
        write_atomically(store.root / FOLDER / f"{hashlib.sha256(said.encode()).hexdigest()[:16]}.json", said)


def kept(store: Store) -> Facts:
    """All that the pulls of a store were told; a file that is not readable counts as gone."""
    found = Facts()
    for path in sorted(store.root.glob(f"{FOLDER}/*.json")):
        try:
            one = read(path.read_bytes(), str(path))
        except IntegrityError:
            continue
        found.rows.update(one.rows)
        for digest, scores in one.scores.items():
            found.scores[digest] = unique((*found.scores.get(digest, ()), *scores))
    return found


def unique(scores: Iterable[Scored]) -> tuple[Scored, ...]:
    """Each score once, the first that is told of it."""
    found: dict[str, Scored] = {}
    for each in scores:
        found.setdefault(each.digest, each)
    return tuple(found.values())
