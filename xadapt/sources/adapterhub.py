"""Which published language adapters there are for which base model, and which lie in a folder.

Those of MAD-X on AdapterHub (Pfeiffer et al. 2020): sequential bottlenecks with NICE, reduction factor 2.
Their list is adapters/ukp/NAME.yaml of Adapter-Hub/Hub at 67807574, from which the hub's AdapterHub/NAME
were imported. All pages seen hold pickles, which are never loaded: `adapters` saves them anew as safetensors.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xadapt.errors import DataError, UnknownName
from xadapt.languages import LANGUAGES, Language, language
from xadapt.sources.published import FILES, PICKLE
from xadapt.tasks import tasks

SEEN = {
    "xlm-roberta-base": "de en gn ru sw ta zh",
    "xlm-roberta-large": "en ja jv zh",
}
"""Base model -> languages whose repository on the hub has been seen."""
LISTED = {
    "xlm-roberta-base": "ar el es et hi id it ja jv my qu th tr vi",
    "xlm-roberta-large": "ar my qu sw",
    "bert-base-multilingual-cased": "ar de el en es et fi fr gn hi ht is ja jv ko my qu ru sw zh",
}
"""The same of those that are only in the list."""


@dataclass(frozen=True)
class Known:
    """A published language adapter."""

    hub: str
    verified: bool
    """Whether its repository has been seen, or only its name in the list."""


@dataclass(frozen=True)
class Local:
    """A language adapter in a folder; `fault` says why it cannot be used for the model."""

    folder: Path
    fault: str = ""


@dataclass(frozen=True)
class Row:
    """A language of the targets, and the adapters that there are of it for one base model."""

    language: Language
    known: Known | None
    local: Local | None


def rows(model: str, folder: Path | None = None) -> list[Row]:
    """Every language of the targets, by name; then those that only `folder` has, one folder a language.

    Raises DataError for no such folder.
    """
    found = dict(_local(folder, model)) if folder else {}
    targets = {
        code for each in tasks().values() if each.role == "target" for code in (*each.languages, *each.wider)
    }
    every = [entry for code, entry in LANGUAGES.items() if code in targets or code in found]
    ordered = sorted(every, key=lambda entry: (entry.code not in targets, entry.name))
    return [Row(entry, published(model, entry.code), found.get(entry.code)) for entry in ordered]


def published(model: str, code: str) -> Known | None:
    """The published adapter of a language for a base model, by its name on the hub, with or without owner."""
    name = model.rpartition("/")[2]
    for table, verified in ((SEEN, True), (LISTED, False)):
        if code in table.get(name, "").split():
            return Known(f"AdapterHub/{name}-{code}-wiki_pfeiffer", verified)
    return None


def _local(folder: Path, model: str) -> Iterator[tuple[str, Local]]:
    """The folders named like a language that hold an adapter."""
    if not folder.is_dir():
        raise DataError(f"--adapters {folder}: no such folder")
    for place in sorted(folder.iterdir()):
        if (place / FILES[0]).is_file():
            try:
                code = language(place.name).code
            except UnknownName:
                continue
            yield code, Local(place, _fault(place, model))


def _fault(place: Path, model: str) -> str:
    try:
        made_for = str(json.loads((place / FILES[0]).read_text(encoding="utf-8"))["model_name"])
    except (OSError, ValueError, LookupError, TypeError):
        return f"{FILES[0]} does not say which model it is for"
    if made_for.rpartition("/")[2] != model.rpartition("/")[2]:
        return f"is for {made_for}"
    if not (place / FILES[1]).is_file():
        pickle = (place / PICKLE).is_file()
        return f"{PICKLE} is a pickle, which is never loaded" if pickle else f"has no {FILES[1]}"
    return ""
