"""What a note says: its mentions, each with its place, its meaning, and when and for which code it speaks.

`mentions` is the single source for checks and for the screen: what is highlighted is what was counted.

Columns of `mention_table`: note_id; start, end (characters of the note's text); kind (the lexicon); value; when (today,
history, plan, goal); negated; code (the CPT in whose section the words stand; null: the whole note).
A mention counts today for a code when `when` is today, it is not negated, and code is null or that code.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import polars as pl

from compliance.notes.comparisons import comparisons
from compliance.notes.frame import AIM, GOAL, HISTORY, PLAN, SENTENCE_ENDS, TODAY, Frame, frame
from compliance.notes.goal_statements import goal_statement
from compliance.notes.labels import references
from compliance.notes.lexicon import CODE, lexicon, phrases
from compliance.notes.memory import key_of, remembered
from compliance.notes.students import is_no_student
from compliance.notes.words import Word, number_of, words

LONGEST_NOTE = 40_000
"""Characters of a note that are read; longer texts are no notes, and the rest is left unread."""

_BESIDE_AN_AIM = frozenset({"assist_level", "cueing", "response", "weak_response"})
_MEASURED = frozenset({"pain", "vitals", "accuracy", "fatigue", "words"})
"""Responses that are no aim: "to improve tolerance and safety awareness" reports neither."""
TASKS = frozenset({"functional_activity", "adl", "iadl"})
_CONTENT = TASKS | {
    "exercise",
    "passive",
    "neuro",
    "gait",
    "selfcare",
    "cueing",
    "assist_level",
    "generic_title",
    "dynamic",
}
_CONCEPTS = frozenset({"action", "object"})
_SPEAKS_ANYWHERE = frozenset({"student", "in_room", "by_therapist"})
_PURPOSE_NOUNS = frozenset(
    [
        "strength",
        "strengthening",
        "endurance",
        "rom",
        "tolerance",
        "independence",
        "safety",
        "carryover",
        "stability",
        "preparation",
        "prep",
        "readiness",
        "flexibility",
        "power",
        "motion",
        "performance",
    ]
)


class Mention(NamedTuple):
    """Words of a note and what they say."""

    start: int
    end: int
    kind: str
    value: str
    when: str
    negated: bool
    code: str | None


class _Span(NamedTuple):
    first: int
    last: int
    kind: str
    value: str


@lru_cache(maxsize=20_000)
def read(text: str) -> tuple[Mention, ...]:
    """The mentions of a text in order. Never fails; an empty text says nothing."""
    note = words(text[:LONGEST_NOTE])
    if not note:
        return ()
    around = frame(note)
    spans = _spans(note, text, around)
    purposes = _purposes(note, around, spans) | _goal_names(note, around, spans)
    made = {_mention(note, around, span, span in purposes) for span in spans}
    named = {each.code for each in made if _names_activity(each)}
    if None not in named:
        unread = (_mention(note, around, span, purpose=False) for span in _unread(note, around, spans))
        made |= {each for each in unread if each.code not in named}
    return tuple(sorted(made, key=lambda m: (m.start, m.end, m.kind, m.value, m.when)))


def mention_table(notes: pl.DataFrame) -> pl.DataFrame:
    """Mentions of every note; `notes` needs note_id and text. Texts are read once each, and remembered."""
    texts = {note_id: text for note_id, text in notes.select("note_id", "text").iter_rows() if text}
    keys = {note_id: key_of(text) for note_id, text in texts.items()}
    asked = {key: texts[note_id] for note_id, key in keys.items()}
    said = {name: kind for name, kind in MENTION_SCHEMA.items() if name != "note_id"}
    listed = pl.DataFrame(
        {"note_id": list(keys), "key": list(keys.values())},
        schema=dict.fromkeys(("note_id", "key"), pl.String),
    )
    rows = remembered("mentions", asked, read, said)
    return listed.join(rows, on="key", maintain_order="left_right").select(list(MENTION_SCHEMA))


MENTION_SCHEMA = {
    "note_id": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "kind": pl.String,
    "value": pl.String,
    "when": pl.String,
    "negated": pl.Boolean,
    "code": pl.String,
}


def _mention(note: list[Word], around: Frame, span: _Span, purpose: bool) -> Mention:
    head = span.first
    when = around.when[head]
    if when == AIM:
        beside = span.kind in _BESIDE_AN_AIM and (span.kind != "response" or span.value in _MEASURED)
        when = TODAY if beside else GOAL
    elif purpose and when == TODAY:
        when = GOAL
    # the phrase itself may hold the negation ("no physical assist"): only words before it can deny it
    negated = around.negated[head]
    if (span.kind, span.value) == ("in_room", "in_room"):
        negated = negated or _is_room_denied(note, span)
    if span.kind == "goal_ref":
        negated = any(around.negated[place] for place in range(head, span.last)) or _put_aside(
            note, span.last
        )
        inside = {around.when[place] for place in range(head, span.last)}
        when = next((w for w in (PLAN, HISTORY) if w in inside), GOAL if inside <= {GOAL, AIM} else TODAY)
    return Mention(
        note[head].start, note[span.last - 1].end, span.kind, span.value, when, negated, around.code[head]
    )


def _is_room_denied(note: list[Word], span: _Span) -> bool:
    """Whether the therapist is said not to be in the room: "PT was never in the room", "without PT in room", "in room: no"."""
    denied = lexicon("in_room")["denied"]
    place = span.first - 1
    while place >= 0 and note[place].spelling in denied["between"]:
        place -= 1
    if place >= 0 and note[place].spelling in denied["by"]:
        return True
    answer = [word.spelling for word in note[span.last : span.last + 2]]
    return len(answer) > 1 and answer[0] == ":" and answer[1] in denied["after"]


_LONGEST_GOAL_NAME, _LONGEST_AIM = 3, 6
_NAMING = TASKS | _CONCEPTS | {"paired"}
_STATED = _NAMING | {"gait", "assist_level"}
_TOWARDS = frozenset({"toward", "towards", "per", "addressing", "addresses", "address"})


def _goal_names(note: list[Word], around: Frame, spans: Iterable[_Span]) -> set[_Span]:
    """Tasks that only say what a goal is of: after its label ("LTG1 crochet."), or before the word "goal"."""
    labels = [span for span in spans if span.kind == "goal_ref"]
    named = {place for span in labels for place in _name_of(note, around, span)}
    treated = {around.sentence[span.first] for span in spans if span.kind in ("exercise", "passive", "neuro")}
    stated: set[int] = set()
    for span in labels:
        beside = len(treated) > int(around.sentence[span.first] in treated)
        stated.update(goal_statement(note, around, span.first, span.last, beside))
    return {
        span
        for span in spans
        if (span.kind in _STATED and span.first in stated)
        or (
            span.kind in _NAMING
            and (
                span.first in named
                or (span.last < len(note) and note[span.last].spelling in ("goal", "goals"))
            )
        )
    }


def _name_of(note: list[Word], around: Frame, label: _Span) -> range:
    """The few words, without number or sign, that end a sentence after the label that begins it, or that it is toward."""
    sentence, last = around.sentence[label.first], label.last
    begins = label.first == 0 or around.sentence[label.first - 1] != sentence
    aimed = not begins and note[label.first - 1].spelling in _TOWARDS
    longest = _LONGEST_GOAL_NAME if begins else _LONGEST_AIM if aimed else 0
    end = min(len(note), label.last + longest + 1)  # one word more tells that the name is too long to be one
    while last < end and around.sentence[last] == sentence and note[last].spelling != ".":
        last += 1
    plain = all(word.sort == "word" for word in note[label.last : last])
    return range(label.last, last if plain and last - label.last <= longest else label.last)


_ASIDE = frozenset({"deferred", "held", "hold", "postponed", "unable", "excluded", "omitted", "skipped"})
_STILL_WORKED_ON = frozenset(
    {"met", "achieved", "reached", "attained", "yet", "only", "just", "there", "consistent"}
)
_ASIDE_REACH = 6


def _put_aside(note: list[Word], place: int) -> bool:
    """Whether the clause after a goal's label leaves it for another time ("LTG2 is not appropriate yet")."""
    for at in range(place, min(place + _ASIDE_REACH, len(note))):
        spelling = note[at].spelling
        if spelling in ",;.\n|•":
            return False
        if spelling in _ASIDE:
            return True
        if spelling == "not":
            following = note[at + 1].spelling if at + 1 < len(note) else ""
            return following not in _STILL_WORKED_ON or (
                following == "yet" and not (at + 2 < len(note) and note[at + 2].spelling in _STILL_WORKED_ON)
            )
    return False


