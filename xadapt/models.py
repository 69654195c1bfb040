"""What is known of model families before anything loads: which engine carries which method on which of them.

The fast engine (modeling/encoder.py) computes a family with `fast`. Everything else goes through `adapters`,
LoRA through `peft`: one training at a time, with modules under compositions that need no second module.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from xadapt import variants
from xadapt.composition import TRAINED, Composition, Fuse, Gate, Merge, Stack, WithText, supports
from xadapt.errors import ConfigError, DataError, nearest
from xadapt.recipe import Bottleneck, Full, LoRA, Method, ModelSpec, Recipe
from xadapt.sources import cache

Engine = Literal["fast", "library"]
Projections = Mapping[str, tuple[str, ...]]

SENTENCES = ("classification", "choice")
"""Types of tasks whose head reads what a recipe's `pooling` makes of a text."""
BY_LIBRARY = ("ia3", "prefix_tuning", "compacter")
"""Methods that the fast engine does not compute on any family."""
BY_INTERFACE = ("bottleneck", "lora", "ia3", "compacter")
"""Methods on a family that `adapters` 1.3.0 knows by an interface alone: it has no prefix tuning there.

Nor on Llama, where a prefix changes no hidden state.
"""
EVERY = (*BY_INTERFACE, "prefix_tuning")
COMBINES = (Stack, Fuse, Gate, Merge)
"""Compositions of several modules, which only the fast engine computes."""


def _places(attention: Sequence[str], out: str, intermediate: Sequence[str], output: str) -> Projections:
    """`attention` are the matrices of query, key and value: three, or one for all."""
    query, key, value = attention if len(attention) == 3 else (*attention, *attention, *attention)
    return {
        "query": (query,),
        "key": (key,),
        "value": (value,),
        "attention_output": (out,),
        "intermediate": tuple(intermediate),
        "output": (output,),
    }


BERT = _places(
    ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.output.dense",
    ("intermediate.dense",),
    "output.dense",
)
MODERNBERT = _places(("attn.Wqkv",), "attn.Wo", ("mlp.Wi",), "mlp.Wo")
MT5 = _places(
    ("layer.0.SelfAttention.q", "layer.0.SelfAttention.k", "layer.0.SelfAttention.v"),
    "layer.0.SelfAttention.o",
    ("layer.1.DenseReluDense.wi_0", "layer.1.DenseReluDense.wi_1"),
    "layer.1.DenseReluDense.wo",
)
QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
LLAMA = _places(QKV, "self_attn.o_proj", ("mlp.gate_proj", "mlp.up_proj"), "mlp.down_proj")
XGLM = _places(QKV, "self_attn.out_proj", ("fc1",), "fc2")
BLOOM = _places(
    ("self_attention.query_key_value",),
    "self_attention.dense",
    ("mlp.dense_h_to_4h",),
    "mlp.dense_4h_to_h",
)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Models of one architecture, by the `model_type` of their config.json."""

    model_type: str
    title: str
    """Models that people know it by."""
    model_class: str
    """Of transformers: the model without a head."""
    layers: str
    """Where its layers lie in that class."""
    projections: Projections
    """Our name of a frozen projection -> its matrices below a layer."""
    methods: tuple[str, ...] = EVERY
    """What the libraries carry on it."""
    fast: bool = False
    decoder: bool = False
    """Each token sees only those before it."""
    shifted: bool = False
    """Positions count from behind the padding id, as RoBERTa's do."""
    pooler: bool = False
    """Its class takes `add_pooling_layer`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What its config must say so that it computes the same everywhere."""

    @property
    def fused(self) -> bool:
        """Query, key and value are one matrix."""
        return self.projections["query"] == self.projections["key"]


def _roberta(model_type: str, title: str, model_class: str, **more: Any) -> Family:
    return Family(
        model_type=model_type,
        title=title,
        model_class=model_class,
        layers="encoder.layer",
        projections=BERT,
        pooler=True,
        **more,
    )


def _causal(model_type: str, title: str, model_class: str, **more: Any) -> Family:
    given: dict[str, Any] = {"layers": "layers", "projections": LLAMA, "methods": BY_INTERFACE}
    return Family(model_type=model_type, title=title, model_class=model_class, decoder=True, **given | more)


FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        _roberta("xlm-roberta", "XLM-R base, large", "XLMRobertaModel", fast=True, shifted=True),
        _roberta("roberta", "RoBERTa", "RobertaModel", fast=True, shifted=True),
        _roberta("bert", "mBERT, BERT", "BertModel", fast=True),
        _roberta("xlm-roberta-xl", "XLM-R XL, XXL", "XLMRobertaXLModel", shifted=True, methods=BY_INTERFACE),
        Family(
            model_type="modernbert",
            title="mmBERT, ModernBERT",
            model_class="ModernBertModel",
            layers="layers",
            projections=MODERNBERT,
            methods=BY_INTERFACE,
            settings={"reference_compile": False, "_attn_implementation": "sdpa"},
        ),
        Family(
            model_type="mt5",
            title="mT5 encoder",
            model_class="MT5EncoderModel",
            layers="encoder.block",
            projections=MT5,
        ),
        _causal("llama", "Llama", "LlamaModel"),
        _causal("qwen2", "Qwen 2, 2.5", "Qwen2Model"),
        _causal("qwen3", "Qwen 3", "Qwen3Model"),
        _causal("xglm", "XGLM", "XGLMModel", projections=XGLM, methods=("lora",)),
        _causal("bloom", "BLOOM", "BloomModel", layers="h", projections=BLOOM, methods=("lora",)),
    )
}


