"""Language adapters that a module can stand on (MAD-X): of its experiment, of its store, and given ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xadapt.errors import ConfigError, UnknownName, nearest
from xadapt.languages import language as named_language
from xadapt.serving import recorded
from xadapt.serving.asked import Asked
from xadapt.serving.recorded import Known, Places
from xadapt.sources import published
from xadapt.sources.published import Published
from xadapt.stages.train import Train
from xadapt.workflow.digest import canonical
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

Adapter = Train | Published
OPTION = "--adapter"


def given(adapters: Mapping[str, str | Path], store: Store, base: Path | None) -> dict[str, Adapter]:
    """By language: an AdapterHub folder, or the start of a digest in the store.

    Raises UnknownName for a language or a digest, DataError for a folder without its files.
    """
    found: dict[str, Adapter] = {}
    for name, place in adapters.items():
        code = named_language(name, OPTION).code
        if Path(place).is_dir():
            found[code] = published.local(Path(place), f"{OPTION} {name}")
            continue
        stage = recorded.stage(str(place), store, Places(base))
        if not isinstance(stage, Train) or not stage.language:
            raise ConfigError(f"{OPTION} {name}={place}: is no language adapter")
        found[code] = stage
    return found


@dataclass
class Below:
    """The adapters by language, looked up in the store once."""

    asked: Asked
    store: Store
    places: Places
    given: Mapping[str, Adapter]

    def __bool__(self) -> bool:
        return self.asked.below is not None

    @cached_property
    def known(self) -> dict[str, Adapter]:
        """A given one before that of the experiment, that before one that was trained alike."""
        own = self.asked.below
        mine = {own.language: own} if isinstance(own, Train) else {}
        return {**dict(self._alike()), **dict(self._of_experiment()), **mine, **self.given}

    def checked(self, code: str, place: str) -> str:
        """`code`. Raises ConfigError for none, UnknownName for a language without an adapter."""
        if not code:
            known = ", ".join(sorted(self.known))
            message = f"{place}: {self.asked.title} stands on language adapters ({known}): name the language"
            raise ConfigError(message, "with --language or a column `language`")
        if code not in self.known:
            raise UnknownName(
                f"{place}: no language adapter for {code!r}{nearest(code, self.known)}",
                f"give one with {OPTION} {code}=FOLDER, or name a language that has one",
            )
        return code

    def of(self, code: str) -> Adapter:
        return self.known[code]

    def _records(self, kind: str) -> Iterator[Record]:
        for digest in self.store.digests():
            record = Record.read(self.store.folder(digest))
            if record.kind == kind:
                yield record

    def _of_experiment(self) -> Iterator[tuple[str, Adapter]]:
        """Those on which the module was predicted before."""
        module = canonical(self.asked.module)
        for record in self._records("predict"):
            if record.fields["module"] == module and (below := record.fields.get("below")):
                found = self._stage(below["digest"])
                if found is not None:
                    yield record.fields["language"], found

    def _alike(self) -> Iterator[tuple[str, Adapter]]:
        """Those trained on the same encoder by the same recipe and seed as the one below the module."""
        own = self.asked.below
        if not isinstance(own, Train):
            return
        same = {name: canonical(getattr(own, name)) for name in ("model", "recipe", "seed")}
        for record in self._records("train"):
            fields = record.fields
            if fields.get("language") and {name: fields[name] for name in same} == same:
                yield fields["language"], recorded.stage(record.digest, self.store, self.places)

    def _stage(self, digest: str) -> Adapter | None:
        if digest in self.places.published:
            return self.places.published[digest]
        try:
            found = recorded.stage(digest, self.store, self.places)
        except UnknownName:
            return None
        return None if isinstance(found, Known) else found
