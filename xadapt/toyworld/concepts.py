"""What there is to talk about: the concepts of the world, named by their English words.

Every language has words for the same concepts, and two words for the same ones (`SYNONYMS`): were synonyms
rarer in one language, word overlap would give labels away more readily there.
"""

from __future__ import annotations

import re
from typing import Final

FIRST_NAMES: Final = (
    *("Anna", "Tomas", "Maria", "Ivan", "Lena", "Omar", "Rosa", "Hugo", "Nina", "Karl", "Dora", "Felix"),
    *("Greta", "Milo", "Sara", "Jonas", "Vera", "Paul", "Otto", "Luna", "Emil", "Ada", "Boris", "Irma"),
)
LAST_NAMES: Final = ("Berg", "Novak", "Silva", "Kato", "Rossi", "Lind", "Moreno", "Haas")
CITIES: Final = ("Lima", "Oslo", "Cairo", "Quito", "Delhi", "Turin", "Perth", "Accra")
FIRMS: Final = ("Norda", "Velta", "Kirona", "Zemplo")
NAMESAKES: Final = (*LAST_NAMES[:5], *CITIES[:3])
"""Firms named after a family or a city: there the word alone does not tell the kind of name."""

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "fruit": ("apple", "pear", "plum", "lemon"),
    "animal": ("dog", "cat", "horse", "goat"),
    "garment": ("coat", "hat", "shirt", "glove"),
    "vehicle": ("car", "boat", "bike", "cart"),
    "writing": ("book", "letter", "map", "poem"),
    "food": ("bread", "cheese", "soup", "cake"),
}
SCRIPTS: Final[dict[str, tuple[str, ...]]] = {
    "fruit": ("pick", "wash", "peel"),
    "animal": ("feed", "brush", "walk"),
    "garment": ("sew", "iron", "wear"),
    "vehicle": ("rent", "drive", "repair"),
    "writing": ("write", "copy", "read"),
    "food": ("cook", "taste", "eat"),
}
"""What people do with things of a kind, in the order in which they do it: the world's common sense."""

NOUNS: Final = tuple(noun for nouns in KINDS.values() for noun in nouns)
KIND_OF: Final = {noun: kind for kind, nouns in KINDS.items() for noun in (*nouns, kind)}
SCRIPT_VERBS: Final = tuple(verb for verbs in SCRIPTS.values() for verb in verbs)
GENERAL_VERBS: Final = ("buy", "see", "like", "find", "lose", "sell")
GIVING_VERBS: Final = ("give", "send", "show", "lend")
RESTING_VERBS: Final = ("sleep", "sing", "dance", "wait")
JOBS: Final = ("doctor", "teacher", "farmer", "baker", "singer", "judge")
COLOURS: Final = ("red", "green", "blue", "white", "black")
SIZES: Final = ("big", "small", "old", "new")
DAYS: Final = ("Monday", "Tuesday", "Thursday", "Friday", "Sunday")
LARGEST_NUMBER: Final = 9

VERBS: Final = (*SCRIPT_VERBS, *GENERAL_VERBS, *GIVING_VERBS, *RESTING_VERBS, "live", "work", "do")
LINKS: Final = ("then", "so", "but", "also")
SMALL_WORDS: Final = (
    *(
        "to",
        "in",
        "on",
        "for",
        "with",
        "never",
        "a",
        "the",
        "be",
        "did",
        "who",
        "what",
        "where",
        "when",
        "how many",
    ),
    *LINKS,
)
CONTENT: Final = (*VERBS, *NOUNS, *KINDS, *JOBS, *COLOURS, *SIZES, *DAYS)

_SYNONYM_PAIRS = """
    apple:pippin lemon:citron dog:hound cat:kitty horse:pony coat:jacket hat:cap shirt:blouse car:auto
    boat:ship bike:cycle cart:wagon book:volume letter:note map:chart poem:verse soup:broth bread:loaf
    pick:gather wash:rinse brush:groom sew:stitch iron:press rent:hire drive:steer repair:fix write:pen
    copy:trace cook:prepare taste:sample eat:devour buy:purchase see:notice like:love find:discover
    lose:misplace give:hand send:mail show:present lend:loan sleep:doze big:large small:little
    doctor:physician teacher:tutor
"""
SYNONYMS: Final[dict[str, str]] = dict(re.findall(r"(\w+):(\w+)", _SYNONYM_PAIRS))
