"""Where something is shared: `owner/name[@revision]` on the hub, or a folder such as `file:///lab/modules`."""

import re
from dataclasses import dataclass

from xadapt.errors import ConfigError

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
FORMS = "write owner/name[@revision], file:///folder or s3://bucket/folder"


@dataclass(frozen=True)
class Address:
    """A repository of the hub, or a folder by its URL."""

    path: str
    """`owner/name`, or the URL."""
    revision: str = ""
    """Branch, tag or commit; empty for `main`, and always for a folder."""
    on_hub: bool = True

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.path}@{self.revision}" if self.revision else self.path


def parse(text: str, revision: str = "") -> Address:
    """The address; `revision` is what a flag says. Raises ConfigError for anything else."""
    if "://" in text:
        if revision:
            raise ConfigError(f"--revision {revision}: {text} is a folder, which has no revisions")
        if text.startswith("file://") and not text.startswith("file:///"):
            raise ConfigError(f"{text!r}: the path of a folder starts from the root", "file:///folder")
        if not text.partition("://")[2].strip("/"):
            raise ConfigError(f"{text!r} is no address", FORMS)
        return Address(text.rstrip("/"), on_hub=False)
    path, _, given = text.partition("@")
    if not REPOSITORY.fullmatch(path) or ".." in path or (given and revision and given != revision):
        raise ConfigError(f"{text!r} is no address", FORMS)
    return Address(path, given or revision)
