"""Who gave each billed code of a day, therapist or assistant, and which of its units lack CQ or CO or need none."""

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.assistant_modifiers.split import Marks, Share, Split, marks, split_service, split_units
from compliance.checks.terms import (
    ASSISTANT_MODIFIERS,
    DISCIPLINE_MODIFIERS,
    codes,
    flag,
    fold,
    has_code,
    kept,
    shared,
    with_parameters,
    yes,
)
from compliance.checks.units.allocation import CLOCK, MIDPOINT, POOLED, allocate
from compliance.checks.units.days import (
    DAY,
    clock_code,
    clock_of,
    notes_of_days,
    of_days,
    stated_minutes,
)

PARAMETERS = (
    "assistant_modifier_required", "assistant_payment_factor", "assistant_de_minimis_percent", "assistant_final_unit_rule",
    "coinsurance", "unit_method", *CLOCK,
)  # fmt: skip
"""What the rules on a unit's modifier ask of a payer's policy."""
FACTS = (
    "claim_id", "line", *DAY, "code", "price", "cpt", "units", "modifiers", "note_id", "patient_id", "discipline",
    "service_date", "payer_id", "clinic_id", "biller", "therapist_id", "amount", "allowed", "deducted", "policy_missing",
)  # fmt: skip
"""What the rules tell of a line, or judge it by."""
LIMITS = ("assistant_de_minimis_percent", "assistant_final_unit_rule", "unit_method", *CLOCK)
MORE_THAN_ANY_MARK = 1000
"""Units that another allocation would support come before what its modifiers lack."""


def marked(column: str = "modifiers") -> nw.Expr:
    """Whether a line bears CQ or CO."""
    return has_code(column, ASSISTANT_MODIFIERS)


def modifier() -> nw.Expr:
    """The modifier of an assistant of the line's discipline."""
    return _of_discipline(*ASSISTANT_MODIFIERS)


def partner() -> nw.Expr:
    """The discipline's modifier that stands before it."""
    return _of_discipline(DISCIPLINE_MODIFIERS["PT"], DISCIPLINE_MODIFIERS["OT"])


def _of_discipline(physical: str, occupational: str) -> nw.Expr:
    """The modifier of a line of physical or of occupational therapy; both where its discipline is not known."""
    discipline = nw.col("discipline")
    other = nw.when(discipline == "OT").then(nw.lit(occupational))
    other = other.otherwise(nw.lit(f"{physical} or {occupational}"))
    return nw.when(discipline == "PT").then(nw.lit(physical)).otherwise(other)


def withheld() -> nw.Expr:
    """The share of a line's allowed amount by which an assistant's service is paid less; 0 where it is not.

    It is cut from what the payer pays of the amount: after the deductible, where the remittance says what that took.
    """
    cut = (1 - nw.col("assistant_payment_factor")) * (1 - nw.coalesce(nw.col("coinsurance"), nw.lit(0.0)))
    left = nw.when(nw.col("allowed") > 0).then(1 - nw.col("deducted") / nw.col("allowed"))
    left = nw.when(left < 0).then(nw.lit(0.0)).otherwise(left)
    return nw.coalesce(cut, nw.lit(0.0)) * nw.coalesce(left, nw.lit(1.0))


def assistant_lines(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    *,
    every_service: bool = False,
    units: bool = True,
) -> nw.LazyFrame:
    """Lines whose service may be an assistant's, each with who gave its code on its day, and what its units lack.

    Left out: speech therapy; evaluations and the supply of devices as well, unless `every_service`. Holds of a claim
    line: FACTS, PARAMETERS, is_marked; of its code `therapist_minutes`, `assistant_minutes` (alone; null: not measured),
    `assisted`, `attended_by_therapist`, `unknown` (more than 0: by a person whose role nobody knows; null: the code is
    not documented), `missing_units`, `maybe_units`, `needless_units` (null: not told), `unmarked_units`,
    `marked_units`; of its day `day_therapist`, `day_assistant`, `day_unknown`, `day_marked`, and `noted` (null: the day
    has no note).
    What the units lack, and a code's minutes, only where `units` are asked for, and on days on which an assistant or
    somebody unknown treated or a line is marked.
    """
    values = [each for name in PARAMETERS for each in (name, f"{name}__id")]
    every = kept(of_days(claim_lines).select(*FACTS, *values, is_marked=flag(marked())))
    of_code = _given(*map(with_parameters, (claim_lines, notes, interventions)))
    of_day = of_code.group_by(*DAY).agg(
        day_therapist=nw.col("by_therapist").max(),
        day_assistant=nw.col("by_assistant").max(),
        day_unknown=nw.col("by_unknown").max(),
        day_note=nw.col("note_id").min(),
    )
    noted = notes_of_days(claim_lines, notes).group_by(*DAY).agg(noted=nw.col("note_id").min())
    marks_of_day = every.group_by(*DAY).agg(day_marked=nw.col("is_marked").max())
    days = kept(marks_of_day.join(of_day, on=list(DAY), how="left").join(noted, on=list(DAY), how="left"))
    judged = _assistable()
    if every_service:
        judged = (judged | is_evaluation() | is_supply()) & ~_speech()
    by_code = of_code.select(
        *DAY, "code", assisted="by_assistant", attended_by_therapist="by_therapist", unknown="by_unknown"
    )
    lines = (
        every.filter(judged).join(days, on=list(DAY), how="left").join(by_code, on=[*DAY, "code"], how="left")
    )
    if not units:
        return lines
    bearing = days.filter(yes("day_assistant") | yes("day_unknown") | yes("day_marked")).select(*DAY)
    folded = _folded(every.filter(judged), of_code.drop("note_id")).join(bearing, on=list(DAY), how="semi")
    told = fold(folded, by=DAY, order_by=("code",), step=_marks, returns=MARKS, alike=True)
    return lines.join(told, on=[*DAY, "code"], how="left")


