"""INT-05: a code was billed that the note does not hold, or documented and not billed."""

import narwhals as nw
import polars as pl

from compliance.checks.incomplete_lines import incomplete, maybe_billed, untold
from compliance.checks.integrity.matching import LINE, is_session, notes_of_the_day
from compliance.checks.integrity.prices import given_codes, own_units, priced
from compliance.checks.rule import rule
from compliance.checks.terms import codes, flag, fold, is_timed, judge, kept, yes
from compliance.checks.units.allocation import CLOCK, supported
from compliance.checks.units.days import clock_code

DAY = ["patient_id", "discipline", "service_date"]
OF_LINE = [
    "note_id",
    "cpt",
    "service_date",
    "patient_id",
    "discipline",
    "payer_id",
    "units",
    "policy_missing",
]
TOLD = ["claim_id", "line", "note_id", "outcome", "missing", "case", "severity", "cpt", "service_date", "patient_id",
        "discipline", "payer_id", "units", "codes_in_note", "skilled_minutes", "missed_units", "missed_dollars",
        "fault"]  # fmt: skip


@rule(
    code="INT-05",
    title="Codes of note and claim differ",
    severity="medium",
    subject="line",
    key=["claim_id", "line", "note_id", "cpt"],
    unit="code on a claim or in a visit's note",
    cites=["cms-compliance-tips-pt", "ssa-1833-e"],
    needs=["notes.patient_id", "notes.service_date", "interventions.cpt", "claim_lines.cpt"],
    absence_of={"interventions": "day", "claim_lines": "day"},
    parameters=[*CLOCK],
    exposes="line",
    message={
        "not_in_note": "{cpt} x{units} was billed for {service_date}, but the note of that day holds {codes_in_note}",
        "missed": "{cpt} stands in the note of {service_date} and on no claim: {missed_units} unit(s), about "
        "${missed_dollars:,.2f}",
        "missed_unpriced": "{cpt} stands in the note of {service_date} and on no claim: {missed_units} unit(s)",
    },
    fix={
        "not_in_note": "No {cpt} documentation for {service_date}: locate it, correct the code, or refund the line.",
        **dict.fromkeys(
            ("missed", "missed_unpriced"),
            "Bill {cpt} on a corrected claim, within timely filing, if the record supports it.",
        ),
    },
)
def code_not_in_note(
    claim_lines: nw.LazyFrame,
    notes: nw.LazyFrame,
    interventions: nw.LazyFrame,
    mentions: nw.LazyFrame,
    fees: nw.LazyFrame,
) -> nw.LazyFrame:
    """The claim and the note of one visit name different codes.

    ## What it checks
    Both ways: each claim line whose visit has a note, against the codes of the day's notes; and each code of a billed
    visit's note, against the lines.

    ## Why it matters
    A billed code that the note does not hold is not documented, and the line is to be paid back. A documented code that
    was not billed is revenue left behind.

    ## How we read the rule
    - All attended notes of the patient, day and discipline speak together; morning and afternoon are one day.
    - A code holds where an intervention bears it, or where the text names its number.
    - A note without interventions, or with one that has no code, cannot be told unless its text names the code.
    - 97014 in the note is G0283 on the claim: payers ask for one or the other.
    - A code that continues another (97130 after 97129) is held by a note of that one: its minutes stand there, and whether
      they suffice UNIT-01 says.
    - A timed code counts as missed where its own minutes make a unit, and the day's timed minutes support more units
      than were billed: minutes that are billed under another code are not missed.
    - A line of the patient and discipline without a code on that day may bill a code; so may one without a day, of the code
      or of none, and the minutes of a timed code may stand under an undated line of another. Then it cannot be told.
    - What an aide gave, or a student without the therapist, is no missed charge; nor is 97010, which is not paid apart.
    - A missed charge is worth knowing. Its dollars are the payer's fee, else what a unit of the code brought on the
      patient's other lines, before reductions for further units of a day.

    ## What it does not check
    Lines without any note (INT-04) and visits without any claim (INT-07); the number of units (UNIT-01, UNIT-02);
    whether the note's words support the code (DOC).
    """
    pairs = kept(notes_of_the_day(claim_lines, notes.filter(nw.col("attended"))))
    pairs = pairs.rename({"day_note_id": "note_id"})
    billed = _billed_codes(pairs, claim_lines, interventions, mentions)
    missed = _missed_codes(pairs, claim_lines, interventions, fees, notes)
    numbers = ["line", "units", "skilled_minutes", "missed_units", "missed_dollars"]
    same = [table.with_columns(nw.col(*numbers).cast(nw.Float64)) for table in (billed, missed)]
    return nw.concat(same, how="vertical")


