"""The size of an encoder: parameters and floating-point operations from the numbers of its config.json."""

from dataclasses import dataclass

from xadapt import models
from xadapt.recipe import IA3, Bottleneck, Full, LoRA, Method, ModelSpec
from xadapt.stages.encoder import Encoder


@dataclass(frozen=True)
class Shape:
    """A transformer encoder; an operation is one multiplication or one addition."""

    name: str
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int
    positions: int = 514

    @property
    def layer_weights(self) -> int:
        """Of the matrices of one layer."""
        return 4 * self.hidden**2 + 2 * self.hidden * self.intermediate

    @property
    def parameters(self) -> int:
        embedded = (self.vocabulary + self.positions) * self.hidden
        return embedded + self.layers * (self.layer_weights + 9 * self.hidden + self.intermediate)

    def forward(self, length: float) -> float:
        """Operations per token of the frozen encoder in a sequence of so many tokens."""
        return self.layers * (2 * self.layer_weights + 4 * self.hidden * length)

    def module(self, method: Method | None) -> int:
        """Weights of one module, without head and biases; of methods by a library the usual order."""
        if isinstance(method, Full):
            return self.parameters
        if isinstance(method, Bottleneck):
            places = 2 if method.place == "double" else 1
            width = max(1, round(self.hidden / method.reduction_factor))
            return places * (self.layers - len(method.leave_out)) * 2 * self.hidden * width
        if isinstance(method, LoRA):
            wide = [target for target in method.targets if target in ("intermediate", "output")]
            sides = 2 * self.hidden * (len(method.targets) - len(wide))
            sides += (self.hidden + self.intermediate) * len(wide)
            return self.layers * method.rank * sides
        if method is None:
            return 0
        return self.layers * self.hidden * (4 if isinstance(method, IA3) else 60)

    @property
    def fusion(self) -> int:
        """Weights of query, key and value of AdapterFusion in every layer."""
        return 3 * self.layers * self.hidden**2


KNOWN = {
    "xlm-roberta-base": (12, 768, 3072, 250_002),
    "xlm-roberta-large": (24, 1024, 4096, 250_002),
    "bert-base-multilingual-cased": (12, 768, 3072, 119_547),
    "roberta-base": (12, 768, 3072, 50_265),
    "roberta-large": (24, 1024, 4096, 50_265),
}
"""(layers, hidden, intermediate, vocabulary) of models that need not be on this machine to be planned."""


def shape(model: ModelSpec | Encoder) -> Shape | None:
    """None for a model whose config.json is not on this machine and whose size is not known."""
    if isinstance(model, Encoder):
        made = model.architecture
        return Shape("encoder", made.layers, made.hidden, made.intermediate, made.vocabulary, made.max_length)
    short = model.name.rpartition("/")[2]
    if model.on_hub and short in KNOWN:
        return Shape(model.name, *KNOWN[short])
    found = models.config(model)
    if found is None or (layers := models.layers(found)) is None:
        return None
    hidden = int(found.get("hidden_size") or found.get("d_model") or 0)
    wide = int(found.get("intermediate_size") or found.get("d_ff") or found.get("ffn_dim") or 4 * hidden)
    positions = int(found.get("max_position_embeddings") or 0)
    name = "toyworld" if model.name == "toyworld" else model.name
    return Shape(name, layers, hidden, wide, int(found.get("vocab_size", 0)), positions) if hidden else None
