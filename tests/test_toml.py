"""Strict TOML: what is not named is refused with its place, what is written reads back equal."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xadapt import toml
from xadapt.errors import ConfigError, UnknownName
from xadapt.toml import Changes, assign, build, parse, plain, write


@dataclass(frozen=True, kw_only=True)
class Round:
    name: ClassVar[str] = "round"
    radius: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Square:
    name: ClassVar[str] = "square"
    side: int = 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    shape: Round | Square = field(default_factory=Round)
    words: tuple[str, ...] = ()
    kind: Literal["a", "b"] = "a"
    limit: int | None = None
    on: bool = False


@dataclass(frozen=True, kw_only=True)
class Top:
    needed: str
    settings: Settings = field(default_factory=Settings)
    by_name: dict[str, Settings] = field(default_factory=dict)
    changes: dict[str, Changes[Settings]] = field(default_factory=dict)


def read(text: str, *given: str) -> Top:
    return build(assign(parse(text.encode(), "t.toml"), list(given), closed=("by_name",)), Top)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("needed = 'x'\nneded = 'y'", r"^t.toml:2: neded: unknown key; did you mean 'needed'\?$"),
        ("[settings]\non = true", r"^t.toml: missing key 'needed'$"),
        ("needed = 1", r"^t.toml:1: needed: expected a string, got a whole number, 1$"),
        ("needed = 'x'\n\n[settings]\non = 1", r"^t.toml:4: settings.on: expected true or false, got"),
        ("needed = 'x'\nsettings = 3", r"^t.toml:2: settings: expected a table, got a whole number, 3$"),
        ("needed = 'x'\nsettings.limit = 1.5", r"^t.toml:2: settings.limit: expected a whole number"),
        (
            "needed = 'x'\nsettings.limit = true",
            r"settings.limit: expected a whole number, got true or false",
        ),
        (
            "needed = 'x'\nsettings.words = ['a', 2]",
            r"settings.words\[1\]: expected a string, got a whole number",
        ),
        ("needed = 'x'\nsettings.words = 'a'", r"settings.words: expected a list, got a string, 'a'"),
        ("needed = 'x'\nsettings.kind = 'c'", r"settings.kind: no 'c' here; known are a, b$"),
        ("needed = 'x'\nsettings.shape = {side = 2}", r"settings.shape: missing key 'name'; known are round"),
        (
            "needed = 'x'\nsettings.shape = {name = 'round', side = 2}",
            r"t.toml:2: settings.shape.side: unknown key; known are radius$",
        ),
        (
            "needed = 'x'\nsettings.shape = {name = 'round', radius = inf}",
            r"radius: inf is not a finite number",
        ),
        ("needed = 'x'\n[changes.q]\nwords = 1", r"^t.toml:3: changes.q.words: expected a list"),
        ("needed = 'x'\n[changes.q]\nword = []", r"changes.q.word: unknown key; did you mean 'words'\?"),
        ("needed = 'x'\nneeded = 'y'", r"^t.toml:2: Cannot overwrite a value$"),
        ("needed = ", r"^t.toml:1: Invalid value$"),
        ("needed = 'x'\nb ? 2\nc = 3", r"^t.toml:2:3: Expected .=. after a key"),
        ("needed = 'x'\n\tb", r"^t.toml:2: Expected .=. after a key"),
        ("", r"^t.toml: the file is empty$"),
        ("  \n\n", r"^t.toml: the file is empty$"),
        ("x = " + "[" * 3000 + "]" * 3000, r"^t.toml: nested too deeply$"),
        ("x = 1" + "0" * 5000, r"^t.toml: a number has too many digits$"),
        (
            "needed = 'x'\nsettings.shape = {name = 'round', radius = 1" + "0" * 400 + "}",
            r"radius: inf is not a finite number$",
        ),
        (
            "needed = 'x'\nsettings.shape = {name = ['round']}",
            r"^t.toml:2: settings.shape.name: expected a string, got a list, \['round'\]$",
        ),
        ("needed = 'x'\nby_name.a.b.c = 1", r"^t.toml:2: by_name.a.b: unknown key"),
    ],
)
def test_each_fault_names_its_place(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read(text)
    assert "\n" not in caught.value.message and caught.value.code == 2


def test_a_name_that_stands_for_nothing_is_an_unknown_name():
    with pytest.raises(UnknownName, match=r"t.toml:2: .*no shape 'sqare'; did you mean 'square'"):
        read("needed = 'x'\nsettings.shape = 'sqare'")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xef\xbb\xbfneeded = 'x'", "t.toml:1: starts with a byte order mark"),
        (b"a = 1\nb = '\xff'", r"t.toml:2: not UTF-8 \(byte 12\)"),
        ("a = 'x'".encode("utf-16"), "not UTF-8"),
    ],
)
def test_bytes_that_are_not_plain_utf8(data, message):
    with pytest.raises(ConfigError, match=message):
        parse(data, "t.toml")


def test_unions_take_a_name_or_a_table_with_one():
    assert read("needed = 'x'").settings.shape == Round()
    assert read("needed = 'x'\nsettings.shape = 'square'").settings.shape == Square()
    found = read("needed = 'x'\nsettings.shape = { name = 'square', side = 3 }")
    assert found.settings.shape == Square(side=3)


def test_a_whole_number_will_do_for_a_number_and_nothing_else_for_anything():
    assert read("needed = 'x'\nsettings.shape = {name = 'round', radius = 2}").settings.shape == Round(
        radius=2.0
    )


def test_changes_keep_what_was_written_and_apply_it_alone():
    changes = read("needed = 'x'\n[changes.q]\nlimit = 3\nshape = 'square'").changes["q"]
    assert changes.of(Settings(on=True, limit=9)) == Settings(on=True, limit=3, shape=Square())


def test_settings_take_toml_and_bare_words():
    found = read(
        "needed = 'x'\n[by_name.a]", "needed=a/b-c", "settings.on=true", "by_name.a.words=['u', 'v']"
    )
    assert found.needed == "a/b-c" and found.settings.on and found.by_name["a"].words == ("u", "v")
    found = read("needed = 'x'\nsettings.shape = 'square'", "settings.shape.side=4")
    assert found.settings.shape == Square(side=4), "a name is short for a table with that name"
    assert read("needed = 'x'", "needed=a=b").needed == "a=b"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("settings.onn=true", r"^--set settings.onn: unknown key; did you mean 'on'\?$"),
        ("settings.on=maybe", r"^--set settings.on: expected true or false, got a string, 'maybe'$"),
        ("by_name.b.on=true", r"^--set by_name.b.on: no by_name 'b' in t.toml"),
        ("needed.deep=1", r"^--set needed.deep: unknown key|needed: expected a string"),
        ("settings.limit.x=1", r"^--set settings.limit.x: 'limit' is not a table$"),
        ("settings", r"^--set settings: write it as key.path=value$"),
        ("=3", r"write it as key.path=value"),
        ("a..b=3", r"write it as key.path=value"),
        ("by_name=3", r"^--set by_name: expected a table, got a whole number, 3$"),
        ("settings.limit=3\nneeded = 4", r"^--set settings.limit: expected a whole number, got a string"),
    ],
)
def test_settings_that_are_wrong_are_named_as_settings(setting, message):
    with pytest.raises(ConfigError, match=message):
        read("needed = 'x'\nsettings.limit = 2", setting)


def test_a_setting_below_what_is_no_table_is_refused():
    with pytest.raises(ConfigError, match=r"^--set by_name.a: 'by_name' is not a table$"):
        read("needed = 'x'\nby_name = 3", "by_name.a=1")


def test_the_place_of_an_array_that_spans_lines_is_its_first():
    document = parse(b"[a]\nb = [\n  1,\n  2,\n]\n[a.c]\nd = 1", "t.toml")
    assert document.at("a", "b", 1) == "t.toml:2: a.b[1]"
    assert document.at("a", "c", "d") == "t.toml:7: a.c.d"
    assert document.at("a", "c", "gone") == "t.toml:6: a.c.gone"
    assert parse(b"[a]\nb = 1\nc.d.e = 2", "t.toml").at("a", "c") == "t.toml:3: a.c"
    assert document.at("gone") == "t.toml: gone" and document.at() == "t.toml"


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
values = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def tableless(value: object) -> bool:
    """TOML writes a table inside a list inline, which `write` has no need of."""
    if isinstance(value, dict):
        return all(map(tableless, value.values()))
    return not isinstance(value, list) or not any(
        isinstance(item, dict) or not tableless(item) for item in value
    )


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(texts, values, min_size=1, max_size=4).filter(tableless))
def test_what_is_written_reads_back_equal(table):
    assert toml.tomllib.loads(write(table)) == table


def test_values_become_plain_data_and_back():
    value = Top(needed="x", by_name={"a b": Settings(shape=Square(side=2), words=("ä", '"'))})
    assert build(parse(write(plain(value)).encode(), "t.toml"), Top) == value
