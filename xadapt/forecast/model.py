"""The encoder of a plan before it is loaded: its sizes, and the operations of a token."""

from dataclasses import dataclass

from xadapt import models
from xadapt.errors import UnknownName, nearest
from xadapt.memory.sizes import Sizes
from xadapt.recipe import ModelSpec
from xadapt.stages.encoder import Encoder
from xadapt.workflow.stage import Stage

KNOWN = {
    "xlm-roberta-base": Sizes(12, 768, 12, 3072, 250_002),
    "xlm-roberta-large": Sizes(24, 1024, 16, 4096, 250_002),
    "xlm-roberta-xl": Sizes(36, 2560, 32, 10_240, 250_880),
    "xlm-roberta-xxl": Sizes(48, 4096, 32, 16_384, 250_880),
    "bert-base-multilingual-cased": Sizes(12, 768, 12, 3072, 119_547, 512),
    "bert-base-multilingual-uncased": Sizes(12, 768, 12, 3072, 105_879, 512),
    "roberta-base": Sizes(12, 768, 12, 3072, 50_265),
    "roberta-large": Sizes(24, 1024, 16, 4096, 50_265),
    "mmBERT-small": Sizes(22, 384, 6, 1152, 256_000, 0),
    "mmBERT-base": Sizes(22, 768, 12, 1152, 256_000, 0),
    "ModernBERT-base": Sizes(22, 768, 12, 1152, 50_368, 0),
    "ModernBERT-large": Sizes(28, 1024, 16, 2624, 50_368, 0),
    "mt5-small": Sizes(8, 512, 6, 1024, 250_112, 0),
    "mt5-base": Sizes(12, 768, 12, 2048, 250_112, 0),
    "mt5-large": Sizes(24, 1024, 16, 2816, 250_112, 0),
    "mt5-xl": Sizes(24, 2048, 32, 5120, 250_112, 0),
    "mt5-xxl": Sizes(24, 4096, 64, 10_240, 250_112, 0),
    "Llama-3.2-1B": Sizes(16, 2048, 32, 8192, 128_256, 0),
    "Llama-3.2-3B": Sizes(28, 3072, 24, 8192, 128_256, 0),
    "Llama-3.1-8B": Sizes(32, 4096, 32, 14_336, 128_256, 0),
    "Qwen2.5-0.5B": Sizes(24, 896, 14, 4864, 151_936, 0),
    "Qwen2.5-1.5B": Sizes(28, 1536, 12, 8960, 151_936, 0),
    "Qwen2.5-7B": Sizes(28, 3584, 28, 18_944, 152_064, 0),
    "Qwen3-0.6B": Sizes(28, 1024, 16, 3072, 151_936, 0),
    "Qwen3-1.7B": Sizes(28, 2048, 16, 6144, 151_936, 0),
    "Qwen3-4B": Sizes(36, 2560, 32, 9728, 151_936, 0),
    "Qwen3-8B": Sizes(36, 4096, 32, 12_288, 151_936, 0),
}
"""Models that need not be on this machine to be planned, by their config.json; 0 positions are no table."""


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


def unsized(stage: Stage) -> str:
    """The name of the model that a stage computes with."""
    of = getattr(stage, "model", None)
    return of.name if isinstance(of, ModelSpec) else "its model"
