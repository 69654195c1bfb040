"""Any Hugging Face model as the encoder, with one module on it that a library computes.

The seam is that of the fast engine: packed tokens in, hidden states of the same tokens out. In between the
batch is padded. One job at a time: the libraries carry one module.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import transformers

from xadapt import models
from xadapt.composition import Alone, Stack
from xadapt.errors import ConfigError
from xadapt.modeling.assemble import Assembled, Slot, Stacked
from xadapt.modeling.encoder import Encoder, Through, directly
from xadapt.modeling.library_modules import Carrier
from xadapt.modeling.loading import check_whole, loading
from xadapt.modeling.module import Module
from xadapt.modeling.packed import Packed
from xadapt.modeling.sites import NO_SITES, Dropout, NoSites, Sites, no_dropout
from xadapt.recipe import Method

MARK = 0.4321
"""A dropout rate that no config has: what holds it in a built model is a dropout of hidden states."""
DROPOUTS = (
    *("hidden_dropout_prob", "hidden_dropout", "dropout_rate", "dropout", "activation_dropout"),
    *("embedding_dropout", "mlp_dropout"),
)
"""Fields of configs: dropouts that the recipe's rate is for. mT5 has one for all, attention included."""
NO_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout", "layerdrop")
"""Those that are not offered."""
UNBOUNDED = 10**9
"""Tokens of a model without a table of positions."""


class LibraryEncoder(Encoder):
    """A frozen model without a head, in the place of the fast encoder."""

    def __init__(self, model: Any, name: str) -> None:
        torch.nn.Module.__init__(self)
        self.config = model.config
        # In a tuple: the weights of the module on it are not the encoder's.
        self._model = (model.eval(),)
        self.family = models.known(model.config.model_type, f"model {name!r}")
        self.carrier = Carrier(model, self.family)
        self._dropouts = [
            (module, place)
            for module in model.modules()
            for place, value in vars(module).items()
            if isinstance(value, float) and value == MARK
        ]
        self._set_dropout(0.0)

    @classmethod
    def load(cls, place: str, revision: str | None = None, name: str = "") -> "LibraryEncoder":
        """From a folder or hub id, in fp32, safetensors only.

        Raises DataError when it is not there or of no known family, IntegrityError when weights are missing,
        broken or of another size.
        """
        with loading(name):
            config = transformers.AutoConfig.from_pretrained(place, revision=revision)
            family = models.known(config.model_type, f"model {name!r}")
            settings = {"add_pooling_layer": False} if family.pooler else {}
            model, info = getattr(transformers, family.model_class).from_pretrained(
                place,
                revision=revision,
                config=prepared(config),
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
                **settings,
            )
        check_whole(name, info)
        return cls(model, name)

    @property
    def model(self) -> Any:
        return self._model[0]

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """What is frozen; the module's weights are those of `LibraryAssembled`."""
        return ((str(number), weight) for number, weight in enumerate(self.carrier.frozen))

    @property
    def word_embeddings(self) -> torch.nn.Parameter:
        words: torch.nn.Parameter = self.model.get_input_embeddings().weight
        return words

    @property
    def room(self) -> int:
        """Tokens of the longest sequence."""
        places = getattr(self.config, "max_position_embeddings", None) or UNBOUNDED
        return int(places) - (int(self.config.pad_token_id) + 1 if self.family.shifted else 0)

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Matrices and embeddings in `dtype`, norms in fp32."""
        self.model.to(device=device, dtype=dtype)
        for module in self.model.modules():
            if type(module).__name__.endswith("Norm"):
                module.float()

    def initial(self, method: Method, seed: int) -> Module:
        """A module as its library starts it, from `seed` alone. Raises ConfigError where there is none."""
        if why := models.unsupported(self.family, method):
            raise ConfigError(why)
        self.carrier.put(method, seed)
        return self.module()

    def module(self) -> Module:
        """A copy of the module that is on the model."""
        assert self.carrier.method is not None, "put on before"
        weights = {name: p.detach().clone() for name, p in self.carrier.weights().items()}
        return Module(self.carrier.method, weights)

    def forward(
        self,
        packed: Packed,
        sites: Sites = NO_SITES,
        *,
        upto: int | None = None,
        dropout: Dropout = no_dropout,
        through: Through = directly,
    ) -> torch.Tensor:
        """Hidden states [T, hidden], as of `Encoder`; what is dropped follows from the streams of `sites`.

        `dropout` and `through` are not asked: the model calls its layers.

        Raises ValueError for a sequence longer than the position table, ConfigError for a layer that is not
        there.
        """
        if max(packed.lengths) > self.room:
            raise ValueError(
                f"a sequence has {max(packed.lengths)} tokens, the encoder has {self.room} positions"
            )
        if upto is not None and not 0 <= upto <= self.config.num_hidden_layers:
            raise ConfigError(
                f"layer {upto} of an encoder of {self.config.num_hidden_layers}", "set [reading] layer"
            )
        given, mask = self._padded(packed)
        with self._drawing(sites):
            found = self.model(**given, output_hidden_states=upto is not None)
        hidden = found.last_hidden_state if upto is None else found.hidden_states[upto]
        own: torch.Tensor = hidden[mask].float()
        return own

    def _padded(self, packed: Packed) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What the model takes, [sequences, longest], and where in it the tokens are."""
        lengths = torch.tensor(packed.lengths, device=packed.ids.device)
        mask = torch.arange(max(packed.lengths), device=lengths.device) < lengths[:, None]
        ids = torch.full(mask.shape, self.config.pad_token_id or 0, device=lengths.device)
        ids[mask] = packed.ids
        given = {"input_ids": ids, "attention_mask": mask.long()}
        if self.family.shifted:
            # Left to itself the model counts a text's own padding token as no token.
            given["position_ids"] = mask.cumsum(1) * mask + self.config.pad_token_id
        if packed.types is not None and getattr(self.config, "type_vocab_size", 1) > 1:
            types = torch.zeros_like(ids)
            types[mask] = packed.types
            given["token_type_ids"] = types
        return given, mask

    @contextmanager
    def _drawing(self, sites: Sites) -> Iterator[None]:
        """Dropout as the stream of the one job asks: the same for a seed, task and step."""
        streams = sites.streams if isinstance(sites, Carried) else None
        if streams is None:
            yield
            return
        (stream,) = streams
        device = self.word_embeddings.device
        self._set_dropout(stream.rate)
        self.model.train()
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(stream.seed)
            try:
                yield
            finally:
                self.model.eval()

    def _set_dropout(self, rate: float) -> None:
        for module, place in self._dropouts:
            setattr(module, place, rate)


