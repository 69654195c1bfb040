"""Files of hub repositories on this machine, in the cache of `huggingface_hub`; never over the network."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from xadapt.errors import DataError, IntegrityError
from xadapt.sources.lock import File
from xadapt.workflow.record import file_sha256

Kind = Literal["dataset", "model"]
FETCH = "run `xadapt fetch EXPERIMENT`, where there is a network"


def find(kind: Kind, path: str, revision: str, name: str) -> Path | None:
    """Where the file of a repository lies, None when it is not there."""
    from huggingface_hub import constants

    if not (Path(constants.HF_HUB_CACHE) / f"{kind}s--{path.replace('/', '--')}").is_dir():
        return None
    # Loaded only where something lies there: it takes a quarter of a second, which a plan can do without.
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(path, name, revision=revision, repo_type=kind)
    return Path(found) if isinstance(found, str) and Path(found).is_file() else None


def checked(kind: Kind, path: str, revision: str, file: File) -> Path:
    """Where the file lies. Raises DataError when it is not there, IntegrityError when it is another one."""
    found = find(kind, path, revision, file.name)
    if found is None:
        raise DataError(f"{path}/{file.name} @ {revision[:12]} is not on this machine", FETCH)
    if (sha256 := file_sha256(found)) != file.sha256:
        message = f"{found}: has SHA-256 {sha256[:12]}, the lock says {file.sha256[:12]}"
        raise IntegrityError(message, "run `xadapt fetch EXPERIMENT`: it is downloaded again")
    return found


@lru_cache
def model_folder(path: str, revision: str, files: tuple[File, ...]) -> Path:
    """The folder that `transformers` loads, every file of it checked once per process.

    Raises DataError and IntegrityError as `checked` does.
    """
    if not files:
        raise DataError(f"model {path!r} is not locked to a revision", FETCH)
    places = [checked("model", path, revision, file) for file in files]
    return places[0].parent
