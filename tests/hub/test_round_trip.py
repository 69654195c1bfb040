"""What is pushed comes back the same, under its own digests."""

from xadapt.hub import address, bundle, remote
from xadapt.hub.modules import Shelf
from xadapt.hub.pull import pull
from xadapt.hub.push import push
from xadapt.workflow.store import Store


def sent(place, name, where="me/it"):
    shelf = Shelf(place.store)
    made = bundle.one(shelf.module(name), shelf)
    return push(made, remote.at(address.parse(where), print), private=False, message=name)


def taken(place, where="me/it"):
    store = Store(place.folder / "pulled")
    return store, pull(remote.at(address.parse(where), print), store)


def test_a_stack_comes_back_whole_and_is_not_made_again(place, hub):
    done = sent(place, "panx stack(mnli)")
    assert hub.commits == 1 and done.removed == 0 and done.same == 0
    store, found = taken(place)
    top, part = place.named("train panx stack(mnli)"), place.named("train mnli alone")
    assert {each.record.digest for each in found} == {top.digest, part.digest}
    for stage in (top, part):
        assert store.path(stage).is_dir()
        for path in place.store.path(stage).iterdir():
            assert (store.path(stage) / path.name).read_bytes() == path.read_bytes()
    assert not (store.root / ".pulling" / "x").exists()
    assert [each.new for each in taken(place)[1]] == [False, False]


def test_what_is_there_is_not_pushed_again(place, hub):
    first = sent(place, "panx stack(mnli)")
    again = sent(place, "panx stack(mnli)")
    assert (again.written, again.same, again.removed) == (0, first.written, 0) and hub.commits == 1
    other = sent(place, "panx fuse(mnli, squad)")
    assert hub.commits == 2 and other.written > 0
    _, found = taken(place)
    assert len(found) == 3