@shared
def _given(claim_lines: nw.LazyFrame, notes: nw.LazyFrame, interventions: nw.LazyFrame) -> nw.LazyFrame:
    """Who gave each code of a day, and in how many minutes: DAY, code, SUMS, `note_id` (of several the first)."""
    given = nw.concat([_recorded(interventions), _unrecorded(notes, of_days(claim_lines))], how="vertical")
    rows = notes_of_days(claim_lines, notes).join(given, on="note_id")
    return rows.group_by(*DAY, "code").agg(*SUMS, nw.col("note_id").min()).with_columns(*INTEGERS)


SUMS = (
    *(nw.col(name).sum() for name in ("therapist", "assistant")),
    *(nw.col(name).max() for name in ("by_therapist", "by_assistant", "by_unknown", "unmeasured")),
)
INTEGERS = tuple(nw.col(name).cast(nw.Int64) for name in ("therapist", "assistant"))


def _assistable() -> nw.Expr:
    """Therapy that an assistant may give: no speech therapy, no evaluation, no device's supply."""
    may = [*codes("timed"), *codes("other_clock"), *codes("untimed"), *codes("monitoring")]
    known = nw.coalesce(nw.col("cpt").is_in(may), nw.lit(False))
    return known & ~is_evaluation() & ~is_supply() & ~_speech()


def is_evaluation() -> nw.Expr:
    """Whether a line bills an evaluation or re-evaluation, which an assistant may not give (SUP-06)."""
    return nw.coalesce(nw.col("cpt").is_in([*codes("evaluation"), *codes("reevaluation")]), nw.lit(False))


def is_supply() -> nw.Expr:
    """Whether a line bills the supply of a monitoring device, which nobody gives in person."""
    supplies = [*codes("monitoring_supply_long"), *codes("monitoring_supply_short")]
    return nw.coalesce(nw.col("cpt").is_in(supplies), nw.lit(False))


def _speech() -> nw.Expr:
    return nw.coalesce(nw.col("discipline") == "SLP", nw.lit(False))


def _recorded(interventions: nw.LazyFrame) -> nw.LazyFrame:
    """What the interventions say, a row. Minutes given together are the therapist's; an aide's are nobody's."""
    role, minutes = nw.col("deliverer_role"), stated_minutes()
    own = nw.when(role == "assistant").then(minutes).otherwise(nw.lit(0))
    alone = nw.coalesce(nw.col("assistant_minutes"), own)
    said = ~nw.col("assistant_minutes").is_null()
    assistant = (nw.col("assistant_minutes") > 0) | (~said & (role == "assistant"))
    together = minutes - alone
    aide = nw.coalesce(role == "aide", nw.lit(False))
    therapist = (role == "therapist") & (minutes.is_null() | ~said | (together > 0))
    therapist = therapist | (said & (together > 0) & ~aide)
    return interventions.filter(nw.col("attended")).select(
        "note_id",
        code=clock_code(),
        therapist=nw.when((together > 0) & ~aide).then(together).otherwise(nw.lit(0)).cast(nw.Int64),
        assistant=nw.coalesce(alone, nw.lit(0)).cast(nw.Int64),
        by_therapist=flag(therapist),
        by_assistant=flag(assistant),
        by_unknown=flag(role.is_null() & ~said),
        unmeasured=flag(minutes.is_null()),
    )


def _unrecorded(notes: nw.LazyFrame, lines: nw.LazyFrame) -> nw.LazyFrame:
    """Visits without interventions: their author gave what their lines bill, in minutes that nobody wrote down."""
    billed = lines.filter(~nw.col("note_id").is_null()).select("note_id", "code").unique()
    role = nw.col("author_role")
    return (
        notes.filter(nw.col("is_visit") & ~nw.col("treated"))
        .select("note_id", "author_role")
        .join(billed, on="note_id")
        .select(
            "note_id",
            "code",
            therapist=nw.lit(0).cast(nw.Int64),
            assistant=nw.lit(0).cast(nw.Int64),
            by_therapist=flag(role == "therapist"),
            by_assistant=flag(role == "assistant"),
            by_unknown=flag(role.is_null()),
            unmeasured=flag(nw.lit(True)),
        )
    )


