"""The store: one rename, checked files, clear lines for a bad disk."""

import errno
import json
import os
from pathlib import Path

import pytest

from xadapt.errors import DoesNotFit, IntegrityError, UnknownName, Unwritable, XadaptError
from xadapt.workflow import record as records
from xadapt.workflow import store as stores
from xadapt.workflow.context import Context
from xadapt.workflow.execute import run
from xadapt.workflow.plan import Plan
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

from .fakes import Word


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def write(store: Store, stage: Word) -> None:
    with store.writing(stage) as work:
        work.notes.update(stage.run(work.out, Context(store=store)))


def test_a_finished_stage_is_there_with_a_record_that_hashes_to_its_name(store):
    stage = Word(text="a")
    assert stage not in store
    write(store, stage)
    assert stage in store and (store.path(stage) / "text.txt").read_text() == "a"
    record = store.record(stage.digest[:6])
    assert record.fields == {"text": "a", "needs": []} and record.notes == {"words": 1}
    assert list(store.digests()) == [stage.digest]


def test_a_scratch_folder_of_a_killed_process_is_no_stage(store):
    write(store, Word(text="a"))
    done = store.folder(Word(text="a").digest)
    done.rename(done.with_name(f".writing-{done.name[:12]}-x"))
    assert list(store.digests()) == [] and list(store.verify()) == []


def test_what_fails_leaves_nothing_behind(store):
    with pytest.raises(RuntimeError), store.writing(Word(text="a")) as work:
        (work.out / "x").write_text("x")
        raise RuntimeError
    assert [p for p in store.root.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda f: (f / "text.txt").write_text("b"), "text.txt: changed since"),
        (lambda f: (f / "text.txt").unlink(), "text.txt: missing"),
        (lambda f: (f / "new.txt").write_text(""), "new.txt: not in the record"),
        (lambda f: (f / "record.json").write_text("{"), "not a readable record"),
        (
            lambda f: (f / "record.json").write_text((f / "record.json").read_text().replace('"a"', '"b"')),
            "its fields give",
        ),
    ],
)
def test_any_change_is_found(store, harm, message):
    write(store, Word(text="a"))
    harm(store.folder(Word(text="a").digest))
    with pytest.raises(IntegrityError, match=message) as caught:
        Store(store.root).path(Word(text="a"))
    assert caught.value.digest == Word(text="a").digest
    assert [error is None for _, error in store.verify()] == [False]


TYPED = {
    "files": {"text.txt": "0" * 64},
    "notes": {"words": 9},
    "seconds": 0.5,
    "command": ["other"],
    "sizes": {},
    "inputs": {"0" * 64: "word"},
}


@pytest.mark.parametrize("name", TYPED)
def test_what_is_typed_into_a_record_is_found(store, name):
    write(store, Word(text="a"))
    path = store.folder(Word(text="a").digest) / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: TYPED[name]}))
    with pytest.raises(IntegrityError, match=r"record.json: changed since"):
        Store(store.root).path(Word(text="a"))


def test_an_older_record_without_a_seal_is_read(store):
    write(store, Word(text="a"))
    path = store.folder(Word(text="a").digest) / "record.json"
    older = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("seal", "sizes")}
    path.write_text(json.dumps(older))
    assert [error for _, error in store.verify()] == [None]
    path.write_text(json.dumps(older | {"files": {"text.txt": "0" * 64}}))
    with pytest.raises(IntegrityError, match=r"text.txt: changed since"):
        Store(store.root).path(Word(text="a"))
    path.write_text(json.dumps(older | {"files": 3}))
    with pytest.raises(IntegrityError, match=r"not a readable record \(files is no table\)"):
        Store(store.root).path(Word(text="a"))


def test_a_file_above_the_limit_is_known_by_its_size(store):
    stage = Word(text="abc")
    write(store, stage)
    (store.folder(stage.digest) / "text.txt").write_text("abd")
    store.check(stage, largest=2)
    with pytest.raises(IntegrityError, match=r"text.txt: changed since"):
        store.check(stage, largest=3)
    (store.folder(stage.digest) / "text.txt").write_text("ab")
    with pytest.raises(IntegrityError, match=r"text.txt: changed since"):
        store.check(stage, largest=1)


def test_two_writers_of_one_stage_do_no_harm(store):
    stage = Word(text="a")
    with store.writing(stage) as first:
        stage.run(first.out, Context(store=store))
        write(store, stage)
    assert (store.path(stage) / "text.txt").read_text() == "a"
    assert not list(store.root.glob("*/.writing-*"))


