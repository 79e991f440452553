"""Whether words tell of a student who treats: SPT is mostly a stand-pivot transfer, and OTs are several therapists.

Where it cannot be told which of the two is meant, nobody is called a student.
"""

from functools import cache

from compliance.notes.lexicon import CODE, STOPS, known_words, lexicon
from compliance.notes.words import Word

GAVE = frozenset({"performed", "led", "treated"})
"""What a mention of a student says where the student gave the treatment."""
_OBJECT_REACH, _UNDER_REACH, _NAME_REACH = 3, 6, 3


def is_no_student(note: list[Word], text: str, first: int, last: int, value: str) -> bool:
    """Whether words `first` to `last`, read as a student who gave treatment, may well tell of somebody or something else."""
    if value not in GAVE:
        return False
    for place in (first, last - 1):
        spelling = note[place].spelling
        if spelling == "ots" and not _is_one_student(note, text, place):
            return True
        if spelling == "spt":
            acts = _acts(note, text, first, last, value) if place == first else _acted(note, place, last)
            return not acts
        if spelling == "spts":
            return True
    return False


@cache
def _said(name: str) -> frozenset[str]:
    return frozenset(lexicon("student")["stand_pivot"][name])


def _is_one_student(note: list[Word], text: str, place: int) -> bool:
    """Whether "OTS" is one student: "OTs" are therapists, and in capitals throughout the two look alike."""
    beside = note[place + 1] if place + 1 < len(note) else note[place - 1]
    shouted = text[beside.start : beside.end].isupper() and beside.sort == "word"
    return text[note[place].start : note[place].end] == "OTS" and not shouted


def _acts(note: list[Word], text: str, first: int, last: int, value: str) -> bool:
    """Whether the SPT that a phrase begins with is a person: named, under supervision, or with something that it gave."""
    between = range(first + 1, last - 1)
    if any(note[place].spelling in _said("people") for place in between):
        return True
    if _is_named(note, text, first):
        return True
    after = note[last].spelling if last < len(note) else "."
    if after == "by" or not _is_verb_next(note, first, last):
        return False
    following = [word.spelling for word in note[last : last + _UNDER_REACH]]
    return value == "treated" or _has_object(note, last) or (value == "led" and "under" in following)


def _is_verb_next(note: list[Word], first: int, last: int) -> bool:
    """Whether nothing stands between SPT and its verb: "SPT bed to chair performed" is a transfer."""
    return last - first == 2 or " ".join(w.spelling for w in note[first + 1 : last]) in _said("verbs")


def _has_object(note: list[Word], last: int) -> bool:
    """Whether a verb is followed by what only a person gives or treats ("led the session", "instructed pt", "97530")."""
    to_person = note[last - 1].spelling in _said("to_patients")
    for word in note[last : last + _OBJECT_REACH]:
        if word.spelling in STOPS or word.spelling in _said("joins"):
            return False
        if word.spelling in _said("treatments") or CODE.fullmatch(word.spelling):
            return True
        if to_person and word.spelling in _said("patients"):
            return True
    return False


def _is_named(note: list[Word], text: str, place: int) -> bool:
    """Whether a name stands beside SPT: "SPT Jones", "SPT J. Doe", "Mary Doe, SPT"."""
    before = place - 1 if place and note[place - 1].spelling != "," else place - 2
    after = place + 1
    if after < len(note) and note[after].spelling in "(,":
        after += 1
    return any(0 <= at < len(note) and _is_name(note[at], text) for at in (before, after))


def _is_name(word: Word, text: str) -> bool:
    """Whether a word is written as a name, and no word of the field or of plain English."""
    written = text[word.start : word.end]
    return word.sort == "word" and written.istitle() and word.spelling not in known_words()


def _acted(note: list[Word], place: int, last: int) -> bool:
    """Whether the SPT that a phrase ends with is a person: "by SPT", "by J. Doe, SPT"; not "by PT, SPT x5"."""
    after = note[last].spelling if last < len(note) else "."
    if after in _said("ways"):
        return False
    if note[place - 1].spelling != ",":
        return note[place - 1].spelling in _said("before")
    named = [word for word in note[max(0, place - 1 - _NAME_REACH) : place - 1] if word.sort == "word"]
    return any(word.spelling not in known_words() or len(word.spelling) == 1 for word in named)