def _spans(note: list[Word], text: str, around: Frame) -> list[_Span]:
    matched = [_Span(m.first, m.last, *m.sense) for m in phrases("mentions").matches(note)]
    found = [span for span in matched if not (_is_name(note, text, span) or _is_no_student(note, text, span))]
    found += _shares(note)
    found += _letters(note, text)
    found += _scores(note)
    found += _changes(note)
    found += _successes(note)
    found += _quotations(note, around)
    found += _filled_cues(note, around)
    found += _comparisons(note, found)
    found = _changed(note, found, around)
    found += _named_codes(note, around)
    found += _therapist_acts(note)
    found = list(_longest(found))
    found += _pairs(found, around)
    found += [_Span(r.first, r.last, "goal_ref", r.label) for r in references(note)]
    passive = {
        s.last - 1 for s in found if s.kind == "passive" or (s.kind, s.value) == ("exercise", "plain_stretch")
    }
    beside = _beside_passive(note, around, passive)
    found = [_by_whom(note, around, span, beside) for span in found]
    cues = {span.last for span in found if span.kind == "cueing"}
    return [
        span
        for span in found
        if span.kind != "ignore"
        and not _is_position(note, span)
        and not _is_silent(around, span)
        and _is_by_patient(note, around, span)
        and not _is_told_to_patient(note, around, span, cues)
    ]