def _one_code(column: str = "cpt") -> nw.Expr:
    """The code, with those that mean one service brought to one."""
    stimulation = codes("unattended_stimulation")
    return nw.when(nw.col(column).is_in(stimulation)).then(nw.lit(stimulation[0])).otherwise(nw.col(column))


def _billed_codes(
    pairs: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    interventions: nw.LazyFrame,
    mentions: nw.LazyFrame,
) -> nw.LazyFrame:
    """Lines with a note of their day, judged by whether it holds their code. `pairs`: LINE and note_id."""
    named = (nw.col("kind") == "code_named") & ~nw.col("negated") & (nw.col("when") == "today")
    written = mentions.filter(named).select("note_id", "value").rename({"value": "cpt"})
    recorded = interventions.filter(~nw.col("cpt").is_null()).select("note_id", "cpt")
    held = nw.concat([recorded, written], how="vertical").select("note_id", code=_one_code()).unique()
    begun = held.select("note_id", begins="code", begun=nw.lit(1))
    uncoded = interventions.select("note_id", uncoded=flag(nw.col("cpt").is_null()))
    lines = claim_lines.filter(is_session()).select(*LINE, *OF_LINE, code=_one_code())
    of_notes = (
        pairs.join(lines.select(*LINE, "code", begins=clock_code()), on=LINE)
        .join(held.with_columns(holds=nw.lit(1)), on=["note_id", "code"], how="left")
        .join(begun, on=["note_id", "begins"], how="left")
        .with_columns(holds=nw.coalesce(nw.col("holds"), nw.col("begun")))
        .join(uncoded.group_by("note_id").agg(nw.col("uncoded").max()), on="note_id", how="left")
        .group_by(*LINE)
        .agg(nw.col("holds").max(), nw.col("uncoded").max())
    )
    judged = kept(
        judge(
            lines.join(of_notes, on=LINE),
            cannot_tell={
                "claim_lines.cpt": nw.col("cpt").is_null(),
                "interventions.cpt": ~yes("holds") & (nw.col("uncoded").is_null() | yes("uncoded")),
            },
            fails=~yes("holds"),
        )
    )
    failed = pairs.join(judged.filter(nw.col("outcome") == "failed").select(*LINE), on=LINE)
    listed = fold(
        failed.join(held, on="note_id").select(*LINE, "code").unique(),
        by=LINE,
        order_by=["code"],
        step=lambda rows: [{"codes_in_note": " ".join(row["code"] for row in rows)}],
        returns={"codes_in_note": pl.String()},
    )
    none = nw.lit(None, dtype=nw.Float64)
    return judged.join(listed, on=LINE, how="left").with_columns(
        case=nw.lit("not_in_note"), severity=nw.lit("medium"), skilled_minutes=none, missed_units=none,
        missed_dollars=none, fault=nw.lit("not_in_note"),
    ).select(TOLD)  # fmt: skip


