"""Texts that break offsets, and tokenizers that normalise them."""

import unicodedata
from importlib.resources import files

import tokenizers
from hypothesis import strategies as st
from tokenizers import Regex, normalizers, pre_tokenizers

from xadapt.modeling.pretrained import train_tokenizer

SCRIPTS = [
    "Die Stadt Köln liegt am Rhein und hat viele Brücken.",
    "تقع مدينة القاهرة على نهر النيل في مصر.",
    "दिल्ली भारत की राजधानी है और यमुना के किनारे बसी है।",
    "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย",
    "北京是中华人民共和国的首都，位于华北平原。",
    "東京は日本の首都であり、人口が多い。",
    "ရန်ကုန်မြို့သည် မြန်မာနိုင်ငံ၏ အကြီးဆုံးမြို့ဖြစ်သည်။",
    "She wrote 👩‍🔬 and e\u0301tude with a zero\u200bwidth space.",
    "שלום עולם this is mixed עברית text.",
]
ODD = [
    *("👩‍🔬", "👨‍👩‍👧‍👦", "👍🏽", "❤️", "🇲🇲"),  # emoji joined, coloured, with a selector, in pairs
    *("e\u0301", "a\u0323\u0301", "\u304b\u3099", "\u1112\u1161\u11ab", "\u0627\u0654"),  # decomposed
    *("क\u093c", "\u1025\u102e", "\u0e33", "\u0958"),  # joined or taken apart in Hindi, Burmese, Thai
    *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\ufe0f", "\u0301"),  # of no width
    *("\u200e", "\u200f", "\u202b", "\u202c"),  # directions
    *("ﬁ", "ﷺ", "㌀", "１２３", "ｶﾞ", "Å", "…", "½"),  # compatibility characters
    *("\x00", "\x01", "\x85", "\xad", "\t", "\n", "\u00a0", "\u3000", "\u2028"),  # controls and spaces
]
REMOVED = "[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f]"
SPACES = "[\\t\\n\\x0c\\r\\x{85}\\x{1680}\\x{200b}\\x{200e}\\x{200f}\\x{2028}\\x{2029}\\x{2581}\\x{feff}]"


def _like_xlmr(trained: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same pieces behind the rules of XLM-R's normaliser: `nmt_nfkc` of SentencePiece, spaces joined."""
    made = tokenizers.Tokenizer.from_str(trained.to_str())
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(REMOVED), ""),
            normalizers.Replace(Regex(SPACES), " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    return made


TRAINED = train_tokenizer([*SCRIPTS * 5, " ".join(ODD)], 400)
TOKENIZERS = {
    "trained": TRAINED,
    "like XLM-R": _like_xlmr(TRAINED),
    "toyworld": tokenizers.Tokenizer.from_file(str(files("xadapt.toyworld") / "encoder" / "tokenizer.json")),
}
names = st.sampled_from(sorted(TOKENIZERS))

_any = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=3)
fragments = st.one_of(st.sampled_from(ODD), st.sampled_from([w for s in SCRIPTS for w in s.split()]), _any)
words = st.lists(fragments, min_size=1, max_size=3).map("".join)
sentences = st.lists(words, min_size=1, max_size=30)


def bare(text: str) -> str:
    """`text` without what a normaliser may drop or turn into space at its ends."""
    hidden = ("Cc", "Cf", "Zs", "Zl", "Zp")
    at = [
        place
        for place, character in enumerate(text.replace("▁", " "))
        if unicodedata.category(character) not in hidden
    ]
    return text[at[0] : at[-1] + 1] if at else ""