def _is_position(note: list[Word], span: _Span) -> bool:
    """Whether standing is only where exercises are done: "Standing at sink: hip ext 2x10"."""
    following = note[span.last].spelling if span.last < len(note) else ""
    return span.value == "standing_task" and following == ":"


_LIKE_A_NAME = "Mina"


def _is_name(note: list[Word], text: str, span: _Span) -> bool:
    """Whether a level of help is written as a first name is: "minA" is minimal assistance, "Mina" is a girl."""
    return (
        span.kind == "assist_level" and text[note[span.first].start : note[span.last - 1].end] == _LIKE_A_NAME
    )


def _is_no_student(note: list[Word], text: str, span: _Span) -> bool:
    return span.kind == "student" and is_no_student(note, text, span.first, span.last, span.value)


def _is_silent(around: Frame, span: _Span) -> bool:
    """Words of a heading or of an unticked box say nothing; titles and goal labels in headings do."""
    return span.kind not in ("goal_ref", "generic_title", "measure") and around.silent[span.first]


_PEOPLE_TREATED = frozenset({"pt", "patient", "client", "child", "she", "he", "they", "resident", "kid", "caregiver",
                             "wife", "husband", "daughter", "son", "mother", "mom", "father", "dad", "parent"})  # fmt: skip
_SPEAKER_REACH = 4


def _is_by_patient(note: list[Word], around: Frame, span: _Span) -> bool:
    """Whether a verb of speech is the patient's: it opens its sentence, or a person treated stands before it."""
    if (span.kind, span.value) != ("response", "speech"):
        return True
    spoken: list[str] = []
    place = span.first - 1
    while (
        place >= 0 and around.sentence[place] == around.sentence[span.first] and len(spoken) < _SPEAKER_REACH
    ):
        if note[place].spelling.isalpha():
            spoken.append(note[place].spelling)
        place -= 1
    return len(spoken) <= 1 or bool(_PEOPLE_TREATED & set(spoken))


_TREATING = frozenset({"ot", "therapist", "pt", "pta", "cota", "cht", "me"})
_BY_REACH = 5
_JOINT_MOTIONS = frozenset({"shoulder", "arm", "hip", "knee", "ankle", "hand", "plain_stretch", "stretch"})
_ONE_AFTER_OTHER = frozenset({"then", "followed", "after", "before", "x", "with"})


def _beside_passive(note: list[Word], around: Frame, passive: set[int]) -> set[int]:
    """Where a joint's motion ends a clause that a treatment begins: "NMES wrist ext 15 min", "slow stretch into ER"."""
    found: set[int] = set()
    treated = False
    for place, word in enumerate(note):
        treated = treated and around.sentence[place - 1] == around.sentence[place]
        if treated:
            found.add(place)
        if word.spelling in ",;:" or word.spelling in _ONE_AFTER_OTHER:
            treated = False
        elif place in passive:
            treated = True
    return found


def _by_whom(note: list[Word], around: Frame, span: _Span, beside_passive: set[int]) -> _Span:
    """An exercise that the therapist does to the patient is passive: "flexion/ER by OT", "PROM flexion"."""
    if span.kind != "exercise" or span.value == "sets_reps":
        return span
    if span.value in _JOINT_MOTIONS and span.first in beside_passive:
        return span._replace(kind="passive", value="motion")
    sentence = around.sentence[span.first]
    for place in range(span.last, min(span.last + _BY_REACH, len(note) - 1)):
        if around.sentence[place] != sentence or note[place].spelling in ",;":
            break
        if note[place].spelling == "by" and note[place + 1].spelling in _TREATING:
            return span._replace(kind="passive", value="motion")
    return span


_ASKED_REACH = 4
_LEADS_TO = frozenset({"to", "for", "on", "not", "re"})


def _is_told_to_patient(note: list[Word], around: Frame, span: _Span, cues: set[int]) -> bool:
    """Whether a response is what a cue asked for ("cues to breathe out"): `cues` holds the places after cues."""
    if span.kind != "response" or span.value in ("pain", "vitals", "words", "speech"):
        return False
    for place in range(span.first - 1, max(-1, span.first - 1 - _ASKED_REACH), -1):
        if note[place].spelling in ",;:(" or around.sentence[place] != around.sentence[span.first]:
            return False
        if place in cues and note[place].spelling in _LEADS_TO:
            return True
    return False


_NONE = frozenset({"none", "no", "n/a", "na", "not", "0", "nil", "independent", "i"})


def _filled_cues(note: list[Word], around: Frame) -> Iterator[_Span]:
    """What stands under a heading for cues was cued ("Cues: shoulder down x4"), unless it says none."""
    place = 0
    while place < len(note):
        last = place + 1
        if around.section[place] == "cue" and not around.silent[place]:
            while last < len(note) and around.section[last] == "cue" and not around.silent[last]:
                last += 1
            said = [
                word
                for word, following in zip(note[place:last], [*note[place + 1 : last], None], strict=True)
                if word.sort == "word" and not (following and following.spelling == ":")
            ]
            if said and not (said[0].spelling in _NONE and len(said) <= _SHORTEST_QUOTATION):
                yield _Span(place, last, "cueing", "unspecified")
        place = last