def _missed_codes(
    pairs: nw.LazyFrame,
    claim_lines: nw.LazyFrame,
    interventions: nw.LazyFrame,
    fees: nw.LazyFrame,
    notes: nw.LazyFrame,
) -> nw.LazyFrame:
    """Codes of billed visits that no line bills. `pairs`: LINE and note_id."""
    lines = pairs.join(claim_lines.select(*LINE, "cpt", "units"), on=LINE).with_columns(code=_one_code())
    billed = lines.select("note_id", "code").unique().with_columns(billed=nw.lit(1))
    visits = pairs.select("note_id").unique()
    given = given_codes(interventions).join(visits, on="note_id")
    given = given.filter(~nw.col("cpt").is_in([*codes("bundled"), *codes("monitoring")]))
    given = kept(given.with_columns(code=_one_code()).join(billed, on=["note_id", "code"], how="left"))
    unbilled = ~yes("billed")
    open_given = given.filter(unbilled)
    day = _timed_day(given.join(open_given.select(*DAY).unique(), on=DAY), lines)
    left = nw.col("day_supported") - nw.col("day_billed")
    own = own_units()
    room = nw.when(own < left).then(own).otherwise(left)
    missed = (
        priced(open_given, claim_lines, fees)
        .join(day, on=DAY, how="left")
        .with_columns(missed_units=nw.when(is_timed()).then(room).otherwise(own))
        .select("note_id", "cpt", "missed_units", "day_unmeasured", "day_uncounted", "price")
    )
    lacking = incomplete(claim_lines, notes).with_columns(lined_code=_one_code("lined_code"))
    same = nw.col("lined_code").is_null() | (nw.col("lined_code") == nw.col("code"))
    may_be = same | (is_timed("lined_code") & is_timed() & yes("without_date"))
    asked = open_given.select("note_id", "cpt", "code", *DAY)
    maybe = maybe_billed(asked, lacking, ["note_id", "cpt"], may_be)
    fails = unbilled & (nw.col("missed_units") > 0)
    judged = judge(
        given.join(missed, on=["note_id", "cpt"], how="left").join(maybe, on=["note_id", "cpt"], how="left"),
        cannot_tell={
            "interventions.minutes": unbilled & is_timed() & yes("day_unmeasured"),
            "claim_lines.units": unbilled & is_timed() & yes("day_uncounted"),
            "payers.kind": unbilled & is_timed() & nw.col("timed_unit_minutes").is_null(),
            **untold(fails),
        },
        fails=fails,
    )
    dollars = nw.col("price") * nw.col("missed_units")
    case = nw.when(dollars.is_null()).then(nw.lit("missed_unpriced")).otherwise(nw.lit("missed"))
    return judged.with_columns(
        claim_id=nw.lit(None, dtype=nw.String), line=nw.lit(None, dtype=nw.Float64), case=case, severity=nw.lit("info"),
        units=nw.lit(None, dtype=nw.Float64), codes_in_note=nw.lit(None, dtype=nw.String), skilled_minutes=nw.col("skilled"),
        missed_dollars=dollars, fault=nw.lit("missed"),
    ).select(TOLD)  # fmt: skip


def _timed_day(given: nw.LazyFrame, lines: nw.LazyFrame) -> nw.LazyFrame:
    """Per patient, discipline and day: timed units that its minutes support and that its lines bill, and what is unknown."""
    minutes = given.filter(is_timed()).group_by(DAY).agg(
        *(nw.col(name).max() for name in CLOCK), nw.col("skilled").sum(), day_unmeasured=nw.col("unmeasured").max()
    )  # fmt: skip
    days = given.select("note_id", *DAY).unique()
    counted = (
        lines.filter(is_timed())
        .join(days, on="note_id")
        .select(*DAY, *LINE, "units")
        .unique()
        .with_columns(uncounted=flag(nw.col("units").is_null()))
        .group_by(DAY)
        .agg(day_billed=nw.col("units").sum(), day_uncounted=nw.col("uncounted").max())
    )
    return minutes.join(counted, on=DAY, how="left").with_columns(
        day_supported=supported(nw.col("skilled")),
        day_billed=nw.coalesce(nw.col("day_billed"), nw.lit(0)),
    ).drop("skilled", *CLOCK)  # fmt: skip
