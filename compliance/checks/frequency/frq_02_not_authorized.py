"""FRQ-02: a service without authorization, or beyond one."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.rule import rule
from compliance.checks.terms import billed_once, codes, first, fold, in_polars, judge, kept, like, yes

REQUIRED = "authorization_required"
UNREAD = f"policy.{REQUIRED}"
LINE = ["claim_id", "line"]
UNTOLD = {
    "unlisted": "authorizations.authorization_id", "undated": "authorizations.starts_on",
    "of_nobody": "authorizations.patient_id", "of_no_payer": "authorizations.payer_id",
}  # fmt: skip
"""The cases that say no more than that a fact is missing, and which."""
EVALUATIONS = frozenset(codes("evaluation"))
Row = dict[str, Any]


@rule(
    code="FRQ-02",
    title="Not authorized",
    severity="high",
    subject="line",
    unit="line of a payer that authorizes",
    cites=["house-default"],
    needs=["authorizations.patient_id", "claim_lines.service_date"],
    absence_of={"authorizations": "patient"},
    parameters=[REQUIRED],
    exposes="line",
    message={
        "none": "{cpt} on {service_date}: the payer asks for an authorization and the records hold none",
        "outside": "{cpt} on {service_date} lies outside authorization {number}, {starts_on} to {ends_on}",
        "code": "{cpt} on {service_date} is none of the codes of authorization {number} ({authorized_codes})",
        "visits": "{cpt} on {service_date}: authorization {number} grants {granted} visits, and they are used",
        "units": "{cpt} on {service_date}: authorization {number} grants {granted} units, {excess} of this line are beyond",
    },
    fix=dict.fromkeys(
        ("none", "outside", "code", "visits", "units"),
        "Obtain an authorization that covers {cpt} on {service_date}, waive it, or bill the patient as the contract says.",
    ),
)
def not_authorized(
    claim_lines: nw.LazyFrame, authorizations: nw.LazyFrame, claims: nw.LazyFrame
) -> nw.LazyFrame:
    """A payer that authorizes treatment pays what it authorized.

    ## What it checks
    Each standing line of a payer that asks for an authorization, or whose authorization is on file, against the
    authorizations of the patient and payer: their dates, codes, visits and units.

    ## Why it matters
    A service without authorization, or beyond one, is denied in full and can seldom be billed to the patient.

    ## How we read the rule
    - An authorization that the claim names counts first; else one of the patient, the payer and the discipline.
    - Its first and last days are included. Without codes it covers any, without a last day all from its first; without a
      first day it cannot be told what it covers. Nor can a service be told that an authorization of an unknown patient or
      payer may cover, where no other does.
    - Visits and units are used up in order of service. A visit is a day of treatment, unless the payer counts each line.
    - What was used before these records counts; of services up to the day of that count, only it does.
    - Where one is used up, another that also covers the day takes over.
    - An evaluation needs no authorization, and one that lies outside is left alone. One that an authorization covers is a
      visit of it; payers differ in that, so look at the authorization where the evaluation alone makes the difference.
    - A payer that asks for none is judged only by an authorization that its claim names.
    - Where nobody has read whether the payer asks for one, a patient without any on file cannot be told; nor can a claim
      that names one which the records lack.

    ## What it does not check
    Whether the number on the claim is right, and whether the payer granted it in time.
    """
    named = claims.select("claim_id", named="authorization_id")
    lines = kept(
        billed_once(claim_lines).join(named, on="claim_id", how="left").select(
            "patient_id", "payer_id", "discipline", *LINE, "service_date", "cpt", "units", "named", "policy_missing",
            REQUIRED, f"{REQUIRED}__id",
        )
    )  # fmt: skip
    units = lines.join(_used(lines, authorizations), on=LINE, how="left")
    facts = authorizations.select(
        "authorization_id", "starts_on", "ends_on", authorized_codes="cpt",
        number=nw.coalesce(nw.col("number"), nw.col("authorization_id")),
    )  # fmt: skip
    read = (nw.col("policy_missing") == UNREAD) & yes("held")
    units = units.join(facts, on="authorization_id", how="left").with_columns(
        case=nw.coalesce(nw.col("case"), _without_any()),
        policy_missing=nw.when(~nw.coalesce(read, nw.lit(False))).then(nw.col("policy_missing")),
        exposed_units=nw.when(nw.col("case") == "units").then(nw.col("excess")),
    )
    return judge(
        units,
        applies=nw.col("case") != "no_rule",
        cannot_tell={name: nw.col("case") == case for case, name in UNTOLD.items()},
        fails=nw.col("case") != "passed",
    ).select(
        *LINE, "outcome", "missing", "case", "cpt", "service_date", "patient_id", "authorization_id", "number",
        "authorized_codes", "granted", "starts_on", "ends_on", "excess", "exposed_units", f"{REQUIRED}__id",
        fault=nw.col("case"),
    )  # fmt: skip


RETURNS: dict[str, pl.DataType] = {
    "claim_id": pl.String(), "line": pl.Int64(), "case": pl.String(), "authorization_id": pl.String(),
    "granted": pl.Int64(), "excess": pl.Int64(), "held": pl.Int64(),
}  # fmt: skip


def _without_any() -> nw.Expr:
    """What is said of a line whose patient has no authorization: most lines of most clinics."""
    asked = nw.coalesce(nw.col(REQUIRED), nw.lit(False)) | ~nw.col("policy_missing").is_null()
    free = nw.col("service_date").is_null() | nw.coalesce(nw.col("cpt").is_in(EVALUATIONS), nw.lit(False))
    told = first(("unlisted", asked & ~nw.col("named").is_null()), ("none", asked & ~free))
    return nw.coalesce(told, nw.lit("no_rule"))


def _used(lines: nw.LazyFrame, authorizations: nw.LazyFrame) -> nw.LazyFrame:
    """RETURNS of each line of a patient with an authorization: what it uses; `held` (1: one of its payer and discipline)."""
    granted = _typed(
        authorizations.select(
            "patient_id", "payer_id", "discipline", "authorization_id", "visits", "units", "visits_used", "units_used",
            "used_as_of", "visit_rule", "starts_on", "ends_on", authorized_codes="cpt",
        )
    )  # fmt: skip
    told, nobodys = _typed(lines.drop(f"{REQUIRED}__id")), granted.filter(pl.col("patient_id").is_null())
    if nobodys.is_empty():
        told = told.join(granted, on="patient_id", how="semi")
    used = fold(
        nw.from_native(pl.concat([told, granted], how="diagonal_relaxed").lazy()),
        by=("patient_id",),
        order_by=("service_date", "claim_id", "line", "authorization_id"),
        step=partial(_of_patient, [_Authorization(row) for row in nobodys.iter_rows(named=True)]),
        returns=RETURNS,
    )
    return like(in_polars(used.drop("patient_id")), lines)


def _typed(rows: nw.LazyFrame) -> pl.DataFrame:
    """Rows in Polars, with days and whole numbers held alike whatever the engine made of nulls."""
    table = in_polars(rows)
    days = [name for name, kind in table.schema.items() if kind.is_temporal()]
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    empty = [name for name, kind in table.schema.items() if kind == pl.Null]
    whole = [
        name for name in ("line", "units", "visits", "visits_used", "units_used") if name in table.columns
    ]
    table = table.with_columns(pl.col(floats).fill_nan(None), pl.col(days).cast(pl.Datetime("us")))
    table = table.with_columns(pl.col(empty).cast(pl.String)) if empty else table
    return table.with_columns(pl.col(whole).cast(pl.Int64))


class _Authorization:
    """An authorization and what is left of it."""

    def __init__(self, row: Row) -> None:
        self.row, self.key = row, row["authorization_id"]
        self.visits = None if row["visits"] is None else row["visits"] - (row["visits_used"] or 0)
        self.units = None if row["units"] is None else row["units"] - (row["units_used"] or 0)
        self.days: set[Any] = set()

    def within(self, line: Row) -> bool:
        """Whether the line's day lies within its dates."""
        on, starts, ends = line["service_date"], self.row["starts_on"], self.row["ends_on"]
        return (starts is None or on >= starts) and (ends is None or on <= ends)

    def covers(self, line: Row) -> bool:
        """Whether it holds the line's code."""
        held = self.row["authorized_codes"]
        return not held or line["cpt"] in held.split()

    def may_cover(self, line: Row) -> bool:
        """Whether nothing that is told of it speaks against the line."""
        payers, disciplines = (None, line["payer_id"]), (None, line["discipline"])
        of_it = self.row["payer_id"] in payers and self.row["discipline"] in disciplines
        return of_it and self.within(line) and self.covers(line)

    def lacking(self, line: Row) -> tuple[str, int] | None:
        """What is used up for the line, and how many of its units are beyond; null where enough is left."""
        if self._counted_before(line):
            return None
        again = self.row["visit_rule"] != "line" and line["service_date"] in self.days
        if self.visits is not None and self.visits < 1 and not again:
            return "visits", line["units"] or 0
        if self.units is not None and (line["units"] or 0) > self.units:
            return "units", (line["units"] or 0) - max(self.units, 0)
        return None

    def use(self, line: Row) -> None:
        """Take the line from what is left."""
        if self._counted_before(line):
            return
        if self.visits is not None and (
            self.row["visit_rule"] == "line" or line["service_date"] not in self.days
        ):
            self.visits -= 1
        self.days.add(line["service_date"])
        if self.units is not None:
            self.units = max(self.units - (line["units"] or 0), 0)

    def _counted_before(self, line: Row) -> bool:
        as_of = self.row["used_as_of"]
        return as_of is not None and line["service_date"] <= as_of


