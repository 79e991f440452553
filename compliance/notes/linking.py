"""Which goals of its own plan a note works on: by their label, or by what was done.

A label links when the plan holds it, the goal is open on the day, and the note does not say that it was left for
another time. Without a label, activity and goal meet when they share an action and a thing ("toilet" and "commode"
are one thing; see the `concepts_*` lexicons), or where the note uses two of the goal's own words.

Columns of `link_table`: note_id; goal_id (null: no such label); label; how (label, meaning, none; before: as by meaning, of
an earlier day's work, which links nothing); status (open, met, modified, discontinued, unknown_label); links;
why_not (not_open, unknown_label, not_addressed, planned, history, perhaps); code (the
section in which the words stand); start, end, words.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache
from itertools import islice
from typing import Any, NamedTuple

import polars as pl

from compliance.notes.frame import AIM, GOAL, HISTORY, PLAN, TODAY, frame
from compliance.notes.labels import free_references, is_named_freely, normal_label, prefix_and_number
from compliance.notes.memory import key_of, remembered
from compliance.notes.reading import TASKS, Mention, boilerplate, mention_table, read
from compliance.notes.words import words

LINK_SCHEMA = {
    "note_id": pl.String, "goal_id": pl.String, "label": pl.String, "how": pl.String, "status": pl.String,
    "links": pl.Boolean, "why_not": pl.String, "code": pl.String, "start": pl.Int64, "end": pl.Int64,
    "words": pl.String,
}  # fmt: skip
OPEN = "open"


class Goal(NamedTuple):
    """A goal as it stood on the day of a note."""

    goal_id: str
    label: str
    text: str
    status: str


def link_table(
    notes: pl.DataFrame, goals: pl.DataFrame, mentions: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Links of every note to the goals of its plan; no row where a note names none and meets none.

    `notes`: note_id, text, plan_id, and service_date where known. `goals`: goal_id, plan_id, label, text, status,
    and status_on where known. `mentions`: the notes' own, where they were read already (`mention_table`).
    """
    plans = _Plans(goals)
    said = _Said(mention_table(notes) if mentions is None else mentions)
    part_keys = cache(lambda plan: key_of(*(part for goal in plan for part in goal)))
    asked: dict[str, tuple[str, str, tuple[Goal, ...]]] = {}
    keys: list[tuple[str, str]] = []
    for note_id, plan_id, day, text in _with_day(notes, "text"):
        if text:
            plan = plans.on_the_day(plan_id, day)
            key = key_of(text, part_keys(plan))
            asked[key] = (note_id, text, plan)
            keys.append((note_id, key))
    listed = pl.DataFrame(keys, schema=dict.fromkeys(("note_id", "key"), pl.String), orient="row")

    def found(noted: tuple[str, str, tuple[Goal, ...]]) -> tuple[tuple[Any, ...], ...]:
        note_id, text, plan = noted
        return _links(text, said.of(note_id), plan)

    rows = remembered("links", asked, found, {n: k for n, k in LINK_SCHEMA.items() if n != "note_id"})
    return listed.join(rows, on="key", maintain_order="left_right").select(list(LINK_SCHEMA))


