"""Compositions as people write them: `stack(each)`, `fuse(chain(mnli, squad), hellaswag)`, `mnli + mlm`.

    composition = word [ "(" [ part { "," part } ] [ ";" option { "," option } ] ")" ] { "+" "mlm" }
    part        = composition | "each" | "all"
    option      = word "=" ( value | "[" value { "," value } "]" )

`all` stands for every intermediate task at once, `each` for every one in turn.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, get_args

from xadapt.composition import FORMS, MODULES, TARGETS, Chain, Composition, How, Merge, Multitask, WithText
from xadapt.errors import ConfigError, UnknownName, nearest, shown

RANGES = ("each", "all")
DEEPEST = 8
"""Compositions within one another: what is deeper was mistyped."""
MOST = 10**9
"""Largest size, count or weight: what is above was mistyped."""
_TOKEN = re.compile(r"\s*([A-Za-z_][\w.-]*|[-+]?[\d.][\w.+-]*|[-+(),;=\[\]])")

Part = str | Composition


def parse(text: str, names: Sequence[str], at: str = "composition") -> Iterator[Composition]:
    """Read one composition over the intermediate tasks `names`; several where `each` stands in it.

    Raises ConfigError for what is no composition or has no meaning, UnknownName for a part that is no
    intermediate task; both name `at`.
    """
    for found in _Parser(text, tuple(names), at).whole():
        if isinstance(found, str) or found.place == "module":
            raise ConfigError(
                f"{at}: {str(found)!r} is a module; under a target write continue({found}) or stack({found})"
            )
        yield found


def module(text: str, names: Sequence[str], at: str = "module") -> Iterator[Part]:
    """Read what stands inside a composition: a task name, or a module made of several. Raises as `parse`."""
    for found in _Parser(text, tuple(names), at).whole():
        if isinstance(found, Composition) and found.place == "target":
            raise ConfigError(f"{at}: {found.form} stands under a target and is no module")
        yield found


@dataclass
class _Parser:
    text: str
    names: tuple[str, ...]
    at: str
    position: int = 0

    def fault(self, why: str) -> ConfigError:
        return ConfigError(f"{self.at}: {shown(self.text)} {why}")

    @property
    def no_composition(self) -> ConfigError:
        return self.fault("is not a composition; write for example 'fuse(mnli, squad)'")

    def peek(self) -> str:
        """The next token; empty at the end."""
        if not self.text[self.position :].strip():
            return ""
        found = _TOKEN.match(self.text, self.position)
        if found is None:
            raise self.no_composition
        return found[1]

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise self.no_composition
        found = _TOKEN.match(self.text, self.position)
        assert found is not None, "peek has seen it"
        self.position = found.end()
        return token

    def accept(self, token: str) -> bool:
        if self.peek() != token:
            return False
        self.take()
        return True

    def whole(self) -> list[Part]:
        found = self.part(0)
        if self.peek():
            raise self.no_composition
        return found

    def part(self, depth: int) -> list[Part]:
        """One part; more than one alternative where `each` stands in it."""
        if depth > DEEPEST:
            raise self.fault(f"is more than {DEEPEST} deep")
        return self.plus(self.word(depth))

    def plus(self, found: list[Part]) -> list[Part]:
        while self.accept("+"):
            if self.take() != "mlm":
                raise self.fault("adds something else than mlm")
            found = [self.with_text(one) for one in found]
        return found

    def word(self, depth: int) -> list[Part]:
        word = self.take()
        if not re.match(r"[A-Za-z_]", word):
            raise self.no_composition
        if self.peek() == "(" or word in TARGETS:
            if word not in FORMS:
                raise ConfigError(f"{self.at}: no composition {word!r}{nearest(word, FORMS)}")
            return self.combined(FORMS[word], depth)
        if word not in self.names:
            if depth == 0 and word not in MODULES:
                near = nearest(word, (*FORMS, *self.names))
                raise ConfigError(f"{self.at}: no composition {word!r}{near}")
            near = nearest(word, self.names)
            raise UnknownName(f"{self.at}: {shown(self.text)} names {word!r}, no intermediate task{near}")
        return [word]

    def combined(self, form: type[Composition], depth: int) -> list[Part]:
        groups: list[list[Part]] = []
        options: dict[str, Any] = {}
        if self.accept("("):
            while self.peek() not in (")", ";"):
                groups.append(self.ranged(depth))
                if not self.accept(","):
                    break
            if self.accept(";"):
                options = self.options(form)
            self.take(")")
        made: list[Part] = []
        for chosen in self.spread(groups):
            made.append(self.checked(form(tuple(chosen)), options))
        return made

    def ranged(self, depth: int) -> list[Part]:
        if self.peek() not in RANGES:
            return self.part(depth + 1)
        word = self.take()
        return self.plus(list(self.names)) if word == "each" and self.names and self.peek() == "+" else [word]

    def spread(self, groups: list[list[Part]]) -> Iterator[Sequence[Part]]:
        """The parts of every alternative."""
        ranges = [group[0] for group in groups if group[0] in RANGES]
        if ranges and len(groups) > 1:
            raise self.fault("has more beside 'each' or 'all', which stand alone")
        if ranges and not self.names:
            raise self.fault("ranges over no intermediate task; name some in [intermediate]")
        if ranges == ["each"]:
            yield from ([name] for name in self.names)
        elif ranges:
            yield self.names
        else:
            yield from map(list, product(*groups))

    def checked(self, made: Composition, options: dict[str, Any]) -> Composition:
        """`made` with its options, where its parts are such as it takes."""
        count = len(made.parts)
        if count < made.fewest or (made.most is not None and count > made.most):
            takes = f"{made.fewest}" if made.fewest == made.most else f"{made.fewest} or more"
            said = f"{count} part" + ("" if count == 1 else "s")
            raise self.fault(f"has {said}, {made.form} takes {takes}")
        if len(set(made.parts)) < count:
            raise self.fault("names a task twice" if made.only_tasks else "has one part twice")
        for number, part in enumerate(made.parts):
            if isinstance(part, Composition):
                self.check_part(made, number, part)
        return _with_options(made, options, self)

    def check_part(self, made: Composition, number: int, part: Composition) -> None:
        if part.place == "target":
            raise self.fault(f"has {part.form} inside: it stands under a target and is no module")
        if made.only_tasks:
            raise self.fault(f"has {part.form} inside: {made.form} takes tasks only")
        if isinstance(made, Chain) and number and not isinstance(part, Multitask | WithText):
            raise self.fault(f"has {part.form} behind the first part of a chain: only training continues one")

    def with_text(self, part: Part) -> Composition:
        if not isinstance(part, str | Multitask | Chain):
            raise self.fault(f"adds mlm to {part.form}, which trains nothing that it could be mixed into")
        return WithText((part,))

    def options(self, form: type[Composition]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self.take()
            if name not in form.options():
                raise self.fault(f"gives {form.form} an option {name!r}{nearest(name, form.options())}")
            if name in found:
                raise self.fault(f"gives {name} twice")
            self.take("=")
            found[name] = self.values() if self.accept("[") else self.take()
            if not self.accept(","):
                return found

    def values(self) -> list[str]:
        found = [self.take()]
        while self.accept(","):
            found.append(self.take())
        self.take("]")
        return found


def _with_options(made: Composition, options: dict[str, Any], parser: _Parser) -> Composition:
    """Options are those of `merge`, the only form that has some."""
    if not isinstance(made, Merge):
        return made
    how = options.get("how", made.how)
    if how not in get_args(How):
        raise parser.fault(f"merges by {how!r}{nearest(str(how), get_args(How))}")
    weights = options.get("weights", [])
    found = replace(
        made,
        how=how,
        weights=tuple(_number(float, "weights", one, parser) for one in _listed(weights, parser)),
        density=_number(float, "density", options["density"], parser) if "density" in options else None,
        rank=_number(int, "rank", options["rank"], parser) if "rank" in options else None,
        seed=_number(int, "seed", options.get("seed", "0"), parser),
    )
    _check_merge(found, parser)
    return found


def _listed(value: object, parser: _Parser) -> list[str]:
    if not isinstance(value, list):
        raise parser.fault("gives weights without brackets; write weights=[0.5, 0.5]")
    return value


def _number(kind: type[Any], name: str, value: object, parser: _Parser) -> Any:
    try:
        found = kind(value)
        finite = math.isfinite(found)
    except (TypeError, ValueError, OverflowError):
        finite = False
    if not finite:
        what = "number" if kind is float else "count"
        raise parser.fault(f"gives {name} = {shown(str(value))}, which is no {what}")
    if abs(found) > MOST:
        raise parser.fault(f"gives {name} = {shown(str(value))}, more than {MOST:,}")
    return found


def _check_merge(found: Merge, parser: _Parser) -> None:
    if found.weights and len(found.weights) != len(found.parts):
        raise parser.fault(f"gives {len(found.weights)} weights to {len(found.parts)} parts")
    if found.weights and not any(found.weights):
        raise parser.fault("gives every part the weight 0")
    if found.how == "linear" and found.density is not None:
        raise parser.fault("gives a density to linear, which drops nothing")
    if found.how != "linear" and (found.density is None or not 0 < found.density <= 1):
        raise parser.fault(f"needs a density above 0, at most 1, to merge by {found.how}")
    if found.how != "dare" and found.seed:
        raise parser.fault(f"gives a seed to {found.how}, which draws nothing")
    if found.rank is not None and found.rank < 1:
        raise parser.fault(f"gives rank {found.rank}, which is below 1")
