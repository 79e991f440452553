"""The frame around words: under which heading, for which code, when, and whether denied.

A level that stands in the plan, in last week's account or in a goal is not today's, and a section of another code
does not speak for this one. Each word of a note gets these attributes before phrases are looked for.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from compliance.notes.lexicon import CODE, Match, phrases
from compliance.notes.words import Word, number_of

_GOAL_WORD = re.compile(r"(?:ltg|stg|goal|obj)s?")
TODAY, HISTORY, PLAN, GOAL = "today", "history", "plan", "goal"
AIM = "aim"
"""What the work is meant to improve. Levels and cues beside it ("to improve balance with min A") are today's."""
SENTENCE_ENDS = frozenset(".!?\n•;|")
SEGMENT_ENDS = SENTENCE_ENDS | frozenset(',():–"')
NEGATION_REACH = 3
"""Words after a negation that it denies (rule book §8: "within 3 tokens")."""
REFUSAL_REACH = 9
"""Words after "refused", "deferred", "held" that they deny: a whole task has a longer name than a symptom."""
LONG_SECTION = frozenset({"subjective", "objective", "assessment", "plan"})
"""Headings that hold until the next heading; all others hold to the end of their line."""
_ONE_SENTENCE = frozenset(
    {"history", "goal", "pain", "assist", "cue", "deficit", "billing", "home_program", "education"}
)
"""Headings of a value: in a paragraph, what follows the value's sentence is another matter."""
_WHEN = {"plan": PLAN, "subjective": HISTORY, "goal": GOAL, "history": HISTORY, "home_program": PLAN,
         "deficit": GOAL}  # fmt: skip
_UNIT_WORDS = frozenset(
    [
        "x",
        "min",
        "mins",
        "minute",
        "minutes",
        "unit",
        "units",
        "u",
        "m",
        "hr",
        "hour",
        "gp",
        "go",
        "gn",
        "kx",
        "cq",
        "co",
        "timed",
        "tx",
        "one",
        "on",
        "1",
        "1:1",
        "direct",
        "time",
        "total",
        "cpt",
        "code",
        "codes",
        "billed",
        "bill",
        "billing",
        "charges",
        "charge",
        "service",
        "services",
        "today",
        "for",
        "of",
        "and",
        "to",
        "skilled",
        "therapist",
        "pt",
        "ot",
        "slp",
    ]
)


@dataclass
class Frame:
    """Attributes of each word of a note, by its place."""

    when: list[str]
    negated: list[bool]
    code: list[str | None]
    sentence: list[int]
    section: list[str | None]
    silent: list[bool]
    code_names: list[Match]
    """Words of headings and of unticked boxes: they name what could be said, and say nothing."""


def frame(note: list[Word]) -> Frame:
    """The frame of every word of a note."""
    cues = _longest(phrases("frame").matches(note))
    size = len(note)
    made = Frame([TODAY] * size, [False] * size, [None] * size, [0] * size, [None] * size, [False] * size, [])
    made.code_names = cues.get("code_name", [])
    _number_sentences(note, made)
    _silence_boxes(note, made)
    _silence_empty_fields(note, made)
    headings = _headings(note, cues)
    _apply_codes(note, cues, headings, made)
    _apply_sections(note, headings, made)
    _apply_time(note, cues, made)
    _apply_negation(note, cues, made)
    return made


def _longest(matches: Iterable[Match]) -> dict[str, list[Match]]:
    """Matches by kind, without those inside a longer one of their kind."""
    by_kind: dict[str, list[Match]] = {}
    for match in sorted(matches, key=lambda m: (m.first, -m.last)):
        kept = by_kind.setdefault(match.sense.kind, [])
        if not kept or match.first >= kept[-1].last:
            kept.append(match)
    return by_kind


def _number_sentences(note: list[Word], made: Frame) -> None:
    number = 0
    for place, word in enumerate(note):
        made.sentence[place] = number
        if word.spelling in SENTENCE_ENDS and not _is_abbreviation(note, place):
            number += 1


_REPORTING = frozenset({"reports", "says", "states", "reported", "said", "stated", "notes", "noted", "that"})
_SHORTENED = frozenset({"approx", "incl", "vs", "dr", "mr", "mrs", "ms", "e", "g", "no"})


