"""Goal labels in all their written forms, and what a plan calls the same goal."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from compliance.notes.words import Word, number_of, words

_TERM = {"stg": "STG", "stgs": "STG", "st": "STG", "ltg": "LTG", "ltgs": "LTG", "lt": "LTG"}
_GOAL = {"goal", "goals", "gold", "golds", "objective", "objectives", "obj", "objs", "gol"}
_HEADS = frozenset({*_TERM, *_GOAL, "short", "long", "g"})
"""Words that may begin a goal's label."""
_GRADED_BY_GOLD = frozenset({"copd", "stage", "pd", "grade", "class"})
"""Before "GOLD 3" they make it a grade of lung disease; dictation writes "gold 3" for "goal 3"."""
_LETTERS = frozenset("abcde")
_JOINING = frozenset({",", "&", "and", "/", "+", "to", "through", "thru", "#"})
_WHOLE = frozenset({"all", "both", "each", "every"})
_UNITS = frozenset(
    [
        "x",
        "rep",
        "reps",
        "lb",
        "lbs",
        "ft",
        "min",
        "mins",
        "minute",
        "minutes",
        "sec",
        "seconds",
        "trial",
        "trials",
        "set",
        "sets",
        "vc",
        "vcs",
        "tc",
        "cue",
        "cues",
        "rest",
        "rests",
        "%",
        "steps",
        "step",
        "week",
        "weeks",
        "wk",
        "wks",
        "day",
        "days",
        "month",
        "months",
        "of",
        "degrees",
        "deg",
        "person",
        "inch",
        "inches",
        "in",
        "times",
        "time",
    ]
)
_HIGHEST = 25
"""No plan numbers its goals higher; a larger number is a measure."""


class Reference(NamedTuple):
    """A mention of one goal: words `first` to `last` (exclusive), and the label in its normal form."""

    first: int
    last: int
    label: str


@cache
def normal_label(label: str) -> str:
    """`STG#2`, `Short-term goal 2` and `stg 2` are `STG2`; `Obj 1` is `OBJ1`; a bare `1` stays `1`."""
    spelt = re.sub(r"[\s#.:_\-()]+", " ", label.lower()).strip()
    spelt = re.sub(r"\b(short|long) term (goal|objective)s?\b", lambda m: f"{m.group(1)[0]}tg", spelt)
    spelt = re.sub(r"\b(short|long) term\b", lambda m: f"{m.group(1)[0]}tg", spelt)
    spelt = re.sub(r"^(st|lt)\s*(?=\d|[a-e]$)", r"\1g", spelt)
    spelt = re.sub(r"^(?:goals?|g)\s*(?=\d|[a-e]$)", "goal", spelt)
    spelt = re.sub(r"^(?:objectives?|objs?)\s*(?=\d|[a-e]$)", "obj", spelt)
    return spelt.replace(" ", "").upper()


def references(note: list[Word]) -> Iterator[Reference]:
    """Every goal that a note names by a label, one row a goal; `ALL_STG`, `ALL_LTG`, `ALL` for whole groups."""
    place = 0
    while place < len(note):
        head = _head(note, place) if note[place].spelling in _HEADS else None
        if head is None:
            place += 1
            continue
        prefix, after = head
        labels, last = _numbers(note, after)
        if labels:
            yield from (Reference(place, last, f"{prefix}{label}") for label in dict.fromkeys(labels))
        else:
            yield from _group(note, place, after, prefix)
        place = max(last, after)


def _head(note: list[Word], place: int) -> tuple[str, int] | None:
    """The goal word at `place`, and the place after it."""
    word = note[place].spelling
    following = [note[at].spelling if at < len(note) else "" for at in range(place + 1, place + 3)]
    if word in ("short", "long") and following[0] == "term":
        if following[1] in _GOAL:
            return ("STG" if word == "short" else "LTG"), place + 3
        return (("STG" if word == "short" else "LTG"), place + 2) if _is_label(note, place + 2) else None
    if word in ("st", "lt") and (following[0] in _GOAL or _is_label(note, place + 1)):
        return _TERM[word], place + (2 if following[0] in _GOAL else 1)
    if word in _TERM and word not in ("st", "lt"):
        return _TERM[word], place + (2 if following[0] in _GOAL else 1)
    if word in ("obj", "objs", "objective", "objectives"):
        return ("OBJ", place + 1) if _is_label(note, place + 1) else None
    if word in _GOAL:
        graded = word.startswith("gold") and place and note[place - 1].spelling in _GRADED_BY_GOLD
        return None if graded else ("GOAL", place + 1)
    if word == "g" and _is_label(note, place + 1) and note[place + 1].start - note[place].end <= 1:
        return (
            None if _is_diagnosis(note, place + 1) or _is_obstetric(note, place + 1) else ("GOAL", place + 1)
        )
    return None


def _is_diagnosis(note: list[Word], place: int) -> bool:
    """Whether the number after a "G" is of an ICD-10 code ("G20.A1", "G81.91")."""
    return "." in note[place].spelling or (
        place + 2 < len(note)
        and note[place + 1].spelling == "."
        and note[place + 2].start == note[place + 1].end == note[place].end + 1
    )


def _is_obstetric(note: list[Word], place: int) -> bool:
    """Whether the number after a "G" counts pregnancies ("G3P3")."""
    following = note[place + 1] if place + 1 < len(note) else None
    return following is not None and following.spelling == "p" and following.start == note[place].end


