"""Items that went through files are what they were, whatever a task type keeps in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers

from xadapt.examples import Pairing, Text
from xadapt.modeling.pretrained import train_tokenizer
from xadapt.recipe import Recipe
from xadapt.task_types import task_type
from xadapt.task_types.flat import Flat, Writer, sizes
from xadapt.task_types.items import Item, Tokens

from ..modeling.local_models import save
from ..training.small import EXAMPLES, sentence

LINES = [sentence(n, 12) for n in range(60)]
SAID: dict[str, list[Any]] = {
    **EXAMPLES,
    "mlm": [Text(str(n), line, LINES[-n] if n % 3 else None) for n, line in enumerate(LINES[:9])],
    "retrieval": [Pairing(str(n), line, LINES[-1 - n]) for n, line in enumerate(LINES[:9])],
    "mining": EXAMPLES["ranking"],
}


@pytest.fixture(scope="module", params=["unigram", "bert"])
def tokenizer(request, tmp_path_factory) -> tokenizers.Tokenizer:
    """Without types of tokens, and with them."""
    if request.param == "unigram":
        return train_tokenizer(LINES, 60)
    folder = tmp_path_factory.mktemp("bert")
    save("bert", LINES, folder)
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def written(folder: Path, blocks: list[list[Item]], shared: Any = None) -> Flat:
    writer, first = Writer(folder, shared is not None), 0
    for block in blocks:
        writer.add(block, first)
        first += 1 + max(item.example for item in block)
    return Flat(folder, writer.close(), shared)


def same(one: Any, other: Any) -> bool:
    """Equal in type and content all the way down."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Item | Tokens):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__slots__)
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("name", sorted(SAID))
def test_items_of_every_type_come_back_bit_by_bit(name, tokenizer, tmp_path):
    kind, recipe = task_type(name), Recipe(max_length=20, stride=4)
    labels = ("a",) if name == "tagging" else ("a", "b")
    # A tag that the training data lack has no number.
    made = kind.encode(SAID[name], tokenizer, recipe, labels)
    back = written(tmp_path, [made], kind.shared(tokenizer) if hasattr(kind, "shared") else None)
    assert len(back) == len(made) and sizes(back) == sizes(made) == [item.tokens for item in made]
    assert all(same(one, other) for one, other in zip(made, back, strict=True))
    assert same(made[-1], back[-1]) and same(made[2:7:2], back[2:7:2])
    keys = [[sequence.key for sequence in item.sequences] for item in made]
    assert keys == [[sequence.key for sequence in item.sequences] for item in back]
    random = [np.random.default_rng(3) for _ in range(2)]
    batches = [kind.batch(items[:3], random.pop(), recipe) for items in (made, back)]
    assert batches[0].ids.equal(batches[1].ids) and batches[0].lengths == batches[1].lengths
    assert batches[0].targets.keys() == batches[1].targets.keys()
    assert all(value.equal(batches[1].targets[key]) for key, value in batches[0].targets.items())


@pytest.mark.parametrize("name", [n for n in sorted(SAID) if getattr(task_type(n), "BY_EXAMPLE", False)])
def test_what_is_encoded_by_example_may_be_encoded_in_blocks(name, tokenizer, tmp_path):
    kind, recipe, found = task_type(name), Recipe(max_length=20, stride=4), SAID[name]

    def encode(examples: list[Any]) -> list[Item]:
        return kind.encode(examples, tokenizer, recipe, ("a", "b"))

    blocks = [encode(found[start : start + 4]) for start in range(0, len(found), 4)]
    back = written(tmp_path, blocks, kind.shared(tokenizer) if hasattr(kind, "shared") else None)
    assert all(same(one, other) for one, other in zip(encode(found), back, strict=True))


def test_types_that_only_some_sequences_have_come_back(tmp_path):
    ids = np.arange(4, dtype=np.int32)
    plain, typed = Tokens(ids), Tokens(ids[:3], np.array([0, 1, 1], dtype=np.uint8))
    blocks = [[Item(0, (plain,))], [Item(0, (plain, typed)), Item(1, (plain,))]]
    back = written(tmp_path, blocks)
    expected = [Item(0, (plain,)), Item(1, (plain, typed)), Item(2, (plain,))]
    assert all(same(one, other) for one, other in zip(expected, back, strict=True))


@pytest.mark.parametrize("target", ["a name", (1, "a"), 1.5, 2**31, np.array([0.5]), {"a": 1}])
def test_what_is_no_whole_number_is_refused(target, tmp_path):
    with pytest.raises(TypeError):
        Writer(tmp_path, False).add([Item(0, (Tokens(np.arange(3, dtype=np.int32)),), target)])


def test_an_item_is_a_view_of_the_file(tmp_path):
    ids = np.arange(3, dtype=np.int32)
    back = written(tmp_path, [[Item(0, (Tokens(ids),), 1)]])
    assert isinstance(back[0].sequences[0].ids.base, np.memmap | np.ndarray)
    assert not back[0].sequences[0].ids.flags.writeable and not back[0].sequences[0].ids.flags.owndata
    with pytest.raises(IndexError, match="item 1 of 1"):
        back[1]