def _is_abbreviation(note: list[Word], place: int) -> bool:
    """A stop that shortens a word within a sentence ("approx. 5", "incl. 2")."""
    if note[place].spelling != "." or place == 0 or place + 1 >= len(note):
        return False
    before, after = note[place - 1].spelling, note[place + 1]
    if len(before) == 1 and place > 1 and note[place - 2].spelling in _REPORTING:
        return True  # "Teacher reports S. now needs"
    return (
        before in _SHORTENED
        and after.sort in ("word", "number")
        and (before != "no" or after.sort == "number")
    )


def _starts_line(note: list[Word], place: int) -> bool:
    """Whether only bullets, dashes or a list number stand before `place` in its line."""
    at = place - 1
    while (at >= 0 and note[at].spelling in "•*–-)#+→|[>") or (at >= 0 and note[at].sort == "number" and place - at <= 2
                                                          and (at == 0 or note[at - 1].spelling == "\n")):  # fmt: skip
        at -= 1
    return at < 0 or note[at].spelling == "\n"


def _starts_sentence(note: list[Word], place: int, made: Frame) -> bool:
    at = place - 1
    while at >= 0 and note[at].spelling in "•*–-(|>=":
        at -= 1
    return at < 0 or made.sentence[at] != made.sentence[place] or note[at].spelling in SENTENCE_ENDS


def _line_end(note: list[Word], place: int, until: int | None = None) -> int:
    """The end of the line; no farther than `until`, so that a line of many headings is not read to its end for each."""
    until = len(note) if until is None else until
    while place < until and note[place].spelling != "\n":
        place += 1
    return place


@dataclass
class Heading:
    """A heading: its words `first` to `body`, what it announces, and where its text ends."""

    first: int
    body: int
    name: str
    end: int


def _headings(note: list[Word], cues: dict[str, list[Match]]) -> list[Heading]:
    """Headings of a note: a known name followed by a colon, or a SOAP letter."""
    found = [made for match in cues.get("heading", []) if (made := _heading(note, match))]
    for place, heading in enumerate(found):
        following = found[place + 1].first if place + 1 < len(found) else len(note)
        heading.end = min(following, _section_end(note, heading, following))
    return found


def _heading(note: list[Word], match: Match) -> Heading | None:
    """The heading that a known name makes where it stands, if it makes one."""
    letter = _single_letter(note, match)
    line_start = _starts_line(note, match.first)
    after = match.last if letter else _after_brackets(note, match.last)
    if line_start and not letter:
        after = _heading_end(note, after)
    if line_start and match.first and note[match.first - 1].spelling == "[":
        closing = _heading_end(note, after, "]")  # "[Assist] CGA"
        if closing < len(note) and note[closing].spelling == "]":
            return Heading(match.first, closing + 1, match.sense.value, 0)
    sign = note[after].spelling if after < len(note) else "\n"
    colon = sign == ":"
    dashed = line_start and sign in ("–", ")") and (letter or match.sense.value in LONG_SECTION)
    if not (colon or dashed or (line_start and sign == "\n")):
        return None
    before = note[match.first - 1] if match.first else None
    if letter and before and before.spelling in ("/", "&", "+"):
        return None
    if letter and colon and [word.spelling for word in note[after + 1 : after + 2]] in _LEVELS_AFTER_S:
        return None  # "S: distant" is supervision
    if not letter and not line_start and before and before.sort == "number":
        return None  # "97110 15 min: ..."
    return Heading(match.first, after + int(colon or dashed), match.sense.value, 0)


_LEVELS_AFTER_S = (["distant"], ["close"], ["supervision"], ["supv"])


def _after_brackets(note: list[Word], after: int) -> int:
    """The place after a heading's brackets ("Therapeutic activities (97530):"), where a colon follows them."""
    if after >= len(note) or note[after].spelling != "(":
        return after
    closing = after + 1
    while closing < len(note) and closing - after < _LONGEST_BRACKETS and note[closing].spelling != ")":
        closing += 1
    closed = closing + 1 < len(note) and note[closing].spelling == ")" and note[closing + 1].spelling == ":"
    return closing + 1 if closed else after


