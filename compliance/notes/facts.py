"""The facts that the documentation rules use, per note and code, and what a goal's text holds.

Columns of `facts_table`: note_id; code; has_text; has_section (the note has a section of the code); assistance (the
greatest level of help today: an entry of `assist_level.yaml`, `cueing_only` or `none`); assistance_rank (its place in
that file's `rank`); assistance_unclear (none is known, but the writer did something); cueing; response (yes, weak, no);
functional, dynamic, exercise, passive, neuro, gait, selfcare, passive_only, exercise_only, skilled, deficit, adl (true
or false); specific_activity (null: words remain that may name one); n_functional, n_exercise, n_passive, n_goal_refs
(counts). Only what was said of today, was not denied, and stands in the code's section or speaks for the whole note
counts.

Columns of `goal_facts`: goal_id, measure (its words, or null), has_measure, has_function, has_timeframe, measurable.
"""

import re

import polars as pl

from compliance.notes.labels import normal_label
from compliance.notes.lexicon import lexicon
from compliance.notes.memory import key_of, remembered
from compliance.notes.reading import TASKS, read

_COUNTS = pl.col("when").eq("today") & ~pl.col("negated")
_SAID = pl.col("when").eq("today")


def facts_table(mentions: pl.DataFrame, notes: pl.DataFrame, code: str = "97530") -> pl.DataFrame:
    """One row a note: what it says of `code`. A note without text has `has_text` false and no other fact."""
    own = mentions.filter(pl.col("code").is_null() | pl.col("code").eq(code))
    rank = {level: place for place, level in enumerate(lexicon("assist_level")["rank"])}

    def count(*kinds: str) -> pl.Expr:
        return (_COUNTS & pl.col("kind").is_in(kinds)).sum().cast(pl.Int64)

    def level() -> pl.Expr:
        said = _COUNTS & pl.col("kind").eq("assist_level")
        return pl.col("value").replace_strict(rank, default=0, return_dtype=pl.Int64).filter(said).max()

    cue = pl.col("kind").eq("cueing")
    facts = own.group_by("note_id").agg(
        n_functional=count(*sorted(TASKS)),
        n_general=(_COUNTS & pl.col("value").eq("adl_general")).sum().cast(pl.Int64),
        n_exercise=count("exercise"),
        n_named_exercise=(_COUNTS & pl.col("kind").eq("exercise") & pl.col("value").ne("sets_reps"))
        .sum()
        .cast(pl.Int64),
        n_specific=(
            _COUNTS & pl.col("kind").eq("exercise") & ~pl.col("value").is_in(["sets_reps", "general"])
        )
        .sum()
        .cast(pl.Int64),
        n_firm=(
            _COUNTS & pl.col("kind").is_in(["exercise", "neuro"]) & ~pl.col("value").is_in(_DONE_TO_PATIENT)
        )
        .sum()
        .cast(pl.Int64),
        n_passive=count("passive"),
        n_neuro=count("neuro"),
        n_gait=count("gait"),
        n_selfcare=count("selfcare"),
        n_technique=(_COUNTS & pl.col("value").eq("technique")).sum().cast(pl.Int64),
        n_dynamic=count("dynamic"),
        n_skilled=count("skill"),
        n_paired=count("paired"),
        n_unread=count("unread"),
        acts=(_COUNTS & pl.col("kind").eq("therapist_act")).any(),
        n_goal_refs=(pl.col("kind").eq("goal_ref") & ~pl.col("negated")).sum().cast(pl.Int64),
        level=level(),
        cueing=(cue & _SAID & (~pl.col("negated") | pl.col("value").eq("none_needed"))).any(),
        response=(_SAID & pl.col("kind").eq("response")).sum().cast(pl.Int64),
        # "continue plan of care" speaks of the plan wherever it stands, and is as weak there
        weak=((_SAID | pl.col("value").eq("continues")) & pl.col("kind").eq("weak_response")).any(),
        deficit=(pl.col("kind").eq("deficit") & ~pl.col("when").eq("plan") & ~pl.col("negated")).any(),
        adl=(pl.col("kind").is_in(["adl", "iadl", "functional_activity"])).any(),
        has_section=pl.col("code").eq(code).any().fill_null(False),
    )
    listed = notes.select(
        "note_id", has_text=pl.col("text").fill_null("").str.strip_chars().str.len_chars() > 0
    )
    return _judged(listed.join(facts, on="note_id", how="left", maintain_order="left"), code)


