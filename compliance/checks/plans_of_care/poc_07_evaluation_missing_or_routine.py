"""POC-07: treatment without an evaluation before it, or re-evaluations billed by routine."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.plans_of_care.certification import MOMENT, PATIENT
from compliance.checks.rule import rule
from compliance.checks.terms import BETWEEN_LINES, codes, flag, fold, judge, like, line_name, typed_rows, yes

DAY = (*PATIENT, "service_date")
EVALUATING, AGAIN = codes("evaluation"), codes("reevaluation")
NOT_TREATMENT = (*EVALUATING, *codes("monitoring"))
ROUTINE = ["routine_reevaluation_days", "routine_reevaluations"]
IDS = [f"{name}__id" for name in ROUTINE]
Row = dict[str, Any]
READ: dict[str, pl.DataType] = {
    **dict.fromkeys(PATIENT, pl.String()), "row": pl.String(), "service_date": MOMENT, "episode": pl.Int64(),
    "evaluation": pl.Boolean(), "anew": pl.Boolean(), "elsewhere_on": MOMENT, "reasoned": pl.Int64(), "has_text": pl.Int64(),
    "payer_id": pl.String(), "policy_missing": pl.String(),
    **dict.fromkeys(ROUTINE, pl.Int64()), **dict.fromkeys(IDS, pl.Int64()),
}  # fmt: skip
"""What the fold reads."""
RETURNS: dict[str, pl.DataType] = {
    "service_date": MOMENT, "about": pl.String(), "case": pl.String(), "unknown": pl.String(), "evaluated_on": MOMENT,
    "exposed_from": MOMENT, "exposed_to": MOMENT, "previous_on": MOMENT, "days": pl.Int64(), "in_a_row": pl.Int64(),
    "payer_id": pl.String(), "policy_missing": pl.String(),
    **dict.fromkeys(ROUTINE, pl.Int64()), **dict.fromkeys(IDS, pl.Int64()),
}  # fmt: skip


@rule(
    code="POC-07",
    title="Evaluation missing, or re-evaluation by routine",
    severity="medium",
    subject="patient_day",
    key=["patient_id", "discipline", "service_date", "fault"],
    unit="episode, and day with a billed re-evaluation",
    cites=["mbpm-15-220", "42-cfr-410.61", "house-default"],
    needs=["notes.kind", "claim_lines.cpt", "claim_lines.service_date"],
    absence_of={"notes": "patient", "plans_of_care": "patient", "episodes": "patient"},
    parameters=ROUTINE,
    exposes="lines",
    message={
        "none": "Treatment began {service_date} and the records hold no evaluation",
        "late": "Treatment began {service_date}, before the evaluation of {evaluated_on}",
        "routine": "A re-evaluation was billed {days} days after the one of {previous_on}, one of {in_a_row} in a row, and its "
        "note says nothing of new findings, a significant change or a lack of response",
    },
    fix={
        "none": "Find the evaluation. Where there was none, evaluate now and review the claims of the episode before then.",
        "late": "Review the claims before the evaluation of {evaluated_on}; treatment follows the evaluation.",
        "routine": "Bill a re-evaluation only where new findings or a significant change are documented; otherwise it is part of "
        "treatment.",
    },
)  # fmt: skip
def evaluation_missing_or_routine(
    treatment_days: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    plans_of_care: nw.LazyFrame,
    episodes: nw.LazyFrame,
    mentions: nw.LazyFrame,
    absent_columns: frozenset[str],
) -> nw.LazyFrame:
    """Treatment begins with an evaluation; another one needs a reason.

    ## What it checks
    The first day of each episode, for an evaluation by then; and each day with a billed re-evaluation, for a reason.

    ## Why it matters
    Without an evaluation nothing shows that therapy was needed. Re-evaluations by the calendar are part of treatment, and
    payers take them back.

    ## How we read the rule
    - An evaluation counts that was billed, documented, named by a plan of care, or done elsewhere before.
    - It may be of the day of the first treatment; a re-evaluation on that day serves as well.
    - Each discipline needs its own, and each episode.
    - It can be missed only where the records state the episode's first day of treatment and hold it: records that start in
      mid-episode lack the evaluation alone, and nothing can be told.
    - An evaluation that stands in a column the export lacks cannot be missed.
    - At risk is the treatment before the evaluation; without any, that of the whole episode.
    - A re-evaluation has a reason where a note of its day names a new finding, a significant change or a lack of response.
      To deny one names none.
    - Without a reason it is routine where it follows the evaluation before it within the days of the policy, and so does the
      next or the one before. One alone is no routine.
    - A payer that has no such rule is not judged by its re-evaluations.
    - A re-evaluation without a note, or whose notes have no text, cannot be told.

    ## What it does not check
    Who evaluated (SUP-06). Repeated evaluations in speech-language pathology, which has no code for a re-evaluation.
    """
    again = _reevaluations(claim_lines, notes, mentions)
    days = (
        treatment_days.join(_documented(interventions, EVALUATING, "documented"), on=list(DAY), how="left")
        .join(_documented(interventions, AGAIN, "redone"), on=list(DAY), how="left")
        .join(_noted(notes, claim_lines), on=list(DAY), how="left")
        .select(
            *DAY, "episode", row=nw.lit("day"), evaluation=nw.col("evaluation") | yes("documented"),
            anew=yes("redone") | yes("noted"),
        )
    )  # fmt: skip
    planned = plans_of_care.filter(~nw.col("evaluated_on").is_null())
    planned = planned.select(*PATIENT, row=nw.lit("planned"), service_date="evaluated_on")
    stated = episodes.select(
        *PATIENT,
        row=nw.lit("stated"),
        service_date="first_treatment_on",
        elsewhere_on="evaluated_elsewhere_on",
    )
    rows = [_typed(each) for each in (days, planned, stated, again)]
    judged = fold(
        nw.from_native(pl.concat(rows, how="diagonal").lazy()),
        by=PATIENT,
        order_by=("service_date", "row"),
        step=lambda patient: _of_patient(patient, absent_columns),
        returns=RETURNS,
    )
    units = _placed(_with_lines(typed_rows(judged), claim_lines), treatment_days)
    return judge(
        like(units, claim_lines),
        applies=(nw.col("about") == "episode")
        | ~nw.col("routine_reevaluation_days").is_null()
        | ~nw.col("policy_missing").is_null(),
        cannot_tell={
            name: nw.col("unknown") == name
            for name in (
                "episodes.first_treatment_on", "episodes.evaluated_elsewhere_on", "plans_of_care.evaluated_on",
                "claim_lines.note_id", "notes.text",
            )
        },
        fails=~nw.col("case").is_null(),
    ).with_columns(fault=nw.col("case")).drop("about", "unknown", "exposed_from", "exposed_to")  # fmt: skip


def _documented(interventions: nw.LazyFrame, wanted: Sequence[str], name: str) -> nw.LazyFrame:
    """Days on which a note holds one of the codes: `name` 1."""
    held = nw.col("attended") & nw.coalesce(nw.col("cpt").is_in(wanted), nw.lit(False))
    return interventions.filter(held).select(*DAY).unique().with_columns(nw.lit(1).alias(name))


def _noted(notes: nw.LazyFrame, claim_lines: nw.LazyFrame) -> nw.LazyFrame:
    """Days with a note of a re-evaluation, or a billed one: `noted` 1."""
    written = notes.filter(nw.col("attended") & (nw.col("kind") == "reevaluation")).select(*DAY)
    billed = claim_lines.filter(nw.coalesce(nw.col("cpt").is_in(AGAIN), nw.lit(False))).select(*DAY)
    return nw.concat([written, billed], how="vertical").unique().with_columns(noted=nw.lit(1))


def _reevaluations(claim_lines: nw.LazyFrame, notes: nw.LazyFrame, mentions: nw.LazyFrame) -> nw.LazyFrame:
    """Days with a billed re-evaluation: whether a note of the day has text, and names a reason."""
    reasons = (
        mentions.filter((nw.col("kind") == "reevaluation_reason") & ~nw.col("negated"))
        .select("note_id")
        .unique()
        .with_columns(reasoned=nw.lit(1))
    )
    said = (
        notes.join(reasons, on="note_id", how="left")
        .with_columns(reasoned=flag(yes("reasoned")), has_text=flag(~nw.col("text").is_null()))
        .group_by(*DAY)
        .agg(nw.col("reasoned").max(), nw.col("has_text").max())
    )
    billed = claim_lines.filter(nw.coalesce(nw.col("cpt").is_in(AGAIN), nw.lit(False)))
    return billed.join(said, on=list(DAY), how="left").select(
        *DAY, "reasoned", "has_text", "payer_id", "policy_missing", *ROUTINE, *IDS, row=nw.lit("again")
    )


def _typed(rows: nw.LazyFrame) -> pl.DataFrame:
    """Rows for the fold, typed alike; those that name no patient, discipline or day speak of nobody."""
    return typed_rows(rows, READ).drop_nulls(list(PATIENT))


def _with_lines(units: pl.DataFrame, claim_lines: nw.LazyFrame) -> pl.DataFrame:
    """Units with the lines at risk: treatment before the evaluation, or the re-evaluations of the day."""
    lines = typed_rows(claim_lines.select(*PATIENT, "service_date", "cpt", "claim_id", "line"))
    lines = lines.rename({"service_date": "on"})
    again = pl.col("cpt").is_in(AGAIN)
    treatment = ~pl.col("cpt").is_in(NOT_TREATMENT)
    within = pl.col("on").is_between(pl.col("exposed_from"), pl.col("exposed_to"))
    episode = pl.col("about") == "episode"
    named = line_name()
    key = [*PATIENT, "service_date", "about"]
    found = (
        units.filter(~pl.col("case").is_null())
        .join(lines, on=list(PATIENT))
        .filter(within & pl.when(episode).then(treatment.fill_null(True)).otherwise(again.fill_null(False)))
        .sort("on", "claim_id", "line")
        .group_by(key, maintain_order=True)
        .agg(exposed_lines=named.str.join(BETWEEN_LINES))
    )
    return units.join(found, on=key, how="left")


def _placed(units: pl.DataFrame, treatment_days: nw.LazyFrame) -> pl.DataFrame:
    """Units with the therapist, clinic and (where they have none) payer of their day."""
    where = ["payer_id", "clinic_id", "therapist_id"]
    days = typed_rows(treatment_days.select(*DAY, *where)).rename({"payer_id": "payer_of_day"})
    payer = pl.coalesce("payer_id", "payer_of_day")
    return units.join(days, on=list(DAY), how="left").with_columns(payer_id=payer).drop("payer_of_day")


def _of_patient(rows: list[Row], absent: frozenset[str]) -> Iterator[Row]:
    by_kind: dict[str, list[Row]] = {kind: [] for kind in ("day", "planned", "stated", "again")}
    for row in rows:
        by_kind[row["row"]].append(row)
    last: datetime | None = None
    for number in sorted({row["episode"] for row in by_kind["day"]}):
        days = [row for row in by_kind["day"] if row["episode"] == number]
        yield _episode(days, last, by_kind["planned"], by_kind["stated"], absent)
        last = days[-1]["service_date"]
    yield from _routine(
        by_kind["again"], [row["service_date"] for row in by_kind["day"] if row["evaluation"]]
    )


def _episode(
    days: Sequence[Row],
    before: datetime | None,
    planned: Sequence[Row],
    stated: Sequence[Row],
    absent: frozenset[str],
) -> Row:
    """Whether an evaluation came by an episode's first day."""
    first, last = days[0]["service_date"], days[-1]["service_date"]
    own = [row["service_date"] for row in days if row["evaluation"]]
    own += [row["service_date"] for row in planned if before is None or row["service_date"] > before]
    own += [first] if days[0]["anew"] else []
    elsewhere = [row["elsewhere_on"] for row in stated if row["elsewhere_on"]]
    evaluated = min((on for on in own if on <= last), default=None)
    told: Row = {
        **dict.fromkeys(RETURNS), "about": "episode", "service_date": first, "evaluated_on": evaluated,
        "exposed_from": first, "exposed_to": last,
    }  # fmt: skip
    if (evaluated and evaluated <= first) or any(on <= first for on in elsewhere):
        return told
    begun = [
        row["service_date"]
        for row in stated
        if row["service_date"] and (not before or row["service_date"] > before)
    ]
    if first not in begun:
        known_earlier = any(on < first for on in begun)
        fact = "evaluated_elsewhere_on" if known_earlier else "first_treatment_on"
        return told | {"unknown": f"episodes.{fact}"}
    if evaluated:
        return told | {"case": "late", "exposed_to": evaluated - TICK}
    for column in ("plans_of_care.evaluated_on", "episodes.evaluated_elsewhere_on"):
        if column in absent:
            return told | {"unknown": column}
    return told | {"case": "none"}