_LONGEST_BRACKETS = 6
_LONGEST_HEADING_TAIL = 4


def _heading_end(note: list[Word], after: int, mark: str = ":") -> int:
    """Where a heading at the start of a line meets its colon: "Cueing type/freq:" is one heading."""
    for at in range(after, min(after + _LONGEST_HEADING_TAIL + 1, len(note))):
        if note[at].spelling == mark:
            return at
        if note[at].sort != "word" and note[at].spelling not in "/&()":
            break
    return after


def _single_letter(note: list[Word], match: Match) -> bool:
    return match.last - match.first == 1 and len(note[match.first].spelling) == 1


def _section_end(note: list[Word], heading: Heading, following: int) -> int:
    """Long sections run to the next heading or an empty line; others to the end of the line."""
    end = _line_end(note, heading.body, following)
    if heading.name not in LONG_SECTION:
        return _sentence_end(note, heading.body, end) if heading.name in _ONE_SENTENCE else end
    if heading.name == "subjective":
        if following == len(note):
            return end if end < len(note) else _sentence_end(note, heading.body, end)
        told = (at for at in range(heading.body, min(end, following)) if CODE.fullmatch(note[at].spelling))
        if (code := next(told, None)) is not None:
            return code  # what stands under a code was done
    while end + 1 < following and note[end + 1].spelling != "\n" and not _starts_code(note, end + 1):
        end = _line_end(note, end + 1, following)
    if end == heading.body:
        end = _line_end(note, min(end + 1, len(note)), following)
    return end


def _starts_code(note: list[Word], place: int) -> bool:
    """Whether a line opens with a code and its minutes, and so tells of what was done under it."""
    if not CODE.fullmatch(note[place].spelling):
        return False
    opening = note[place + 1 : _line_end(note, place, min(place + 6, len(note)))]
    return any(word.spelling in _MINUTES for word in opening)


_MINUTES = frozenset({"min", "mins", "minutes", "minute"})


def _sentence_end(note: list[Word], place: int, until: int) -> int:
    while place < until and note[place].spelling not in SENTENCE_ENDS:
        place += 1
    return place


def _apply_sections(note: list[Word], headings: list[Heading], made: Frame) -> None:
    for heading in headings:
        for place in range(heading.first, min(heading.body, len(note))):
            made.silent[place] = True
        # a focus that names a goal quotes it; one that names a task is what was done
        names_goal = any(_GOAL_WORD.fullmatch(word.spelling) for word in note[heading.body : heading.end])
        for place in range(heading.body, heading.end):
            made.section[place] = heading.name
            if heading.name == "focus" and names_goal:
                made.when[place] = GOAL
            if heading.name in _WHEN and not (made.code[place] and heading.name != "goal"):
                made.when[place] = _WHEN[heading.name]


@dataclass
class Anchor:
    """A CPT code or the name of one, standing at words `first` to `last` (exclusive)."""

    first: int
    last: int
    code: str
    named: bool = False
    """Written as a name ("TherEx:") rather than a number."""


def _apply_codes(
    note: list[Word], cues: dict[str, list[Match]], headings: list[Heading], made: Frame
) -> None:
    """Give each word the code in whose section it stands, where a note speaks of several codes."""
    anchors = _anchors(note, cues, made)
    if len({anchor.code for anchor in anchors}) < 2:
        return
    sections = [anchor for anchor in _without_billing_list(note, anchors) if not _is_denied(note, anchor)]
    told = {anchor.first for anchor in sections}
    listed = [anchor.first for anchor in anchors if anchor.first not in told]
    anchors = sections
    ending = [h for h in headings if h.name in ("assessment", "plan", "subjective", "response", "billing",
                                                "goal", "home_program", "education", "signature")]  # fmt: skip
    named = Counter(h.name for h in ending)
    # a form that repeats its fields has them for each code: they end no section
    stops = [h.first for h in ending if named[h.name] == 1]
    stops = sorted({*stops, *listed})
    covered = 0
    for at, anchor in enumerate(anchors):
        following = anchors[at + 1].first if at + 1 < len(anchors) else len(note)
        if _is_trailing(note, anchor, made):
            first = _trailing_start(note, anchor, made, covered)
            _assign(made, first, anchor.last, anchor.code)
            covered = _clause_end(note, anchor.last)
            _assign(made, anchor.last, covered, anchor.code)
        else:
            end = min(following, _next(stops, anchor.last + 1, following))
            if at + 1 < len(anchors) and _is_trailing(note, anchors[at + 1], made):
                end = min(end, _trailing_start(note, anchors[at + 1], made, anchor.last))
            end = _blank_line(note, anchor.last, end)
            if at + 1 == len(anchors):
                end = _own_line(note, anchors, end)
            _assign(made, anchor.first, end, anchor.code)
            covered = end


