"""Random streams named by what they are for, never by the order in which they are drawn.

A stream is a function of its key alone, so row 7 of a split is the same whether or not row 6 was made,
in every process and on every machine (`hash()` is salted per process and would not be).
"""

from __future__ import annotations

import random
from hashlib import blake2b


def number(*key: object) -> int:
    """A 64-bit number that is the same everywhere for the same key."""
    text = "|".join(map(str, key)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def stream(*key: object) -> random.Random:
    return random.Random(number(*key))
