"""What is pushed comes back the same, under its own digests: from the hub, and from folders by their URL."""

import shutil
import sys

import pytest
from fsspec.registry import _registry
from huggingface_hub import constants

from tests.hub import sharing
from xadapt import kept
from xadapt.errors import ConfigError, DataError, IntegrityError, UnknownName, Unwritable, WrongEnvironment
from xadapt.hub import address, bundle, remote
from xadapt.hub import push as pushing
from xadapt.hub.modules import MAKERS, Shelf
from xadapt.stages.score import Score
from xadapt.workflow.store import Store

STACK, FUSE = "panx stack(mnli)", "panx fuse(mnli, squad)"


@pytest.fixture(params=["hub", "file", "memory"])
def where(request, tmp_path, hub):
    """An address of each kind, with nothing there."""
    yield {
        "hub": "me/it",
        "file": f"file://{tmp_path}/shared/it",
        "memory": f"memory://{tmp_path.name}/it",
    }[request.param]


def test_a_stack_comes_back_whole_and_is_not_made_again(place, where):
    done = sharing.sent(place, STACK, where)
    assert done.written > 10 and done.removed == done.same == 0
    store, found = sharing.taken(place.folder, where)
    top, part = place.named(f"train {STACK}"), place.named("train mnli alone")
    assert {each.record.digest for each in found} == {top.digest, part.digest}
    for stage in (top, part):
        assert stage in store
        for path in place.store.path(stage).iterdir():
            assert (store.path(stage) / path.name).read_bytes() == path.read_bytes()
    assert list((store.root / ".pulling").iterdir()) == []
    assert not any(each.new for each in sharing.taken(place.folder, where)[1])
    again = kept.find(top.digest, store)
    assert again is not None and again.path.read_text() == kept.find(top.digest, place.store).path.read_text()


def test_another_module_takes_its_place_and_leaves_what_is_not_ours(place, where):
    first = sharing.sent(place, STACK, where)
    other = sharing.other(where)
    other.files()
    other.commit({"LICENSE": b"mine"}, (), "mine")
    again = sharing.sent(place, STACK, where)
    assert (again.written, again.same, again.removed) == (0, first.written, 0)
    assert sharing.sent(place, FUSE, where).removed == 0
    last = sharing.sent(place, "mnli", where)
    there = sharing.other(where).files()
    assert last.removed > 0 and "LICENSE" in there and not any("/" in path for path in there)
    assert [each.record.digest for each in sharing.taken(place.folder, where)[1]] == [
        place.named("train mnli alone").digest
    ]


