"""FRQ-04: visits or dollars beyond what the patient's benefit, or the payer, allows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.plans_of_care.certification import MOMENT
from compliance.checks.rule import rule
from compliance.checks.terms import codes, fold, judge, like, typed_rows

LIMIT, SPAN = PARAMETERS = ["visit_limit", "visit_limit_per"]
IDS = [f"{name}__id" for name in PARAMETERS]
UNKNOWN = (
    "remittances.allowed",
    "benefits.used_elsewhere",
    "authorizations.starts_on",
    "claim_lines.service_date",
    "claims.payer_id",
)
"""What a limit may lack to say what is left of it."""
KNOWN_DOLLARS = ("allowed", "fee schedule", "Medicare fee schedule")
"""Where a line's dollars come from, if they are the payer's; a charge is not."""
PATIENT_AND_PAYER = ("patient_id", "payer_id")
Row = dict[str, Any]
READ: dict[str, pl.DataType] = {
    **dict.fromkeys(("patient_id", "payer_id", "discipline", "claim_id", "cpt", "amount_basis", "policy_missing", SPAN,
                     "disciplines", "held_codes", "row"), pl.String()),
    **dict.fromkeys(("service_date", "starts_on", "ends_on"), MOMENT),
    **dict.fromkeys(("line", "visits", "episode", "unclaimed", LIMIT, *IDS), pl.Int64()),
    **dict.fromkeys(("amount", "allowed", "dollars", "used_elsewhere"), pl.Float64()), "hard": pl.Boolean(),
}  # fmt: skip
"""What the fold reads of lines, benefits and authorizations."""
RETURNS: dict[str, pl.DataType] = {
    **dict.fromkeys(("claim_id", "cpt", "case", "unknown", "policy_missing", "disciplines", "counted_days"), pl.String()),
    **dict.fromkeys(("service_date", "benefit_from", "benefit_to"), MOMENT),
    **dict.fromkeys(("line", *IDS), pl.Int64()),
    **dict.fromkeys(("limit", "used", "used_elsewhere", "exposed_share"), pl.Float64()),
}  # fmt: skip


@rule(
    code="FRQ-04",
    title="Benefit used up",
    severity="high",
    subject="line",
    unit="line under a limit of visits or dollars",
    cites=["house-default"],
    needs=["claim_lines.service_date", "claim_lines.cpt"],
    absence_of={"authorizations": "patient"},
    adds_up={"claim_lines": "patient"},
    parameters=PARAMETERS,
    exposes="line",
    message={
        "visits": "{cpt} on {service_date} is of visit {used}; the benefit of {benefit_from} pays {limit} ({disciplines})",
        "dollars": "{cpt} on {service_date} brings the benefit of {benefit_from} to ${used:,.2f}; it pays ${limit:,.2f} "
        "({disciplines})",
        "soft": "{cpt} on {service_date} goes beyond the benefit of {benefit_from} ({used} of {limit}, {disciplines}); an "
        "exception may be asked for",
        "unrecorded": "{cpt} on {service_date} goes beyond the benefit of {benefit_from} ({used} of {limit}, {disciplines}); "
        "whether an exception is possible nobody recorded",
        "policy": "{cpt} on {service_date} is of visit {used}; the payer pays {limit} without an authorization ({disciplines})",
    },
    fix={
        **dict.fromkeys(
            ("visits", "dollars"),
            "Services beyond the benefit: waive them, or bill the patient as the contract says; no exception is possible.",
        ),
        "soft": "Services beyond the benefit: ask the payer for an exception before the next visit.",
        "unrecorded": "Services beyond the benefit: ask the payer whether an exception is possible, and record it.",
        "policy": "Visits over {limit}: obtain an authorization, waive them, or bill the patient as the contract says.",
    },
)
def benefit_used_up(
    claim_lines: nw.LazyFrame,
    benefits: nw.LazyFrame,
    authorizations: nw.LazyFrame,
    treatment_days: nw.LazyFrame,
) -> nw.LazyFrame:
    """A benefit pays so many visits, or so many dollars, and no more.

    ## What it checks
    Each standing line of treatment, against the patient's benefits on file; without any, against the payer's limit of
    visits.

    ## Why it matters
    What lies beyond the benefit is denied. Whoever counts in time can ask for an exception, or tell the patient.

    ## How we read the rule
    - A visit is a day of treatment, however many lines and disciplines it has. Remote monitoring is none.
    - Disciplines listed together share one limit. The benefit's first and last days are included.
    - What other providers used counts first; where nobody recorded it, nobody knows what is left. A day of which the
      payer allowed nothing used nothing. Nor is it known beside a line of the patient that lacks its day, or its payer.
    - Of a limit in dollars, what the lines pay adds up; of the line that crosses it, the part beyond falls away. Where only
      charges are known, nothing can be told beyond it.
    - Beyond a hard limit nothing is paid. Beyond a soft one, or one of which nobody recorded which it is, it is worth knowing;
      an authorization that covers the day lifts it. One without a first day may or may not.
    - The payer's own limit counts each discipline, in the calendar year or in the episode, which stands for the injury. An
      authorization that covers the day lifts it.
    - A payer without a limit is not judged; where nobody has read whether there is one, a patient without a benefit on file
      cannot be told.

    ## What it does not check
    Whether authorized visits are used up (FRQ-02). A child's right to more (EPSDT), which is asked for by authorization.
    """
    lines = (
        claim_lines.filter(~nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False)))
        .join(
            treatment_days.select("patient_id", "discipline", "service_date", "episode"),
            on=["patient_id", "discipline", "service_date"],
            how="left",
        )
        .select(
            "patient_id", "payer_id", "discipline", "service_date", "claim_id", "line", "cpt", "amount", "amount_basis",
            "allowed", "episode", "policy_missing", *PARAMETERS, *IDS, row=nw.lit("line"),
        )
    )  # fmt: skip
    held = benefits.select(
        "patient_id", "payer_id", "disciplines", "starts_on", "ends_on", "visits", "used_elsewhere", "hard",
        row=nw.lit("benefit"), dollars="amount",
    )  # fmt: skip
    granted = authorizations.select(
        "patient_id",
        "payer_id",
        "discipline",
        "starts_on",
        "ends_on",
        row=nw.lit("authorization"),
        held_codes="cpt",
    )
    limits, authorized = typed_rows(held, READ), typed_rows(granted, READ)
    beyond, within = _parted(typed_rows(lines, READ), limits)
    judged = fold(
        nw.from_native(pl.concat([beyond, limits, authorized], how="diagonal").lazy()),
        by=PATIENT_AND_PAYER,
        order_by=("service_date", "claim_id", "line", "starts_on", "ends_on", "disciplines", "discipline"),
        step=_of_patient,
        returns=RETURNS,
    )
    units = like(pl.concat([typed_rows(judged), _within(within)], how="diagonal"), claim_lines)
    soft = nw.col("case").is_in(["soft", "unrecorded"])
    units = units.with_columns(severity=nw.when(soft).then(nw.lit("info")).otherwise(nw.lit("high")))
    return (
        judge(
            units,
            applies=~nw.col("limit").is_null() | ~nw.col("policy_missing").is_null(),
            cannot_tell={name: nw.col("unknown") == name for name in UNKNOWN},
            fails=~nw.col("case").is_null(),
        )
        .with_columns(fault=nw.col("case"))
        .drop("unknown", "payer_id", "patient_id")
    )


def _parted(lines: pl.DataFrame, limits: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lines of patients with a benefit on file, or with more days of treatment than the payer's limit of visits (a line
    without a day or a payer may be one), and those of all others: only what may go beyond a limit is counted line by line.
    """
    unclaimed = (pl.col("patient_id").is_not_null() & pl.col("payer_id").is_null()).sum().over("patient_id")
    lines = lines.with_columns(unclaimed=unclaimed.cast(pl.Int64))
    on_file = limits.select(PATIENT_AND_PAYER).unique().with_columns(on_file=pl.lit(True))
    lines = lines.join(on_file, on=PATIENT_AND_PAYER, how="left", nulls_equal=True)
    on = pl.col("service_date")
    days = on.drop_nulls().n_unique() + on.null_count() + pl.col("unclaimed").max()
    many = (days > pl.col(LIMIT).min()).over(PATIENT_AND_PAYER)
    beyond = pl.col("on_file").fill_null(False) | many.fill_null(False)
    return lines.filter(beyond), lines.filter(~beyond).drop_nulls("service_date")