_LIST = 3
_MANY_UNREAD = 5
"""So many words that may name an activity, and none that is known to: then it cannot be told."""
_DONE_TO_PATIENT = ["sets_reps", "plain_stretch", "stretch", "nerve_glide", "desensitization"]
"""What beside heat and massage is more often done to the patient than by the patient."""


def _judged(facts: pl.DataFrame, code: str) -> pl.DataFrame:
    names = dict(enumerate(lexicon("assist_level")["rank"]))
    zero = [
        pl.col(name).fill_null(0)
        for name in facts.columns
        if name.startswith("n_") or name in ("level", "response")
    ]
    flags = [
        pl.col(name).fill_null(False) for name in ("cueing", "weak", "deficit", "adl", "has_section", "acts")
    ]
    # beside a list of exercises or of modalities, a verb and a noun that meet by chance are no task
    listed = (pl.col("n_firm") >= _LIST) | (pl.col("n_passive") >= _LIST)
    functional = (pl.col("n_functional") > 0) | ((pl.col("n_paired") > 0) & ~listed)
    many_unread = pl.col("n_unread") >= _MANY_UNREAD
    # sets and repetitions alone are exercise, but not beside heat or massage ("10 x 8" may be a setting),
    # nor beside words that may name a task ("child-cap bottle push/turn 3x10")
    bare_sets = (
        (pl.col("n_exercise") > pl.col("n_named_exercise")) & (pl.col("n_passive") == 0) & ~many_unread
    )
    drilled = (pl.col("n_specific") > 0) | bare_sets | (pl.col("n_neuro") > 0)
    passive_only = (pl.col("n_passive") > 0) & ~functional & (pl.col("n_firm") == 0) & (pl.col("n_gait") == 0)
    # "no physical assist" beside cues is help by cueing alone
    rank = (
        pl.when((pl.col("level") <= _rank("no_physical_assist")) & pl.col("cueing"))
        .then(_rank("cueing_only"))
        .otherwise(pl.col("level"))
    )
    # "ADL retraining", "same exercises as Tuesday", "body mechanics" name no activity
    specific = (
        (pl.col("n_functional") > pl.col("n_general"))
        | (pl.col("n_paired") > 0)
        | (pl.col("n_specific") > 0)
        | bare_sets
        | (pl.col("n_neuro") > 0)
        | (pl.col("n_passive") + pl.col("n_gait") + pl.col("n_selfcare") - pl.col("n_technique") > 0)
    )
    filled = facts.with_columns(*zero, *flags)
    said = filled.with_columns(
        code=pl.lit(code),
        assistance_rank=rank.cast(pl.Int64),
        response=pl.when(pl.col("response") > 0)
        .then(pl.lit("yes"))
        .when("weak")
        .then(pl.lit("weak"))
        .otherwise(pl.lit("no")),
        assistance_unclear=pl.col("acts") & (rank == 0),
        functional=functional,
        dynamic=pl.col("n_dynamic") > 0,
        exercise=pl.col("n_exercise") > 0,
        passive=pl.col("n_passive") > 0,
        neuro=pl.col("n_neuro") > 0,
        gait=pl.col("n_gait") > 0,
        selfcare=pl.col("n_selfcare") > 0,
        skilled=pl.col("n_skilled") > 0,
        specific_activity=pl.when(specific).then(True).when(~many_unread).then(False),
        passive_only=passive_only,
        exercise_only=drilled & ~functional & ~passive_only,
    ).with_columns(assistance=pl.col("assistance_rank").replace_strict(names, return_dtype=pl.String))
    facts_of_text = [name for name in FACT_COLUMNS if name not in ("note_id", "code", "has_text")]
    return said.with_columns(
        pl.when("has_text").then(pl.col(name)).alias(name) for name in facts_of_text
    ).select(FACT_COLUMNS)


def _rank(level: str) -> int:
    return lexicon("assist_level")["rank"].index(level)


FACT_COLUMNS = [
    "note_id", "code", "has_text", "has_section", "assistance", "assistance_rank", "assistance_unclear", "cueing",
    "response", "functional", "dynamic", "exercise", "passive", "neuro", "gait", "selfcare", "specific_activity",
    "passive_only", "exercise_only", "skilled", "n_functional", "n_exercise", "n_passive", "n_goal_refs", "deficit",
    "adl",
]  # fmt: skip