def _longest(found: list[_Span]) -> Iterator[_Span]:
    """Leave out what stands inside a longer phrase: "min" in "min cues", "bridging" in "bridging for bed mobility"."""
    compounds = lexicon("concepts_object")["compounds"]
    covering = [
        span
        for span in found
        if span.kind in _CONTENT
        or span.kind == "ignore"
        or (span.kind == "object" and span.value in compounds)
    ]
    by_place: dict[int, list[_Span]] = {}
    for span in covering:
        for place in range(span.first, span.last):
            by_place.setdefault(place, []).append(span)
    for span in found:
        around_it = by_place.get(span.first, ())
        if not any(_covers(other, span) or _breaks_into(other, span) for other in around_it):
            yield span


def _breaks_into(other: _Span, span: _Span) -> bool:
    """Whether a task begins with the last word of a treatment: "hot pack .. in" packs nothing."""
    task = span.kind in TASKS or span.kind in _CONCEPTS
    if other.kind == "ignore" and span.kind == "student":
        return other.first <= span.first < other.last < span.last  # "college student .. performed"
    if (other.kind, other.value) == ("ignore", "minutes"):
        return False  # "15 min sit to stand": the minutes end where the task begins
    return task and other.kind in ("passive", "ignore") and other.first < span.first < other.last < span.last


def _covers(other: _Span, span: _Span) -> bool:
    if other.first > span.first or other.last < span.last or other == span:
        return False
    longer = other.last - other.first > span.last - span.first
    if other.kind == "object":
        return longer and span.kind == "object"  # only compounds cover: no bed stands in a garden bed
    if other.kind == "ignore":
        return span.kind != "ignore" and (longer or span.kind not in _SPEAKS_ANYWHERE)
    if span.kind in _CONTENT:
        if span.kind == other.kind and span.kind in TASKS:
            return False
        return longer
    if span.kind in _CONCEPTS:
        return other.kind not in TASKS and other.kind not in ("gait", "dynamic", "selfcare", "assist_level")
    if span.kind == "equipment":
        return False
    if span.kind == "response":
        return longer and other.kind in ("cueing", "assist_level", "generic_title")
    return False


_PAIR_REACH = 8


def _pairs(found: list[_Span], around: Frame) -> Iterator[_Span]:
    """An action and a thing near each other in one sentence: a task that no lexicon lists by name."""
    plain = {*lexicon("concepts_action")["plain"], *lexicon("concepts_object")["plain"]}
    things = _by_first_word(span for span in found if span.kind == "object" and span.value not in plain)
    for action in found:
        if action.kind != "action" or action.value in plain:
            continue
        for thing in _within(things, action.first - _PAIR_REACH, action.first + _PAIR_REACH):
            first, last = min(action.first, thing.first), max(action.last, thing.last)
            apart = action.last <= thing.first or thing.last <= action.first
            same = around.sentence[action.first] == around.sentence[thing.first]
            if apart and same and last - first <= _PAIR_REACH:
                yield _Span(first, last, "paired", action.value)
                break


def _by_first_word(spans: Iterable[_Span]) -> dict[int, list[_Span]]:
    by_place: dict[int, list[_Span]] = defaultdict(list)
    for span in spans:
        by_place[span.first].append(span)
    return by_place


def _within(by_place: dict[int, list[_Span]], first: int, last: int) -> Iterator[_Span]:
    """Spans that begin from `first` to `last`."""
    for place in range(first, last + 1):
        yield from by_place.get(place, ())


_NO_ACTIVITY_YET = frozenset({"adl_general", "technique", "general", "sets_reps"})


def _names_activity(mention: Mention) -> bool:
    told = mention.kind in _ACTIVITIES and mention.value not in _NO_ACTIVITY_YET
    return told and mention.when == TODAY and not mention.negated


_SAYS_NO_ACTIVITY = frozenset({"assist_level", "cueing", "response", "weak_response", "generic_title", "goal_ref",
                               "code_named", "skill", "deficit", "student", "in_room", "by_therapist", "unskilled"})  # fmt: skip
_TELLS_WORK = frozenset({None, "objective", "focus", "activity", "intervention"})
_SHORTEST_UNREAD = 3
_REPORT_REACH = 2


def _unread(note: list[Word], around: Frame, spans: Iterable[_Span]) -> Iterator[_Span]:
    """Words of which it is not known that they name no activity; looked for where none was recognised."""
    passed = set(_signatures(note)) | set(_diagnoses(note))
    for span in spans:
        if span.kind in _SAYS_NO_ACTIVITY:
            passed.update(range(span.first, span.last))
    reported = {around.sentence[span.first] for span in spans if _opens_report(around, span)}
    for place, word in enumerate(note):
        plain = word.sort != "word" or len(word.spelling) < _SHORTEST_UNREAD or word.spelling in boilerplate()
        plain = plain or number_of(word.spelling) is not None
        silent = around.silent[place] or around.section[place] not in _TELLS_WORK
        if not (plain or silent or place in passed or around.sentence[place] in reported):
            yield _Span(place, place + 1, "unread", word.spelling)


