"""A plain model with modules in its matrices against the engine that computes them beside these."""

from dataclasses import replace

import pytest
import torch
import transformers

from tests.modeling.conftest import config, padded, random_fusion, random_module, run, sequences, shake, unpad
from tests.modeling.conftest import encoder as encoder
from tests.modeling.conftest import hf as hf
from xadapt.composition import Fuse, Gate, Merge, Stack
from xadapt.modeling import combined
from xadapt.modeling.encoder import Encoder, Packed, no_dropout
from xadapt.modeling.heads import pool
from xadapt.modeling.merge import merge
from xadapt.modeling.slot import Slot
from xadapt.recipe import TARGETS, Bottleneck, LoRA
from xadapt.serving.check import theirs
from xadapt.serving.fold import cut, folded, one_bottleneck, unfoldable
from xadapt.serving.stock import SENTENCES, auto_class, with_head
from xadapt.task_types import task_type

SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 34,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
ALL = LoRA(rank=3, alpha=6, targets=TARGETS)
PARTS = tuple(random_module(replace(ALL, rank=rank, rslora=rank == 2), rank) for rank in (2, 3, 4))
GATE = combined.Gate({"gate": torch.tensor([[0.2, 0.7, -0.4], [1.1, 0.3, 0.0], [0.5, 0.5, 2.0]])}, PARTS)
SLOTS = {
    "nothing": Slot(),
    "lora": Slot(own=PARTS[0]),
    "some targets": Slot(own=random_module(LoRA(rank=2, targets=("value", "output")), 5)),
    "dora": Slot(own=random_module(replace(ALL, dora=True), 6)),
    "stack": Slot(Stack((PARTS[1],)), own=PARTS[0]),
    "ties": Slot(own=merge(PARTS, Merge(PARTS, how="ties", density=0.3))[0]),
    "gate": Slot(Gate(PARTS), combined=GATE),
}


@torch.no_grad()
@pytest.mark.parametrize("name", SLOTS)
def test_the_folded_model_computes_the_same(hf, encoder, name: str) -> None:
    slot = SLOTS[name]
    assert unfoldable(slot) is None
    expected = run(encoder, slot, Packed.of(sequences()))[1]
    ids, mask = padded(sequences())
    model = folded(encoder, slot).eval()
    found = unpad(model(ids, attention_mask=mask).last_hidden_state, mask)
    assert (found - expected).abs().max() < 1e-5
    plain = unpad(hf(ids, attention_mask=mask).last_hidden_state, mask)
    assert (plain - expected).abs().max() > 0.05 or name == "nothing", "the module must matter"


@torch.no_grad()
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_a_cut_model_ends_with_that_layer(encoder, layers: int) -> None:
    slot, packed = SLOTS["stack"], Packed.of(sequences())
    assembled = run(encoder, slot, packed)[0]
    expected = encoder(packed, assembled.sites(packed, [0]), upto=layers)
    ids, mask = padded(sequences())
    model = cut(folded(encoder, slot), layers).eval()
    found = unpad(model(ids, attention_mask=mask).last_hidden_state, mask)
    assert (found - expected).abs().max() < 1e-5
    assert encoder.config.num_hidden_layers == config().num_hidden_layers


def test_what_has_no_plain_form_says_why() -> None:
    bottleneck = random_module(Bottleneck(reduction_factor=4), 1)
    assert "non-linearity" in str(unfoldable(Slot(own=bottleneck)))
    assert "non-linearity" in str(unfoldable(Slot(own=PARTS[0], language=bottleneck)))
    fusion = random_fusion(PARTS, 1)
    assert "depend on the token" in str(unfoldable(Slot(Fuse(PARTS), combined=fusion)))


@torch.no_grad()
@pytest.mark.parametrize("model_type", ["xlm-roberta", "roberta", "bert"])
@pytest.mark.parametrize("kind", ["classification", "choice", "tagging", "span"])
def test_a_head_has_its_place_in_the_stock_model(kind: str, model_type: str) -> None:
    own = {"type_vocab_size": 2, "pad_token_id": 0} if model_type == "bert" else {}
    made = transformers.AutoConfig.for_model(model_type, **{**SIZES, **own})
    bare = shake(transformers.AutoModel.from_config(made, add_pooling_layer=False)).eval()
    labels = ("a", "b", "c") if kind in ("classification", "tagging") else ()
    head = shake(task_type(kind).head(Encoder.from_hf(bare), labels, 1))
    model = with_head(bare, kind, head, labels)
    rows = [sequence[:20] for sequence in sequences()]
    packed = Packed.of(rows)
    hidden = Encoder.from_hf(bare)(packed)
    given = pool(hidden, packed.lengths, "first") if kind in SENTENCES else hidden
    expected = head(given, no_dropout)
    found = theirs(kind, model, rows, made.pad_token_id, None)
    assert (found - expected).abs().max() < 1e-5
    assert auto_class(kind).removeprefix("AutoModel") in type(model).__name__


@torch.no_grad()
@pytest.mark.parametrize("function", ["relu", "swish"])
def test_a_gate_of_bottlenecks_is_one_wider_bottleneck(encoder, function: str) -> None:
    method = Bottleneck(reduction_factor=10, non_linearity=function, scaling=2.0)
    parts = tuple(random_module(method, seed) for seed in (1, 2, 3))
    slot = Slot(Gate(parts), combined=combined.Gate(GATE.weights, parts))
    packed = Packed.of(sequences())
    expected = run(encoder, slot, packed)[1]
    found = run(encoder, Slot(own=one_bottleneck(slot.combined)), packed)[1]
    assert (found - expected).abs().max() < 1e-5