def test_an_experiment_continues_where_it_was_cut(place, where, monkeypatch):
    monkeypatch.setattr(pushing, "AT_ONCE", 4)
    real, times = type(sharing.other(where)).commit, []

    def cut(self, *rest):
        times.append(rest)
        if len(times) == 3:
            raise KeyboardInterrupt
        real(self, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(type(sharing.other(where)), "commit", cut)
        with pytest.raises(KeyboardInterrupt):
            sharing.sent_all(place, where)
    shared = [stage for stage in place.plan.stages if stage.kind in bundle.FOLDERS]
    store, part = sharing.taken(place.folder, where)
    assert len(part) == 8 and bundle.CARD not in sharing.other(where).files()
    done = sharing.sent_all(place, where)
    assert done.same == sum(len(each.record.files) + 1 for each in part)
    _, found = sharing.taken(place.folder, where)
    assert {each.record.digest for each in found} == {stage.digest for stage in shared}
    assert all(stage in store for stage in shared)
    assert sharing.sent_all(place, where).written == 0


def test_one_module_and_an_experiment_do_not_share_a_place(place, where):
    sharing.sent(place, "mnli", where)
    with pytest.raises(ConfigError, match="holds a single module"):
        sharing.sent_all(place, where)
    sharing.sent_all(place, f"{where}-all")
    with pytest.raises(ConfigError, match="holds a whole experiment"):
        sharing.sent(place, "mnli", f"{where}-all")


def test_data_are_not_shared(place):
    kinds = {record.kind for record in sharing.whole(place).stages.values()}
    assert kinds == {"train", "predict", "baseline", "score"}


def test_a_branch_is_made_and_pulled(place, hub):
    other = remote.at(address.parse("me/it", "v2"), print)
    pushing.push(sharing.made(place, "mnli"), other, False, "mnli")
    assert "record.json" in hub.head("me/it", "v2") and "record.json" not in hub.head("me/it")
    assert len(sharing.taken(place.folder, "me/it@v2")[1]) == 1


def test_a_tag_and_a_commit_are_pulled_as_they_were(place, hub):
    sharing.sent(place, "mnli")
    there = hub.repositories["models/me/it"]
    there.refs["v1"] = first = there.refs["main"]
    sharing.sent(place, STACK)
    assert [len(sharing.taken(place.folder, f"me/it@{at}")[1]) for at in ("v1", first, "main")] == [1, 1, 2]


def test_what_is_private_asks_for_a_token(place, hub, monkeypatch, tmp_path):
    sharing.sent(place, "mnli", "me/secret", private=True)
    assert len(sharing.taken(tmp_path, "me/secret")[1]) == 1
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(Unwritable, match=r"me/secret: the hub wants a token \(401\), or it is private"):
        sharing.taken(tmp_path / "other", "me/secret")


def test_private_is_never_public(place, hub):
    sharing.sent(place, "mnli", "me/secret", private=True)
    assert hub.private == {"models/me/secret"}
    sharing.sent(place, "mnli", "me/open")
    with pytest.raises(Unwritable, match="--private, but the repository is public"):
        sharing.sent(place, FUSE, "me/open", private=True)
    assert "adapter_fusion_config.json" not in hub.head("me/open") and hub.commits == 2
    with pytest.raises(ConfigError, match="--private: who may read"):
        sharing.sent(place, "mnli", f"file://{place.folder}/x", private=True)


def test_modules_are_found_by_digest_and_by_name(place):
    shelf = Shelf(place.store)
    mnli = place.named("train mnli alone")
    for name in (mnli.digest[:10], "mnli"):
        assert shelf.module(name).digest == mnli.digest
    for name in (STACK, "stack(mnli)", "panx fuse(mnli,squad)"):
        assert shelf.title(shelf.module(name)) in (STACK, FUSE)
    with pytest.raises(UnknownName, match=r"no module 'stack\(mnl\)'; did you mean 'stack\(mnli\)'"):
        shelf.module("stack(mnl)")
    score = next(stage for stage in place.plan.stages if isinstance(stage, Score))
    with pytest.raises(ConfigError, match="is a score, no module"):
        shelf.module(score.digest)
    assert {shelf.records[digest].kind for digest, kind in shelf.below(shelf.module(FUSE))} <= {
        *MAKERS,
        "data",
    }


def test_what_was_changed_is_not_pushed(place, tmp_path):
    stage = place.named("train mnli alone")
    store = Store(shutil.copytree(place.store.root, tmp_path / "copy"))
    (store.folder(stage.digest) / "adapter.safetensors").write_text("other")
    shelf = Shelf(store)
    with pytest.raises(IntegrityError, match=r"adapter\.safetensors: changed"):
        bundle.one(shelf.module(STACK), shelf)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mnli", "'mnli' is no address"),
        ("a/b/c", "is no address"),
        ("../x", "is no address"),
        ("me/..", "is no address"),
        ("file://relative/x", "starts from the root"),
        ("s3://", "'s3://' is no address"),
        ("file:///", "'file:///' is no address"),
        ("nosuch://x/y", "nosuch"),
    ],
)
def test_addresses_that_are_none(text, said):
    with pytest.raises(ConfigError, match=said):
        sharing.other(text)


def test_a_folder_has_no_revision():
    with pytest.raises(ConfigError, match="--revision v2: file:///x is a folder"):
        address.parse("file:///x", "v2")


def test_a_bucket_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # Where a bucket was opened before, fsspec knows the class.
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(WrongEnvironment, match="s3:// needs a package") as failed:
        sharing.other("s3://bucket/x")
    assert "xadapt[s3]" in failed.value.hint


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_a_folder_gets_nothing_of_a_push_that_fails(place, tmp_path, scheme):
    other = sharing.other(f"{scheme}://{tmp_path}/lab")
    other.prepare(False)
    made = sharing.made(place, STACK).files() | {"parts/z": tmp_path / "nosuch"}
    with pytest.raises(DataError, match="no such folder or file"):
        other.commit(made, (), "all")
    assert other.files() == {}


def test_a_file_of_a_folder_that_was_changed_is_named(place, tmp_path):
    where = f"file://{tmp_path}/lab"
    sharing.sent(place, STACK, where)
    (tmp_path / "lab" / "adapter.safetensors").write_bytes(b"weights X")
    with pytest.raises(IntegrityError, match=r"lab/adapter\.safetensors: changed since it was written"):
        sharing.taken(tmp_path, where)
    assert not list((tmp_path / "pulled").glob("[0-9a-f][0-9a-f]"))