_LONGEST_NAME, _LONGEST_DIAGNOSIS = 3, 4


def _signatures(note: list[Word]) -> Iterator[int]:
    """The places of a name before its credential ("Walter Xiong, PTA")."""
    credentials = frozenset(lexicon("boilerplate")["values"]["credentials"])
    for place, word in enumerate(note):
        if word.spelling in credentials and place and note[place - 1].spelling in ",":
            yield from range(max(0, place - 1 - _LONGEST_NAME), place)


def _diagnoses(note: list[Word]) -> Iterator[int]:
    """The places of what a patient is treated for ("s/p rotator cuff repair")."""
    for place, word in enumerate(note):
        if word.spelling in ("s/p", "dx", "hx"):
            for at in range(place, min(place + 1 + _LONGEST_DIAGNOSIS, len(note))):
                if note[at].spelling in SENTENCE_ENDS or note[at].spelling == ",":
                    break
                yield at


def _opens_report(around: Frame, span: _Span) -> bool:
    """Whether a response begins its sentence, which then reports and tells of no work ("Fussy at start, calmed")."""
    before = span.first - _REPORT_REACH
    opens = before < 0 or around.sentence[before] != around.sentence[span.first]
    return span.kind in ("response", "weak_response") and opens


@cache
def boilerplate() -> frozenset[str]:
    """Words that name no activity."""
    return frozenset(str(word) for group in lexicon("boilerplate")["values"].values() for word in group)


_ACTIVITIES = TASKS | {"exercise", "gait", "neuro", "selfcare", "passive", "paired"}
_NEW = frozenset({"added", "initiated", "introduced", "new_activity", "trial", "substituted"})
_PARAMETERS = frozenset({"lb", "lbs", "#", "reps", "sets", "weight", "load", "resistance", "band", "height", "seat", "level",
                         "speed", "distance", "steps", "surface", "frequency", "goal", "goals", "program", "hep", "plan",
                         "treatment", "box", "assist"})  # fmt: skip
_CHANGE_REACH = 8


def _changed(note: list[Word], found: list[_Span], around: Frame) -> list[_Span]:
    """Leave out words of change that change nothing ("pt has progressed well"); add the activities that were changed.

    `added_activity` and `changed_activity` hold an activity's value, beside a verb that brings it in or alters it.
    """
    activities = [
        span for span in found if span.kind in _ACTIVITIES and span.value not in ("sets_reps", "general")
    ]
    longest = max((each.last - each.first for each in activities), default=0)
    by_place = _by_first_word(activities)
    kept: list[_Span] = []
    for span in found:
        if span.kind != "change_verb":
            kept.append(span)
            continue
        sentence = around.sentence[span.first]
        near = [
            each
            for each in _within(by_place, span.first - _CHANGE_REACH - longest, span.last + _CHANGE_REACH)
            if around.sentence[each.first] == sentence
            and each.first - span.last < _CHANGE_REACH
            and span.first - each.last < _CHANGE_REACH
        ]
        following = note[span.last : span.last + _CHANGE_REACH]
        tuned = any(
            word.spelling in _PARAMETERS and around.sentence[span.last + at] == sentence
            for at, word in enumerate(following)
        )
        if not (near or tuned or span.last - span.first > 1):
            continue
        kept.append(span)
        kind = "added_activity" if span.value in _NEW else "changed_activity"
        kept += [_Span(each.first, each.last, kind, each.value) for each in near]
    return kept


def _named_codes(note: list[Word], around: Frame) -> Iterator[_Span]:
    """Codes by number, or by a name of several words ("gait training"): `code_named`."""
    for place, word in enumerate(note):
        if word.sort == "number" and CODE.fullmatch(word.spelling):
            yield _Span(place, place + 1, "code_named", word.spelling.upper())
    for match in around.code_names:
        if match.last - match.first > 1:
            yield _Span(match.first, match.last, "code_named", match.sense.value)


def _shares(note: list[Word]) -> Iterator[_Span]:
    """Percentages of effort or of help: "pt doing 60% of the effort", "25% assist"."""
    for place, word in enumerate(note):
        if word.spelling != "%" or place == 0:
            continue
        share = number_of(note[place - 1].spelling)
        if share is None or share > 100:
            continue
        following = [w.spelling for w in note[place + 1 : place + 6]]
        close = following[:2]
        if {"assist", "assistance", "a", "help"} & set(close):
            yield _Span(place - 1, place + 2, "assist_level", _band(100 - share))
        elif {"effort", "work", "weight", "load", "lift", "lifting", "task", "transfer", "movement"} & set(
            following
        ):
            before = {w.spelling for w in note[max(0, place - 6) : place - 1]}
            effort = {"effort", "work", "lift", "lifting", "task", "transfer", "movement"} & set(following)
            if (
                effort
                and before & {"therapist", "pt's", "ot", "helper"}
                and not before & {"pt", "patient", "she", "he"}
            ):
                yield _Span(place - 1, place + 1, "assist_level", _band(100 - share))
            elif effort and (
                before & {"pt", "patient", "she", "he", "child", "client", "performing", "performs", "doing", "does",
                          "contributing", "contributes", "performed", "did", "gave", "giving", "provides", "about"}
                or "effort" in effort
            ):  # fmt: skip
                yield _Span(place - 1, place + 1, "assist_level", _band(share))


