"""Values told beside earlier ones, each known by what stands next to it.

"Initial: mod A. Current: CGA.", "6/12 steps, previously 2/12", "CGA (mod A at eval)", "3/2/26: mod A; 3/23/26: CGA", and
the columns of a table headed *initial* and *current*. A value is a level of help or a number; like is held against like.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from compliance.notes.lexicon import CODE
from compliance.notes.words import Word, number_of

_THEN = frozenset({"previously", "prev", "prior", "previous", "initially", "initial", "baseline", "eval", "evaluation", "ie",
                   "i/e", "soc"})  # fmt: skip
_WAS = frozenset({"was", "were"})
_NOW = frozenset({"now", "currently", "current", "today", "presently", "present"})
_AIM = frozenset({"goal", "goals", "target", "by", "until", "due"})
_OF_HABIT = frozenset({"to", "level", "function", "living"})
"""What follows *prior* where it tells of life before the illness, or of order in time."""
_STOPS = frozenset({".", ";", ",", "\n", "|", "•", "→"})
_BETWEEN_WAS = frozenset({"at", "only", "a", ":", "just", "about", "~"})
_BEFORE_DATES = frozenset(
    {"(", "on", "since", "from", "at", "eval", "ie", "i/e", "soc", "dated", "by", "due", "until"}
)
_UNITS = frozenset({"#", "lb", "lbs", "ft", "m", "deg", "°", "degrees", "%", "s", "sec", "seconds", "reps", "cm", "in", "step",
                    "steps", "stairs", "x", "times", "assist", "assistance", "a"})  # fmt: skip
_TIMES = frozenset({"min", "mins", "minutes", "hr", "hrs", "hours", "day", "days", "wk", "wks", "week", "weeks", "month",
                    "months", "yr", "yrs", "years", "y/o", "visit", "visits", "session", "sessions", "units"})  # fmt: skip
_LABELS = frozenset({"ltg", "stg", "ltgs", "stgs", "goal", "goals", "#", "g", "obj"})
_MARK_REACH, _NOW_REACH, _PLAIN_REACH, _LINES = 4, 30, 10, 10
_LONGEST_HEAD, _MONTHS, _DAYS, _YEARS, _DATE_PARTS = 12, 12, 31, 1900, 5


class _Value(NamedTuple):
    """A value of a note: its place, what it is, and when it was so."""

    first: int
    last: int
    level: bool
    then: bool
    now: bool
    aim: bool
    date: str


def comparisons(note: list[Word], levels: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Where a value stands beside an earlier one. `levels`: the place after each level of help, by its first."""
    dates = _dates(note)
    values = _values(note, levels, dates)
    for place, one in enumerate(values):
        following = values[place + 1 : place + 1 + _PLAIN_REACH]
        for other in following:
            if _compares(note, one, other) or _compares(note, other, one) or _greater(note, one, other):
                yield one.first, other.last
                break
    yield from _tables(note, values)


def _compares(note: list[Word], then: _Value, now: _Value) -> bool:
    """Whether the second tells of today what the first tells of before."""
    if then.level != now.level or now.then or now.aim or not (then.then or then.date):
        return False
    first, last = sorted((then, now))
    apart = last.first - first.last
    if now.now:
        return apart <= _NOW_REACH
    if now.date:
        return now.date != then.date and apart <= _PLAIN_REACH
    parted = any(word.spelling in (".", ";", "\n", "•") for word in note[first.last : last.first])
    return apart <= _PLAIN_REACH and not parted


def _greater(note: list[Word], one: _Value, other: _Value) -> bool:
    """An arrow without a shaft: "mod A > CGA", "2>6 steps"."""
    between = {word.spelling for word in note[one.last : other.first]}
    return one.level == other.level and between == {">"}