def known(model_type: str, place: str) -> Family:
    """The family of a config. Raises DataError, beginning with `place`, for one that nothing here carries."""
    if model_type not in FAMILIES:
        raise DataError(
            f"{place}: model_type = {model_type!r} is not supported{nearest(model_type, FAMILIES)}"
        )
    return FAMILIES[model_type]


def config(model: ModelSpec) -> dict[str, Any] | None:
    """The config.json of a model; None where it is not on this machine yet."""
    if model.name == "toyworld":
        place: Path | None = Path(str(files("xadapt.toyworld") / "encoder" / "config.json"))
    elif model.folder is not None:
        place = Path(model.folder) / "config.json"
    else:
        place = cache.find("model", model.name, model.revision, "config.json")
    return None if place is None else _read(place)


def _read(place: Path) -> dict[str, Any] | None:
    if not place.is_file():
        return None
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{place}: cannot be read as JSON ({error})") from error
    if not isinstance(found, dict):
        raise DataError(f"{place}: holds {found!r}; needed is an object of named fields")
    return found


def family(model: ModelSpec) -> Family | None:
    """None where its config is not on this machine yet; raises DataError for a family nothing carries."""
    return _family(config(model), model.name)


def at(folder: str, name: str) -> Family | None:
    """The family of a model in a folder."""
    return _family(_read(Path(folder) / "config.json"), name)


def _family(found: Mapping[str, Any] | None, name: str) -> Family | None:
    return None if found is None else known(str(found.get("model_type")), f"model {name!r}")


def layers(found: Mapping[str, Any]) -> int | None:
    """Of a config.json, where it says."""
    names = ("num_hidden_layers", "num_layers", "n_layer")
    return next((_number(found, name) for name in names if name in found), None)


def room(found: Mapping[str, Any]) -> int | None:
    """Tokens of the longest sequence, of a config.json that says how many positions there are."""
    if "max_position_embeddings" not in found:
        return None
    family = FAMILIES.get(str(found.get("model_type")))
    shifted = family is not None and family.shifted and "pad_token_id" in found
    before = _number(found, "pad_token_id") + 1 if shifted else 0
    return _number(found, "max_position_embeddings") - before


def _number(found: Mapping[str, Any], name: str) -> int:
    if type(found[name]) is not int:
        raise DataError(f"config.json: {name} = {found[name]!r}; needed is a whole number")
    return int(found[name])


def engine(of: Family | None, method: str | None) -> Engine:
    """Which engine runs a method on a family; None is one that is not known yet, or no method at all."""
    if method in BY_LIBRARY or (of is not None and not of.fast):
        return "library"
    return "fast"


def refusal(of: Family | None, method: Method, composition: Composition, *, trains: bool) -> str | None:
    """None when the composition of modules of this method is defined on this family, else why not."""
    if why := supports(method.name, composition, trains=trains) or variants.refusal(method, composition):
        return why
    if of is None or engine(of, method.name) == "fast":
        return None
    if why := unsupported(of, method):
        return why
    for one in _forms(composition):
        if isinstance(one, COMBINES):
            return f"{one.form} on {of.model_type} needs the fast engine, by library alone and continue"
        if isinstance(one, WithText) and of.decoder:
            return f"+ mlm is not defined on {of.model_type}, which reads from left to right"
    return None


def unsupported(of: Family, method: Method) -> str | None:
    """None when an engine carries the method on this family, else why not."""
    if engine(of, method.name) == "fast":
        return None
    if method.name not in of.methods:
        return f"{method.name} is not defined on {of.model_type}, only {', '.join(of.methods)}"
    if isinstance(method, Bottleneck) and method.invertible != "none":
        return f"an invertible adapter on {of.model_type} needs the fast engine"
    if isinstance(method, LoRA) and of.fused:
        found = {"query", "key", "value"} & set(method.targets)
        if len(found) not in (0, 3):
            return f"{of.model_type} has one matrix for query, key and value: LoRA targets name all or none"
    return None


def _forms(composition: Composition) -> list[Composition]:
    """The composition and every one inside it."""
    inner = [part for part in composition.parts if isinstance(part, Composition)]
    return [composition, *(one for part in inner for one in _forms(part))]


def pooling_fits(of: Family | None, task_type: str, recipe: Recipe, place: str) -> None:
    """Raise ConfigError where a sentence head would read a token that has seen nothing of the text."""
    if of is not None and of.decoder and task_type in SENTENCES and recipe.pooling == "first":
        raise ConfigError(
            f"{place}: 'first' reads a token before which {of.model_type} has seen nothing",
            'set pooling = "last"',
        )


def markdown() -> str:
    """The table of the README: family, then what its modules are under each method, and by which engine."""
    methods = ("bottleneck", "lora", Full.name, *BY_LIBRARY)
    lines = [
        f"| model | `model_type` | {' | '.join(f'`{method}`' for method in methods)} |",
        f"| {' | '.join(['---'] * (2 + len(methods)))} |",
    ]
    for family in FAMILIES.values():
        cells = [_cell(family, method) for method in methods]
        lines.append(f"| {family.title} | `{family.model_type}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(family: Family, method: str) -> str:
    forms = "alone, continue" if TRAINED[method] == TRAINED[Full.name] else "all"
    if engine(family, method) == "fast":
        return f"fast: {forms}"
    return "library: alone, continue" if method in family.methods else "-"