def _band(share: float) -> str:
    """The level of assistance of a patient who gives `share` percent of the effort."""
    bands = lexicon("assist_level")["effort_bands"]
    return next(level for level, lowest in bands.items() if share >= lowest)


def _scores(note: list[Word]) -> Iterator[_Span]:
    """FIM and Section GG scores of a task: "FIM 4", "GG 03"."""
    scales = {"fim": lexicon("assist_level")["fim"], "gg": lexicon("assist_level")["section_gg"]}
    for place, word in enumerate(note):
        if word.spelling not in scales:
            continue
        for at in range(place + 1, min(place + 4, len(note))):
            score = number_of(note[at].spelling)
            level = scales[word.spelling].get(int(score)) if score is not None else None
            if level:
                yield _Span(place, at + 1, "assist_level", level)
                break


_LEVEL_LETTERS = {"I": "independent", "S": "supervision", "D": "total"}
_BEFORE_LETTER = frozenset({"with", "w/", ",", "→", "at", ":", "needs", "needed", "now", "is", "was", "(",
                            "–", "required", "to", "close", "distant", "/", "assist", "pt", "mostly", ";"})  # fmt: skip
_AFTER_LETTER = frozenset(
    {"for", "with", "w/", ",", ".", "→", ";", ")", "\n", "level", "in", "on", "at", "–", "and", "/"}
)


def _letters(note: list[Word], text: str) -> Iterator[_Span]:
    """Levels written as one capital: "(I)", "close S", "D for LB dressing"."""
    for place, word in enumerate(note):
        if len(word.spelling) != 1 or (level := _LEVEL_LETTERS.get(text[word.start : word.end])) is None:
            continue
        before = note[place - 1].spelling if place else "\n"
        after = note[place + 1].spelling if place + 1 < len(note) else "\n"
        initials = after == "." and place + 2 < len(note) and len(note[place + 2].spelling) == 1
        initials = initials and note[place + 2].start == note[place + 1].end
        fits = before in _BEFORE_LETTER and after in _AFTER_LETTER and not (before == "to" and after == "and")
        if fits and not initials:
            yield _Span(place, place + 1, "assist_level", level)
    for place, word in enumerate(note[:-1]):
        if word.spelling in _SHORT_LEVELS and _is_level(note, place):
            yield _Span(place, place + 1, "assist_level", _SHORT_LEVELS[word.spelling])


_SHORT_LEVELS = {
    "min": "minimal",
    "mod": "moderate",
    "max": "maximal",
    "minimal": "minimal",
    "moderate": "moderate",
}
_BEFORE_SHORT = frozenset({"→", "with", "w/", "needed", "needs", "required", "requires", "requiring", "to",
                           "from", "/", ":", "cga", "sba", "☑", "at", "was", "now"})  # fmt: skip
_AFTER_SHORT = frozenset({"for", "→", "w/", "x", ".", ",", ";", ")", "\n", "on", "to", "at", "with"})


def _is_level(note: list[Word], place: int) -> bool:
    """Whether "min", "mod" or "max" alone is a level: not after a number, and where a level may stand."""
    before = note[place - 1] if place else None
    after = note[place + 1].spelling
    if before is None or number_of(before.spelling) is not None:
        return False
    if before.spelling in ("~", "/", ":") and after == ":":
        return False
    if note[place].spelling in ("min", "max", "mod") and after in _AFTER_SHORT:
        return before.spelling in _BEFORE_SHORT or (
            after in ("for", "→", "w/") and before.spelling not in ("x",)
        )
    return before.spelling in ("→", "/", "☑") and after in (*_AFTER_SHORT, "/")


_WRITERS = frozenset({"i", "writer"})
_BEFORE_ME = frozenset({"by", "w/", "with", "needed", "just"})
_MAY_ACT = _WRITERS | _BEFORE_ME | {"my", "for"}
_NOT_DONE_FOR = frozenset({"day", "goal", "good", "difficult", "hard", "easy"})


def _therapist_acts(note: list[Word]) -> Iterator[_Span]:
    """What the writer did, in the first person ("I steered the tray", "my hand at"): it may be help of any sort."""
    for place, word in enumerate(note[:-1]):
        if word.spelling in _MAY_ACT and _acts(note, place):
            yield _Span(place, place + 2, "therapist_act", note[place + 1].spelling)


