"""A module is nothing without the parts that it runs: neither pushed nor pulled without them."""

import shutil

import pytest

from tests.hub import sharing
from tests.hub.conftest import Place
from xadapt.errors import IntegrityError, UnknownName
from xadapt.hub import bundle
from xadapt.hub.modules import Shelf
from xadapt.workflow.store import Store

STACK, FUSE = "panx stack(mnli)", "panx fuse(mnli, squad)"


@pytest.fixture
def lacking(place, tmp_path):
    """(the store without mnli, its digest, the others by name)"""
    store = Store(shutil.copytree(place.store.root, tmp_path / "copy"))
    gone = place.named("train mnli alone").digest
    shutil.rmtree(store.folder(gone))
    return Place(tmp_path, store, place.plan), gone


@pytest.mark.parametrize("name", [STACK, FUSE])
def test_a_module_is_not_pushed_without_a_part(lacking, place, name, hub):
    lack, gone = lacking
    digest = place.named(f"train {name}").digest
    shelf = Shelf(lack.store)
    with pytest.raises(UnknownName, match=rf"train {digest[:12]} stands on train {gone[:12]}, .*not in"):
        bundle.one(shelf.module(digest), shelf)
    with pytest.raises(UnknownName) as failed:
        bundle.every((stage.digest for stage in lack.plan.stages), shelf)
    assert f"--only {gone[:12]} --again" in failed.value.hint and "xadapt pull" in failed.value.hint
    assert hub.asked == []


@pytest.mark.parametrize("where", ["me/it", "file"])
def test_what_was_pushed_without_a_part_is_not_pulled(place, hub, tmp_path, where):
    where = where if where == "me/it" else f"file://{tmp_path}/lab"
    made = sharing.made(place, STACK)
    gone = place.named("train mnli alone").digest
    made.stages = {"": made.stages[""]}
    other = sharing.other(where)
    other.prepare(False)
    other.commit(made.files(), (), "without")
    with pytest.raises(IntegrityError, match=rf"stands on train {gone[:12]}, which is neither there nor in"):
        sharing.taken(tmp_path, where)
    assert not list((tmp_path / "pulled").glob("[0-9a-f][0-9a-f]"))
    sharing.sent(place, "mnli", "me/mnli")
    sharing.taken(tmp_path, "me/mnli")
    assert [each.new for each in sharing.taken(tmp_path, where)[1]] == [True]