_FEWEST_WORDS = 1


_DENIED = frozenset({"none", "n/a", "not", "no", "0", "deferred", "held", "omitted"})


def _is_denied(note: list[Word], anchor: Anchor) -> bool:
    """Whether a code is named only to say that it was not given ("97150 none")."""
    return anchor.last < len(note) and note[anchor.last].spelling in _DENIED


def _own_line(note: list[Word], anchors: list[Anchor], end: int) -> int:
    """Where each code has its line, the last one's ends with it: what stands below speaks of the whole visit."""
    if not all(_starts_line(note, anchor.first) and _fills_line(note, anchor) for anchor in anchors):
        return end
    line_end = _line_end(note, anchors[-1].last)
    below = line_end + 1
    listed = (below < len(note) and note[below].spelling in "•–*") or (
        below < len(note) and note[below].sort == "number"
    )
    return end if listed else min(end, line_end)


def _fills_line(note: list[Word], anchor: Anchor) -> bool:
    """Whether words follow a code in its line."""
    said = note[anchor.last : _line_end(note, anchor.last)]
    return sum(not _says_units(word) for word in said) >= _FEWEST_WORDS


def _assign(made: Frame, first: int, last: int, code: str) -> None:
    made.code[first:last] = [code] * (last - first)


def _anchors(note: list[Word], cues: dict[str, list[Match]], made: Frame) -> list[Anchor]:
    numbers = [
        Anchor(place, place + 1, word.spelling.upper())
        for place, word in enumerate(note)
        if word.sort == "number" and CODE.fullmatch(word.spelling) and not made.silent[place]
    ]
    named = [
        Anchor(match.first, match.last, match.sense.value, named=True)
        for match in cues.get("code_name", [])
        if _heads_section(note, match, made)
    ]
    merged: list[Anchor] = []
    for anchor in sorted(numbers + named, key=lambda a: a.first):
        last = merged[-1] if merged else None
        if last and anchor.first < last.last:
            continue
        between = range(last.last, anchor.first) if last else range(0)
        close = last and all(_says_units(note[place]) and note[place].spelling != "\n" for place in between)
        if last and close and (last.code == anchor.code or last.named != anchor.named):
            code = anchor.code if last.named else last.code
            merged[-1] = Anchor(last.first, anchor.last, code)
        else:
            merged.append(anchor)
    return merged


def _heads_section(note: list[Word], match: Match, made: Frame) -> bool:
    """A code's name is a heading when it begins a sentence and a colon, dash, code or minutes follow."""
    if not _starts_sentence(note, match.first, made) or match.last >= len(note):
        return False
    at = match.last
    while (
        at < len(note) and at - match.last < 6 and _says_units(note[at]) and note[at].spelling not in ":–\n"
    ):
        at += 1
    following = note[at].spelling if at < len(note) else "\n"
    if following in (":", "–"):
        return True
    if following == "\n":
        return _starts_line(note, match.first)
    return CODE.fullmatch(following) is not None


def _says_units(word: Word) -> bool:
    """Whether a word only states minutes, units or modifiers, or is a sign."""
    return word.spelling in _UNIT_WORDS or (word.sort in ("number", "sign", "word") and (
        (number_of(word.spelling) is not None and not CODE.fullmatch(word.spelling))
        or word.sort == "sign"
    ))  # fmt: skip


