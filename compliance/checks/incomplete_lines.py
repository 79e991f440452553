"""Claim lines without a day or a code: what seems not to be billed may be on one of them."""

import narwhals as nw

from compliance.checks.integrity.matching import DISCIPLINES, same_discipline
from compliance.checks.terms import codes, flag, kept, yes

LACKS = ("without_date", "without_code")
"""What a line lacks, as 0 or 1."""


def incomplete(claim_lines: nw.LazyFrame, notes: nw.LazyFrame) -> nw.LazyFrame:
    """Lines of a known patient that lack their day or code: patient_id, DISCIPLINES, lined_on, lined_code, lined_payer, LACKS.

    `lined_on` of a line without a day is that of the note that it names. Remote monitoring bills no visit.
    """
    lacking = nw.col("service_date").is_null() | nw.col("cpt").is_null()
    monitoring = nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))
    noted = notes.select("note_id", noted_on="service_date")
    lines = claim_lines.filter(~nw.col("patient_id").is_null() & lacking & ~monitoring)
    lines = lines.join(noted, on="note_id", how="left").select(
        "patient_id", *DISCIPLINES, lined_on=nw.coalesce(nw.col("service_date"), nw.col("noted_on")), lined_code="cpt",
        lined_payer="payer_id", without_date=flag(nw.col("service_date").is_null()), without_code=flag(nw.col("cpt").is_null()),
    )  # fmt: skip
    return kept(lines.unique())


def maybe_billed(
    units: nw.LazyFrame, lines: nw.LazyFrame, key: list[str], fits: nw.Expr | None = None
) -> nw.LazyFrame:
    """Units that an incomplete line of the patient and discipline may bill, on their day: `key` and LACKS.

    `units` hold the key, patient_id, discipline and service_date; `lines` is what `incomplete` gives. `fits` says of a unit and
    a line (`lined_code`, `lined_payer`) whether the line may be the unit's; all do unless told otherwise.
    """
    met = units.rename({"discipline": "noted_discipline"}).join(lines, on="patient_id")
    on = nw.col("lined_on")
    of_day = on.is_null() | (on.dt.truncate("1d") == nw.col("service_date").dt.truncate("1d"))
    met = met.filter(of_day & same_discipline())
    met = met if fits is None else met.filter(fits)
    return met.group_by(*key).agg(nw.col(*LACKS).max())


def untold(doubtful: nw.Expr) -> dict[str, nw.Expr]:
    """For `judge(cannot_tell=…)`: which fact of a line is missing, where an incomplete line makes a fault `doubtful`."""
    return {
        "claim_lines.cpt": doubtful & yes("without_code") & ~yes("without_date"),
        "claim_lines.service_date": doubtful & yes("without_date"),
    }
