"""What can go wrong between here and the hub: tried again where that may help, else one clear line.

A limit of requests (429) is waited out as the hub says in Retry-After, for an hour in sum; a failure of the
server (5xx) or of the connection is tried again after 1, 2, 4 and 8 seconds. Everything else is an error at
once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from time import monotonic, sleep
from typing import Any, TypeVar

from xadapt.errors import DataError, IntegrityError, Unwritable, XadaptError
from xadapt.sources.asking import Unreachable

T = TypeVar("T")
Say = Callable[[str], None]
"""Tells the user a line."""
WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try."""
LONGEST = 3600.0
"""Seconds that limits are waited out in sum; the hub's are per hour at most."""
LIMITED, AGAIN = 429, (500, 502, 503, 504)
RUN_AGAIN = "run the same command again to continue"
LOGIN = "`hf auth login`, or set HF_TOKEN to a token that may write"


class Overtaken(Unwritable):
    """Someone else wrote at the same time."""


class Patience:
    """How long limits may still be waited out: an hour in sum, where waits side by side count once."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or monotonic
        self._until = self._waited = 0.0
        self._lock = Lock()

    def allows(self, seconds: float) -> bool:
        """Whether to wait so long from now; counts it when it is."""
        with self._lock:
            now = self._clock()
            more = max(0.0, now + seconds - max(now, self._until))
            if self._waited + more > LONGEST:
                return False
            self._waited, self._until = self._waited + more, max(self._until, now + seconds)
            return True


def retried(ask: Callable[[], T], say: Say, patience: Patience, limits_alone: bool = False) -> T:
    """What `ask` gives; it is called again while the hub says that it may answer later.

    `limits_alone`: the client itself tries again after other failures.
    """
    for wait in WAITS:
        try:
            return ask()
        except Exception as error:
            # The clients raise dozens of unrelated types, and wrap them in each other.
            seconds = _wait(error, wait)
            limited = _is_limit(error)
            if seconds is None or (limits_alone and not limited):
                raise
            if limited and not patience.allows(seconds):
                raise
            say(f"{_said(error)}; trying again in {seconds:g} s")
            sleep(seconds)
    return ask()


def _wait(error: Exception, usual: float) -> float | None:
    """Seconds until another try; None where it would not help."""
    if isinstance(error, XadaptError) or _is_offline(error):
        return None
    answer = _answer(error)
    if answer is None:
        return usual if _is_cut(error) else None
    if answer.status_code == LIMITED:
        return _retry_after(answer.headers.get("Retry-After", ""), usual)
    return usual if answer.status_code in AGAIN else None


def _is_limit(error: Exception) -> bool:
    answer = _answer(error)
    return answer is not None and answer.status_code == LIMITED


def _retry_after(text: str, usual: float) -> float:
    """Seconds, from their number or from a date (RFC 9110, 10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return usual


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        yield link
        link = link.__cause__ or link.__context__


def _answer(error: BaseException) -> Any:
    """The response of the hub behind an error, None where there was none."""
    import requests

    for link in _chain(error):
        answer = getattr(link, "response", None)
        if isinstance(answer, requests.Response):
            return answer
    return None


def _is_offline(error: BaseException) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    return any(isinstance(link, OfflineModeIsEnabled) for link in _chain(error))


def _is_cut(error: BaseException) -> bool:
    import requests

    kinds = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return any(isinstance(link, (*kinds, ConnectionError)) for link in _chain(error))


def _said(error: BaseException) -> str:
    answer = _answer(error)
    return "the connection was cut" if answer is None else f"the hub answered {answer.status_code}"


@contextmanager
def clear(at: str) -> Iterator[None]:
    """Turn what the clients raise inside the block into one line that starts with `at`.

    Raises Unwritable without a permission, Overtaken when others wrote at the same time, DataError for what
    is not there, Unreachable without an answer.
    """
    try:
        yield
    except XadaptError:
        raise
    except Exception as error:
        raise _clear(at, error) from error


def _clear(at: str, error: Exception) -> XadaptError:
    if (answer := _answer(error)) is not None:
        return _refused(at, error, answer)
    if _is_offline(error):
        return Unreachable(f"{at}: HF_HUB_OFFLINE is set", "unset it, or use a file:///folder")
    if _is_cut(error):
        return Unreachable(f"{at}: the hub cannot be reached, or the connection was cut", RUN_AGAIN)
    if isinstance(error, OSError) and "onsistency" in str(error):
        return IntegrityError(f"{at}: {_first_line(error)}")
    return DataError(f"{at}: {_first_line(error)}")


def _refused(at: str, error: Exception, answer: Any) -> XadaptError:
    from huggingface_hub import errors, get_token

    status, said = answer.status_code, _message(answer)
    if isinstance(error, errors.GatedRepoError):
        return Unwritable(f"{at}: access is restricted by its owner", "accept its terms on its page")
    if status == 401:
        why = "does not know this token" if get_token() else "wants a token"
        return Unwritable(f"{at}: the hub {why} (401), or it is private", LOGIN)
    if status == 403:
        return Unwritable(f"{at}: this token has no permission (403){said}", LOGIN)
    if isinstance(error, errors.RevisionNotFoundError):
        return DataError(f"{at}: the repository has no such revision")
    if status == 404:
        return DataError(f"{at}: the hub has no such repository, or a private one (404)", LOGIN)
    if status in (409, 412):
        return Overtaken(f"{at}: someone else writes to it ({status})", RUN_AGAIN)
    if status == LIMITED:
        later = answer.headers.get("Retry-After", "")
        wait = f", again after {later}" if later else ""
        return DataError(f"{at}: too many requests (429){wait}", "wait, then " + RUN_AGAIN)
    return DataError(f"{at}: the hub answered {status}{said}", RUN_AGAIN if status >= 500 else "")


def _message(answer: Any) -> str:
    """What the hub says of it, in one line."""
    said = answer.headers.get("X-Error-Message") or ""
    return f": {said.splitlines()[0]}" if said.strip() else ""


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