def _without_billing_list(note: list[Word], anchors: list[Anchor]) -> list[Anchor]:
    """Leave out codes that only stand in a list of charges ("97530 x2, 97110 x1")."""
    runs: list[list[Anchor]] = []
    for anchor in anchors:
        adjacent = bool(runs) and all(_says_units(word) for word in note[runs[-1][-1].last : anchor.first])
        if adjacent:
            runs[-1].append(anchor)
        else:
            runs.append([anchor])
    return [run[0] for run in runs if len(run) == 1]


def _is_trailing(note: list[Word], anchor: Anchor, made: Frame) -> bool:
    """Whether a code stands after what it speaks of: at the end of a clause that has words before it."""
    if (
        _starts_sentence(note, anchor.first, made)
        and note[anchor.first - 1 if anchor.first else 0].spelling != "("
    ):
        return False
    before = [
        place
        for place in range(max(0, anchor.first - 60), anchor.first)
        if made.sentence[place] == made.sentence[anchor.first] and not _says_units(note[place])
    ]
    if not before:
        return False
    at = anchor.last
    while at < len(note) and note[at].spelling not in SENTENCE_ENDS and note[at].spelling not in ":–":
        if not _says_units(note[at]):
            return note[anchor.first - 1].spelling == "(" and note[at - 1].spelling in (",", "and", ")")
        at += 1
    return at >= len(note) or note[at].spelling not in ":–"


def _trailing_start(note: list[Word], anchor: Anchor, made: Frame, covered: int) -> int:
    """A trailing code speaks for its sentence, or for its line where the line has no other code."""
    first = anchor.first
    while first > covered and note[first - 1].spelling not in "\n•":
        if made.sentence[first - 1] != made.sentence[anchor.first] and note[first - 1].spelling not in ".;":
            break
        first -= 1
    return first


def _clause_end(note: list[Word], place: int) -> int:
    while place < len(note) and note[place].spelling not in SENTENCE_ENDS and _says_units(note[place]):
        place += 1
    return place


def _blank_line(note: list[Word], first: int, end: int) -> int:
    """Where an empty line ends a section that has begun."""
    begun = False
    for place in range(first, min(end, len(note)) - 1):
        if begun and note[place].spelling == "\n" == note[place + 1].spelling:
            return place
        begun = begun or not _says_units(note[place])
    return end


def _segments(note: list[Word], made: Frame) -> list[tuple[int, int]]:
    """Clauses: between commas, brackets, dashes and words of comparison."""
    bounds = [0]
    for place, word in enumerate(note):
        if word.spelling in SEGMENT_ENDS or (place and made.sentence[place] != made.sentence[place - 1]):
            bounds.append(place + 1 if word.spelling in SEGMENT_ENDS else place)
        elif word.spelling in _COMPARING:
            bounds.append(place)
    bounds.append(len(note))
    return [(first, last) for first, last in pairwise(bounds) if last > first]


_COMPARING = frozenset(
    {"but", "vs", "versus", "compared", "than", "since", "against", "now", "today", "whereas"}
)


def _apply_time(note: list[Word], cues: dict[str, list[Match]], made: Frame) -> None:
    """Mark clauses of the past, of plans, of purposes and of goals."""
    segments = _segments(note, made)
    clauses = _Clauses(note, made)
    unmarked = list(range(len(note) + 1))
    by_place = {match.first: match for match in cues.get("time", [])}
    turned = _turns(note, made)
    sticky: tuple[int, str] | None = None
    for first, last in segments:
        if sticky and sticky[0] != made.sentence[first]:
            sticky = None
        triggers = [by_place[place] for place in range(first, last) if place in by_place]
        for match in triggers:
            name = match.sense.value
            if name == "neutral":
                continue
            if name == "today":
                sticky = None
                continue
            start, end, when = _reach(clauses, made, match, name, first, last)
            if when == HISTORY and match.first in turned:
                begins, turns = turned[match.first]
                # what is past ends where the later value begins, which bears a date of its own
                if match.first < turns:
                    _mark(made, unmarked, max(start, begins), min(end, turns), when)
                continue
            if name in ("past", "future", "goal_quote") and _opens_sentence(note, made, match):
                sticky = (made.sentence[first], when)
            _mark(made, unmarked, start, end, when)
        if sticky and not any(match.sense.value == "today" for match in triggers):
            _mark(made, unmarked, first, last, sticky[1])