TICK = datetime.resolution
"""The shortest time: a moment before a day is the day before."""


def _routine(again: Sequence[Row], evaluations: Sequence[datetime]) -> Iterator[Row]:
    """The re-evaluations of a patient, those of a run without reasons marked as routine."""
    days = {row["service_date"]: row for row in reversed(again) if row["service_date"]}
    runs: list[list[Row]] = []
    for on in sorted(days):
        row = days[on]
        past = [day for day in (*evaluations, *days) if day < on]
        previous = max(past, default=None)
        told: Row = {
            **{name: row.get(name) for name in RETURNS}, "about": "again", "service_date": on, "exposed_from": on,
            "exposed_to": on, "previous_on": previous, "days": (on - previous).days if previous else None,
        }  # fmt: skip
        if row["has_text"] is None:
            told["unknown"] = "claim_lines.note_id"
        elif not row["has_text"]:
            told["unknown"] = "notes.text"
        limit = row[ROUTINE[0]]
        soon = previous is not None and limit is not None and told["days"] <= limit
        alike = soon and not told["unknown"] and not row["reasoned"]
        if alike and runs and runs[-1][-1]["service_date"] == previous:
            runs[-1].append(told)
        elif alike:
            runs.append([told])
        else:
            yield told
    for run in runs:
        routine = len(run) >= (run[0][ROUTINE[1]] or 0)
        for told in run:
            yield told | {"case": "routine" if routine else None, "in_a_row": len(run)}
