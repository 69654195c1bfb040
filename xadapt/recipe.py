"""How one module is trained, and on which model. Only what changes the weights."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from xadapt.workflow.digest import ADDED

WHERE = {"where": True}
"""Metadata of a field that says where something lies, and so is left out of digests."""

Pooling = Literal["first", "mean", "mean_without_special", "max", "last"]
Target = Literal["query", "key", "value", "attention_output", "intermediate", "output"]
TARGETS: tuple[Target, ...] = get_args(Target)
"""The frozen projections of a layer that LoRA can update."""


Placement = Literal["sequential", "double", "parallel"]
SCALING: dict[Placement, float] = {"sequential": 1.0, "double": 1.0, "parallel": 4.0}
"""What the update of a bottleneck is multiplied with where the recipe does not say it, as in `adapters`."""


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """A bottleneck h -> h + scale up(f(down(z))) in each layer, with d / reduction_factor units between.

    With h the output of a sub-layer and x its input, z is by `place`
    sequential: LayerNorm(h + x), after the feed-forward (Pfeiffer et al. 2021; `seq_bn`);
    double: h, after the attention and after the feed-forward (Houlsby et al. 2019; `double_seq_bn`);
    parallel: x, beside the feed-forward (He et al. 2022; `par_bn`).
    """

    name: ClassVar[str] = "bottleneck"
    reduction_factor: float = 16.0
    non_linearity: Literal["relu", "gelu", "swish", "tanh"] = "relu"
    place: Placement = field(default="sequential", metadata=ADDED)
    scaling: float | None = field(default=None, metadata=ADDED)
    """The usual one of the place when None: 4 for parallel, else 1."""
    leave_out: tuple[int, ...] = field(default=(), metadata=ADDED)
    """Layers without a module, from 0, in ascending order (AdapterDrop, Rücklé et al. 2021)."""
    invertible: Literal["none", "nice"] = field(default="none", metadata=ADDED)
    """Of a language adapter: what it does to the embeddings (MAD-X; `adapters.SeqBnInvConfig`)."""
    invertible_reduction_factor: float = field(default=2.0, metadata=ADDED)

    def __post_init__(self) -> None:
        if self.scaling == SCALING[self.place]:
            # What is usual is the same value, and has the same digest, written or not.
            object.__setattr__(self, "scaling", None)

    @property
    def scale(self) -> float:
        """What the update is multiplied with."""
        return SCALING[self.place] if self.scaling is None else self.scaling


@dataclass(frozen=True, kw_only=True)
class LoRA:
    """Low-rank updates W + (alpha / rank) B A of frozen projections (Hu et al. 2022)."""

    name: ClassVar[str] = "lora"
    rank: int = 8
    alpha: float = 8.0
    dropout: float = 0.0
    targets: tuple[Target, ...] = ("query", "value")
    rslora: bool = field(default=False, metadata=ADDED)
    """Scale by alpha / sqrt(rank), so that large ranks learn as fast (Kalajdzievski 2023)."""
    dora: bool = field(default=False, metadata=ADDED)
    """Learn the length of each row of the updated matrix apart from its direction (Liu et al. 2024)."""

    @property
    def scale(self) -> float:
        """What the update B A is multiplied with."""
        return self.alpha / (self.rank**0.5 if self.rslora else self.rank)


@dataclass(frozen=True, kw_only=True)
class Full:
    """Every weight of the encoder: full fine-tuning, and how an encoder is pretrained."""

    name: ClassVar[str] = "full"


@dataclass(frozen=True, kw_only=True)
class IA3:
    """Learned vectors that scale keys, values and feed-forward units (Liu et al. 2022); by `adapters`."""

    name: ClassVar[str] = "ia3"
    selfattn_lora: bool = True
    intermediate_lora: bool = True
    output_lora: bool = False
    attn_matrices: tuple[Literal["q", "k", "v"], ...] = ("k", "v")
    leave_out: tuple[int, ...] = ()
    """Layers without vectors, from 0."""


@dataclass(frozen=True, kw_only=True)
class PrefixTuning:
    """Learned keys and values before those of the text in each layer (Li & Liang 2021); by `adapters`."""

    name: ClassVar[str] = "prefix_tuning"
    flat: bool = False
    """Train the prefixes themselves, else through a small network."""
    prefix_length: int = 30
    bottleneck_size: int = 512
    """Units of that network."""
    non_linearity: Literal["relu", "gelu", "swish", "tanh"] = "tanh"
    dropout: float = 0.0
    leave_out: tuple[int, ...] = ()
    """Layers without a prefix, from 0."""


@dataclass(frozen=True, kw_only=True)
class Compacter:
    """Bottlenecks whose matrices are sums of Kronecker products (Mahabadi et al. 2021); by `adapters`.

    Its layers share `phm_dim` small matrices; hidden size / reduction_factor must be a multiple
    of `phm_dim`.
    """

    name: ClassVar[str] = "compacter"
    mh_adapter: bool = True
    """Also after the attention; Compacter++ goes without."""
    reduction_factor: float = 32.0
    non_linearity: Literal["relu", "gelu", "swish", "tanh"] = "gelu"
    phm_dim: int = 4
    phm_rank: int = 1
    leave_out: tuple[int, ...] = ()
    """Layers without a module, from 0."""


Method = Bottleneck | LoRA | IA3 | PrefixTuning | Compacter | Full


@dataclass(frozen=True, kw_only=True)
class FusionSettings:
    """How the attention of `fuse` is trained."""

    temperature: float = 1.0
    """Scores are divided by it before the softmax; a trained fusion is kept with it folded into its query."""
    regularization: float = 0.0
    """Weight of the squared distance of the values from the identity in the loss; `adapters` adds 0.01."""
    dropout: float = 0.0
    """On the scores, as `adapters` applies it."""


DEFAULT_FUSION = FusionSettings()
SNAPSHOTS = 10
Select = Literal["last", "dev", "average", "oracle"]
"""Which weights of a training are used: those of its last step, of the snapshot that is best on English
development data, the mean of the snapshots (Schmidt et al. 2023), or for each test language those of the
snapshot that is best on development data of that language, which no zero-shot system has."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training, resolved for one task. Batches count examples, lengths count tokens."""

    method: Method = field(default_factory=Bottleneck)
    lr: float = 1e-4
    epochs: float = 3.0
    steps: int | None = None
    """Optimizer steps; when given, `epochs` does not count."""
    batch: int = 32
    warmup: float = 0.1
    """Share of the steps in which the learning rate rises linearly, or from 1 their number; then it falls
    linearly to zero."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest gradient norm of one task."""
    max_length: int = 128
    stride: int = 64
    """Tokens that two windows of one long document share (span tasks)."""
    pooling: Pooling = "first"
    """What a sentence head reads: the first or the last token, or the mean or maximum over all tokens.

    `mean_without_special` leaves the first and the last token out of the mean.
    """
    dropout: float = 0.1
    """On embeddings, sub-layer outputs and head inputs while training."""
    mask: float = 0.15
    """Share of tokens that masked language modelling hides."""
    fusion: FusionSettings = field(default=DEFAULT_FUSION, metadata=ADDED)
    select: Select = field(default="last", metadata=ADDED)
    snapshots: int = field(default=SNAPSHOTS, metadata=ADDED)
    """How many, equally spaced over the steps (training/selection.py); `last` takes none."""

    @property
    def work(self) -> float:
        """Training examples, an epoch counted as a thousand steps: before the data are read no one knows."""
        return float((self.steps or 1000 * self.epochs) * self.batch)


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the steps of a multi-task training are shared among its tasks (training/sampler.py)."""

    how: Literal["uniform", "proportional", "capped", "temperature"] = "capped"
    cap: int = 131_072
    """Largest size that a task counts with, for `capped` and `temperature`; 2^17 as in jiant and T5."""
    temperature: float = 2.0
    """For `temperature`: sizes count with the power 1 / temperature."""
    steps: int | None = field(default=None, metadata=ADDED)
    """Optimizer steps of a mixture; when not given, as many as its tasks would take one after another."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A pretrained encoder: a hub id at a revision, a local folder, or `toyworld`, the embedded one."""

    name: str = "FacebookAI/xlm-roberta-large"
    revision: str = "main"
    """A hub revision; for a folder and for `toyworld` the digest of its files, filled in when planned."""
    folder: str | None = field(default=None, metadata=WHERE)
    files: tuple[tuple[str, str, int], ...] = field(default=(), metadata={"derived": True} | ADDED)
    """(name, SHA-256, bytes) of the files that are loaded from the hub, filled in from the lock."""

    @property
    def on_hub(self) -> bool:
        return self.name != "toyworld" and self.folder is None


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A new XLM-R with random weights, and the tokenizer trained for it."""

    layers: int = 4
    hidden: int = 128
    heads: int = 4
    intermediate: int = 512
    vocabulary: int = 8000
    """Unigram pieces, special tokens included."""
    max_length: int = 256


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a retrieval target reads sentence vectors: tokens of one hidden state pooled.

    Special tokens count, as in XTREME and jiant, unless `pooling` says otherwise.
    """

    layer: int = 14
    """Index into hidden states; 0 is the embedding, so 14 is the output of the 14th layer."""
    pooling: Pooling = "mean"