def _tables(note: list[Word], values: list[_Value]) -> Iterator[tuple[int, int]]:
    """Rows of two values or more beneath a line that heads one column *initial* and one *current*."""
    ends = [place for place, word in enumerate(note) if word.spelling == "\n"] + [len(note)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    for line, (start, end) in enumerate(zip(starts, ends, strict=True)):
        said = {word.spelling for word in note[start:end]}
        headed = said & _THEN and said & _NOW and end - start <= _LONGEST_HEAD
        if not headed or any(start <= value.first < end for value in values):
            continue
        for below in range(line + 1, min(line + 1 + _LINES, len(ends))):
            row = [value for value in values if starts[below] <= value.first < ends[below] and not value.date]
            if len(row) > 1 and row[0].level == row[-1].level:
                yield row[0].first, row[-1].last


def _values(note: list[Word], levels: Mapping[int, int], dates: Mapping[int, str]) -> list[_Value]:
    """The values of a note in order. Of "2/12" both numbers are one value."""
    ends: dict[int, int] = {}
    reached = 0
    for place, word in enumerate(note):
        if place < reached:
            continue
        if place in levels:
            ends[place] = levels[place]
        elif word.sort == "number" and place not in dates and not _counts(note, place):
            of = [each.sort for each in note[place + 1 : place + 3]] == ["sign", "number"]
            ends[place] = place + (3 if of and note[place + 1].spelling == "/" else 1)
        reached = max(reached, ends.get(place, 0))
    closed = set(ends.values())
    return [_value(note, first, last, first in levels, ends, closed, dates) for first, last in ends.items()]


def _counts(note: list[Word], place: int) -> bool:
    """Whether a number is a code, a goal's, or counts time and visits."""
    before = note[place - 1].spelling if place else ""
    after = note[place + 1].spelling if place + 1 < len(note) else ""
    return bool(CODE.fullmatch(note[place].spelling)) or before in _LABELS or after in _TIMES


def _value(
    note: list[Word],
    first: int,
    last: int,
    level: bool,
    ends: Mapping[int, int],
    closed: set[int],
    dates: Mapping[int, str],
) -> _Value:
    """The value with what the words before and after it say of its day."""
    then, now, aim, date = _told_before(note, first, closed, dates)
    after_then, after_now, after_date = _told_after(note, last, ends, dates)
    return _Value(first, last, level, then or after_then, now or after_now, aim, date or after_date)


def _told_before(
    note: list[Word], first: int, ends: set[int], dates: Mapping[int, str]
) -> tuple[bool, bool, bool, str]:
    """Then, now, aim and date, of the words before a value, back to the value or stop before them."""
    then = now = aim = False
    between: set[str] = set()
    for place in range(first - 1, max(-1, first - 1 - _MARK_REACH), -1):
        word = note[place].spelling
        if place in dates:
            begins = place
            while begins - 1 in dates and place - begins < _DATE_PARTS - 1:
                begins -= 1
            due = begins > 0 and note[begins - 1].spelling in _AIM
            return then, now, aim or due, "" if due else dates[place]
        if word in _STOPS or place + 1 in ends:
            break
        then = then or (word in _THEN and note[place + 1].spelling not in _OF_HABIT)
        then = then or (word in _WAS and between <= _BETWEEN_WAS)
        now = now or word in _NOW
        aim = aim or (word in _AIM and note[place + 1].sort != "number" and note[place + 1].spelling != "#")
        between.add(word)
    return then, now, aim, ""


def _told_after(
    note: list[Word], last: int, ends: Mapping[int, int], dates: Mapping[int, str]
) -> tuple[bool, bool, str]:
    """Then, now and date, of the words right after a value and its unit."""
    place = last
    while place < len(note) and note[place].spelling in _UNITS and place not in ends:
        place += 1
    said = [word.spelling for word in note[place : place + 4]] + [""] * 4
    own = said[1] != ":" and place + 1 not in ends
    if said[0] in _BEFORE_DATES and place + 1 in dates:
        after = place + 1
        while after in dates:
            after += 1
        closes = after < len(note) and note[after].spelling == ")"
        others = said[0] in _AIM or (said[0] == "(" and not closes)
        return False, False, "" if others else dates[place + 1]
    if said[0] in ("at", "on", "from", "since", "per"):
        return any(word in _THEN for word in said[1:3]), False, ""
    return own and said[0] in ("initially", "previously"), own and said[0] in _NOW, ""


def _dates(note: list[Word]) -> dict[int, str]:
    """The words of each date, with the date: of three parts, or of two where a bracket, *on* or a colon tells."""
    found: dict[int, str] = {}
    for place, word in enumerate(note):
        if place in found or word.sort != "number":
            continue
        last = place + 1
        while _goes_on(note, last) and last - place <= _DATE_PARTS:
            last += 2
        year = number_of(word.spelling) or 0
        if year > _YEARS and [each.sort for each in note[place + 1 : place + 3]] == ["number", "number"]:
            last = place + 3
        if (
            last - place == _DATE_PARTS
            or year > _YEARS
            or (last - place == 3 and _is_date(note, place, last))
        ):
            said = "/".join(each.spelling for each in note[place:last] if each.sort == "number")
            found.update(dict.fromkeys(range(place, last), said))
    return found


def _goes_on(note: list[Word], place: int) -> bool:
    """Whether a stroke and a number follow."""
    return place + 1 < len(note) and note[place].spelling == "/" and note[place + 1].sort == "number"


def _is_date(note: list[Word], first: int, last: int) -> bool:
    """Whether two numbers are a month and a day: "(3/2", "on 3/2", "3/2: mod A"."""
    month, day = number_of(note[first].spelling) or 0, number_of(note[last - 1].spelling) or 0
    before = note[first - 1].spelling if first else ""
    after = note[last].spelling if last < len(note) else ""
    told = before in _BEFORE_DATES or after == ":"
    return told and 1 <= month <= _MONTHS and 1 <= day <= _DAYS
