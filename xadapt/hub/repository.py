"""A model repository of the hub, through `huggingface_hub`, whose token and endpoint are used as they are."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from xadapt.errors import Unwritable
from xadapt.hub.address import Address
from xadapt.hub.faults import Patience, Say, clear, retried
from xadapt.hub.remote import Held, Source

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")
MAIN = "main"
AT_ONCE = 8
"""Downloads side by side."""


class Repository:
    """A `Remote`. A commit follows the state that was read: what others commit in between refuses it."""

    def __init__(self, address: Address, say: Say) -> None:
        self.address, self._say = address, say
        self._branch = address.revision or MAIN
        self._patience = Patience()
        self._head = ""

    @property
    def at(self) -> str:
        return f"{self.address.path}@{self._head[:12]}" if self._head else str(self.address)

    @property
    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        return HfApi()

    def _ask(self, call: Callable[[], T]) -> T:
        with clear(str(self.address)):
            return retried(call, self._say, self._patience)

    def prepare(self, private: bool) -> None:
        """Raises Unwritable when it is to be private and is public."""
        path = self.address.path
        self._ask(lambda: self._api.create_repo(path, private=private, exist_ok=True))
        if private and not self._ask(lambda: self._api.repo_info(path)).private:
            raise Unwritable(f"{path}: --private, but the repository is public", "take another name")
        if self._branch != MAIN:
            self._ask(lambda: self._api.create_branch(path, branch=self._branch, exist_ok=True))

    def files(self) -> dict[str, Held]:
        return self._ask(self._look)

    def _look(self) -> dict[str, Held]:
        from huggingface_hub.hf_api import RepoFile

        path = self.address.path
        self._head = str(self._api.repo_info(path, revision=self._branch).sha)
        tree = self._api.list_repo_tree(path, recursive=True, revision=self._head)
        return {
            each.path: Held(each.size, each.lfs.sha256) if each.lfs else Held(each.size, git=each.blob_id)
            for each in tree
            if isinstance(each, RepoFile)
        }

    def commit(self, add: Mapping[str, Source], gone: Collection[str], message: str) -> None:
        self._ask(lambda: self._commit(add, gone, message))

    def _commit(self, add: Mapping[str, Source], gone: Collection[str], message: str) -> None:
        """One try. An answer that was lost may have been a yes: what is there by now is not written again."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        before = self._head
        there = self._look()
        left = [name for name, source in add.items() if name not in there or not there[name].is_(source)]
        if not left and not set(gone) & there.keys():
            return
        made = [CommitOperationAdd(name, add[name]) for name in left]
        dropped = [CommitOperationDelete(name) for name in sorted(set(gone) & there.keys())]
        done = self._api.create_commit(
            self.address.path,
            [*made, *dropped],
            commit_message=message,
            revision=self._branch,
            parent_commit=before or self._head,
        )
        self._head = str(done.oid)

    def fetch(self, paths: Collection[str], folder: Path) -> None:
        from huggingface_hub import hf_hub_download

        def one(path: str) -> None:
            with clear(f"{self.at}/{path}"):
                retried(
                    lambda: hf_hub_download(
                        self.address.path, path, revision=self._head or self._branch, local_dir=folder
                    ),
                    self._say,
                    self._patience,
                    limits_alone=True,
                )

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(one, paths))