def _acts(note: list[Word], place: int) -> bool:
    told = lexicon("therapist_telling")["values"]
    opening, following = note[place].spelling, note[place + 1]
    if opening in _BEFORE_ME:
        return following.spelling == "me"
    if opening == "my":
        return following.spelling in told["hands"]
    if opening == "for":
        before = note[place - 1].spelling if place else ""
        return following.spelling in ("him", "her", "them") and before not in _NOT_DONE_FOR
    long_enough = following.sort == "word" and len(following.spelling) >= _SHORTEST_UNREAD
    return long_enough and following.spelling not in told["verbs"]


def _purposes(note: list[Word], around: Frame, spans: Iterable[_Span]) -> set[_Span]:
    """Tasks that only say what an exercise is for: "3x10 SLR for stairs"."""
    drills = [s for s in spans if s.kind in ("exercise", "neuro", "passive")]
    drilled: dict[int, int] = {}
    for drill in drills:
        sentence = around.sentence[drill.first]
        drilled[sentence] = min(drill.first, drilled.get(sentence, drill.first))
    titles = {s.last for s in spans if s.kind == "generic_title"}
    found: set[_Span] = set()
    for span in spans:
        aim = span.kind in ("exercise", "neuro") and {span.first - 1, span.first - 2} & titles
        if span.kind not in TASKS and span.kind not in _CONCEPTS and not aim:
            continue
        preceding = [note[place].spelling for place in range(max(0, span.first - 3), span.first)]
        if "for" not in preceding or around.when[span.first] != TODAY:
            continue
        place = max(at for at in range(max(0, span.first - 3), span.first) if note[at].spelling == "for")
        nouned = place > 0 and note[place - 1].spelling in _PURPOSE_NOUNS
        if drilled.get(around.sentence[span.first], place) < place or nouned or place in titles:
            found.add(span)
    return found


_LOADS = frozenset(
    {
        "#",
        "lb",
        "lbs",
        "ft",
        "in",
        "inch",
        "inches",
        "x",
        "kg",
        "reps",
        "cm",
        "step",
        "steps",
        "pounds",
        "oz",
        '"',
        "'",
    }
)


def _changes(note: list[Word]) -> Iterator[_Span]:
    """Values before and after, joined by an arrow ("48 → 36 s", "2 → 4 → 2"); a load or distance is no response."""
    for place in range(1, len(note) - 1):
        if note[place].spelling != "→" or number_of(note[place - 1].spelling) is None:
            continue
        last = place + 1
        if number_of(note[last].spelling) is None or (
            note[last + 1 : last + 2] and note[last + 1].spelling in _LOADS
        ):
            continue
        yield _Span(place - 1, last + 1, "response", "change")


_EARLIER = frozenset({"was", "were", "from", "previously", "prev", "prior", "previous", "initially", "initial", "baseline",
                      "eval", "last", "ie", "soc", "started", "start"})  # fmt: skip
_NOW = frozenset({"now", "currently", "current", "today", "presently", "present", "to", "→"})
_VALUE_REACH, _ARROW_REACH, _COMPARISON_REACH = 8, 4, 24


def _comparisons(note: list[Word], found: Iterable[_Span]) -> Iterator[_Span]:
    """A value beside its earlier one, a number or a level: "TUG 21 s (3/02) → 14 s", "was mod A on 3/02; now CGA"."""
    levels = {span.first: span.last for span in found if span.kind == "assist_level"}
    dated = _dates(note) | _dates_of_levels(note, levels.values())
    values = {
        place: levels.get(place, place + 1)
        for place, word in enumerate(note)
        if place in levels
        or (word.sort == "number" and place not in dated and not CODE.fullmatch(word.spelling))
    }
    undated = [place for place in range(len(note)) if place not in dated]
    for at, place in enumerate(undated):
        word = note[place].spelling
        if word not in _NOW:
            continue
        after = _first_value(note, undated[at + 1 : at + 1 + _VALUE_REACH], values)
        before = undated[max(0, at - _COMPARISON_REACH) : at][::-1]
        first = (
            _value_before(note, before, values)
            if word == "→"
            else _earlier(note, before, values, word, dated)
        )
        if after is not None and first is not None:
            yield _Span(first, values[after], "measure", "with_earlier")
    yield from (_Span(first, last, "measure", "with_earlier") for first, last in comparisons(note, levels))


def _dates(note: list[Word]) -> set[int]:
    """Places of dates: in brackets ("(3/02)", "(1/07/26)") or after "on", "since", "by"."""
    found: set[int] = set()
    for place, word in enumerate(note):
        if word.spelling not in ("(", "on", "since", "by", "dated"):
            continue
        at = place + 1
        while at < len(note) and (note[at].sort == "number" or note[at].spelling == "/"):
            at += 1
        parts = [note[each].spelling for each in range(place + 1, at)]
        if "/" in parts and (word.spelling != "(" or (at < len(note) and note[at].spelling == ")")):
            found.update(range(place, at + (word.spelling == "(")))
    return found