_LEVEL_OPENS = frozenset({"min", "mod", "max", "minimal", "moderate", "maximal", "minimum", "maximum", "mina", "moda", "maxa",
                          "cga", "sba", "hha", "contact", "standby", "supervision", "supv", "setup", "total", "dep",
                          "dependent", "ind", "indep", "independent"})  # fmt: skip
_TURN_REACH = 14


def _turns(note: list[Word], made: Frame) -> dict[int, tuple[int, int]]:
    """Of each place about "from mod A on 3/2 to CGA on 3/23": where the earlier level begins, and where the later one does."""
    found: dict[int, tuple[int, int]] = {}
    begins = None
    for place in range(len(note) - 1):
        opens = note[place + 1].spelling in _LEVEL_OPENS
        if note[place].spelling == "from" and opens:
            begins = place
        elif begins is not None and note[place].spelling in ("to", "→") and opens:
            if made.sentence[begins] == made.sentence[place] and place - begins <= _TURN_REACH:
                last = min(len(note), place + _TURN_REACH)
                found.update(dict.fromkeys(range(max(0, begins - 1), last), (begins, place)))
            begins = None
    return found


def _mark(made: Frame, unmarked: list[int], first: int, last: int, when: str) -> None:
    """Mark words of today. `unmarked` leads from each place over those passed before, which many cues of a sentence share."""
    passed: list[int] = []
    place = first
    while place < last:
        if unmarked[place] == place:
            if made.when[place] == TODAY:
                made.when[place] = when
            unmarked[place] = place + 1
        passed.append(place)
        place = unmarked[place]
    for each in passed:
        unmarked[each] = place


def _opens_sentence(note: list[Word], made: Frame, match: Match) -> bool:
    at, words_before = match.first - 1, 0
    while at >= 0 and made.sentence[at] == made.sentence[match.first] and words_before <= 2:
        words_before += note[at].sort == "word"
        at -= 1
    return words_before <= 2


_PAST_BEFORE, _PAST_AFTER = 14, 20


def _reach(
    clauses: "_Clauses", made: Frame, match: Match, name: str, first: int, last: int
) -> tuple[int, int, str]:
    """Over which words a cue of time holds, and what it makes of them."""
    if name == "past":  # dictation has no stops: a clause without end is not all of the past
        return max(first, match.first - _PAST_BEFORE), min(last, match.last + _PAST_AFTER), HISTORY
    if name == "past_after":  # "from min A", "was CGA": what follows
        return match.first, last, HISTORY
    if name == "home":
        start, end = _sentence_span(made, match.first)
        return start, clauses.done_here(match.last, end), HISTORY
    if name == "future":
        return clauses.plan_start(match), _sentence_span(made, match.first)[1], PLAN
    if name == "future_subject":  # "stairs to be started": what comes before is planned
        return clauses.start[match.first], last, PLAN
    if name == "goal_quote":
        return match.first, _sentence_span(made, match.first)[1], GOAL
    purpose_end = clauses.purpose_end(match.last, _sentence_span(made, max(match.last - 1, 0))[1])
    return match.first, purpose_end, AIM if name == "aim" else GOAL


_PATIENTS = frozenset({"pt", "patient", "client", "child", "resident"})
_DID = frozenset({"stood", "sat", "did", "got", "rose", "put", "took", "went", "made", "wrote", "held", "threw", "ate",
                  "swung", "bent", "knelt", "drove", "cut", "rode", "swept", "set"})  # fmt: skip


def _next(places: list[int], place: int, otherwise: int) -> int:
    """The first of ordered places from `place` on."""
    at = bisect_left(places, place)
    return places[at] if at < len(places) else otherwise


def _sentence_span(made: Frame, place: int) -> tuple[int, int]:
    number = made.sentence[place]
    return bisect_left(made.sentence, number), bisect_right(made.sentence, number)