def prepared(config: Any) -> Any:
    """The config of a model that drops hidden states at a rate that is set later, and nothing else."""
    for name, value in models.known(config.model_type, "config").settings.items():
        setattr(config, name, value)
    for name in DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, MARK)
    for name in NO_DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    config.use_cache = False
    return config


class Carried(NoSites):
    """The module for one forward; it is on the model already."""

    def __init__(self, streams: Sequence[Any] | None) -> None:
        self.streams = streams


class LibraryAssembled(Assembled):
    """The one slot of a loop or a prediction, its module put on the encoder.

    Raises ConfigError for more than one slot and for compositions of several modules.
    """

    def __init__(self, slots: Sequence[Slot], encoder: LibraryEncoder) -> None:
        torch.nn.Module.__init__(self)
        self.slots, self.groups = tuple(slots), torch.nn.ModuleList()
        self.encoder = encoder
        if len(slots) != 1:
            raise ConfigError(f"{len(slots)} trainings side by side; a library carries one at a time")
        (slot,) = slots
        if slot.language is not None:
            raise ConfigError(f"a language adapter below is not defined on {encoder.family.model_type}")
        carried = [*slot.below, *([slot.own] if slot.own else [])]
        if slot.combined is not None or len(carried) > 1 or not isinstance(slot.composition, Alone | Stack):
            raise ConfigError(
                f"{slot.composition.form} of several modules on {encoder.family.model_type} is not defined",
                "by library there are alone and continue",
            )
        encoder.carrier.take_off()
        for module in carried:
            encoder.carrier.put(module.method, seed=0)
            encoder.carrier.fill(module.weights)
        self._own = dict(encoder.carrier.weights()) if slot.own else {}

    def sites(
        self,
        packed: Packed,
        jobs: Sequence[int],
        streams: Sequence[Any] | None = None,
        watch: Any = None,
        cut: bool = False,
    ) -> Sites:
        """As of `Assembled`; raises ValueError where the batch is not of the one job."""
        if list(jobs) != [0] or len(packed.tokens) != 1:
            raise ValueError(
                f"jobs {list(jobs)} for a batch of {len(packed.tokens)} groups; the one job is 0"
            )
        if streams is not None and len(streams) != 1:
            raise ValueError(f"{len(streams)} dropout streams for 1 job")
        return Carried(streams)

    def stacked(self) -> list[Stacked]:
        """Everything that trains."""
        return [Stacked(f"module.{name}", p, (0,), whole=True) for name, p in self._own.items()]

    def trained(self, job: int) -> Module:
        """The weights that the job trained, copied."""
        if not self._own:
            raise ConfigError(f"job {job} trains no module")
        return self.encoder.module()