def _within(lines: pl.DataFrame) -> pl.DataFrame:
    """What the fold says of lines that go beyond no limit."""
    told = [name for name in (*PATIENT_AND_PAYER, *RETURNS) if name in lines.columns]
    return lines.select(*told, limit=pl.col(LIMIT).cast(pl.Float64))


class _Limit:
    """What a benefit, or the payer, grants, and what is used of it."""

    def __init__(self, told: Row, *, hard: bool | None, by_policy: bool = False) -> None:
        self.told, self.hard, self.by_policy = told, hard, by_policy
        self.visits, self.dollars = told["visits"], told["dollars"] if told["visits"] is None else None
        self.used = float(told["used_elsewhere"] or 0)
        self.days: set[datetime] = set()
        self.charged = False

    @property
    def limit(self) -> float:
        """Visits, or dollars."""
        return float(self.dollars or 0) if self.visits is None else float(self.visits)

    def covers(self, line: Row) -> bool:
        """Whether the line is under the limit: by its discipline and day."""
        on, first, last = line["service_date"], self.told["starts_on"], self.told["ends_on"]
        within = (first is None or on >= first) and (last is None or on <= last)
        return within and line["discipline"] in (self.told["disciplines"] or "").split()

    def take(self, line: Row, *, authorized: bool | None, uncounted: str | None) -> Row:
        """Count a line; what is wrong with it. `authorized`: null where one may cover it; `uncounted`: what a line lacks that
        may use the limit too."""
        beyond = self._visit(line) if self.visits is not None else self._paid(line)
        told: Row = {
            "limit": self.limit, "used": self.used, "disciplines": self.told["disciplines"],
            "benefit_from": self.told["starts_on"], "benefit_to": self.told["ends_on"],
        }  # fmt: skip
        if authorized and not self.hard:
            return told
        if not beyond:
            return told | {"unknown": self._uncounted or uncounted}
        if authorized is None and not self.hard:
            return told | {"unknown": "authorizations.starts_on"}
        if self.visits is None and self.charged:
            return told | {"unknown": "remittances.allowed"}
        days = " ".join(day.date().isoformat() for day in sorted(self.days)) or None
        proof = {"counted_days": days, "used_elsewhere": self.told["used_elsewhere"]}
        return told | proof | {"case": self._case(), "exposed_share": beyond}

    @property
    def _uncounted(self) -> str | None:
        """The fact of a benefit without which nobody knows what is left: a blank is no zero."""
        blank = self.told["used_elsewhere"] is None and not self.by_policy
        return "benefits.used_elsewhere" if blank else None

    def _case(self) -> str:
        if self.by_policy:
            return "policy"
        if self.hard is None:
            return "unrecorded"
        return ("visits" if self.visits is not None else "dollars") if self.hard else "soft"

    def _visit(self, line: Row) -> float:
        if line["service_date"] not in self.days:
            self.days.add(line["service_date"])
            self.used += 1
        return 1.0 if self.used > self.limit else 0.0

    def _paid(self, line: Row) -> float:
        amount = line["amount"] or 0.0
        self.used += amount
        self.charged = self.charged or line["amount_basis"] not in KNOWN_DOLLARS
        excess = min(self.used - self.limit, amount)
        return excess / amount if amount > 0 and excess > 0 else 0.0


