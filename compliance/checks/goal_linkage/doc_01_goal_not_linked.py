"""DOC-01: a note of 97530 that serves no open goal of its plan of care."""

import narwhals as nw

from compliance.checks.goal_linkage.activity_notes import (
    ACTIVITY_CODES,
    ELEMENTS,
    KEPT,
    activity_notes,
    holds,
    judge_notes,
    visits_so_far,
)
from compliance.checks.rule import rule
from compliance.checks.terms import FAIL, flag

PARAMETERS = [ELEMENTS, "unlinked_visits_repay_risk"]
UNLINKED = {
    "unknown_label": "The 97530 note of {service_date} names {label}, a goal that the plan of care does not hold",
    "not_open": "The 97530 note of {service_date} serves {label}, which was {goal_status} by that day",
    "elsewhere": "The 97530 note of {service_date} serves {label} only under {under_code}",
    "not_addressed": "The 97530 note of {service_date} mentions {label} only to say that it was not addressed",
    "planned": "The 97530 note of {service_date} mentions {label} only for another visit",
    "history": "The 97530 note of {service_date} mentions {label} only of earlier visits",
    "unnamed": "The 97530 note of {service_date} names no goal, and its activities meet none of the plan of care",
}
"""Why a note does not link, the more telling first where several hold."""
AGAIN = "; it is visit {unlinked_visits} in a row without a goal ({unlinked_visits_repay_risk} put payment at risk)"
EXAMPLE = "LTG2 (carry 10 lb laundry basket up 12 steps)"
NOWHERE = -1
PLACES = 10_000_000
"""More than the characters of any note: ranks reasons before positions."""


@rule(
    code="DOC-01",
    title="97530 not linked to a goal",
    severity="low",
    subject="note",
    unit="note of 97530",
    cites=["lcd-l33631", "house-default"],
    needs=["notes.text", "goals.goal_id"],
    absence_of={"goals": "patient"},
    parameters=PARAMETERS,
    exposes="note",
    message={**UNLINKED, **{f"{case}_again": said + AGAIN for case, said in UNLINKED.items()}},
    fix="In an addendum, dated today, name the goal that the activity served, if it served one: for example “towards "
    "{example_goal}”. Name it in each note from now on.",
)
def goal_not_linked(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    note_facts: nw.LazyFrame,
    goals: nw.LazyFrame,
    goal_facts: nw.LazyFrame,
    goal_links: nw.LazyFrame,
    searched: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
) -> nw.LazyFrame:
    """A note of 97530 shows which open goal of the patient's plan of care the activity served.

    ## What it checks
    Each note of a visit with 97530 must link to a goal: it names an open goal of its own plan, or its activity and the
    goal's function meet.

    ## Why it matters
    97530 is paid as a skilled activity towards a functional goal. A reviewer who cannot see the goal reads an activity
    without a purpose; visit after visit of that kind, the whole treatment.

    ## How we read the rule
    - A goal is named by its label (*LTG2*, *STG #2*, *goals 1 and 3*), or by its meaning: what was done today meets
      what the goal is to make possible, in at least one action and one object, or in two of the goal's own words.
    - Where a note names no goal and shares a single word with one, it cannot be told.
    - A goal that was met, modified or discontinued by the day of service does not link.
    - A label that the plan does not hold does not link. Where a note names no other, its meaning does not stand in.
    - A goal that is only planned, told of the past, on hold or not addressed does not link.
    - A goal named in the section of another code does not link 97530.
    - An addendum to the note speaks for it.
    - One such note is a weakness. From the payer's number of visits in a row within an episode it is a repayment risk,
      and a reviewer decides the amount. A linked visit, or one that cannot be told, begins the count anew.
    - A payer that does not ask for the link is not judged.
    - Without a note, its text, its plan or any goals of the plan nothing can be told; nor where the note may serve a goal that
      was closed on a day that nobody recorded, or whose label or text is not known.
    - A plan may hold a label twice, of a goal that was closed and of the one after it: where a goal of the plan that stood open
      on the day has no label, it cannot be told.
    - A label that the plan does not hold, or only of a goal that was closed, may be that of a goal that names no plan: where the
      records hold one of that label, it cannot be told.

    ## What it does not check
    Whether the goal can be measured (DOC-07), and whether the activity was the best one for it.
    """
    links = goal_links.with_columns(
        ours=nw.col("code").is_null() | nw.col("code").is_in(ACTIVITY_CODES),
        links=holds("links"),
    )
    units = (
        activity_notes(claim_lines, notes, interventions, note_facts, PARAMETERS)
        .join(_linked(links, notes), on="note_id", how="left")
        .join(_reasons(links), on="note_id", how="left")
        .join(_perhaps(links), on="note_id", how="left")
        .join(_goals_of_plans(goals), on="plan_id", how="left")
        .with_columns(worded=nw.col("quote").str.replace_all(" ", ""))
        .join(_labels_of_no_plan(goals, goal_facts), on="label", how="left")
        .join(_labels_of_no_plan(goals, goal_facts, "worded"), on="worded", how="left")
        .join(searched, on="note_id", how="left")
    )
    judged = judge_notes(
        units,
        "DOC-01",
        cannot_tell={
            "notes.plan_id": nw.col("plan_id").is_null(),
            "goals.goal_id": nw.col("goals").is_null(),
            "notes.goal_named": nw.col("linked").is_null() & ~nw.col("perhaps").is_null(),
            **_unknown_goals(),
        },
        fails=nw.col("linked").is_null(),
    )
    counted = visits_so_far(
        judged, treatment_days, nw.col("outcome") == FAIL, name="unlinked_visits", in_a_row=True
    )
    at_risk = nw.coalesce(nw.col("unlinked_visits") >= nw.col("unlinked_visits_repay_risk"), nw.lit(False))
    why = nw.coalesce(nw.col("why"), nw.lit("unnamed"))
    return counted.select(
        *KEPT, "searched", "label", "goal_status", "under_code", "unlinked_visits", "unlinked_visits_repay_risk",
        "unlinked_visits_repay_risk__id", "quote_start", "quote_end", "quote", quote_kind=nw.lit("goal"), why=why,
        example_goal=nw.coalesce(nw.col("open_goal"), nw.lit(EXAMPLE)),
        case=nw.when(at_risk).then(nw.concat_str([why, nw.lit("_again")])).otherwise(why),
        severity=nw.when(at_risk).then(nw.lit("medium")).otherwise(nw.lit("low")),
        exposed_share=nw.lit(0.0),
    )  # fmt: skip


