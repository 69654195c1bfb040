"""What counts as a word, in any script."""

import re


def words(text: str) -> list[str]:
    """Lower-case words; in scripts without spaces the characters."""
    found = re.findall(r"\w+", text.lower())
    return found if len(found) > 1 or len(text) < 8 else list(found[0] if found else text)


def parts(text: str) -> list[str]:
    """Lower-case words, with numbers and Latin letters apart from what they stand in, as in Chinese."""
    return re.findall(r"[0-9]+|[a-z]+|[^\W0-9a-z]+", text.lower())