_PLANNING = frozenset(
    [
        "plan",
        "plans",
        "planning",
        "will",
        "to",
        "start",
        "begin",
        "progress",
        "advance",
        "add",
        "trial",
        "try",
        "continue",
        "cont",
        "initiate",
        "introduce",
        "consider",
        "may",
        "can",
        "repeat",
        "work",
        "address",
        "focus",
        "resume",
        "increase",
        "bring",
    ]
)


_OPENS_PLAN = frozenset({",", "(", "–", ":"})


class _Clauses:
    """Where clauses of a note begin and end, found once for all its cues of time: a sentence may hold thousands."""

    def __init__(self, note: list[Word], made: Frame) -> None:
        self.start: list[int] = []
        """Of each word, the start of its clause, brackets within it included."""
        self._plans: list[tuple[int | None, int | None]] = []
        """Of each word, the last sign before it in its sentence, and the first verb of planning between the two."""
        sign = verb = None
        start = 0
        for place, word in enumerate(note):
            opens = place == 0 or made.sentence[place - 1] != made.sentence[place]
            if opens:
                sign = verb = None
            if opens or note[place - 1].spelling in ",:–":
                start = place
            self.start.append(start)
            self._plans.append((sign, verb))
            if word.spelling in _OPENS_PLAN:
                sign, verb = place, None
            elif verb is None and word.spelling in _PLANNING:
                verb = place
        self._patient_acts = [place for place in range(len(note) - 2) if _patient_acts(note, place)]
        self._purpose_ends = [place for place in range(len(note)) if _ends_purpose(note, place)]

    def done_here(self, place: int, end: int) -> int:
        """Where a run-on account of home ends: at a clause that says what the patient did (", pt lifted a box")."""
        at = _next(self._patient_acts, place, end)
        return at if at < end - 2 else end

    def plan_start(self, match: Match) -> int:
        """A plan begins at its verb: "CGA for carrying 10 lb, progress to 15 lb next visit" plans only the last part."""
        sign, verb = self._plans[match.first]
        if verb is None and sign is not None and sign == match.first - 1:  # the cue itself opens the clause
            sign, verb = self._plans[sign]
        if verb is not None:
            return verb
        return match.first if sign is None else sign + 1

    def purpose_end(self, place: int, end: int) -> int:
        """A purpose ends with its clause; a bare list after a comma still belongs to it."""
        return min(end, _next(self._purpose_ends, place, end))


def _patient_acts(note: list[Word], place: int) -> bool:
    """Whether a clause begins here that says what the patient did."""
    if note[place].spelling not in ",;" or note[place + 1].spelling not in _PATIENTS:
        return False
    verb = note[place + 2].spelling
    return verb.endswith("ed") or verb in _DID


_LONGEST_LISTED = 5


def _ends_purpose(note: list[Word], place: int) -> bool:
    """Whether a sign ends a purpose before it: a bracket, a colon, or a comma before more than a bare list."""
    if note[place].spelling != ",":
        return note[place].spelling in '():–"'
    clause = place + 1
    while clause < len(note) and note[clause].spelling not in SEGMENT_ENDS:
        clause += 1
    listed = note[place + 1 : clause]
    return len(listed) > _LONGEST_LISTED or any(
        word.sort == "number" or word.spelling in _NOT_PURPOSE for word in listed
    )


_NOT_PURPOSE = frozenset(
    [
        "cga",
        "sba",
        "min",
        "mod",
        "max",
        "vc",
        "vcs",
        "tc",
        "cues",
        "cueing",
        "cued",
        "assist",
        "assistance",
        "a",
        "supervision",
        "mi",
        "i",
        "indep",
        "independent",
        "with",
        "w/",
        "pt",
        "patient",
        "she",
        "he",
        "no",
        "then",
        "ltg",
        "stg",
        "x",
        "pain",
        "while",
    ]
)


_NEGATION_STOPS = frozenset(
    [
        "with",
        "w/",
        "during",
        "on",
        "for",
        "while",
        "when",
        "in",
        "at",
        "after",
        "but",
        "then",
        "until",
        "because",
        "d/t",
        "due,",
        "and",
        "by",
    ]
)