def _with_day(notes: pl.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """note_id, plan_id, service_date (null where notes have none) and `columns` of each note."""
    day = "service_date" if "service_date" in notes.columns else pl.lit(None).alias("service_date")
    return notes.select("note_id", "plan_id", day, *columns).iter_rows()


class _Said:
    """What each note says, taken from the table of mentions: to read a hundred thousand notes twice takes minutes."""

    def __init__(self, mentions: pl.DataFrame) -> None:
        self._mentions = mentions.select(Mention._fields)
        runs = mentions.select(run=pl.col("note_id").rle()).unnest("run")
        starts = runs["len"].cum_sum() - runs["len"]
        self._place = dict(zip(runs["value"], zip(starts, runs["len"], strict=True), strict=True))

    def of(self, note_id: str) -> tuple[Mention, ...]:
        """The mentions of a note in order."""
        rows = self._mentions.slice(*self._place.get(note_id, (0, 0))).iter_rows()
        return tuple(map(Mention._make, rows))


class _Plans:
    """The goals of every plan, as they stood on a day.

    Between the days on which one of a plan's goals was closed they stand still, so that most notes of a plan have them in common.
    """

    def __init__(self, goals: pl.DataFrame) -> None:
        self._goals: dict[str | None, list[tuple[Goal, Any]]] = defaultdict(list)
        self._met: dict[tuple[str | None, int], tuple[Goal, ...]] = {}
        for goal in goals.sort("plan_id", "goal_id").iter_rows(named=True):
            written = Goal(goal["goal_id"], goal["label"] or "", goal["text"] or "", goal["status"] or OPEN)
            since = goal.get("status_on") if written.status != OPEN else None
            self._goals[goal["plan_id"]].append((written, since))
        self._closed = {
            plan_id: sorted({since for _, since in listed if since is not None})
            for plan_id, listed in self._goals.items()
        }

    def on_the_day(self, plan_id: str | None, day: Any) -> tuple[Goal, ...]:
        """Goals with their status on a day: one met later was open until then, the day it was met included."""
        days = self._closed.get(plan_id, [])
        reached = len(days) if day is None else bisect_left(days, day)
        if (plan_id, reached) not in self._met:
            to_come = set(days[reached:])
            self._met[plan_id, reached] = tuple(
                goal._replace(status=OPEN) if since in to_come else goal
                for goal, since in self._goals.get(plan_id, [])
            )
        return self._met[plan_id, reached]


def _links(text: str, mentions: tuple[Mention, ...], plan: tuple[Goal, ...]) -> tuple[tuple[Any, ...], ...]:
    free = [goal for goal in plan if goal.label and is_named_freely(goal.label)]
    rows = [*_by_own_code(text, free)] if free else []
    covered = _Covered(text, ((row[7], row[8]) for row in rows))
    rows += [row for row in _by_label(text, mentions, plan) if not covered.meets(row[7], row[8])]
    linked = {row[0] for row in rows if row[4]}
    left_out = {row[0] for row in rows if row[5] == "not_addressed"}
    done = [
        m for m in mentions if m.kind in ("action", "object") and m.when in (TODAY, GOAL) and not m.negated
    ]
    codes = tuple(dict.fromkeys(m.code for m in mentions))
    settled = linked | left_out
    by_value = _by_value(done)
    for goal in plan:
        if goal.status == OPEN and goal.goal_id not in settled:
            rows += _by_meaning(text, by_value, codes, goal)
    rows += _told_before(text, mentions, plan, settled | {row[0] for row in rows})
    open_ones = [goal for goal in plan if goal.status == OPEN and goal.goal_id not in left_out]
    served = {row[6] for row in rows if row[4]}
    if open_ones and None not in served:
        unserved = tuple(code for code in codes or (None,) if code not in served)
        rows += _by_words(text, mentions, unserved, open_ones)
    return tuple(rows)


def _by_label(text: str, mentions: tuple[Mention, ...], plan: tuple[Goal, ...]) -> Iterator[tuple[Any, ...]]:
    labels = _Labels(plan)
    for mention in mentions:
        if mention.kind != "goal_ref":
            continue
        words = text[mention.start : mention.end]
        place = (mention.code, mention.start, mention.end, words)
        named = labels.named(mention.value)
        if not named and mention.value[:3] not in ("ALL", "ONE", "WOR"):
            yield (None, mention.value, "none", "unknown_label", False, "unknown_label", *place)
        for goal in named:
            why_not = _why_not(mention, goal)
            yield (goal.goal_id, goal.label, "label", goal.status, why_not is None, why_not, *place)


def _by_own_code(text: str, goals: list[Goal]) -> Iterator[tuple[Any, ...]]:
    """Goals whose plan gives them a code of its own, where the note holds that code."""
    note = words(text)
    around = frame(note)
    for goal in goals:
        for found in free_references(note, goal.label):
            start, end = note[found.first].start, note[found.last - 1].end
            mention = Mention(start, end, "goal_ref", found.label, around.when[found.first],
                              around.negated[found.first], around.code[found.first])  # fmt: skip
            why_not = _why_not(mention, goal)
            yield (goal.goal_id, goal.label, "label", goal.status, why_not is None, why_not, mention.code,
                   start, end, text[start:end])  # fmt: skip


class _Covered:
    """The characters of a text that some spans cover."""

    def __init__(self, text: str, spans: Iterable[tuple[int, int]]) -> None:
        self._covers = bytearray(len(text))
        for start, end in spans:
            self._covers[start:end] = b"x" * (end - start)

    def meets(self, start: int, end: int) -> bool:
        """Whether one of the characters from `start` to `end` is covered."""
        return self._covers.find(b"x", start, end) >= 0


def _why_not(mention: Mention, goal: Goal) -> str | None:
    if goal.status != OPEN:
        return "not_open"
    if mention.negated:
        return "not_addressed"
    return {PLAN: "planned", HISTORY: "history"}.get(mention.when)


class _Labels:
    """The goals of a plan by their labels: it may hold thousands, and a note name one of them again and again."""

    def __init__(self, plan: tuple[Goal, ...]) -> None:
        self._plan = plan
        self._known: dict[str, list[Goal]] = {}

    @cached_property
    def _by_label(self) -> dict[str, list[Goal]]:
        by_label: dict[str, list[Goal]] = defaultdict(list)
        for goal in dict.fromkeys(self._plan):
            by_label[normal_label(goal.label)].append(goal)
        return by_label

    @cached_property
    def _by_number(self) -> dict[str, list[tuple[str, Goal]]]:
        """Goals with the goal word of their label, by its number."""
        by_number: dict[str, list[tuple[str, Goal]]] = defaultdict(list)
        for goal in dict.fromkeys(self._plan):
            prefix, number = prefix_and_number(normal_label(goal.label))
            by_number[number].append((prefix, goal))
        return by_number

    def named(self, reference: str) -> list[Goal]:
        """The goals that a reference means; the open one where a plan holds a label twice."""
        if reference not in self._known:
            self._known[reference] = list(self._named(reference))
        return self._known[reference]

    def _named(self, reference: str) -> Iterator[Goal]:
        if reference.startswith(("ALL", "ONE", "WORDS")):
            yield from _group(reference, self._plan)
            return
        same = self._by_label.get(reference, [])
        if not same:
            prefix, number = prefix_and_number(reference)
            alike = self._by_number.get(number, []) if number else []
            same = [goal for planned, goal in alike if _may_mean(prefix, planned)]
            if len({goal.label for goal in same}) > 1 and prefix not in ("", "GOAL", "OBJ"):
                same = []
        yield from [goal for goal in same if goal.status == OPEN] or same[:1]


def _may_mean(written: str, planned: str) -> bool:
    """Whether two goal words may name one goal: "goal 2" may be STG2, but STG2 is never LTG2."""
    general = {"", "GOAL", "OBJ"}
    return written == planned or written in general or planned in general


def _group(reference: str, plan: tuple[Goal, ...]) -> Iterator[Goal]:
    """ALL and ALL_STG name every such goal; a goal word alone names the only open one."""
    term = reference.rpartition("_")[2]
    members = [
        goal
        for goal in plan
        if term in ("ALL", "WORDS") or prefix_and_number(normal_label(goal.label))[0] == term
    ]
    open_ones = [goal for goal in members if goal.status == OPEN]
    if reference.startswith("ALL"):
        yield from open_ones or members
    elif len(open_ones) == 1:
        yield from open_ones


def _by_value(done: list[Mention]) -> dict[tuple[str, str], list[Mention]]:
    """Mentions of actions and things by what they say."""
    by_value: dict[tuple[str, str], list[Mention]] = defaultdict(list)
    for mention in done:
        by_value[mention.kind, mention.value].append(mention)
    return by_value


def _said(by_value: dict[tuple[str, str], list[Mention]], kind: str, values: Iterable[str]) -> list[Mention]:
    """The mentions of some values, in the order of the note."""
    said = (mention for value in values for mention in by_value.get((kind, value), ()))
    return sorted(said, key=lambda mention: (mention.start, mention.end, mention.value))


def _by_meaning(
    text: str,
    done: dict[tuple[str, str], list[Mention]],
    codes: tuple[str | None, ...],
    goal: Goal,
) -> Iterator[tuple[Any, ...]]:
    """An action and a thing that the goal and today's work (`done`, by value) have in common, in one section."""
    actions, things = concepts(goal.text)
    if _OF_A_CHILD.match(goal.text):
        things -= {"child"}  # who is treated is not what is held
    all_acted, all_met = _said(done, "action", actions), _said(done, "object", things)
    if not all_acted or not all_met:
        return
    for code in codes:
        acted = [m for m in all_acted if m.code in (code, None)]
        met = [m for m in all_met if m.code in (code, None)]
        if nearest := _nearest(acted, met):
            start, end = nearest
            yield (
                goal.goal_id,
                goal.label,
                "meaning",
                goal.status,
                True,
                None,
                code,
                start,
                end,
                text[start:end],
            )
            if code is None:
                return


def _told_before(
    text: str, mentions: tuple[Mention, ...], plan: tuple[Goal, ...], met: set[str]
) -> Iterator[tuple[Any, ...]]:
    """Goals whose activity the note tells of an earlier day ("sit to stand was mod A at eval"): a report names them so."""
    told = [
        m
        for m in mentions
        if m.kind in ("action", "object") and m.when in (TODAY, GOAL, HISTORY) and not m.negated
    ]
    if all(m.when != HISTORY for m in told):
        return
    by_value, codes = _by_value(told), tuple(dict.fromkeys(m.code for m in mentions))
    for goal in plan:
        if goal.status == OPEN and goal.goal_id not in met:
            for row in _by_meaning(text, by_value, codes, goal):
                yield (*row[:2], "before", row[3], False, *row[5:])


_WORDS_SHARED = 2
"""Words of its own that a goal and today's work must share to meet, where no lexicon knows what is done."""


def _by_words(
    text: str, mentions: tuple[Mention, ...], codes: tuple[str | None, ...], goals: list[Goal]
) -> Iterator[tuple[Any, ...]]:
    """Goals whose own words the note uses ("dish rack", "layup"). One such word alone does not tell: `perhaps`.

    A word that all goals have in common (the patient's name, the prosthesis) is none of their own. One word within a
    task of another name tells nothing ("garden bed" of a goal for getting out of bed).
    """
    said = list(_content(text, mentions))
    tasks = _Covered(text, ((m.start, m.end) for m in mentions if m.kind in TASKS))
    by_goal = [(goal, _own_words(goal.text)) for goal in goals]
    common = frozenset.intersection(*(own for _, own in by_goal)) if len(goals) > 1 else frozenset()
    for code in codes:
        spoken = {
            word: (start, end) for word, start, end, of in said if of in (code, None) and word not in common
        }
        for goal, own in by_goal:
            met = {word: spoken[word] for word in own if word in spoken}
            links = len(met) >= _WORDS_SHARED
            if links or any(not tasks.meets(*place) for place in met.values()):
                start, end = min(met.values())[0], max(place[1] for place in met.values())
                how, why_not = ("meaning", None) if links else ("none", "perhaps")
                yield (
                    goal.goal_id,
                    goal.label,
                    how,
                    goal.status,
                    links,
                    why_not,
                    code,
                    start,
                    end,
                    text[start:end],
                )


@lru_cache(maxsize=20_000)
def _own_words(goal_text: str) -> frozenset[str]:
    """The words of a goal that say what is done and with what."""
    return frozenset(word for word, *_ in _content(goal_text, read(goal_text), goal=True))


_SHORTEST_OWN = 3
_TELLS_LEVEL = frozenset({"assist_level", "cueing", "response", "weak_response", "measure"})


def _content(
    text: str, mentions: tuple[Mention, ...], goal: bool = False
) -> Iterator[tuple[str, int, int, str | None]]:
    """Words that say what is done and with what: stem, start, end, code. Of a note, those of today alone."""
    note = words(text)
    around = frame(note)
    measured = {place for m in mentions if m.kind in _TELLS_LEVEL for place in range(m.start, m.end)}
    for place, word in enumerate(note):
        plain = word.sort != "word" or len(word.spelling) < _SHORTEST_OWN or word.spelling in boilerplate()
        done = goal or (
            around.when[place] in (TODAY, AIM) and not around.negated[place] and not around.silent[place]
        )
        if not plain and done and word.start not in measured:
            yield _stem(word.spelling), word.start, word.end, around.code[place]


def _stem(word: str) -> str:
    """The word without its ending: lacing, laces and lace are one, and so are chopped and chop."""
    for ending in ("ings", "ing", "ed", "ies", "ied", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_OWN:
            stem = word.removesuffix(ending)
            doubled = ending in ("ings", "ing", "ed") and len(stem) > _SHORTEST_OWN and stem[-1] == stem[-2]
            return stem[:-1] if doubled else stem
    return word


_FARTHEST = 45
"""Characters from an action to its thing; what stands farther apart was not done with it."""


_OF_A_CHILD = re.compile(r"(?i)\W*(?:the )?(?:child|kid|student)\b")


def _nearest(acted: list[Mention], met: list[Mention]) -> tuple[int, int] | None:
    """The shortest stretch of an action and a thing, both in the order of the note; None where all are too far apart."""
    starts = [thing.start for thing in met]
    spans = (
        (min(action.start, thing.start), max(action.end, thing.end))
        for action in acted
        for thing in met[
            bisect_left(starts, action.start - _FARTHEST) : bisect_left(starts, action.start + _FARTHEST)
        ]
    )
    near = [span for span in spans if span[1] - span[0] <= _FARTHEST]
    return min(near, key=lambda span: span[1] - span[0], default=None)


@lru_cache(maxsize=20_000)
def concepts(goal_text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The actions and the things of a goal."""
    said = read(goal_text)
    return (
        frozenset(m.value for m in said if m.kind == "action"),
        frozenset(m.value for m in said if m.kind == "object"),
    )


_MOST_SAID = 50
"""Goals of a plan whose search is told in full; a plan of thousands would repeat a book beside each visit."""


def searched_table(notes: pl.DataFrame, goals: pl.DataFrame) -> pl.DataFrame:
    """What was looked for in each note: note_id, searched (a sentence naming labels, actions and things)."""
    plans = _Plans(goals)
    sought_by = _all_sought(goal["text"] or "" for goal in goals.iter_rows(named=True))

    @cache
    def said(plan: tuple[Goal, ...]) -> str:
        sought = [
            f"{goal.label or 'unlabelled goal'} ({sought_by[goal.text]})"
            for goal in islice((goal for goal in plan if goal.status == OPEN), _MOST_SAID)
        ]
        if not sought:
            return "The plan holds no open goal."
        if unsaid := sum(goal.status == OPEN for goal in plan) - len(sought):
            sought.append(f"{unsaid:,} goals more")
        return f"Looked for: {'; '.join(sought)}; or two of a goal's own words."

    rows = [(note_id, said(plans.on_the_day(plan_id, day))) for note_id, plan_id, day in _with_day(notes)]
    return pl.DataFrame(rows, schema={"note_id": pl.String, "searched": pl.String}, orient="row")


def _all_sought(texts: Iterable[str]) -> dict[str, str]:
    """What is looked for of each goal's text."""
    keys = {text: key_of(text) for text in texts}
    rows = remembered(
        "sought",
        {key: text for text, key in keys.items()},
        lambda text: [(_sought(text),)],
        {"sought": pl.String},
    )
    by_key = dict(rows.iter_rows())
    return {text: by_key[key] for text, key in keys.items()}


def _sought(goal_text: str) -> str:
    actions, things = concepts(goal_text)
    if not actions or not things:
        return "by its label: its text names no known activity and thing"
    words = [", ".join(sorted(each)).replace("_", " ") for each in (actions, things)]
    return f"{words[0]} with {words[1]}"