def _of_patient(rows: list[Row]) -> Iterator[Row]:
    """The lines of a patient and payer in order of service, each under its limits."""
    held = [_Limit(row, hard=row["hard"]) for row in rows if row["row"] == "benefit" and _limited(row)]
    granted = [row for row in rows if row["row"] == "authorization"]
    every = [row for row in rows if row["row"] == "line"]
    lines = [row for row in every if row["service_date"]]
    uncounted = (
        "claim_lines.service_date" if len(lines) < len(every)
        else "claims.payer_id" if any(row["unclaimed"] for row in lines) else None
    )  # fmt: skip
    by_policy: dict[tuple[Any, ...], _Limit] = {}
    paid = defaultdict(list)
    for row in lines:
        paid[row["service_date"]].append(row["allowed"])
    for line in lines:
        mine = [each for each in held if each.covers(line)]
        ids = [] if mine else IDS  # a benefit on file says its own limit: the payer's decides nothing
        own: Row = {
            **dict.fromkeys(RETURNS), **{name: line[name] for name in ("claim_id", "line", "cpt", "service_date", *ids)},
            "policy_missing": None if mine else line["policy_missing"],
        }  # fmt: skip
        if not mine and line[LIMIT] is not None:
            key = (line["discipline"], line["service_date"].year if line[SPAN] == "year" else line["episode"])
            told = {**dict.fromkeys(READ), "visits": line[LIMIT], "disciplines": line["discipline"]}
            mine = [by_policy.setdefault(key, _Limit(told, hard=False, by_policy=True))]
        if all(allowed == 0 for allowed in paid[line["service_date"]]):
            yield own | ({"limit": mine[0].limit, "used": mine[0].used} if mine else {})
            continue
        covered = _authorized(granted, line)
        found = [each.take(line, authorized=covered, uncounted=uncounted) for each in mine]
        yield own | max(found, key=_weight, default={})


def _limited(row: Row) -> bool:
    return row["visits"] is not None or row["dollars"] is not None


def _weight(found: Row) -> tuple[bool, bool, bool, float]:
    """Of what several limits say, the gravest first: a fault that is sure, of a hard limit; then what cannot be told."""
    case = found.get("case")
    sure = case in ("visits", "dollars", "policy")
    return sure, case is not None, found.get("unknown") is not None, found["used"]


def _authorized(granted: list[Row], line: Row) -> bool | None:
    """Whether an authorization covers the line; null where one would whose first day nobody recorded."""
    covering = [each["starts_on"] for each in granted if _authorizes(each, line)]
    return None if covering and not any(covering) else bool(covering)


def _authorizes(granted: Row, line: Row) -> bool:
    """Whether an authorization covers the line: its discipline, code and day."""
    on, first, last = line["service_date"], granted["starts_on"], granted["ends_on"]
    within = (first is None or on >= first) and (last is None or on <= last)
    held: Sequence[str] = (granted["held_codes"] or "").split()
    return (
        within and granted["discipline"] in (None, line["discipline"]) and (not held or line["cpt"] in held)
    )