def _apply_negation(note: list[Word], cues: dict[str, list[Match]], made: Frame) -> None:
    """Deny the words after "no", "denies", "deferred", and those before "deferred", "not addressed"."""
    listed: set[tuple[int, str, bool]] = set()
    for match in cues.get("negation", []):
        name = match.sense.value
        if name == "after":
            _deny_before(note, made, match)
            continue
        if name == "refusal" and _closes_clause(note, match):
            _deny_before(note, made, match)
            continue
        reach = REFUSAL_REACH if name == "refusal" else NEGATION_REACH
        denies = note[match.first].spelling.startswith("den")
        counted = 0
        for place in range(match.last, len(note)):
            word = note[place]
            if word.spelling in STOPS_OF_NEGATION or made.sentence[place] != made.sentence[match.first]:
                break
            denied_trouble = denies and note[place - 1].spelling in _TROUBLES
            if name != "refusal" and word.spelling in _NEGATION_STOPS and not denied_trouble:
                break
            if word.spelling == "or":
                if (place, name, denies) in listed:
                    break  # an earlier word denied the same list from here on
                listed.add((place, name, denies))
            counted = 0 if word.spelling == "or" else counted + (word.sort != "sign")
            if counted > reach:
                break
            made.negated[place] = True


def _closes_clause(note: list[Word], match: Match) -> bool:
    """Whether a refusal ends its clause and so speaks of what went before: "stairs deferred d/t pain"."""
    after = note[match.last].spelling if match.last < len(note) else "."
    return after in STOPS_OF_NEGATION or after in _REASONS or after == ")"


_TROUBLES = frozenset({"trouble", "difficulty", "problem", "problems", "limitation", "limitations", "issues"})
"""What a patient denies having with a task: "denies trouble with bathing"."""
_REASONS = frozenset(
    [
        "today",
        "due",
        "d/t",
        "secondary",
        "until",
        "because",
        "b/c",
        "this",
        "per",
        "at",
        "till",
        "pending",
        "for",
        "as",
        "by",
    ]
)
STOPS_OF_NEGATION = frozenset('.,;:\n!?•–"|')


def _deny_before(note: list[Word], made: Frame, match: Match) -> None:
    place = match.first - 1
    while (
        place >= match.first - REFUSAL_REACH
        and place >= 0
        and note[place].spelling not in ',;\n.:•–"|'
        and made.sentence[place] == made.sentence[match.first]
    ):
        if (
            note[place].spelling in ("but", "and")
            and match.first - place > 1
            and note[place].spelling == "but"
        ):
            break
        made.negated[place] = True
        place -= 1


def _silence_empty_fields(note: list[Word], made: Frame) -> None:
    """A field of a template that nobody filled says nothing: ".assist .cue .goal LTG1", "none / verbal (circle)"."""
    for place, word in enumerate(note[:-2]):
        if word.spelling != "." or note[place + 1].start != word.end:
            continue
        opens = place == 0 or note[place - 1].end < word.start
        name, following = note[place + 1], note[place + 2]
        stops = following.spelling == "." and following.start > name.end
        if opens and (stops or following.spelling == "\n"):
            made.silent[place + 1] = True
    silenced = 0
    for place, word in enumerate(note):
        if word.spelling == "circle" and place and note[place - 1].spelling == "(":
            first = place
            while first > silenced and note[first - 1].spelling not in ":\n":
                first -= 1
            made.silent[first : place + 1] = [True] * (place + 1 - first)
            silenced = place + 1


def _names_field(note: list[Word], place: int) -> bool:
    """Whether a word and a colon after it name the next field of a form ("[ ]kitchen  Detail: ...")."""
    following = note[place + 1] if place + 1 < len(note) else None
    apart = place > 0 and note[place].start - note[place - 1].end > 1
    return apart and note[place].sort == "word" and following is not None and following.spelling == ":"


def _silence_boxes(note: list[Word], made: Frame) -> None:
    """An unticked box silences its label: up to the next box or the end of the line."""
    open_box = False
    for place, word in enumerate(note):
        if word.sort == "box":
            open_box = True
        elif open_box:
            open_box = not (word.sort == "ticked" or word.spelling in "\n." or _names_field(note, place))
        if open_box:
            made.silent[place] = True
