"""Free text with the names and ids of listed people replaced by numbers, however a note spells them.

Words are compared without case, accents and apostrophes: `SUTHERLAND, GLORIA`, `gloria`, `Nunez`, `O’Neil`, `Xiong_PTA`.
A name that no table lists cannot be known, and still shows.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

APOSTROPHES = "'’‘ʼ`´′"
LETTER = r"(?:[^\W_]|[\u0300-\u036f])"
WORD = re.compile(rf"{LETTER}+(?:[{APOSTROPHES}](?!s(?!{LETTER})){LETTER}+)*", re.IGNORECASE)
"""Letters and digits with the apostrophes inside them; a possessive `’s` is no part of the name."""
UNDECOMPOSED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe"} | dict.fromkeys(APOSTROPHES, "")
)
WIDEST_GAP = 3
"""Marks that may stand between the words of one name, spaces apart: `José (Pepe) Núñez`."""
BETWEEN = re.compile(r"[\s,.\-‐‑]{1,4}")
"""What may part two replaced words of one person for them to become one."""
LONGEST_COMMON, SHORTEST_NUMBER = 2, 5
"""Words up to the one (`Bo`) and numbers below the other (`12`) are replaced only as part of a whole name or an id."""
SEVERAL = "a listed person"
TITLES = frozenset(
    {
        "jr", "sr", "ii", "iii", "iv", "md", "do", "phd", "pt", "dpt", "mpt", "pta", "ot", "otr", "otd",
        "mot", "cota", "ota", "slp", "ccc", "np", "pa", "rn", "mr", "mrs", "ms", "mx", "dr", "van",
        "von", "der", "den", "del", "los", "las", "dos", "bin", "the", "and", "patient", "person",
        "client", "resident", "therapist", "assistant", "student", "test", "name", "unknown"
    }
)  # fmt: skip
"""Words in names that, alone, name nobody."""
ORDINARY = frozenset((Path(__file__).parent / "ordinary_names.txt").read_text(encoding="utf-8").split())
"""Names that are words of notes too (`uses walker`, `will climb`): replaced only where they begin with a capital."""
MONTHS = frozenset({"april", "may", "june", "august"})


def folded(text: str) -> str:
    """A word as it is compared: without case, accents and apostrophes."""
    parted = unicodedata.normalize("NFKD", text.casefold().translate(UNDECOMPOSED))
    return "".join(each for each in parted if not unicodedata.combining(each))


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared."""
    return tuple(folded(each) for each in WORD.findall(text))


class Masker:
    """Replaces people's names and ids. `people` are (id, name, what stands for both)."""

    def __init__(self, people: Iterable[tuple[str, str, str]]) -> None:
        self.said: dict[tuple[str, ...], str] = {}
        self.lengths: dict[str, list[int]] = {}
        singles: dict[tuple[str, ...], str] = {}
        for key, name, number in people:
            for form in _wholes(key, name):
                self._put(self.said, form, number)
            for word in _singles(name):
                self._put(singles, (word,), number)
        self.said = singles | self.said
        for form in self.said:
            lengths = self.lengths.setdefault(form[0], [])
            if len(form) not in lengths:
                lengths.append(len(form))
                lengths.sort(reverse=True)

    @staticmethod
    def _put(said: dict[tuple[str, ...], str], form: tuple[str, ...], number: str) -> None:
        """Two people of one name are nobody in particular: a number would tell of the wrong one."""
        said[form] = number if said.get(form, number) == number else SEVERAL

    def masked(self, text: str) -> str:
        """The text with every listed person's names and ids replaced."""
        pieces: list[str] = []
        at, last = 0, ""
        for start, end, number in self._found(text):
            between = text[at:start]
            if not (number == last and BETWEEN.fullmatch(between)):
                pieces += [between, number]
            at, last = end, number
        return "".join([*pieces, text[at:]])

    def _found(self, text: str) -> Iterable[tuple[int, int, str]]:
        """Where somebody is named: start, end and number, the longest form of a name first."""
        words = [(each.start(), each.end(), folded(each.group())) for each in WORD.finditer(text)]
        place = 0
        while place < len(words):
            for length in self.lengths.get(words[place][2], ()):
                some = words[place : place + length]
                number = self.said.get(tuple(word for _, _, word in some))
                if number and _is_a_name(text, some, words[place + length : place + length + 1]):
                    yield some[0][0], some[-1][1], number
                    place += length
                    break
            else:
                place += 1


def _is_a_name(text: str, some: list[tuple[int, int, str]], following: list[tuple[int, int, str]]) -> bool:
    if len(some) > 1:
        gaps = (text[one[1] : other[0]] for one, other in pairwise(some))
        return all(len(gap.strip()) <= WIDEST_GAP for gap in gaps)
    start, _, word = some[0]
    if word in MONTHS and following and following[0][2].isdigit():
        return False
    return word not in ORDINARY or text[start].isupper()


def _wholes(key: str, name: str) -> set[tuple[str, ...]]:
    """Forms that name one person: the id; the whole name from any of its words on; first name or initial with surname."""
    forms = set() if key.isdigit() and len(key) < SHORTEST_NUMBER else {words_of(key)}
    for spelt in (name, re.sub(f"[{APOSTROPHES}]", " ", name)):
        whole = words_of(spelt)
        forms |= {whole} if len(whole) > 1 else set()
        words = tuple(word for word in whole if word not in TITLES)
        if len(words) > 1:
            first, surname = (words[-1], words[0]) if "," in spelt else (words[0], words[-1])
            forms |= {words[place:] + words[:place] for place in range(len(words))}
            forms |= {(first, surname), (surname, first), (first[0], surname)}
    return forms - {()}


def _singles(name: str) -> set[str]:
    """The words of a name that may stand for it alone: first names and surnames."""
    words = {word for word in words_of(name) if word not in TITLES}
    return {word for word in words if len(word) > LONGEST_COMMON and not word.isdigit()}


def numbered(
    word: str, people: Mapping[str, str], ranks: Mapping[str, int]
) -> Iterable[tuple[str, str, str]]:
    """People as `Masker` takes them: `Patient 17` stands for the seventeenth."""
    return ((key, name, f"{word} {ranks[key]}") for key, name in people.items())
