"""One job of a loop as values: the frozen modules below, and what trains on top."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from xadapt.composition import Alone, Composition, Fuse, Gate
from xadapt.errors import ConfigError
from xadapt.modeling import combined
from xadapt.modeling.combined import Combined
from xadapt.modeling.module import Module, invertible_shapes, kept, shapes
from xadapt.recipe import LoRA


@dataclass(frozen=True)
class Slot:
    """One job: frozen modules below (the leaves of `composition`), and what trains on top.

    `own` is the job's module (for `continue` it starts as a copy and nothing is below); `combined` are the
    leaves of `fuse` or `gate` with what is learned of them. With neither, the composition is read as it is.
    """

    composition: Composition = field(default_factory=Alone)
    own: Module | None = None
    combined: Combined | None = None
    language: Module | None = None
    """A frozen language adapter, below everything else (MAD-X)."""

    @property
    def below(self) -> tuple[Module, ...]:
        """Frozen modules, the lowest first."""
        lowest = (self.language,) if self.language else ()
        return lowest if isinstance(self.composition, Fuse | Gate) else (*lowest, *self.composition.parts)

    @property
    def structure(self) -> Hashable:
        """Jobs with an equal structure share a bank."""
        below = tuple(shape(part) for part in self.below)
        if self.combined is not None:
            settings = getattr(self.combined, "settings", None)
            parts = tuple(shape(part) for part in self.combined.parts)
            return (below, type(self.combined), settings, parts)
        return (below, shape(self.own) if self.own else None)


def shape(module: Module) -> Hashable:
    """What modules of one bank have in common."""
    return module.method, tuple(sorted((name, tuple(w.shape)) for name, w in module.weights.items()))


def is_dora(module: Module) -> bool:
    return isinstance(module.method, LoRA) and module.method.dora


def check(slot: Slot, config: Any) -> None:
    """Raises ConfigError for modules that do not fit the encoder or each other."""
    parts = slot.combined.parts if slot.combined else ()
    if parts:
        combined.check_parts(slot.composition.form, parts)
    modules = [*slot.below, *parts, *([slot.own] if slot.own else ())]
    stacked = len(modules) - (slot.language is not None) > 1
    if stacked and any(is_dora(module) for module in modules):
        raise ConfigError("stack of DoRA is not defined: each of its modules rescales the whole matrix")
    for module in modules:
        layers = next(iter(module.weights.values())).shape[0]
        if layers != len(kept(module.method, config.num_hidden_layers)):
            raise ConfigError(f"a module for {layers} layers on an encoder of {config.num_hidden_layers}")
        found = {name: tuple(weight.shape[1:]) for name, weight in module.weights.items()}
        for name, needed in shapes(module.method, config).items():
            if found.get(name) != needed:
                raise ConfigError(f"module weight {name!r} is {found.get(name)}, the encoder needs {needed}")
        _check_invertible(slot, module, config)


def _check_invertible(slot: Slot, module: Module, config: Any) -> None:
    found = {name: tuple(weight.shape) for name, weight in module.invertible.items()}
    if found != invertible_shapes(module.method, config):
        raise ConfigError("an invertible adapter of another size than the encoder's embeddings")
    trains = slot.own if not slot.below else None
    if module.invertible and module is not (slot.language or trains):
        raise ConfigError("an invertible adapter stands above another module; only the lowest can have one")
