"""The one place that asks the hub over the network; whatever goes wrong there is one clear line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from xadapt.errors import DataError, DiskFull, XadaptError
from xadapt.sources import classes, readers
from xadapt.sources.cache import FETCH, Kind
from xadapt.sources.lock import Content, Split
from xadapt.sources.published import FILES, PICKLE, SAVE_SAFE
from xadapt.workflow.record import file_sha256

MODEL_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*.json", "*.model",
               "special_tokens_map.json", "added_tokens.json")  # fmt: skip
"""What `transformers` reads of an encoder and its tokenizer; weights that are pickles are never fetched."""


class Unreachable(DataError):
    """There is no network, or no hub at its other end."""


@contextmanager
def hub_errors(kind: Kind, path: str, part: str = "") -> Iterator[None]:
    """Turn what the libraries raise into DataError, or DiskFull, for this repository and part of it."""
    try:
        yield
    except XadaptError:
        raise
    except Exception as error:
        # The libraries raise dozens of unrelated types, and wrap them in each other.
        chain: list[BaseException] = []
        link: BaseException | None = error
        while link is not None and link not in chain:
            chain.append(link)
            link = link.__cause__ or link.__context__
        raise _clear(kind, path, part, chain) from error


def _clear(kind: Kind, path: str, part: str, chain: list[BaseException]) -> XadaptError:
    import requests
    from huggingface_hub import constants, errors

    what = f"{kind} {path} {part}".rstrip()

    def first(*kinds: Any) -> Any:
        return next((error for error in chain if isinstance(error, kinds)), None)

    if (full := first(OSError)) and full.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{what}: no space left for its files", "free some, or set HF_HOME to another disk")
    if first(errors.GatedRepoError):
        hint = "accept its terms on its page at the hub, then `hf auth login` or set HF_TOKEN"
        return DataError(f"{what}: access is restricted by its owner", hint)
    if first(errors.RepositoryNotFoundError):
        return DataError(f"{what}: the hub has no such repository, or a private one{_nearest_of(kind, path)}")
    if first(errors.RevisionNotFoundError):
        return DataError(f"{what}: the repository has no such revision")
    if (answer := first(errors.HfHubHTTPError)) and answer.response is not None:
        status = f"{answer.response.status_code} {answer.response.reason}"
        return DataError(f"{what}: the hub answered {status}", "try again later")
    if first(requests.ConnectionError, requests.Timeout, ConnectionError, errors.LocalEntryNotFoundError):
        why = " (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else ""
        return Unreachable(f"{what}: the hub cannot be reached{why}", FETCH)
    return DataError(f"{what}: {(str(chain[0]).splitlines() or [type(chain[0]).__name__])[0]}")


def _nearest_of(kind: Kind, path: str) -> str:
    """The closest name among the repositories of the same owner, where the hub tells them."""
    from huggingface_hub import HfApi

    try:
        ask = HfApi().list_datasets if kind == "dataset" else HfApi().list_models
        return nearest(path, [each.id for each in ask(author=path.partition("/")[0], limit=1000)])
    except Exception:
        # A suggestion is worth no second error.
        return ""


def nearest(value: str, known: list[str]) -> str:
    close = get_close_matches(value, known, n=1, cutoff=0.3)
    return f"; the nearest is {close[0]!r}" if close else ""


def revision(kind: Kind, path: str, branch: str) -> str:
    """The commit that a branch is at now, 40 hex digits."""
    from huggingface_hub import HfApi

    with hub_errors(kind, path, f"@ {branch}"):
        return str(HfApi().repo_info(path, repo_type=kind, revision=branch).sha)


def split(path: str, at: str, config: str, name: str, pattern: str) -> Split:
    """The files of one split at revision `at`: those of `pattern`, or as the card of the repository says."""
    pattern = pattern.rpartition(":")[2]
    with hub_errors("dataset", path, f"{config}/{name}"):
        if pattern:
            there = _listed("dataset", path, at)
            names = [file for file in there if fnmatchcase(file, pattern)]
            if not names:
                at_place = f"dataset {path} @ {at[:12]}"
                raise DataError(f"{at_place}: no file matches {pattern!r}{nearest(pattern, there)}")
            known: dict[str, tuple[str, ...]] = {}
        else:
            files, known = _card(path, at, config)
            if name not in files:
                raise DataError(f"dataset {path} {config}: no split {name!r}{nearest(name, list(files))}")
            names = files[name]
        for file in names:
            if not readers.suffix(file):
                formats = ", ".join(readers.SUFFIXES)
                raise DataError(f"dataset {path} {config}/{name}: {file}: none of the formats {formats}")
        return Split(files=_contents("dataset", path, at, names), names=known)


@lru_cache
def _card(path: str, at: str, config: str) -> tuple[dict[str, list[str]], dict[str, tuple[str, ...]]]:
    """Split -> files, and the class names of a configuration, found as `datasets` finds them."""
    import datasets
    from huggingface_hub import HfApi

    # The other library does not say why it may not read.
    HfApi().auth_check(path, repo_type="dataset")
    try:
        found = datasets.load_dataset_builder(path, config, revision=at)
    except ValueError:
        known = datasets.get_dataset_config_names(path, revision=at)
        if config in known:
            raise
        raise DataError(f"dataset {path}: no configuration {config!r}{nearest(config, known)}") from None
    start = f"hf://datasets/{path}@{at}/"
    files = {
        str(name): [str(file) for file in each] for name, each in (found.config.data_files or {}).items()
    }
    for file in (file for each in files.values() for file in each if not file.startswith(start)):
        raise DataError(f"dataset {path} {config}: {file} lies outside of the repository")
    features = found.info.features.to_dict() if found.info.features else {}
    inside = {name: [file.removeprefix(start) for file in each] for name, each in files.items()}
    return inside, classes.of_features(features)


def model(path: str, at: str) -> dict[str, Content]:
    """The files of a model at revision `at` that are loaded. Raises DataError without safe weights."""
    with hub_errors("model", path, f"@ {at[:12]}"):
        there = [name for name in _listed("model", path, at) if "/" not in name]
        names = [name for name in there if any(fnmatchcase(name, pattern) for pattern in MODEL_FILES)]
        if not any(name.endswith(".safetensors") for name in names):
            raise DataError(f"model {path} @ {at[:12]}: has no .safetensors weights")
        return _contents("model", path, at, names)


def module(path: str, at: str) -> dict[str, Content]:
    """The files of a module in AdapterHub's layout. Raises DataError where one is missing or a pickle."""
    with hub_errors("model", path, f"@ {at[:12]}"):
        there = _listed("model", path, at)
        for name in FILES:
            if name not in there:
                why = f"; {PICKLE} is a pickle, which is never loaded" if PICKLE in there else ""
                raise DataError(f"model {path} @ {at[:12]}: has no {name}{why}", SAVE_SAFE if why else "")
        return _contents("model", path, at, list(FILES))


def _listed(kind: Kind, path: str, at: str) -> list[str]:
    from huggingface_hub import HfApi

    return sorted(HfApi().list_repo_files(path, repo_type=kind, revision=at))


def _contents(kind: Kind, path: str, at: str, names: list[str]) -> dict[str, Content]:
    """SHA-256 and size of files; the hub knows them of its large files, a small one is downloaded for it."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    found = {}
    for start in range(0, len(names), 100):
        asked = names[start : start + 100]
        for each in HfApi().get_paths_info(path, asked, repo_type=kind, revision=at):
            assert isinstance(each, RepoFile), "only files are asked for"
            sha256 = each.lfs.sha256 if each.lfs else file_sha256(download(kind, path, at, each.path))
            found[each.path] = Content(sha256=sha256, size=each.size)
    return found


def download(kind: Kind, path: str, at: str, name: str, *, again: bool = False) -> Path:
    """The file on this machine; a download that was cut off continues. `again` replaces what is there."""
    from huggingface_hub import hf_hub_download

    with hub_errors(kind, path, name):
        return Path(hf_hub_download(path, name, repo_type=kind, revision=at, force_download=again))
