"""Pushes and pulls of the tests."""

from pathlib import Path

from tests.hub.conftest import Place
from xadapt.hub import address, again, bundle, card, matrix_card, remote
from xadapt.hub.modules import Shelf
from xadapt.hub.pull import Pulled, pull
from xadapt.hub.push import Pushed, push, push_all
from xadapt.hub.remote import Remote
from xadapt.workflow.store import Store


def other(where: str) -> Remote:
    return remote.at(address.parse(where), print)


def made(place: Place, name: str, where: str = "me/it", license: str = "") -> bundle.Bundle:
    """A module with its card, as the command makes it."""
    shelf = Shelf(place.store)
    record = shelf.module(name)
    found = bundle.one(record, shelf)
    command, more = again.again(record, place.store)
    text = card.card(found, address.parse(where), command, license)
    found.more |= more | {bundle.CARD: text.encode()}
    return found


def whole(place: Place, where: str = "me/all", license: str = "") -> bundle.Bundle:
    """The experiment with its card."""
    shelf = Shelf(place.store)
    found = bundle.every((stage.digest for stage in place.plan.stages), shelf)
    text = matrix_card.card(found, address.parse(where), f"xadapt run {again.NAME}", license)
    found.more |= again.files(place.plan.stages[-1].digest, place.store) | {bundle.CARD: text.encode()}
    return found


def sent(place: Place, name: str, where: str = "me/it", private: bool = False) -> Pushed:
    return push(made(place, name, where), other(where), private, name)


def sent_all(place: Place, where: str = "me/all") -> Pushed:
    return push_all(whole(place, where), other(where), False, "all", print)


def taken(folder: Path, where: str = "me/it") -> tuple[Store, list[Pulled]]:
    store, there = Store(folder / "pulled"), other(where)
    return store, pull(there, there.files(), store)[0]
