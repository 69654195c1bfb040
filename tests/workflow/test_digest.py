"""Digests: the same everywhere, other for other values, refused where there is no canonical form."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from xadapt.recipe import WHERE, LoRA, ModelSpec, Recipe
from xadapt.workflow.digest import canonical, digest_of

from .fakes import Word


@dataclass(frozen=True)
class Value:
    a: int
    b: tuple[str, ...] = ()
    place: str = field(default="", metadata=WHERE)


def test_equal_values_agree_and_others_do_not():
    assert digest_of(Value(1, ("x",))) == digest_of(Value(1, ("x",)))
    different = [Value(1), Value(2), Value(1, ("x",)), Value(1, ("x", "")), Value(1, ("", "x"))]
    assert len({digest_of(v) for v in different}) == len(different)
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    assert digest_of(1) != digest_of(1.0) and digest_of(None) != digest_of("")


def test_where_something_lies_is_not_hashed():
    assert digest_of(Value(1, place="/x")) == digest_of(Value(1, place="/y"))
    assert digest_of(ModelSpec(name="m", folder="/x")) == digest_of(ModelSpec(name="m", folder="/y"))


def test_a_method_is_told_by_its_type_even_with_equal_fields():
    assert digest_of(Recipe()) != digest_of(Recipe(method=LoRA()))


@pytest.mark.parametrize("value", [Path("x"), print, object(), {1, 2}, b"x"])
def test_no_canonical_form_is_an_error(value):
    with pytest.raises(TypeError, match="no canonical form"):
        canonical({"key": value})


def test_nan_is_refused():
    with pytest.raises(ValueError, match="JSON compliant"):
        digest_of(float("nan"))


def test_the_same_in_another_process_with_another_hash_seed():
    stage = Word(text="ä", needs=(Word(text="b"),))
    code = "from tests.workflow.fakes import Word; print(Word(text='ä', needs=(Word(text='b'),)).digest)"
    for seed in ("0", "77"):
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin"}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
        )
        assert done.stdout.strip() == stage.digest