def _is_label(note: list[Word], place: int) -> bool:
    while place < len(note) and note[place].spelling in ("#", ".", "number", "no"):
        place += 1
    return place < len(note) and _value(note[place]) is not None


def _value(word: Word) -> str | None:
    number = number_of(word.spelling)
    if number is not None and number == int(number) and 0 < number <= _HIGHEST:
        return str(int(number))
    return word.spelling.upper() if word.spelling in _LETTERS else None


def _numbers(note: list[Word], place: int) -> tuple[list[str], int]:
    """The numbers or letters after a goal word: `#2`, `1 & 2`, `1-3`, `1, 2`."""
    labels: list[str] = []
    last = place
    at = place
    while at < len(note):
        joined = at
        while (
            at < len(note)
            and note[at].spelling in (_JOINING if labels else _NUMBERING)
            and not _ends_sentence(note, at)
        ):
            at += 1
        if at >= len(note) or (value := _value(note[at])) is None:
            break
        if note[at].spelling in _LETTERS and (at > place + 1 or not _ends_label(note, at)):
            break
        range_dash = labels and joined == at and note[at].start - note[at - 1].end == 1
        if labels and joined == at and not range_dash:
            break
        if not _ends_label(note, at) or (note[at].start > note[at - 1].end + 3):
            break
        ranges = range_dash or note[joined].spelling in ("to", "through", "thru")
        if labels and ranges and labels[-1].isdigit() and value.isdigit():
            labels += [str(n) for n in range(int(labels[-1]) + 1, int(value) + 1)]
        else:
            letter = note[at + 1] if at + 1 < len(note) else None
            if letter and letter.spelling in _LETTERS and letter.start == note[at].end:
                value += letter.spelling.upper()
                at += 1
            labels.append(value)
        at += 1
        last = at
    return labels, last


_NUMBERING = frozenset({"#", ".", ":", "number", "no"})


def _ends_sentence(note: list[Word], at: int) -> bool:
    """A stop with a space after it ends the sentence; one without ("STG.2") belongs to the label."""
    return note[at].spelling == "." and (
        at + 1 >= len(note)
        or (note[at + 1].start > note[at].end and note[at - 1].spelling not in ("no", "goal"))
    )


def _ends_label(note: list[Word], at: int) -> bool:
    """Whether a number may be a label: no unit and no fraction follows."""
    if at + 1 >= len(note):
        return True
    following = note[at + 1]
    if following.spelling == "x" and following.start > note[at].end:
        return False
    beyond = number_of(note[at + 2].spelling) if following.spelling == "/" and at + 2 < len(note) else None
    if beyond is not None:
        return note[at + 2].start > note[at + 1].end or beyond <= _HIGHEST // 5
    return following.spelling not in _UNITS or following.spelling in ("in", "of", "to")


def _group(note: list[Word], place: int, after: int, prefix: str) -> Iterator[Reference]:
    """Goals named without a number: "both LTGs", "all goals", "LTGs"."""
    before = [note[at].spelling for at in range(max(0, place - 3), place)]
    whole = next((n for n, word in enumerate(before) if word in _WHOLE), None)
    plural = note[after - 1].spelling.endswith("s")
    if whole is not None:
        first = place - len(before) + whole
        yield Reference(first, after, "ALL" if prefix == "GOAL" else f"ALL_{prefix}")
    elif prefix in ("STG", "LTG"):
        yield Reference(place, after, f"ALL_{prefix}" if plural else f"ONE_{prefix}")
    elif {"toward", "towards", "per", "addressing", "addressed", "address", "to"} & set(before):
        yield Reference(place, after, "WORDS")


_SPINE = re.compile(r"[ACLPST][0-9]{1,2}")
"""Levels of the spine, pulleys of the hand and their like: alone they name no goal."""


def is_named_freely(label: str) -> bool:
    """Whether a plan calls a goal by a code of its own ("OT-1", "A1") that no general form of labels covers."""
    normal = normal_label(label)
    return prefix_and_number(normal)[0] == normal and bool(re.search(r"\d", normal)) and len(normal) > 1


def free_references(note: list[Word], label: str) -> Iterator[Reference]:
    """Where a note holds a code that the plan has for a goal. `A1` or `L4` may be a body part: a goal word leads to them."""
    wanted = [word.spelling for word in words(label) if word.sort in ("word", "number")]
    normal = normal_label(label)
    for place in range(len(note) - len(wanted) + 1):
        if note[place].spelling != wanted[0]:
            continue
        found = note[place : place + len(wanted)]
        close = all(after.start - before.end <= 1 for before, after in pairwise(found))
        if [word.spelling for word in found] != wanted or not close:
            continue
        before = {word.spelling for word in note[max(0, place - _LEADS_REACH) : place]}
        if not _SPINE.fullmatch(normal) or before & (_GOAL | set(_TERM)):
            yield Reference(place, place + len(wanted), normal)


_LEADS_REACH = 3


def prefix_and_number(label: str) -> tuple[str, str]:
    """A normal label in its parts: ("STG", "2"), ("", "1")."""
    match = re.fullmatch(r"(STG|LTG|GOAL|OBJ)?(\d+[A-E]?|[A-E])", label)
    return (match.group(1) or "", match.group(2)) if match else (label, "")