def _of_patient(nobodys: list[_Authorization], rows: list[Row]) -> Iterator[Row]:
    """A patient's lines in order of service, each with the authorization that it uses; `nobodys` may be anybody's."""
    held: dict[str | None, list[_Authorization]] = defaultdict(list)
    listed: dict[str, _Authorization] = {}
    for row in rows:
        if row["authorization_id"] and not row["claim_id"]:
            listed[row["authorization_id"]] = _Authorization(row)
            held[row["payer_id"]].append(listed[row["authorization_id"]])
    for line in (row for row in rows if row["claim_id"]):
        told = _judged(line, held[line["payer_id"]], listed)
        settled = told["case"] in ("passed", "no_rule", "unlisted")
        yield told if settled else told | _maybe(line, nobodys, held[None])


def _maybe(line: Row, nobodys: list[_Authorization], no_payers: list[_Authorization]) -> Row:
    """What may clear a line that no authorization of its patient and payer covers."""
    if any(each.may_cover(line) for each in nobodys):
        return {"case": "of_nobody"}
    return {"case": "of_no_payer"} if any(each.may_cover(line) for each in no_payers) else {}


def _judged(line: Row, held: list[_Authorization], listed: dict[str, _Authorization]) -> Row:
    named = listed.get(line["named"] or "")
    mine = [each for each in held if each.row["discipline"] in (None, line["discipline"])]
    mine = ([named] if named else []) + [each for each in mine if each is not named]
    unread = line["policy_missing"] == UNREAD
    asked = line[REQUIRED] or (unread and mine) or named or line["policy_missing"]
    told: Row = {"claim_id": line["claim_id"], "line": line["line"], "held": int(bool(mine))}
    if line["named"] and not named and asked:
        return told | {"case": "unlisted"}
    if not asked or line["service_date"] is None:
        return told | {"case": "no_rule"}
    if not line[REQUIRED] and not unread:
        mine = [named] if named else mine
    return told | _case(line, mine)


def _case(line: Row, mine: list[_Authorization]) -> Row:
    within = [each for each in mine if each.within(line)]
    fitting = [each for each in within if each.covers(line)]
    free = line["cpt"] in EVALUATIONS
    if not fitting:
        if free:
            return {"case": "no_rule"}
        if within:
            return {"case": "code", "authorization_id": within[0].key}
        return {"case": "outside", "authorization_id": mine[0].key} if mine else {"case": "none"}
    fitting.sort(key=lambda each: each.row["starts_on"] is None)
    enough = next((each for each in fitting if each.lacking(line) is None), None)
    if enough is not None:
        enough.use(line)
        return {"case": "passed" if enough.row["starts_on"] else "undated", "authorization_id": enough.key}
    what, excess = fitting[0].lacking(line) or ("visits", 0)
    granted = fitting[0].row[what]
    fitting[0].use(line) if what == "units" else None
    return {"case": what, "authorization_id": fitting[0].key, "granted": granted, "excess": excess}