def test_a_lock_is_exclusive_and_ends_with_its_holder(store):
    with store.lock("x") as first, Store(store.root).lock("x") as second:
        assert first and not second
    with store.lock("x") as again:
        assert again


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_said_and_not_waited_for(store, monkeypatch, code):
    def without(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(stores.fcntl, "flock", without)
    with pytest.raises(Unwritable, match=f"cannot lock files in .*: {os.strerror(code)}"):
        list(run(Plan.of([Word(text="a")]), Context(store=store)))


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_another_holds_is_taken(store, monkeypatch, code):
    def taken(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(stores.fcntl, "flock", taken)
    with store.lock("x") as mine:
        assert not mine


def test_what_is_gone_locked_or_no_longer_wrong_is_not_set_aside(store):
    stage = Word(text="a")
    write(store, stage)
    with Store(store.root).lock(stage.digest):
        assert store.quarantine(stage.digest) is None and stage in store
    assert store.quarantine(stage.digest, lambda: False) is None and stage in store
    place = store.quarantine(stage.digest)
    assert place is not None and (place / "text.txt").read_text() == "a" and stage not in store
    assert store.quarantine(stage.digest) is None


def test_a_folder_that_goes_while_it_is_checked_is_missing(store, monkeypatch):
    stage = Word(text="a")
    write(store, stage)
    monkeypatch.setattr(records, "file_names", lambda folder: list((store.root / "nowhere").iterdir()))
    with pytest.raises(IntegrityError, match="nowhere: No such file or directory") as caught:
        store.check(stage, 0)
    assert caught.value.digest == stage.digest


@pytest.mark.parametrize(
    ("number", "raised"),
    [(errno.EACCES, IntegrityError), (errno.EIO, IntegrityError), (errno.EMFILE, OSError)],
)
def test_what_cannot_be_read_is_broken_unless_the_system_is_short(store, monkeypatch, number, raised):
    stage = Word(text="a")
    write(store, stage)

    def refused(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(records, "file_sha256", refused)
    with pytest.raises(raised, match=os.strerror(number)) as caught:
        store.check(stage, 9)
    assert "text.txt" in str(caught.value)


@pytest.mark.parametrize(("number", "raised"), [(errno.EIO, IntegrityError), (errno.EMFILE, OSError)])
def test_a_record_that_cannot_be_opened_is_broken_unless_the_system_is_short(
    store, monkeypatch, number, raised
):
    stage = Word(text="a")
    write(store, stage)

    def refused(path, **how):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(raised, match=os.strerror(number)) as caught:
        store.check(stage, 9)
    assert "record.json" in str(caught.value)


def test_a_link_that_leads_to_itself_is_no_file(store):
    stage = Word(text="a")
    write(store, stage)
    place = store.folder(stage.digest) / "text.txt"
    loop = place.with_name("loop")
    loop.symlink_to(loop)
    assert [error for _, error in store.verify()] == [None]
    place.unlink()
    place.symlink_to(place)
    with pytest.raises(IntegrityError, match=r"text.txt: missing"):
        store.check(stage, 9)


@pytest.mark.parametrize("value", ["NaN", r'"\udc80"'])
def test_what_has_no_digest_in_a_record_is_found(store, value):
    for place in ('"text": "a"', '"words": 1'):
        stage = Word(text="a")
        write(store, stage)
        path = store.folder(stage.digest) / "record.json"
        text = path.read_text()
        assert text.count(place) == 1
        path.write_text(text.replace(place, f"{place.partition(':')[0]}: {value}"))
        with pytest.raises(IntegrityError, match="not a readable record") as caught:
            Record.read(path.parent)
        assert caught.value.digest == stage.digest
        store.quarantine(stage.digest)


def test_a_full_disk_says_so_and_keeps_what_is_there(store, monkeypatch):
    write(store, Word(text="a"))

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores, "_sync", full)
    with pytest.raises(DoesNotFit, match=r"No space left on device \([\d,]+ bytes free\)"):
        write(store, Word(text="b"))
    monkeypatch.undo()
    assert Word(text="a") in store and Word(text="b") not in store
    store.path(Word(text="a"))


def test_no_permission_is_one_clear_line(store, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(store.root))

    monkeypatch.setattr(stores.tempfile, "mkdtemp", forbidden)
    with pytest.raises(XadaptError, match="no permission to write"):
        write(store, Word(text="b"))


def test_unknown_and_short_digests(store):
    store.prepare()
    for prefix in ("zz", "abc", "../x", "0" * 64):
        with pytest.raises(UnknownName, match="no digest"):
            store.record(prefix)


def test_sweep_removes_scratch_of_the_dead_only(store):
    write(store, Word(text="a"))
    dead = store.root / "ab" / ".writing-abcdef123456-x"
    dead.mkdir(parents=True)
    live = store.root / "cd" / ".writing-cdcdcdcdcdcd-x"
    live.mkdir(parents=True)
    with Store(store.root).lock("cdcdcdcdcdcd" + "0" * 52):
        store.sweep()
    assert not dead.exists() and live.exists() and Word(text="a") in store


def test_a_record_read_back_is_the_record_written(store):
    write(store, Word(text="a"))
    folder = store.folder(Word(text="a").digest)
    record = Record.read(folder)
    before = (folder / "record.json").read_bytes()
    record.write(folder)
    assert (folder / "record.json").read_bytes() == before
    assert os.environ.get("HOME", "?") not in before.decode()