def _folded(lines: nw.LazyFrame, of_code: nw.LazyFrame) -> nw.LazyFrame:
    """The fold's rows: each documented code of a day, its billed units with and without the modifier, the limits."""
    units = nw.coalesce(nw.col("units"), nw.lit(0))
    billed = (
        lines.with_columns(
            marked_units=nw.when(nw.col("is_marked") > 0).then(units).otherwise(nw.lit(0)),
            unmarked_units=nw.when(nw.col("is_marked") > 0).then(nw.lit(0)).otherwise(units),
        )
        .group_by(*DAY, "code")
        .agg(nw.col("marked_units").sum(), nw.col("unmarked_units").sum())
    )
    limits = lines.group_by(*DAY).agg(*(nw.col(name).max() for name in LIMITS))
    return of_code.join(limits, on=list(DAY)).join(billed, on=[*DAY, "code"], how="left")


MARKS: dict[str, pl.DataType] = {
    "code": pl.String(),
    **dict.fromkeys(
        ("therapist_minutes", "assistant_minutes", "missing_units", "maybe_units", "needless_units", "unmarked_units",
         "marked_units"),
        pl.Int64(),
    ),
}  # fmt: skip


def _whole(value: Any) -> int:
    """A number of the fold's rows; an engine may have made nothing of it, or a float."""
    return 0 if value is None or value != value else int(value)


def _marks(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each documented code of one day lacks. Null where minutes decide and are not all known."""
    found = [_marks_by(rows, method) for method in _methods(rows[0]["unit_method"])]
    for row in rows:
        ways = [marked_by[row["code"]] for marked_by in found]
        told = [way for way in ways if way is not None]
        measured = not _whole(row["unmeasured"])
        yield {
            "code": row["code"],
            "therapist_minutes": _whole(row["therapist"]) if measured else None,
            "assistant_minutes": _whole(row["assistant"]) if measured else None,
            "missing_units": min((way.missing for way in told), default=None),
            "maybe_units": max((way.missing + way.maybe for way in told), default=None),
            "needless_units": min((way.needless for way in told), default=None),
            "unmarked_units": _whole(row["unmarked_units"]),
            "marked_units": _whole(row["marked_units"]),
        }


def _methods(method: str | None) -> list[str]:
    return [method] if method in (POOLED, MIDPOINT) else [POOLED, MIDPOINT]


def _marks_by(rows: list[dict[str, Any]], method: str) -> dict[str, Marks | None]:
    """Marks of each code by one way of counting units: by the allowed allocation that the claim comes nearest to."""
    by_code = {row["code"]: row for row in rows}
    timed = {code: row for code, row in by_code.items() if code in codes("timed")}
    found: dict[str, Marks | None] = {code: _marks_of(row, None) for code, row in by_code.items()}
    first = rows[0]
    if any(_whole(row["unmeasured"]) for row in timed.values()) or not all(
        _whole(first[name]) for name in CLOCK
    ):
        return found
    minutes = {code: _whole(row["therapist"]) + _whole(row["assistant"]) for code, row in timed.items()}

    def cost(code: str, units: int) -> int:
        row = by_code[code]
        over = max(0, _whole(row["marked_units"]) + _whole(row["unmarked_units"]) - units)
        lacks = _marks_of(row, units) or Marks()
        return MORE_THAN_ANY_MARK * over + lacks.missing + lacks.needless

    supported = allocate(minutes, clock_of(first), method).nearest(cost)
    return {**found, **{code: _marks_of(by_code[code], units) for code, units in supported.items()}}


def _marks_of(row: dict[str, Any], units: int | None) -> Marks | None:
    """What one code's billed units lack, given the units that its minutes support (None: not known).

    Who gave all of a code alone decides it without minutes. A code of another clock that both gave is never judged by
    15 minutes: doubtful.
    """
    unmarked, bearing = _whole(row["unmarked_units"]), _whole(row["marked_units"])
    therapist, assistant = _whole(row["therapist"]), _whole(row["assistant"])
    if not _whole(row["by_assistant"]):
        return Marks(needless=bearing)
    if not _whole(row["by_therapist"]):
        return Marks(missing=unmarked)
    if row["code"] in codes("other_clock"):
        return Marks(maybe=unmarked)
    if row["assistant_de_minimis_percent"] is None or _whole(row["unmeasured"]):
        return None
    share = Share(_whole(row["assistant_de_minimis_percent"]), bool(row["assistant_final_unit_rule"]))
    if row["code"] not in codes("timed"):
        split = split_service(therapist, assistant, unmarked + bearing, share)
        return marks(split, unmarked, bearing)
    if units is None:
        return None
    return marks(_of_units(row, units, share), unmarked, bearing)


def _of_units(row: dict[str, Any], units: int, share: Share) -> Split:
    return split_units(_whole(row["therapist"]), _whole(row["assistant"]), units, clock_of(row), share)