_MONTHS, _DAYS = 12, 31
_COUNTED = frozenset({"trials", "trial", "attempts", "tries", "times", "reps", "x", "opportunities"})


def _dates_of_levels(note: list[Word], ends: Iterable[int]) -> set[int]:
    """Places of dates that follow a level of help: "mod A 3/2, now CGA"; "CGA 3/5 trials" has none."""
    found: set[int] = set()
    for end in ends:
        if end + 2 >= len(note) or note[end + 1].spelling != "/":
            continue
        month, day = number_of(note[end].spelling), number_of(note[end + 2].spelling)
        after = note[end + 3].spelling if end + 3 < len(note) else "."
        dates = month is not None and day is not None and 1 <= month <= _MONTHS and 1 <= day <= _DAYS
        if dates and after not in _COUNTED:
            found.update(range(end, end + 3))
    return found


def _first_value(note: list[Word], places: Iterable[int], values: dict[int, int]) -> int | None:
    """The first value at these places, up to the end of the line or the sentence."""
    for place in places:
        if note[place].spelling in "\n.":
            return None
        if place in values:
            return place
    return None


def _value_before(note: list[Word], before: list[int], values: dict[int, int]) -> int | None:
    """The value that an arrow leads from ("21 s →"): in its own clause, a few words before it."""
    for place in before[:_ARROW_REACH]:
        if note[place].spelling in ",;.\n":
            return None
        if place in values:
            return place
    return None


def _earlier(
    note: list[Word], before: list[int], values: dict[int, int], now: str, dated: set[int]
) -> int | None:
    """Where a value of before begins: at its word ("was mod A; now", "from 21 s to"), or dated ("3/5 on 2/02, now")."""
    valued = False
    for place in before:
        spelling = note[place].spelling
        if spelling in ".\n":
            return None
        if valued and (spelling == "from" if now == "to" else spelling in _EARLIER):
            return place
        if place in values:
            valued = True
            if values[place] in dated:
                return place
    return None


_PARTS = frozenset(
    {"in", "inch", "inches", "lb", "lbs", "gal", "gallon", "cup", "tsp", '"', "mile", "of", "way", "full"}
)
_DATED = frozenset(
    [
        "on",
        "since",
        "from",
        "by",
        "due",
        "appt",
        "appointment",
        "dated",
        "per",
        "last",
        "next",
        "until",
        "thru",
        "signed",
        "pt",
        "ot",
        "pta",
        "cota",
        "dpt",
        "otr",
        "l",
        "visit",
        "note",
        "pn",
        "eval",
        "dob",
        "poc",
        "cert",
        "recert",
        "date",
        "strength",
        "mmt",
        "visits",
    ]
)
_FEWEST_TRIALS = 5
"""A fraction of fewer parts may be a measure of length or volume ("1/4 in")."""


def _successes(note: list[Word]) -> Iterator[_Span]:
    """How many of how many ("8/12 retrieved"); a date, a muscle grade or a part of an inch is none."""
    for place in range(len(note) - 2):
        if note[place + 1].spelling != "/" or note[place + 1].start != note[place].end:
            continue
        done, of = number_of(note[place].spelling), number_of(note[place + 2].spelling)
        if done is None or of is None or not 0 <= done <= of or not _FEWEST_TRIALS <= of <= 100:
            continue
        before = note[place - 1].spelling if place else "\n"
        after = note[place + 3].spelling if place + 3 < len(note) else "\n"
        dated = before in _DATED or before == "/" or after == "/" or note[place].spelling.startswith("0")
        if not dated and after not in _PARTS:
            yield _Span(place, place + 3, "response", "accuracy")


_SHORTEST_QUOTATION, _LONGEST_QUOTATION = 2, 20


def _single_quotes(note: list[Word]) -> Iterator[tuple[int, int]]:
    """Words between single quotes: the first hugs the word after it, the last the word or stop before it."""
    opened = None
    for place, word in enumerate(note):
        if word.spelling == "\n" or (opened is not None and place - opened > _LONGEST_QUOTATION):
            opened = None
        if word.spelling != "'":
            continue
        hugs_next = place + 1 < len(note) and note[place + 1].start == word.end
        hugs_last = place > 0 and note[place - 1].end == word.start
        if opened is not None and hugs_last and not hugs_next:
            yield opened, place
            opened = None
        elif hugs_next and not hugs_last:
            opened = place


def _quotations(note: list[Word], around: Frame) -> Iterator[_Span]:
    """The patient's own words, where a sentence begins with them; a quoted cue follows its cueing word."""
    quotes = [place for place, word in enumerate(note) if word.spelling == '"']
    for first, last in [*zip(quotes[::2], quotes[1::2], strict=False), *_single_quotes(note)]:
        begins = first == 0 or around.sentence[first - 1] != around.sentence[first]
        spoken = [word for word in note[first + 1 : last] if word.sort == "word"]
        if begins and len(spoken) >= _SHORTEST_QUOTATION:
            yield _Span(first, last + 1, "response", "words")
