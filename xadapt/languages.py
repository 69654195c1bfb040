"""Languages by ISO 639-1 code where there is one: those of XLM-R, of the benchmarks and of the toy world.

A user's own data are often in others, so some more of Africa and the Americas are here.

Datasets spell the same language differently (`zh-CN`, `cmn`, `Chinese`); `language` knows these names.
"""

from dataclasses import dataclass

from xadapt.errors import UnknownName, nearest


@dataclass(frozen=True)
class Language:
    """`family` is the branch that lists of the field group by; `script` is the one its test data use."""

    code: str
    name: str
    family: str
    script: str
    tatoeba: str = ""
    """ISO 639-3 code in the file names of Tatoeba; empty where Tatoeba is not used."""


_TABLE = """
en  English        Germanic       Latin       eng
af  Afrikaans      Germanic       Latin       afr
ar  Arabic         Semitic        Arabic      ara
az  Azerbaijani    Turkic         Latin       aze
bg  Bulgarian      Slavic         Cyrillic    bul
bn  Bengali        Indo-Aryan     Bengali     ben
de  German         Germanic       Latin       deu
el  Greek          Hellenic       Greek       ell
es  Spanish        Romance        Latin       spa
et  Estonian       Uralic         Latin       est
eu  Basque         Isolate        Latin       eus
fa  Persian        Iranian        Arabic      pes
fi  Finnish        Uralic         Latin       fin
fr  French         Romance        Latin       fra
gu  Gujarati       Indo-Aryan     Gujarati    -
he  Hebrew         Semitic        Hebrew      heb
hi  Hindi          Indo-Aryan     Devanagari  hin
ht  Haitian_Creole Creole         Latin       -
hu  Hungarian      Uralic         Latin       hun
id  Indonesian     Austronesian   Latin       ind
it  Italian        Romance        Latin       ita
ja  Japanese       Japonic        Japanese    jpn
jv  Javanese       Austronesian   Latin       jav
ka  Georgian       Kartvelian     Georgian    kat
kk  Kazakh         Turkic         Cyrillic    kaz
ko  Korean         Koreanic       Hangul      kor
lt  Lithuanian     Baltic         Latin       lit
ml  Malayalam      Dravidian      Malayalam   mal
mr  Marathi        Indo-Aryan     Devanagari  mar
ms  Malay          Austronesian   Latin       -
my  Burmese        Sino-Tibetan   Burmese     -
nl  Dutch          Germanic       Latin       nld
pa  Punjabi        Indo-Aryan     Gurmukhi    -
pl  Polish         Slavic         Latin       pol
pt  Portuguese     Romance        Latin       por
qu  Quechua        Quechuan       Latin       -
ro  Romanian       Romance        Latin       ron
ru  Russian        Slavic         Cyrillic    rus
sw  Swahili        Niger-Congo    Latin       swh
ta  Tamil          Dravidian      Tamil       tam
te  Telugu         Dravidian      Telugu      tel
th  Thai           Kra-Dai        Thai        tha
tl  Tagalog        Austronesian   Latin       tgl
tr  Turkish        Turkic         Latin       tur
uk  Ukrainian      Slavic         Cyrillic    ukr
ur  Urdu           Indo-Aryan     Arabic      urd
vi  Vietnamese     Austroasiatic  Latin       vie
wo  Wolof          Niger-Congo    Latin       -
yo  Yoruba         Niger-Congo    Latin       -
zh  Chinese        Sino-Tibetan   Chinese     cmn
am  Amharic        Semitic        Ethiopic    -
as  Assamese       Indo-Aryan     Bengali     -
ay  Aymara         Aymaran        Latin       -
be  Belarusian     Slavic         Cyrillic    -
bm  Bambara        Mande          Latin       -
br  Breton         Celtic         Latin       -
bs  Bosnian        Slavic         Latin       -
ca  Catalan        Romance        Latin       -
cs  Czech          Slavic         Latin       -
cy  Welsh          Celtic         Latin       -
da  Danish         Germanic       Latin       -
ee  Ewe            Niger-Congo    Latin       -
eo  Esperanto      Constructed    Latin       -
fy  West_Frisian   Germanic       Latin       -
ga  Irish          Celtic         Latin       -
gd  Scottish_Gaelic Celtic        Latin       -
gl  Galician       Romance        Latin       -
gn  Guarani        Tupian         Latin       -
ha  Hausa          Chadic         Latin       -
hr  Croatian       Slavic         Latin       -
hy  Armenian       Armenian       Armenian    -
ig  Igbo           Niger-Congo    Latin       -
is  Icelandic      Germanic       Latin       -
km  Khmer          Austroasiatic  Khmer       -
kn  Kannada        Dravidian      Kannada     -
ku  Kurdish        Iranian        Latin       -
ky  Kyrgyz         Turkic         Cyrillic    -
la  Latin          Italic         Latin       -
lg  Ganda          Niger-Congo    Latin       -
lo  Lao            Kra-Dai        Lao         -
lv  Latvian        Baltic         Latin       -
mg  Malagasy       Austronesian   Latin       -
mk  Macedonian     Slavic         Cyrillic    -
mn  Mongolian      Mongolic       Cyrillic    -
mt  Maltese        Semitic        Latin       -
ne  Nepali         Indo-Aryan     Devanagari  -
no  Norwegian      Germanic       Latin       -
ny  Chichewa       Niger-Congo    Latin       -
om  Oromo          Cushitic       Latin       -
or  Odia           Indo-Aryan     Odia        -
ps  Pashto         Iranian        Arabic      -
rw  Kinyarwanda    Niger-Congo    Latin       -
sa  Sanskrit       Indo-Aryan     Devanagari  -
sd  Sindhi         Indo-Aryan     Arabic      -
si  Sinhala        Indo-Aryan     Sinhala     -
sk  Slovak         Slavic         Latin       -
sl  Slovenian      Slavic         Latin       -
sn  Shona          Niger-Congo    Latin       -
so  Somali         Cushitic       Latin       -
sq  Albanian       Albanian       Latin       -
sr  Serbian        Slavic         Cyrillic    -
su  Sundanese      Austronesian   Latin       -
sv  Swedish        Germanic       Latin       -
tn  Tswana         Niger-Congo    Latin       -
ug  Uyghur         Turkic         Arabic      -
uz  Uzbek          Turkic         Latin       -
xh  Xhosa          Niger-Congo    Latin       -
yi  Yiddish        Germanic       Hebrew      -
zu  Zulu           Niger-Congo    Latin       -
qaa Toy_A          Toy            Latin       -
qab Toy_B          Toy            Latin       -
qac Toy_C          Toy            Cyrillic    -
qad Toy_D          Toy            Greek       -
qae Toy_E          Toy            Georgian    -
"""


