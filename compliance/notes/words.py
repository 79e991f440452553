"""Words and signs of a note, with the places where they stand in the text as written.

Notes come typed, dictated, pasted and badly decoded. Everything is brought to one spelling without moving a
character, so that the offsets of a word are those of the text that a reader sees.
"""

import math
import re
from functools import lru_cache
from typing import NamedTuple

FILLER = "\u200b"
"""Stands where a character says nothing; words may hold it, and it is dropped from their spelling."""

_SAME_SIGN = {
    "'": "’‘‚‛´`ʼ′",
    '"': "“”„‟″«»",
    "x": "×✕✖⨯",
    "→": "⇒➔➜➝⟶►↔⇔⟷⇄⇆↦",
    "-": "\u2010\u2011−­",
    "–": "—―",
    " ": "\u00a0\u2002\u2003\u2007\u2009\u202f\t\r\x00",
    "•": "·●▪◦‣■",
    "□": "☐▢◻○",
    "☑": "☒✓✔⊠",
    "~": "≈∼",
    FILLER: "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff\u2066\u2067\u2068\u2069",
}
_ONE_TO_ONE = str.maketrans({given: sign for sign, many in _SAME_SIGN.items() for given in many})

_MOJIBAKE = {
    "â€™": "'", "â€˜": "'", "â€œ": '"', "â€\x9d": '"', "â€“": "–", "â€”": "–", "Ã—": "x", "â†’": "→", "â†\x92": "→",
    "â†”": "→", "â€¢": "•", "Â°": "°", "Â½": "½", "â‰¤": "≤", "â‰¥": "≥", "Â ": " ",
}  # fmt: skip
"""UTF-8 read as Windows-1252, as old exports hold it."""

_JOINING_DASH = re.compile(r"(?<=[^\W\d_])–(?=[^\W\d_])")
"""A dash typed for a hyphen ("sit–to–stand")."""

_SLASHED = (
    "w/out|w/o|w/c|w/in|t/f|t/fs|v/c|v/cs|h/o|s/p|c/o|d/t|b/l|s/u|r/o|f/u|i/e|p/u|n/a|u/e|l/e|y/o|s/s|d/c|a/p|"
    "n/t|m/l|b/c|s/t|x/wk|x/week"
)
_TOKEN = re.compile(
    rf"(?P<slashed>(?:{_SLASHED})(?![a-z]))"
    r"|(?P<box>\[\s*(?:[x*]\s*)?\]|\(\s*x\s*\)|\(\s{1,3}\)|[□☑])"
    r"|(?P<with>w/)"
    rf"|(?P<word>[^\W\d_](?:[^\W\d_]|{FILLER})*(?:'{FILLER}*[^\W\d_]+)*)"
    r"|(?P<number>\d+(?:,\d{3}(?!\d)|\.\d+)*)"
    r"|(?P<arrow>(?:<|(?<![-=]))[-=]+>|<>)"
    r"|(?P<blank>_{2,}|\.{3,})"
    r"|(?P<dash>(?<=\s)--?(?=\s)|^--?(?=\s)|–)"
    r"|(?P<sign>[\n.,;:()/#%+!?\"→•*&@=≤≥<>~'\[\]↑↓½°|])",
    re.MULTILINE,
)
_NUMBER_WORDS = {
    word: str(n)
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
        ]
    )
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60"}
_WRITTEN_OUT = {"w/o": "without", "w/out": "without", "wc": "w/c"}
_SPOKEN = {"period": ".", "comma": ",", "colon": ":", "semicolon": ";"}


class Word(NamedTuple):
    """One word, number or sign: its normal spelling, and where it stands."""

    spelling: str
    start: int
    end: int
    sort: str
    """word, number, sign, box (an empty tick box), ticked, blank."""


def normal(text: str) -> str:
    """The text in one spelling and lower case, of the same length."""
    for wrong, sign in _MOJIBAKE.items():
        if wrong in text:
            text = text.replace(wrong, sign + FILLER * (len(wrong) - 1))
    text = _JOINING_DASH.sub("-", text.translate(_ONE_TO_ONE))
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def words(text: str) -> list[Word]:
    """Words, numbers and signs of a text in order; hyphens inside words fall away ("sit-to-stand")."""
    spelt = normal(text)
    found = _without_shortening_stops([_word(match) for match in _TOKEN.finditer(spelt)])
    return _dictated(found) if _is_dictated(found) else found


_SHORTENED = frozenset({"min", "mod", "max", "tot", "sup", "mod.", "dep", "verb", "tact"})
_LEVEL_WORDS = frozenset(
    {"a", "assist", "assistance", "i", "ind", "indep", "independent", "vc", "vcs", "cue", "cues", "cueing"}
)


def _without_shortening_stops(found: list[Word]) -> list[Word]:
    """Drop the stop of a shortened level: "mod. A" is "mod A"."""
    return [
        word
        for place, word in enumerate(found)
        if not (
            word.spelling == "."
            and 0 < place < len(found) - 1
            and (
                (found[place - 1].spelling in _SHORTENED and found[place + 1].spelling in _LEVEL_WORDS)
                or _is_initial(found, place - 1)
            )
        )
    ]


def _word(match: re.Match[str]) -> Word:
    spelling, sort = _spelt(match.group(), match.lastgroup)
    return Word(spelling, match.start(), match.end(), sort)


def _is_initial(found: list[Word], place: int) -> bool:
    """Whether one letter is the initial of a name ("performed by J. Doe")."""
    return place > 0 and len(found[place].spelling) == 1 and found[place - 1].spelling in _BEFORE_NAMES


_BEFORE_NAMES = frozenset({"by", "dr", "mr", "ms", "mrs"})


@lru_cache(maxsize=100_000)
def _spelt(given: str, group: str | None) -> tuple[str, str]:
    """The spelling and sort of a token; the few words of the field recur in every note."""
    sort = group or "sign"
    if sort == "word":
        return given.replace(FILLER, "").removesuffix("'s"), "word"
    if sort in ("slashed", "with"):
        return _WRITTEN_OUT.get(given, given), "word"
    if sort == "box":
        ticked = "x" in given or "*" in given or given == "☑"
        return ("☑", "ticked") if ticked else ("□", "box")
    if sort == "arrow":
        return "→", "sign"
    if sort == "dash":
        return "–", "sign"
    return given, sort


def _is_dictated(found: list[Word]) -> bool:
    """Whether stops were spoken ("period") rather than typed."""
    spoken = sum(word.spelling in ("period", "comma") for word in found)
    typed = sum(word.spelling in (".", ",") for word in found)
    return spoken >= 2 and typed <= spoken // 2


def _dictated(found: list[Word]) -> list[Word]:
    return [
        word._replace(spelling=_SPOKEN[word.spelling], sort="sign") if word.spelling in _SPOKEN else word
        for word in found
    ]


def number_of(spelling: str) -> float | None:
    """The number that a word stands for, typed or spoken ("12", "1.5", "two"), else None."""
    spelling = _NUMBER_WORDS.get(spelling, spelling)
    try:
        number = float(spelling.replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) else None  # "Nan" is a grandmother, "inf" is inferior
