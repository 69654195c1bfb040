"""Where something is shared: `owner/name[@revision]` on the hub, or a folder such as `file:///lab/modules`."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from xadapt.errors import ConfigError

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
FORMS = "write owner/name[@revision], file:///folder or s3://bucket/folder"
FILE = "file://"


@dataclass(frozen=True)
class Address:
    """A repository of the hub, or a folder by its URL."""

    path: str
    """`owner/name`, or the URL; that of a folder of this machine as `Path.as_uri` writes it."""
    revision: str = ""
    """Branch, tag or commit; empty for `main`, and always for a folder."""
    on_hub: bool = True

    @property
    def name(self) -> str:
        """The last part of the path."""
        return (self.folder or self.path).rstrip("/").rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path of a folder of this machine; empty for anything else."""
        return unquote(self.path.removeprefix(FILE)) if self.path.startswith(FILE) else ""

    def __str__(self) -> str:
        return f"{self.path}@{self.revision}" if self.revision else self.path


def parse(text: str, revision: str = "") -> Address:
    """The address; `revision` is what a flag says. Raises ConfigError for anything else."""
    if "://" in text:
        if revision:
            raise ConfigError(f"--revision {revision}: {text} is a folder, which has no revisions")
        return Address(_url(text), on_hub=False)
    path, _, given = text.partition("@")
    if not _is_repository(path) or (given and revision and given != revision):
        raise ConfigError(f"{text!r} is no address", FORMS)
    return Address(path, given or revision)


def _is_repository(path: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(path)
    except HFValidationError:
        return False
    # The library also takes letters that the hub does not.
    return REPOSITORY.fullmatch(path) is not None


def _url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme.lower() == "file" and not rest.startswith("/"):
        raise ConfigError(f"{text!r}: the path of a folder starts from the root", "file:///folder")
    if not rest.strip("/"):
        raise ConfigError(f"{text!r} is no address", FORMS)
    if scheme.lower() != "file":
        return f"{scheme.lower()}://{rest.rstrip('/')}"
    try:
        path = unquote(rest, errors="strict")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{text!r}: its percent escapes are not UTF-8", FORMS) from error
    if "\0" in path:
        raise ConfigError(f"{text!r} is no address", FORMS)
    return Path(path).as_uri()