def _parse(line: str) -> Language:
    code, name, family, script, tatoeba = line.split()
    return Language(code, name.replace("_", " "), family, script, tatoeba.strip("-"))


LANGUAGES: dict[str, Language] = {entry.code: entry for entry in map(_parse, _TABLE.split("\n")[1:-1])}
"""Every language by code."""

TOY_LANGUAGES = tuple(code for code, entry in LANGUAGES.items() if entry.family == "Toy")
"""The invented languages of the toy world; their codes are ISO 639 codes of private use."""

_OTHER_NAMES = {
    "jp": "ja",
    "iw": "he",
    "in": "id",
    "jw": "jv",
    "fil": "tl",
    "cn": "zh",
    "zh-cn": "zh",
    "zh-hans": "zh",
    "zh_cn": "zh",
    "zho": "zh",
    "fas": "fa",
    "swa": "sw",
    "farsi": "fa",
    "filipino": "tl",
    "mandarin": "zh",
    "haitian": "ht",
    "haitian creole": "ht",
    "bahasa indonesia": "id",
}
ALIASES: dict[str, str] = {
    **{entry.name.lower(): code for code, entry in LANGUAGES.items()},
    **{entry.tatoeba: code for code, entry in LANGUAGES.items() if entry.tatoeba},
    **_OTHER_NAMES,
}
"""Other spellings, lower case, to codes: old ISO codes, regions, Tatoeba's codes, names as UD writes them."""


def language(code: str, at: str = "language") -> Language:
    """The language of a code, an alias or an English name, in any case.

    Raises UnknownName with the nearest known code or name.
    """
    key = code.strip().lower()
    known = LANGUAGES.get(ALIASES.get(key, key))
    if known is None:
        hint = nearest(key, [*LANGUAGES, *ALIASES])
        # Without a near name the codes are list enough; the aliases would bury them.
        hint = hint if "mean" in hint else nearest("", LANGUAGES)
        raise UnknownName(f"{at}: no language {code!r}{hint}")
    return known
