"""Rows that were refused: whose and of which day they were, as far as anybody can say.

A rule that accuses because something is not there asks it (`absence_of`): what was refused may be just that.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from compliance.records.models import schema

WHOLE = {"claim_id": "claims", "note_id": "notes", "plan_id": "plans_of_care"}
"""Tables whose row says whose a row is that names it."""
DAYS = ("service_date", "date", "starts_at")
TELLING = ("patient_id", *WHOLE, *DAYS)
"""Columns by which a row that was left out says whose and when it is."""
LOST = {"patient_id": pl.String(), "day": pl.Datetime("us")}


MOST_WRITTEN = 10_000
"""Rows that `as_text` writes; of more it says that they may be anybody's."""


def lost_rows(
    tables: Mapping[str, pl.DataFrame],
    refused: Mapping[str, Sequence[pl.DataFrame]],
    counts: Mapping[str, int],
) -> dict[str, pl.DataFrame]:
    """Of each table that lost rows: patient_id and day of each that was refused, null where nobody knows.

    `refused`: the rows as far as their cells could be read; `counts`: how many there were (a line that never became cells, a
    resource of FHIR, are counted alone).
    """
    left = {name: _told(rows) for name, rows in refused.items()}
    lost = {}
    for name, count in counts.items():
        if count > 0:
            rows = _whose(left.get(name, _told([])), name, tables, left)
            unknown = pl.DataFrame([(None, None)] if count > rows.height else [], schema=LOST, orient="row")
            lost[name] = pl.concat([rows, unknown]).unique(maintain_order=True)
    return lost


def _told(rows: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows with the columns TELLING, those that their table has not null, and `day`."""
    known = {**dict.fromkeys(("patient_id", *WHOLE), pl.String()), **dict.fromkeys(DAYS, LOST["day"])}
    told = pl.concat([pl.DataFrame(schema=known), *rows], how="diagonal_relaxed")
    return told.with_columns(day=pl.coalesce(DAYS).cast(LOST["day"]).dt.truncate("1d"))


def _whose(
    rows: pl.DataFrame, table: str, tables: Mapping[str, pl.DataFrame], left: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """The rows' patient and day, by the claim, note or plan that they name where they do not say it themselves."""
    for key, whole in WHOLE.items():
        if table == whole or key not in schema(table):
            continue
        # a line may name a note of another day (INT-06): only a service is of its note's day
        on = ["service_date"] if table == "interventions" and whole == "notes" else []
        known = tables[whole].select(key, "patient_id", *on)
        if whole in left:
            known = pl.concat([known, left[whole].select(key, "patient_id", *on)])
        named = known.select(key, whose="patient_id", on="service_date" if on else pl.lit(None, LOST["day"]))
        rows = (
            rows.join(named.unique(key, keep="first"), on=key, how="left", maintain_order="left")
            .with_columns(patient_id=pl.coalesce("patient_id", "whose"), day=pl.coalesce("day", "on"))
            .drop("whose", "on")
        )
    return rows.select(*LOST)


def as_text(lost: pl.DataFrame | None) -> list[list[str | None]]:
    """Refused rows as JSON holds them: patient and day."""
    if lost is None:
        return []
    if lost.height > MOST_WRITTEN:
        return [[None, None]]
    return [[patient, day and day.date().isoformat()] for patient, day in lost.iter_rows()]


def from_text(told: list[list[str | None]]) -> pl.DataFrame:
    """What `as_text` wrote. Raises ValueError or TypeError where it is none."""
    rows = [(patient, None if day is None else datetime.fromisoformat(day)) for patient, day in told]
    return pl.DataFrame(rows, schema=LOST, orient="row")
