"""Notes of visits with 97530: one row a note, with its claim line, what was read in it, and what addenda added."""

from collections.abc import Mapping, Sequence

import narwhals as nw

from compliance.checks.terms import EPISODE, codes, flag, judge, shared

ACTIVITY_CODES = codes("therapeutic_activities")
EXPOSED_CODES = " ".join(ACTIVITY_CODES)
ELEMENTS = "documentation_elements"
DAY = ("patient_id", "discipline", "service_date")
WHO = (*DAY, "plan_id", "therapist_id", "payer_id", "clinic_id", "policy_missing")
FLAGS = ("has_text", "cueing", "skilled", "passive_only", "exercise_only")
"""Facts of a note that rules ask for as a yes or no; a note that was not read has none of them."""
KEPT = ("note_id", "claim_id", "line", *DAY, "plan_id", "therapist_id", "payer_id", "clinic_id", "outcome", "missing",
        f"{ELEMENTS}__id", "exposed_cpt")  # fmt: skip
"""Columns that every rule on these notes returns beside its own facts."""


def holds(fact: str) -> nw.Expr:
    """Whether a fact holds; false where it is unknown."""
    return nw.coalesce(nw.col(fact) == nw.lit(True), nw.lit(False))


@shared
def activity_notes(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    note_facts: nw.LazyFrame,
    parameters: Sequence[str],
) -> nw.LazyFrame:
    """One row a note of an attended visit with 97530, and one a 97530 line without such a note (`note_id` null).

    A note has 97530 if an intervention delivered it, a standing line bills it, or, where the records hold neither
    interventions nor lines of the note, its text names the code. `claim_id` and `line` are the first line of it.
    `note_facts` come along, with `added_activity`, `added_assistance` and `added_response`: what its addenda say.
    """
    carried = [*WHO, *parameters, *(f"{name}__id" for name in parameters)]
    billed = claim_lines.filter(nw.col("cpt").is_in(ACTIVITY_CODES))
    delivered = interventions.filter(nw.col("cpt").is_in(ACTIVITY_CODES)).select("note_id").unique()
    amends = nw.coalesce(nw.col("kind") == "addendum", nw.lit(False)) & ~nw.col("amends_note_id").is_null()
    visits = notes.filter(nw.col("attended") & ~amends)
    coded = claim_lines.filter(~nw.col("note_id").is_null()).select("note_id").unique()
    named = nw.any_horizontal(*(nw.col("text").str.contains(code, literal=True) for code in ACTIVITY_CODES),
                              ignore_nulls=True)  # fmt: skip
    noted = (
        visits.join(_first_lines(billed), on="note_id", how="left")
        .join(delivered.with_columns(delivered=nw.lit(1)), on="note_id", how="left")
        .join(coded.with_columns(coded=nw.lit(1)), on="note_id", how="left")
        .filter(
            ~nw.col("claim_id").is_null()
            | ~nw.col("delivered").is_null()
            | (nw.coalesce(named, nw.lit(False)) & ~holds("treated") & nw.col("coded").is_null())
        )
        .select("note_id", "claim_id", "line", *carried)
    )
    nowhere = nw.lit(None, dtype=nw.String)
    unnoted = billed.join(visits.select("note_id"), on="note_id", how="anti").with_columns(note_id=nowhere)
    return (
        nw.concat([noted, unnoted.select("note_id", "claim_id", "line", *carried)], how="vertical")
        .join(note_facts, on="note_id", how="left")
        .join(_addenda(notes.filter(amends), note_facts), on="note_id", how="left")
        .with_columns(*(holds(flag).alias(flag) for flag in FLAGS), exposed_cpt=nw.lit(EXPOSED_CODES))
    )


def _first_lines(billed: nw.LazyFrame) -> nw.LazyFrame:
    """The first line of the first claim that bills 97530 on each note: note_id, claim_id, line."""
    noted = billed.filter(~nw.col("note_id").is_null())
    claims = noted.group_by("note_id").agg(claim_id=nw.col("claim_id").min())
    own = noted.select("note_id", "claim_id", "line").join(claims, on=["note_id", "claim_id"])
    return own.group_by("note_id", "claim_id").agg(line=nw.col("line").min())


def _addenda(addenda: nw.LazyFrame, note_facts: nw.LazyFrame) -> nw.LazyFrame:
    """What the addenda of a note say: 1 or 0 for each element, by the note that they amend."""
    return (
        addenda.select("note_id", amended="amends_note_id")
        .join(note_facts, on="note_id")
        .select(
            note_id="amended",
            added_activity=flag(holds("functional")),
            added_assistance=flag(nw.col("assistance") != "none"),
            added_response=flag(nw.col("response") == "yes"),
        )
        .group_by("note_id")
        .agg(nw.col("added_activity", "added_assistance", "added_response").max())
    )


def added(element: str) -> nw.Expr:
    """Whether an addendum of the note says it: `activity`, `assistance`, `response`."""
    return nw.coalesce(nw.col(f"added_{element}") == 1, nw.lit(False))


def judge_notes(
    units: nw.LazyFrame, code: str, *, fails: nw.Expr, cannot_tell: Mapping[str, nw.Expr] | None = None
) -> nw.LazyFrame:
    """Judge the notes whose payer is held to the rule `code`; without a note or its text nothing can be told."""
    unread = {
        "notes.note_id": nw.col("note_id").is_null(),
        "notes.text": ~nw.col("has_text"),
    }
    return judge(units, applies=held_to(code), cannot_tell={**unread, **(cannot_tell or {})}, fails=fails)


def held_to(code: str) -> nw.Expr:
    """Whether the payer asks for what the rule `code` checks, or is unknown."""
    elements = nw.concat_str([nw.lit(" "), nw.col(ELEMENTS), nw.lit(" ")])
    named = nw.coalesce(elements.str.contains(f" {code} ", literal=True), nw.lit(False))
    return named | ~nw.col("policy_missing").is_null()


def visits_so_far(
    units: nw.LazyFrame, treatment_days: nw.LazyFrame, counts: nw.Expr, *, name: str, in_a_row: bool
) -> nw.LazyFrame:
    """Add `name`: how many visits of the episode, up to this one, `counts` holds for; 0 where it is none of them.

    Several notes of a day are one visit, which counts if each of them does. With `in_a_row` any other visit of
    97530 begins the count anew.
    """
    days = (
        units.filter(~nw.col("service_date").is_null())
        .select(*DAY, counted=flag(counts))
        .group_by(*DAY)
        .agg(counted=nw.col("counted").min())
        .join(treatment_days.select(*DAY, "episode"), on=list(DAY))
        .with_columns(other=1 - nw.col("counted"))
        .with_columns(stretch=nw.col("other").cum_sum().over(*EPISODE, order_by="service_date"))
    )
    group = (*EPISODE, "stretch") if in_a_row else EPISODE
    so_far = nw.col("counted").cum_sum().over(*group, order_by="service_date")
    numbered = days.with_columns(so_far=so_far * nw.col("counted")).select(*DAY, **{name: nw.col("so_far")})
    return units.join(numbered, on=list(DAY), how="left").with_columns(
        nw.coalesce(nw.col(name), nw.lit(0)).cast(nw.Int64).alias(name)
    )
