"""Modules on a batch: what must fit, half precision, and draws that depend on a job alone."""

from dataclasses import replace

import pytest
import torch

from xadapt.composition import Fuse, Stack
from xadapt.errors import ConfigError
from xadapt.modeling.assemble import Assembled, Slot
from xadapt.modeling.banks import Spread
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.heads import LMHead, SentenceHead, TokenHead
from xadapt.modeling.module import Module
from xadapt.recipe import Bottleneck, Full, LoRA
from xadapt.training.streams import Stream, side_by_side

from .combinations import bottleneck_parts, fused, gated, lora_parts
from .conftest import config, random_fusion, random_module, sequences, weights_of_loss

BOTTLENECK = Bottleneck(reduction_factor=4)
DOUBLE = Bottleneck(reduction_factor=4, place="double", non_linearity="swish")
PARALLEL = Bottleneck(reduction_factor=4, place="parallel", leave_out=(1,))
ALL = LoRA(rank=3, alpha=6, targets=("query", "key", "value", "attention_output", "intermediate", "output"))


def two_jobs():
    return Assembled([Slot(own=random_module(BOTTLENECK, 1)), Slot(own=random_module(ALL, 2))], config())


@pytest.mark.parametrize(
    ("jobs", "streams", "message"),
    [
        ([0], None, "1 jobs for a batch of 2 groups"),
        ([0, 1, 0], None, "3 jobs for a batch of 2 groups"),
        ([0, 1], [None], "1 dropout streams for 2 jobs"),
        ([0, 2], None, r"jobs \[0, 2\]; there are 2"),
        ([-1, 0], None, r"jobs \[-1, 0\]; there are 2"),
        ([1, 1], None, r"jobs \[1, 1\]; there are 2, each at most once"),
    ],
)
def test_jobs_that_do_not_fit_the_batch_are_refused(jobs, streams, message):
    batch = Packed.of(sequences((3, 4, 5)), (1, 2))
    with pytest.raises(ValueError, match=message):
        two_jobs().sites(batch, jobs, streams)


@pytest.mark.parametrize("groups", [(2, 1), (3,), (1, 1, 1)])
def test_sites_of_another_batch_are_refused(encoder, groups):
    rows = sequences((3, 4, 5))
    sites = two_jobs().sites(Packed.of(rows, (1, 2)), [0, 1])
    encoder(Packed.of(rows, (1, 2)), sites)
    with pytest.raises(ValueError, match=r"sites for \(3, 9\) tokens by job, the batch has"):
        encoder(Packed.of(rows, groups), sites)


@pytest.mark.parametrize("method", [BOTTLENECK, ALL], ids=["bottleneck", "lora"])
def test_a_module_of_another_width_is_refused(method):
    wide = Module.initial(method, config(hidden_size=64), 1)
    for slot in (Slot(own=wide), Slot(Stack((wide,)))):
        with pytest.raises(ConfigError, match=r"is \((8|3|16), 64\), the encoder needs"):
            Assembled([slot], config())


def slots():
    parts = [random_module(BOTTLENECK, seed) for seed in range(3)]
    return {
        "bottleneck": Slot(own=parts[0]),
        "stack": Slot(Stack((parts[1],)), own=parts[2]),
        "fuse": Slot(Fuse(tuple(parts)), combined=random_fusion(parts, 5)),
        "lora": Slot(own=random_module(ALL, 6)),
        "query alone": Slot(own=random_module(LoRA(rank=3, alpha=6, targets=("query",)), 6)),
        "lora stack": Slot(Stack((random_module(ALL, 7),)), own=random_module(ALL, 8)),
        "double": Slot(own=random_module(DOUBLE, 9)),
        "parallel": Slot(own=random_module(PARALLEL, 10)),
        "dora": Slot(own=random_module(replace(ALL, dora=True), 11)),
        "gate": gated(bottleneck_parts(12), 12),
        "fuse double": fused(bottleneck_parts(13, method=DOUBLE), 13),
        "fuse lora": fused(lora_parts(14), 14),
        "gate lora": gated(lora_parts(15), 15),
    }


def halved(hf):
    rounded = Encoder.from_hf(hf)
    rounded.freeze()
    rounded.place(torch.device("cpu"), torch.bfloat16)
    return rounded


def states_and_gradients(encoder, assembled, packed, jobs, autocast):
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        hidden = encoder(packed, assembled.sites(packed, jobs))
    (hidden * weights_of_loss(packed)).sum().backward()
    # The key bias of a fusion drops out of its softmax and has no gradient.
    gradients = [stacked.parameter.grad for stacked in assembled.stacked() if stacked.name[-8:] != "key_bias"]
    return hidden, torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize("autocast", [True, False])
