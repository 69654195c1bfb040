"""How trained modules are combined under a target, written as `fuse(mnli, squad)` and kept as a value.

The leaves are task names in an experiment file, and stages in a plan. The printed form is the parsed
form. Which method supports which composition, trained or read as it is, stands in one table.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from xadapt.errors import ConfigError, UnknownName, nearest


@dataclass(frozen=True)
class Composition:
    """One way to combine `parts`; a subclass is one way."""

    parts: tuple[Any, ...] = ()

    form: ClassVar[str] = ""
    fewest: ClassVar[int] = 1
    most: ClassVar[int | None] = 1

    def map(self, change: Callable[[Any], Any]) -> "Composition":
        """The same form over changed parts."""
        return type(self)(tuple(change(part) for part in self.parts))

    def __str__(self) -> str:
        return f"{self.form}({', '.join(map(str, self.parts))})" if self.parts else self.form


class Alone(Composition):
    """Only the target's own module on the frozen encoder."""

    form, fewest, most = "alone", 0, 0


class Continue(Composition):
    """The target's module starts from the weights of one trained module: STILTs."""

    form = "continue"


class Stack(Composition):
    """The target's module runs on the output of one frozen module."""

    form = "stack"


class Fuse(Composition):
    """A learned attention mixes frozen modules: AdapterFusion (Pfeiffer et al. 2021)."""

    form, fewest, most = "fuse", 2, None


FORMS: dict[str, type[Composition]] = {form.form: form for form in (Alone, Continue, Stack, Fuse)}

TRAINED = {"bottleneck": ("alone", "continue", "stack", "fuse"), "lora": ("alone", "continue", "stack")}
"""method -> compositions under a target that trains."""

READ = ("alone", "continue", "stack")
"""Compositions that a target without training can read: `fuse` has no weights until a target trains it."""


def supports(method: str, composition: Composition, *, trains: bool) -> str | None:
    """None when defined, else why not."""
    if composition.form not in TRAINED.get(method, ()):
        return f"{composition.form} is not defined for {method}"
    if not trains and composition.form not in READ:
        return f"{composition.form} needs a target that trains"
    return None


def parse(text: str, names: Sequence[str], at: str = "composition") -> Iterator[Composition]:
    """Read one composition over the intermediate tasks `names`.

    `each` stands for every name in turn, `all` for all of them. Raises ConfigError for a wrong form
    or number of parts, UnknownName for a part that is no intermediate task; both name `at`.
    """
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\(([^()]*)\))?\s*", text)
    if not match:
        raise ConfigError(f"{at}: {text!r} is not a composition; write for example 'fuse(mnli, squad)'")
    if match[1] not in FORMS:
        raise ConfigError(f"{at}: no composition {match[1]!r}{nearest(match[1], FORMS)}")
    form = FORMS[match[1]]
    parts = [part.strip() for part in match[2].split(",")] if match[2] and match[2].strip() else []
    for part in parts:
        if part not in (*names, "each", "all"):
            raise UnknownName(f"{at}: {text!r} names {part!r}, no intermediate task{nearest(part, names)}")
    if not names and {"each", "all"} & set(parts):
        raise ConfigError(f"{at}: {text!r} ranges over no intermediate task; name some in [intermediate]")
    for group in _spread(parts, names):
        if len(group) < form.fewest or (form.most is not None and len(group) > form.most):
            takes = f"{form.fewest}" if form.fewest == form.most else f"{form.fewest} or more"
            count = f"{len(group)} part" + ("" if len(group) == 1 else "s")
            raise ConfigError(f"{at}: {text!r} has {count}, {form.form} takes {takes}")
        if len(set(group)) < len(group):
            raise ConfigError(f"{at}: {text!r} names a task twice")
        yield form(tuple(group))


def _spread(parts: list[str], names: Sequence[str]) -> Iterator[list[str]]:
    if parts == ["each"]:
        yield from ([name] for name in names)
    elif "all" in parts and len(parts) == 1:
        yield list(names)
    elif "each" in parts or "all" in parts:
        raise ConfigError(f"'each' and 'all' stand alone, not among others: {', '.join(parts)}")
    else:
        yield parts
