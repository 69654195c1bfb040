"""How trained modules are combined under a target, written as `fuse(chain(mnli, squad), hellaswag)`.

A composition is a tree and a value. At the top stands what a target does with modules (`alone`, `continue`,
`stack`, `fuse`, `gate`, `merge`), below it stand modules: an intermediate task by name, or one that is made
of several (`chain`, `multitask`, `merge`, `... + mlm`). Its leaves are task names in an experiment file; in a
plan its parts are stages. The printed form is the parsed form (notation.py). Which method supports which
composition, trained or read as it is, stands in one table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

Place = Literal["target", "module", "both"]


@dataclass(frozen=True)
class Composition:
    """One way to combine `parts`; a subclass is one way."""

    parts: tuple[Any, ...] = ()

    form: ClassVar[str] = ""
    fewest: ClassVar[int] = 1
    most: ClassVar[int | None] = 1
    place: ClassVar[Place] = "target"
    """Whether it stands under a target, makes a module for another composition, or both."""
    only_tasks: ClassVar[bool] = False
    """Whether its parts must be tasks, since it trains them itself."""

    def map(self, change: Callable[[Any], Any]) -> "Composition":
        """The same form and options over changed parts."""
        options = {name: getattr(self, name) for name in self.options()}
        return type(self)(tuple(change(part) for part in self.parts), **options)

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """The names of what may be said behind a semicolon."""
        return tuple(field.name for field in fields(cls) if field.name != "parts")

    def tasks(self) -> Iterator[str]:
        """The task names at its leaves, from left to right, each as often as it stands there."""
        for part in self.parts:
            if isinstance(part, Composition):
                yield from part.tasks()
            else:
                yield part

    def __str__(self) -> str:
        said = [
            f"{field.name}={_written(getattr(self, field.name))}"
            for field in fields(self)
            if field.name != "parts" and getattr(self, field.name) != field.default
        ]
        inner = "; ".join([", ".join(map(str, self.parts)), *([", ".join(said)] if said else [])])
        return f"{self.form}({inner})" if inner else self.form


def _written(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


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
    """A learned attention mixes frozen modules: AdapterFusion (Pfeiffer et al. 2021), for LoRA in rank space.

    Under a target without training it is trained on the mixture of the parts' own tasks, as `gate` is.
    """

    form, fewest, most = "fuse", 2, None


class Gate(Composition):
    """One learned weight per frozen module and layer: the cheap baseline beside `fuse`."""

    form, fewest, most = "gate", 2, None


How = Literal["linear", "ties", "dare"]


@dataclass(frozen=True)
class Merge(Composition):
    """One module from several in weight space, by a stated formula; nothing is trained (modeling/merge.py).

    Under a target that trains, the target's module starts from it.
    """

    how: How = "linear"
    weights: tuple[float, ...] = ()
    """One for each part; the mean of all when empty."""
    density: float | None = None
    """Share of the entries that `ties` and `dare` keep."""
    rank: int | None = None
    """Of the merged LoRA module, by truncated SVD; exact when None."""
    seed: int = 0
    """Of what `dare` drops."""

    form, fewest, most, place = "merge", 2, None, "both"
    __str__ = Composition.__str__


class Chain(Composition):
    """Each task continues from the module of the one before it: sequential intermediate training."""

    form, fewest, most, place = "chain", 2, None, "module"


class Multitask(Composition):
    """One module trained on the mixture of several tasks."""

    form, fewest, most, place, only_tasks = "multitask", 2, None, "module", True


class WithText(Composition):
    """One module whose training is mixed with masked language modelling on the text of `[mlm]`."""

    form, place = "+ mlm", "module"

    def __str__(self) -> str:
        return f"{self.parts[0]} + mlm"


FORMS: dict[str, type[Composition]] = {
    form.form: form for form in (Alone, Continue, Stack, Fuse, Gate, Merge, Chain, Multitask)
}
"""By the word that they are written with."""
TARGETS = tuple(name for name, form in FORMS.items() if form.place != "module")
MODULES = tuple(name for name, form in FORMS.items() if form.place != "target")

_ONE = ("alone", "continue")
"""Of methods that the libraries carry: one module at a time."""
_MERGES = ("alone", "continue", "stack", "fuse", "gate", "merge")
TRAINED: dict[str, tuple[str, ...]] = {
    "bottleneck": _MERGES,
    "lora": _MERGES,
    "full": ("alone", "continue"),
    "ia3": _ONE,
    "prefix_tuning": _ONE,
    "compacter": _ONE,
}
"""method -> compositions under a target that trains."""
READ = ("alone", "continue", "stack", "merge", "fuse", "gate")
"""Compositions that a target without training can read."""


def supports(method: str, composition: Composition, *, trains: bool) -> str | None:
    """None when defined, else why not."""
    if composition.form not in TRAINED.get(method, ()):
        return f"{composition.form} is not defined for {method}"
    if not trains and composition.form not in READ:
        return f"{composition.form} needs a target that trains"
    if "merge" not in TRAINED[method] and _has_merge(composition):
        return f"merge is not defined for {method}"
    if method == "bottleneck" and (why := _merges_by_average(composition)):
        return why
    return None


def _has_merge(composition: Composition) -> bool:
    parts = (part for part in composition.parts if isinstance(part, Composition))
    return isinstance(composition, Merge) or any(map(_has_merge, parts))


def _merges_by_average(composition: Composition) -> str | None:
    """A bottleneck is no update of a frozen matrix: only the average of its weights is defined."""
    if isinstance(composition, Merge):
        if composition.how != "linear":
            return f"merge by {composition.how} is not defined for bottleneck, only linear"
        if composition.rank is not None:
            return "merge to a rank is not defined for bottleneck"
    parts = (part for part in composition.parts if isinstance(part, Composition))
    return next((why for part in parts if (why := _merges_by_average(part))), None)