@pytest.mark.parametrize("name", slots())
def test_fp32_modules_on_a_bf16_encoder(hf, packed, name, autocast):
    exact = Encoder.from_hf(hf)
    exact.freeze()
    expected = states_and_gradients(exact, Assembled([slots()[name]], config()), packed, [0], False)
    found = states_and_gradients(halved(hf), Assembled([slots()[name]], config()), packed, [0], autocast)
    # Operands of 8 bits over three layers: a few parts in a hundred, far from a wrong result.
    for value, reference, allowed in zip(found, expected, (0.04, 0.12), strict=True):
        assert value.dtype == torch.float32
        assert (value - reference).norm() / reference.norm() < allowed


def test_fp32_modules_of_all_kinds_beside_each_other_on_a_bf16_encoder(hf):
    every = [*slots().values(), Slot()]
    rows = sequences(range(3, 3 + len(every)))
    packed = Packed.of(rows, (1,) * len(every))
    encoder = halved(hf)
    jobs = range(len(every))
    hidden, gradients = states_and_gradients(encoder, Assembled(every, config()), packed, jobs, False)
    assert gradients.isfinite().all()
    for slot, row, part in zip(every, rows, hidden.split([len(row) for row in rows]), strict=True):
        own = Packed.of([row])
        expected = encoder(own, Assembled([slot], config()).sites(own, [0]))
        assert (part - expected).norm() / expected.norm() < 0.02


def test_lora_dropout_of_a_job_does_not_depend_on_the_jobs_beside_it(encoder):
    noisy = LoRA(rank=3, alpha=6, dropout=0.5, targets=ALL.targets)
    every = [
        Slot(own=random_module(noisy, 1)),
        Slot(own=random_module(BOTTLENECK, 2)),
        Slot(own=random_module(noisy, 3)),
        Slot(Stack((random_module(noisy, 4),)), own=random_module(noisy, 5)),
    ]
    rows = sequences((4, 6, 5, 7))

    def trained(jobs, step=3):
        packed = Packed.of([rows[job] for job in jobs], (1,) * len(jobs))
        assembled = Assembled([every[job] for job in jobs], config())
        streams = [Stream.at(0.1, 0, f"task {job}", step, torch.device("cpu")) for job in jobs]
        hidden = encoder(
            packed,
            assembled.sites(packed, range(len(jobs)), streams),
            dropout=side_by_side(streams, packed.tokens),
        )
        return dict(zip(jobs, hidden.split(list(packed.tokens)), strict=True))

    together = trained([0, 1, 2, 3])
    for others in ([0], [1], [2], [3], [2, 0], [3, 1, 0]):
        for job, part in trained(others).items():
            assert (together[job] - part).abs().max() < 1e-5, (job, others)
    for job, part in trained([0, 1, 2, 3], step=4).items():
        assert (together[job] - part).abs().max() > 0.01, "another step draws anew"


def initials(seed):
    words = torch.nn.Parameter(torch.zeros(60, 32))
    parts = [Module.initial(BOTTLENECK, config(), seed) for _ in range(2)]
    others = [Module.initial(method, config(), seed) for method in (DOUBLE, PARALLEL)]
    heads = [
        SentenceHead.initial(config(), 3, seed),
        TokenHead.initial(config(), 3, seed),
        LMHead.initial(config(), words, seed),
    ]
    made = [*parts, *others, Module.initial(ALL, config(), seed), Fusion.initial(parts, config(), seed)]
    return [weight for one in made for weight in one.weights.values()] + [
        weight for head in heads for weight in head.state_dict().values()
    ]


def test_what_training_starts_from_depends_on_the_seed_alone():
    torch.manual_seed(1)
    first = initials(5)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1)), "nothing is drawn from the shared stream"
    torch.rand(17)
    assert all(torch.equal(a, b) for a, b in zip(first, initials(5), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, initials(6), strict=True))


def test_a_method_without_modules_is_refused():
    with pytest.raises(ConfigError, match="full makes no module"):
        Module.initial(Full(), config(), 1)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("tokens", [(3, 9, 1), (4, 4, 4), (5,)])
def test_one_grouped_matmul_equals_one_matmul_per_job_with_its_gradients(tokens, biased):
    """What a GPU does in bf16, here in fp32."""
    spread = Spread(tuple(range(len(tokens))), tokens)
    found = []
    for multiply in (spread.linear, spread.grouped):
        generator = torch.Generator().manual_seed(1)
        shapes = ((sum(tokens), 16), (len(tokens), 8, 16), (len(tokens), 8))
        x, weight, bias = (torch.randn(s, generator=generator, requires_grad=True) for s in shapes)
        made = multiply(x, weight, bias if biased else None)
        (made * torch.arange(made.numel()).view_as(made).sin()).sum().backward()
        found.append([made, x.grad, weight.grad] + ([bias.grad] if biased else []))
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() < 1e-5
