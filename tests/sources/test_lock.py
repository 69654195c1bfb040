"""The lock file: what is written reads back, sorted; anything else in it is an error with its place."""

from pathlib import Path

import pytest

from xadapt.errors import ConfigError
from xadapt.sources import Hub, lock, origins
from xadapt.sources.lock import Content, Dataset, File, Lock, Model, Split
from xadapt.task import Source

AT, OTHER = "a" * 40, "b" * 40
SHA = "0123456789abcdef" * 4
SPLIT = Split(
    files={"de/b.parquet": Content(sha256=SHA, size=7), "de/a.parquet": Content(sha256="f" * 64, size=9)},
    names={"label": ("no", 'with "marks"'), "tags.kind": ("A",)},
)
LOCK = Lock(
    dataset={"o/z": Dataset(revision=OTHER, split={"de/test": SPLIT}), "o/a@refs/x": Dataset(revision=AT)},
    model={"o/m": Model(revision=AT, files={"config.json": Content(sha256=SHA, size=1)})},
)
SOURCE = Source(path="o/z", config="de", split="test", local="z/de/test")


def hub(source: Source, known: Lock) -> Hub:
    (found,) = origins([source], "hub", None, None, known)
    assert isinstance(found, Hub)
    return found


def test_a_lock_reads_back_and_its_text_is_sorted(tmp_path: Path) -> None:
    path = tmp_path / "e.lock"
    lock.write(LOCK, path)
    assert lock.read(path) == LOCK
    text = path.read_text(encoding="utf-8")
    places = [
        text.index(name) for name in ('"o/a@refs/x"', '"o/z"', '"de/a.parquet"', '"de/b.parquet"', '"o/m"')
    ]
    assert places == sorted(places)
    turned = Lock(dataset=dict(reversed(LOCK.dataset.items())), model=LOCK.model)
    assert lock.text(turned) == text


def test_no_file_is_an_empty_lock(tmp_path: Path) -> None:
    assert lock.read(tmp_path / "none.lock") == Lock()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("revision =", "revison ="), "revison: unknown key; did you mean 'revision'"),
        ((AT, "main"), "'main' is not 40 hex digits"),
        ((SHA, SHA[:-1]), "is not 64 hex digits"),
        (("size = 7", 'size = "7"'), "expected a whole number"),
        (("[dataset", "<<<<<<< ours\n[dataset"), r"e\.lock:3:1: "),
    ],
)
def test_what_is_no_lock_is_named(wrong: tuple[str, str], said: str, tmp_path: Path) -> None:
    path = tmp_path / "e.lock"
    path.write_text(lock.text(LOCK).replace(*wrong), encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        lock.read(path)
    assert caught.value.message.startswith("e.lock")


def test_the_lock_lies_beside_its_experiment(tmp_path: Path) -> None:
    (tmp_path / "my.toml").touch()
    assert lock.beside(str(tmp_path / "my.toml")) == tmp_path / "my.lock"
    assert lock.beside("xstilts") == Path("xstilts.lock")


def test_a_source_takes_its_revision_and_files_from_the_lock() -> None:
    found = hub(SOURCE, LOCK)
    assert found.revision == OTHER
    assert found.read == (File("de/a.parquet", "f" * 64, 9), File("de/b.parquet", SHA, 7))
    assert dict(found.names) == SPLIT.names


def test_what_the_lock_does_not_hold_stays_as_the_task_names_it() -> None:
    other = Source(path="o/z", config="fr", split="test", local="z/fr/test")
    assert hub(other, LOCK) == Hub(path="o/z", revision="main", config="fr", split="test")


def test_a_pinned_source_and_one_of_another_branch_have_entries_of_their_own() -> None:
    pinned = Source(path="o/z", revision=AT, config="de", split="test", local="z/de/test")
    assert hub(pinned, LOCK).read == ()
    entry = Dataset(revision=AT, split={"de/test": SPLIT})
    assert hub(pinned, Lock(dataset={f"o/z@{AT}": entry})).read
    files = "refs/convert/parquet:de/test/*.parquet"
    converted = Source(path="o/z", config="de", split="test", files=files, local="z/de/test")
    entry = Dataset(revision=AT, split={f"de/test {files}": SPLIT})
    assert hub(converted, Lock(dataset={"o/z@refs/convert/parquet": entry})).revision == AT


def test_one_more_split_leaves_the_others() -> None:
    more = LOCK.with_split("o/z", OTHER, "fr/test", SPLIT)
    assert sorted(more.dataset["o/z"].split) == ["de/test", "fr/test"]
    assert (
        more.dataset["o/a@refs/x"] == LOCK.dataset["o/a@refs/x"]
        and "fr/test" not in LOCK.dataset["o/z"].split
    )