def _unknown_goals() -> dict[str, nw.Expr]:
    """What the plan's goals do not say, where a note may link to one of them for all that: to one that was closed nobody knows
    when, to one of an unknown label or plan, or by words that are not there."""
    unlinked, why = nw.col("linked").is_null(), nw.coalesce(nw.col("why"), nw.lit("unnamed"))
    closed = (why == "not_open") & (nw.col("how") == "label")
    twice = (nw.col("unlabelled_open") > 0) | (nw.col("unlabelled_until") > nw.col("service_date"))
    return {
        "goals.status_on": unlinked & why.is_in(["unnamed", "not_open"]) & (nw.col("undated") > 0),
        "goals.label": unlinked
        & (
            ((why == "unknown_label") & (nw.col("unlabelled") > 0))
            | (closed & nw.coalesce(twice, nw.lit(False)))
        ),
        "goals.plan_id": unlinked
        & (
            ((why == "unknown_label") & ~nw.col("label_of_no_plan").is_null())
            | (closed & ~(nw.col("label_of_no_plan").is_null() & nw.col("worded_of_no_plan").is_null()))
        ),
        "goals.text": unlinked & (why == "unnamed") & (nw.col("wordless") > 0),
    }


def _linked(links: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """The notes that link, by their own words or by an addendum's: note_id, linked (1)."""
    ours = links.filter(nw.col("ours"))
    by_label = ours.filter(nw.col("links") & (nw.col("how") == "label")).select("note_id")
    unknown = ours.filter(nw.col("why_not") == "unknown_label").select("note_id").unique()
    by_meaning = ours.filter(nw.col("links")).select("note_id").join(unknown, on="note_id", how="anti")
    linking = nw.concat([by_label, by_meaning], how="vertical").unique()
    amended = (
        notes.filter((nw.col("kind") == "addendum") & ~nw.col("amends_note_id").is_null())
        .select("note_id", amended="amends_note_id")
        .join(linking, on="note_id")
        .select(note_id="amended")
    )
    return nw.concat([linking, amended], how="vertical").unique().with_columns(linked=nw.lit(1))


def _perhaps(links: nw.LazyFrame) -> nw.LazyFrame:
    """The notes that share one word with an open goal, and name no goal at all: note_id, perhaps (1)."""
    ours = links.filter(nw.col("ours"))
    named = ours.filter(nw.col("why_not").is_in(list(UNLINKED))).select("note_id").unique()
    alike = ours.filter(nw.col("why_not") == "perhaps").select("note_id").unique()
    return alike.join(named, on="note_id", how="anti").with_columns(perhaps=nw.lit(1))


def _reasons(links: nw.LazyFrame) -> nw.LazyFrame:
    """The most telling words of each note that do not link 97530: why, label, status, code and the quote."""
    why = nw.when(nw.col("links")).then(nw.lit("elsewhere")).otherwise(nw.col("why_not"))
    place = nw.lit(NOWHERE)
    for rank, case in enumerate(UNLINKED):
        place = nw.when(why == case).then(nw.col("start") + rank * PLACES).otherwise(place)
    ranked = (
        links.filter(~(nw.col("links") & nw.col("ours")))
        .with_columns(why=why, place=place)
        .filter(nw.col("place") > NOWHERE)
    )
    first = ranked.group_by("note_id").agg(place=nw.col("place").min())
    return (
        ranked.join(first, on=["note_id", "place"])
        .group_by("note_id")
        .agg(
            why=nw.col("why").min(),
            how=nw.col("how").min(),
            label=nw.col("label").min(),
            goal_status=nw.col("status").min(),
            under_code=nw.col("code").min(),
            quote_start=nw.col("start").min(),
            quote_end=nw.col("end").min(),
            quote=nw.col("words").min(),
        )
    )


def _goals_of_plans(goals: nw.LazyFrame) -> nw.LazyFrame:
    """Of each plan the number of its goals, the first that stands open, in words, and whether one lacks the day on which it was
    closed (`undated`), its label or its text; of goals without a label, whether one is not known to be closed
    (`unlabelled_open`), else the last day on which one was (`unlabelled_until`)."""
    told = nw.concat_str([nw.col("label"), nw.lit(" ("), nw.col("text"), nw.lit(")")])
    example = nw.when(nw.col("status") == "open").then(told).otherwise(nw.lit(None, dtype=nw.String))
    closed = ~nw.col("status").is_null() & (nw.col("status") != "open")
    bare, shut = nw.col("label").is_null(), closed & ~nw.col("status_on").is_null()
    return (
        goals.filter(~nw.col("plan_id").is_null())
        .select(
            "plan_id", "goal_id", open_goal=example, undated=flag(closed & nw.col("status_on").is_null()),
            unlabelled=flag(bare), wordless=flag(nw.col("text").is_null()), unlabelled_open=flag(bare & ~shut),
            unlabelled_until=nw.when(bare & shut).then(nw.col("status_on")),
        )
        .group_by("plan_id")
        .agg(
            nw.col("undated", "unlabelled", "wordless", "unlabelled_open", "unlabelled_until").max(),
            goals=nw.col("goal_id").count(), open_goal=nw.col("open_goal").min(),
        )
    )  # fmt: skip


def _labels_of_no_plan(goals: nw.LazyFrame, goal_facts: nw.LazyFrame, name: str = "label") -> nw.LazyFrame:
    """The labels of goals that name no plan, written as what was read in a note is (`LTG2`): `name`, `name`_of_no_plan (1)."""
    nobodys = goals.filter(nw.col("plan_id").is_null()).select("goal_id").join(goal_facts, on="goal_id")
    labels = nobodys.filter(~nw.col("reference").is_null()).select(nw.col("reference").alias(name))
    return labels.unique().with_columns(nw.lit(1).alias(f"{name}_of_no_plan"))
