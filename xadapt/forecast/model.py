"""The encoder of a plan before it is loaded: its sizes, and the operations of a token."""

from dataclasses import dataclass

from xadapt import models
from xadapt.errors import UnknownName, nearest
from xadapt.memory.sizes import Sizes
from xadapt.recipe import ModelSpec
from xadapt.stages.encoder import Encoder

KNOWN = {
    "xlm-roberta-base": Sizes(12, 768, 12, 3072, 250_002),
    "xlm-roberta-large": Sizes(24, 1024, 16, 4096, 250_002),
    "bert-base-multilingual-cased": Sizes(12, 768, 12, 3072, 119_547, 512),
    "roberta-base": Sizes(12, 768, 12, 3072, 50_265),
    "roberta-large": Sizes(24, 1024, 16, 4096, 50_265),
}
"""Models that need not be on this machine to be planned."""


@dataclass(frozen=True)
class Model:
    """An encoder by name; an operation is one multiplication or one addition."""

    name: str
    sizes: Sizes

    @property
    def parameters(self) -> int:
        return self.sizes.matrices + self.sizes.rest

    def forward(self, length: float) -> float:
        """Operations per token of the frozen encoder in a sequence of so many tokens."""
        return 2 * self.sizes.matrices + self.sizes.layers * 4 * self.sizes.hidden * length


def model(of: ModelSpec | Encoder) -> Model | None:
    """None for one whose config.json is not on this machine and whose sizes are not known."""
    if isinstance(of, Encoder):
        return Model("encoder", Sizes.made(of.architecture))
    short = of.name.rpartition("/")[2]
    if of.on_hub and short in KNOWN:
        return Model(of.name, KNOWN[short])
    found = models.config(of)
    sizes = None if found is None else Sizes.of(found)
    return None if sizes is None else Model(of.name, sizes)


def of_name(name: str) -> Model:
    """A known model; raises UnknownName."""
    short = name.rpartition("/")[2]
    if short not in KNOWN:
        raise UnknownName(f"--model {name}: its size is not known{nearest(short, ['toyworld', *KNOWN])}")
    return Model(short, KNOWN[short])