_UNIT = r"(?:reps?|lbs?|#|ft|feet|m|meters?|steps?|stairs?|secs?|seconds?|mins?|minutes?|hours?|h|%|percent|x|times|"
_MEASURE = re.compile(
    r"(?i)(\d+(?:\.\d+)?[+-]?\s?-?" + _UNIT
    + r"trials?|cm|in(?:ch(?:es)?)?|deg(?:rees)?|°|/\s?10|/\s?\d+|of\s\d+|out of|miles?|words?|"
    r"letters?|items?|blocks?|"
    r"points?|person|bags?|objects?|mm|kg|cues?|vcs?|mph|rungs?|buttons?|days?/)"
    r"|(?:LEFS|ODI|NDI|(?:Quick)?DASH|PSFS|KOOS|WOMAC|Berg|TUG|5x?STS|30s?\s?STS|6MWT|FGA|DGI|AM-?PAC|COPM|FIM|9HPT|BBT|MoCA|"
    r"SLUMS|Tinetti|SPADI|PRWE|LLIS|RPE)\W{0,6}(?:score\W{0,3})?(?:of|to|<|>|≤|≥|at|=|least|\s)*\s?\d+)"
)  # fmt: skip
_TIMEFRAME = re.compile(
    r"(?i)(?:\b(?:in|within|by|x|for|over|after)\b\s*(?:the\s)?(?:next\s)?(?:\w+\s)?\(?\d{1,2}\)?\s?-?(?:wks?|weeks?|mos?|months?|"
    r"visits?|sessions?|days?|treatments?)|\b\d{1,2}\s?-?(?:wks?|weeks?|mos?|months?|visits?|sessions?)\b|"
    r"\bby\s(?:\d{1,2}/\d{1,2}|d/?c|discharge|jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec|end of|re-?eval)|"
    r"\bby (?:\w+ )?(?:plan|cert|period)|\b(?:two|three|four|five|six|eight|ten|twelve) (?:weeks|months|visits))"
)  # fmt: skip


def goal_facts(goals: pl.DataFrame) -> pl.DataFrame:
    """What each goal's text holds: a measure, a function, a time frame (`due_on` and `target` count where given); and
    `reference`, its label as a note's is read (`LTG2`)."""
    asked: dict[str, tuple[str, bool]] = {}
    keys: list[tuple[str, str, str | None]] = []
    for goal in goals.iter_rows(named=True):
        text = " ".join(str(goal[name]) for name in ("text", "target") if goal.get(name))
        due = goal.get("due_on") is not None
        key = key_of(text, str(due))
        asked[key] = (text, due)
        keys.append((goal["goal_id"], key, normal_label(goal.get("label") or "") or None))
    listed = pl.DataFrame(
        keys, schema=dict.fromkeys(("goal_id", "key", "reference"), pl.String), orient="row"
    )
    said = {name: kind for name, kind in GOAL_SCHEMA.items() if name not in listed.columns}
    rows = remembered("goals", asked, lambda each: [_of_goal(*each)], said)
    return listed.join(rows, on="key", maintain_order="left").select(list(GOAL_SCHEMA))


GOAL_SCHEMA = {"goal_id": pl.String, "measure": pl.String, "has_measure": pl.Boolean, "has_function": pl.Boolean,
               "has_timeframe": pl.Boolean, "measurable": pl.Boolean, "reference": pl.String}  # fmt: skip


def _of_goal(text: str, due: bool) -> tuple[str | None, bool | None, bool | None, bool | None, bool | None]:
    """measure, has_measure, has_function, has_timeframe, measurable of a goal's words; all null where it has none."""
    if not text.strip():
        return None, None, None, None, None
    measure, function = _measure(text), _has_function(text)
    timeframe = bool(_TIMEFRAME.search(text)) or due
    return measure, measure is not None, function, timeframe, measure is not None and function and timeframe


def _measure(text: str) -> str | None:
    """The words of a goal that can be measured: a level of assistance, a number with its unit, a score."""
    for mention in read(text):
        if mention.kind == "assist_level":
            return text[mention.start : mention.end]
    without_time = _TIMEFRAME.sub(" ", text)
    match = _MEASURE.search(without_time)
    return match.group().strip() if match else None


def _has_function(text: str) -> bool:
    """Whether a goal names something a person does, or an outcome score of function."""
    said = {mention.kind for mention in read(text)}
    return bool(said & {*TASKS, "action", "gait"}) or bool(
        re.search(r"(?i)LEFS|ODI|NDI|DASH|PSFS|KOOS|WOMAC|COPM|FIM|AM-?PAC", text)
    )
