"""The audit: runs the rules over the records and gathers findings, coverage and what could not run.

`audit()` is the one door: the dashboard, the commands and the tests all call it. It knows no rule by name.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import narwhals as nw
import polars as pl

from compliance.checks.rule import OR, Reach, Rule, RuleError, catalogue
from compliance.checks.tables import ChartTables
from compliance.checks.terms import CANNOT_TELL, FAIL, NOT_APPLICABLE, ONE_AT_A_TIME, PASS, in_polars, kept
from compliance.findings import Facts, findings, with_context
from compliance.money import PRICE_PARAMETERS, priced
from compliance.notes.tables import reading_tables, spoken
from compliance.parameters import ParameterValues
from compliance.policy import Policies, PolicyError
from compliance.records.adjustments import adjustments
from compliance.records.load import Records
from compliance.records.models import schema

LINE_ITEMS = pl.List(pl.Struct({"claim_id": pl.String, "line": pl.Int64, "amount": pl.Float64}))
"""The findings' column `lines`, decoded."""


def line_items(findings: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Each line that findings put at risk: `columns` of the finding, and of the line claim_id, line, amount."""
    return (
        findings.select(*columns, item=pl.col("lines").str.json_decode(LINE_ITEMS))
        .explode("item")
        .unnest("item")
        .drop_nulls("claim_id")
    )


VISIT = ["patient_id", "discipline", "service_date"]
"""What makes a visit: a treatment day of a patient and discipline."""
AT_ONCE = 2
"""Rules that are judged side by side; on two cores a third makes all of them slower."""
COVERAGE_KEY = ("rule", "payer_id", "therapist_id", "clinic_id", "discipline", "service_date", "missing")
COUNTS = (NOT_APPLICABLE, PASS, FAIL, CANNOT_TELL)


@dataclass(frozen=True)
class NotRun:
    """A rule that did not run, the table or column that it lacks, and why, where the layout of an export says so."""

    rule: str
    because: str
    lacks: str
    why: str | None = None


@dataclass(frozen=True)
class Judged:
    """What a rule judged: the units that failed with their facts, its coverage, and the outcomes of each visit."""

    rule: Rule
    failed: pl.DataFrame
    coverage: pl.DataFrame
    visits: pl.DataFrame


@dataclass(frozen=True)
class Scope:
    """Which units an audit reports on. The records are judged whole; a scope only narrows what is told.

    A unit without a payer (a therapist's day) shows under every payer; one without a date under every date.
    """

    payers: tuple[str, ...] = ()
    therapists: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    unsubmitted: bool = False

    def of(self, units: pl.DataFrame) -> pl.DataFrame:
        """The rows in scope of a frame with service_date, payer_id, therapist_id and, where it has it, submitted."""
        kept: list[pl.Expr] = []
        if self.payers:
            kept.append(pl.col("payer_id").is_in(self.payers) | pl.col("payer_id").is_null())
        if self.therapists:
            kept.append(pl.col("therapist_id").is_in(self.therapists))
        if self.since:
            kept.append((pl.col("service_date") >= self.since).fill_null(True))
        if self.until:
            kept.append((pl.col("service_date").dt.date() <= self.until).fill_null(True))
        if self.unsubmitted and "submitted" in units.columns:
            kept.append(~pl.col("submitted").fill_null(False))
        return units.filter(kept) if kept else units


@dataclass(frozen=True)
class Audit:
    """What an audit found. All frames are Polars.

    `findings`: the contract's columns, sorted by date and id. `coverage`: counts of units by COVERAGE_KEY
    (`service_date` is the unit's day, null where it has none). `visits`: one row a patient, discipline and day with
    treatment, with who, payer, clinic, `checked` (a rule passed or failed), `cannot_tell`, `findings` (number, info
    apart), `own` (those that are its own therapist's, or nobody's) and `amount`. `lines`: standing claim lines with
    their amount. `touched`: which visits each finding touches (see `touched_visits`). `waiting`: ids of the findings about
    units that were not submitted yet.
    """

    findings: pl.DataFrame
    coverage: pl.DataFrame
    visits: pl.DataFrame
    lines: pl.DataFrame
    touched: pl.DataFrame
    waiting: pl.Series
    not_run: tuple[NotRun, ...]
    as_of: date
    rules: tuple[str, ...]


def audit(
    records: Records,
    policies: Policies,
    as_of: date,
    rules: Sequence[Rule] | None = None,
    *,
    scope: Scope = Scope(),
    native: Callable[[pl.DataFrame], Any] = lambda table: table.lazy(),
    progress: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> Audit:
    """Run `rules` (all where None) over the records under the policies.

    `native` turns each table into the engine's own frame (Polars lazy by default). `as_of` is the day on which
    overdue is judged. `progress` hears the step's name, how many are done and of how many.
    """
    chosen = list(catalogue().values()) if rules is None else list(rules)
    for rule in chosen:
        _refuse_unknown(rule, policies)
    lacks = {rule.code: lacking(rule, records) for rule in chosen}
    not_run = [_not_run(code, lacked[0], records) for code, lacked in lacks.items() if lacked]
    judging = [rule for rule in chosen if not lacks[rule.code]]
    steps = len(judging) + 3
    progress("Joining charts and claims", 0, steps)
    values = ParameterValues(policies)
    charts = joined(records, policies, as_of, values, native)
    notes = _polars(charts["notes"])
    progress("Reading the notes", 1, steps)
    readings = reading_tables(notes, records.tables["goals"], records.tables["supervision_contacts"])
    charts.add({name: nw.from_native(native(table)).lazy() for name, table in readings.items()})
    facts = Facts(
        lines=_treating_role(_polars(charts["claim_lines"]), _polars(charts["interventions"])),
        notes=notes,
        plans=_polars(charts["plans_of_care"]),
        mentions=readings["mentions"],
        values=values.shown,
        relative_values=policies.code_tables.frames["relative_values"],
    )
    judged: list[Judged] = []
    results = _side_by_side(judging, charts, values, records, facts, scope)
    for number, rule in enumerate(judging):
        progress(rule.code, number + 2, steps)
        judged.append(next(results))
    failed = [(one.rule, one.failed) for one in judged]
    coverage, judged_visits = [one.coverage for one in judged], [one.visits for one in judged]
    progress("Saying what was found", len(judging) + 2, steps)
    found = findings(failed, facts)
    submitted = [rows["submitted"] for _, rows in failed if rows.height]
    waiting = (
        found["finding_id"].filter(~pl.concat(submitted).fill_null(False))
        if submitted
        else found["finding_id"]
    )
    all_findings = found.sort("service_date", "rule", "finding_id", nulls_last=True)
    lines = scope.of(facts.lines)
    if scope.unsubmitted:
        all_findings = _touching(all_findings, lines)
    touched = touched_visits(all_findings, facts.lines, facts.notes)
    return Audit(
        findings=all_findings,
        coverage=_all_coverage(coverage),
        visits=scope.of(_visits(charts, facts, touched, judged_visits)),
        lines=lines,
        touched=touched,
        waiting=waiting,
        not_run=tuple(not_run),
        as_of=as_of,
        rules=tuple(rule.code for rule in chosen),
    )


def joined(
    records: Records,
    policies: Policies,
    as_of: date,
    values: ParameterValues,
    native: Callable[[pl.DataFrame], Any],
) -> ChartTables:
    """Charts and claims as rules see them, with CMS's tables of codes, before the notes are read."""
    tables = {**records.tables, "notes": spoken(records.tables["notes"], records.tables["interventions"])}
    tables |= policies.code_tables.frames
    tables["adjustments"] = adjustments(records.tables["remittances"])
    frames = {name: nw.from_native(native(table)).lazy() for name, table in tables.items()}
    return ChartTables(
        frames,
        policies.policy_of,
        datetime(as_of.year, as_of.month, as_of.day),
        keep=kept,
        price=lambda lines: priced(
            values.attach(lines, PRICE_PARAMETERS), frames["relative_values"], frames["geography"]
        ).drop("policy_missing"),
    )


def _side_by_side(
    rules: Sequence[Rule],
    charts: ChartTables,
    values: ParameterValues,
    records: Records,
    facts: Facts,
    scope: Scope,
) -> Iterator[Judged]:
    """What each rule judged, in the rules' order.

    AT_ONCE on Polars, which works without Python's lock: while it joins for one rule, the next is put into
    expressions. Other engines hold their connection to one thread.
    """

    absent = absent_columns(records)

    def judged_by(rule: Rule) -> Judged:
        units = with_context(_run(rule, charts, values, absent), facts)
        return _judged(rule, scope.of(unsure_of_refused(rule, units, records.lost)))

    with ThreadPoolExecutor(AT_ONCE if charts["claims"].implementation.is_polars() else 1) as workers:
        try:
            yield from workers.map(judged_by, rules)
        finally:
            workers.shutdown(cancel_futures=True)


def unsure_of_refused(rule: Rule, units: pl.DataFrame, lost: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The units, those that a refused row may turn as cannot tell (`notes.refused`): failed ones that it may have cleared, and
    passed ones that it may have broken.

    A unit or a refused row without a patient, or without a day, may belong to any. Of rows of nobody only the failed
    ones are held back: one such row would else leave no pass at all, and the load report tells of it.
    """
    for outcome, tables in ((FAIL, rule.absence_of), (PASS, rule.adds_up)):
        for table, reach in tables.items():
            for refused in dict.fromkeys((table, HANGS_ON.get(table, table))):
                rows = lost.get(refused)
                if rows is None or not units.height:
                    continue
                if outcome == PASS:
                    rows = rows.drop_nulls("patient_id")
                unsure = (pl.col("outcome") == outcome) & _may_be_of(units, rows, reach)
                units = units.with_columns(
                    outcome=pl.when(unsure).then(pl.lit(CANNOT_TELL)).otherwise("outcome"),
                    missing=pl.when(unsure).then(pl.lit(f"{refused}.refused")).otherwise("missing"),
                )
    return units


def _may_be_of(units: pl.DataFrame, lost: pl.DataFrame, reach: Reach) -> pl.Series:
    """Which units a refused row may be of: of its patient, or of its patient and day."""
    days = units["service_date"].cast(pl.Datetime("us")).dt.truncate("1d")
    if reach == "patient":
        lost, days = lost.with_columns(day=pl.lit(None, pl.Datetime("us"))), days.clear(units.height)
    anybodys, named = lost.filter(pl.col("patient_id").is_null()), lost.drop_nulls("patient_id")
    whole = named.filter(pl.col("day").is_null())["patient_id"]
    pairs = named.drop_nulls("day").select(whose="patient_id", on="day").unique()
    told = units.select("patient_id").with_columns(day=days)
    same = told.join(pairs.with_columns(hit=True), left_on=["patient_id", "day"], right_on=["whose", "on"],
                     how="left", maintain_order="left")["hit"].fill_null(False)  # fmt: skip
    patient, day = told["patient_id"], told["day"]
    return (
        same
        | patient.is_null()
        | patient.is_in(whole.implode()).fill_null(False)
        | (day.is_null() & patient.is_in(named["patient_id"].implode()).fill_null(False))
        | (day.is_null() & bool(anybodys.height))
        | day.is_in(anybodys["day"].drop_nulls().implode()).fill_null(False)
        | bool(anybodys["day"].null_count())
    )


def _judged(rule: Rule, units: pl.DataFrame) -> Judged:
    failed = units.filter(pl.col("outcome") == FAIL)
    told = units.filter(pl.col("outcome") != NOT_APPLICABLE).select(*VISIT, "outcome").unique()
    return Judged(rule, failed, _counts(rule, units), told)


def _not_run(code: str, lacks: str, records: Records) -> NotRun:
    how = "is empty in every row" if lacks in records.unfilled_columns else "is absent"
    if lacks in {line.table for line in records.report.tables}:  # a file names the table
        how = "counts as absent"
    why = records.reasons.get(lacks)
    return NotRun(code, f"{lacks} {how}" + (f": {why}" if why else ""), lacks, why)


def unsubmitted(whole: Audit) -> Audit:
    """What `Scope(unsubmitted=True)` tells, of an audit of everything: the findings and lines that are not submitted yet."""
    lines = whole.lines.filter(~pl.col("submitted").fill_null(False))
    waiting = whole.findings.filter(pl.col("finding_id").is_in(whole.waiting.implode()))
    return replace(whole, findings=_touching(waiting, lines), lines=lines)


def without(whole: Audit, dismissed: Collection[str]) -> Audit:
    """The audit as if these findings were none. Their units count as passed: a reviewer looked, and found no fault."""
    if not dismissed:
        return whole
    gone = pl.col("finding_id").is_in(list(dismissed))
    touched = whole.touched.filter(~gone)
    return replace(
        whole,
        findings=whole.findings.filter(~gone),
        visits=counted(whole.visits, touched),
        coverage=_passed(whole.coverage, whole.findings.filter(gone)),
        touched=touched,
        waiting=whole.waiting.filter(~whole.waiting.is_in(list(dismissed))),
    )


def _passed(coverage: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Coverage with the units of these findings moved from `failed` to `passed`."""
    key = [name for name in COVERAGE_KEY if name != "missing"]  # what failed lacks nothing
    days = found.with_columns(pl.col("service_date").dt.truncate("1d"))
    moved = days.group_by(key).agg(moved=pl.len().cast(pl.Int64))
    told = coverage.join(moved, on=key, how="left", nulls_equal=True, maintain_order="left")
    told = told.with_columns(moved=pl.min_horizontal("failed", pl.col("moved").fill_null(0)))
    return told.with_columns(
        passed=pl.col("passed") + pl.col("moved"), failed=pl.col("failed") - pl.col("moved")
    ).drop("moved")


def _touching(found: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The findings whose claim, or a line that they put at risk, is among `lines`."""
    at_risk = line_items(found, "finding_id").drop("amount")
    named = found.select("finding_id", "claim_id", "line")
    key = ["claim_id", "line"]
    touched = pl.concat([at_risk, named]).join(lines.select(key), on=key, how="semi")
    return found.join(touched, on="finding_id", how="semi", maintain_order="left")


HANGS_ON = {"claim_lines": "claims", "interventions": "notes"}
"""Tables whose rows rules see only with their row of another: a line has its patient and payer by its claim."""


def lacking(rule: Rule, records: Records) -> list[str]:
    """The tables and columns that the rule needs and the records lack, in the order that the rule names them."""
    lacks: list[str] = []
    needed: set[str] = set()
    for need in rule.needs:
        lacked = {column: _lacked(column, records) for column in need.split(OR)}
        if None in lacked.values():
            needed |= {column.partition(".")[0] for column, lack in lacked.items() if lack is None}
        else:
            lacks.append(next(filter(None, lacked.values())))
    lacks += [whole for part, whole in HANGS_ON.items() if part in needed and whole in records.absent_tables]
    return list(dict.fromkeys(lacks))


def _lacked(column: str, records: Records) -> str | None:
    """The table or column that is absent of `notes.kind`; None where it is there."""
    table = column.partition(".")[0]
    if table in records.absent_tables:
        return table
    return column if column in records.absent_columns else None


def absent_columns(records: Records) -> frozenset[str]:
    """The columns that no file carried, those of absent tables among them."""
    whole = {f"{table}.{column}" for table in records.absent_tables for column in schema(table)}
    return records.absent_columns | whole


def _run(rule: Rule, charts: ChartTables, values: ParameterValues, absent: frozenset[str]) -> pl.DataFrame:
    """The units that the rule judged, called with the tables that its arguments name.

    Parameters are attached where a policy can speak.
    `as_of` is the day of the audit, `absent_columns` what the export does not carry (`notes.signed_on`).
    """
    plain = {"as_of": charts.as_of, "absent_columns": absent}
    with ONE_AT_A_TIME:
        arguments = {
            name: plain[name] if name in plain else values.attach(charts[name], rule.parameters, name)
            for name in rule.tables
        }
    try:
        judged = _polars(rule.function(**arguments))
    except Exception as error:
        error.add_note(f"{rule.code} was being judged")
        raise
    _refuse_lacking(rule, judged.columns)
    return judged


def _refuse_unknown(rule: Rule, policies: Policies) -> None:
    """Refuse a rule that names a parameter or cites a source that nobody knows. Raises RuleError."""
    try:
        for name in rule.parameters:
            policies.parameter(name)
        for cite in rule.cites:
            policies.reference(cite)
    except PolicyError as error:
        raise RuleError(f"{rule.code}: {error}") from None


def _refuse_lacking(rule: Rule, returned: Sequence[str]) -> None:
    """Refuse a rule that does not return what a finding is made of. Raises RuleError."""
    exposed = {"line": ("claim_id", "line"), "note": ("note_id",), "days": ("exposed_from", "exposed_to"),
               "lines": ("exposed_lines",)}  # fmt: skip
    wanted = {
        "both come from judge()": ("outcome", "missing"),
        f"they make the id of a finding about a {rule.subject}": rule.key,
        f"the lines at risk hang on them (exposes={rule.exposes!r})": exposed.get(rule.exposes, ()),
    }
    for why, columns in wanted.items():
        lacks = [name for name in columns if name not in returned]
        if lacks:
            raise RuleError(
                f"{rule.code}: its function does not return {', '.join(lacks)}. Select them: {why}."
            )


def _polars(frame: nw.LazyFrame) -> pl.DataFrame:
    """A result in Polars, where engines' ways to keep sums (decimals) and nulls of whole numbers (NaN) end."""
    table = in_polars(frame)
    plain = []
    for name, dtype in table.schema.items():
        if isinstance(dtype, pl.Decimal):
            plain.append(pl.col(name).cast(pl.Int64 if dtype.scale == 0 else pl.Float64))
        elif dtype.is_float():
            known = pl.col(name).fill_nan(None)
            plain.append(known.cast(pl.Int64) if name.endswith("__id") else known)
    return table.with_columns(plain) if plain else table


def _treating_role(lines: pl.DataFrame, interventions: pl.DataFrame) -> pl.DataFrame:
    """Add `treating_role` to lines: who delivered the code on its note (`assistant` where one did any of it)."""
    roles = (
        interventions.select("note_id", "cpt", treating_role="deliverer_role")
        .drop_nulls()
        .group_by("note_id", "cpt")
        .agg(pl.col("treating_role").min())
    )
    return lines.join(roles, on=["note_id", "cpt"], how="left", maintain_order="left").with_columns(
        pl.coalesce("treating_role", "rendering_role").alias("treating_role")
    )


def _counts(rule: Rule, judged: pl.DataFrame) -> pl.DataFrame:
    """Count a rule's units by outcome within COVERAGE_KEY."""
    return (
        judged.with_columns(rule=pl.lit(rule.code), service_date=pl.col("service_date").dt.truncate("1d"))
        .group_by(COVERAGE_KEY)
        .agg(*((pl.col("outcome") == name).sum().cast(pl.Int64).alias(name) for name in COUNTS))
    )


def _all_coverage(parts: list[pl.DataFrame]) -> pl.DataFrame:
    text = dict.fromkeys(COVERAGE_KEY, pl.String())
    schema = {**text, "service_date": pl.Datetime("us"), **dict.fromkeys(COUNTS, pl.Int64())}
    return pl.concat(
        [pl.DataFrame(schema=schema), *(part.select(list(schema)).cast(dict(schema)) for part in parts)]
    ).sort(COVERAGE_KEY, nulls_last=True)


def _visits(
    charts: ChartTables, facts: Facts, touched: pl.DataFrame, outcomes: list[pl.DataFrame]
) -> pl.DataFrame:
    """One row a treatment day of a patient and discipline, with how it was judged (see `Audit`)."""
    days = _polars(charts["treatment_days"])
    dollars = facts.lines.group_by(VISIT).agg(pl.col("amount").sum(), lines=pl.len())
    judged = (
        pl.concat(outcomes)
        .group_by(VISIT)
        .agg(
            checked=pl.col("outcome").is_in([PASS, FAIL]).any(),
            cannot_tell=(pl.col("outcome") == CANNOT_TELL).any(),
        )
        if outcomes
        else pl.DataFrame(
            schema={
                **{name: days.schema[name] for name in VISIT},
                "checked": pl.Boolean,
                "cannot_tell": pl.Boolean,
            }
        )
    )
    joined = (
        days.join(dollars, on=VISIT, how="left", maintain_order="left")
        .join(judged, on=VISIT, how="left", maintain_order="left")
        .with_columns(
            pl.col("checked", "cannot_tell").fill_null(False),
            pl.col("lines").fill_null(0),
            pl.col("amount").fill_null(0.0),
        )
    )
    return counted(joined, touched).sort(VISIT)


def counted(visits: pl.DataFrame, touched: pl.DataFrame) -> pl.DataFrame:
    """Visits with `findings`, how many touch each, and `own`, how many of these are its own therapist's or nobody's."""
    whose = touched.join(visits.select(*VISIT, visited_by="therapist_id"), on=VISIT)
    own = pl.col("found_of").is_null() | (pl.col("found_of") == pl.col("visited_by"))
    hits = whose.group_by(VISIT).agg(
        findings=pl.col("finding_id").n_unique(),
        own=pl.col("finding_id").filter(own.fill_null(False)).n_unique(),
    )
    bare = visits.drop("findings", "own", strict=False)
    return bare.join(hits, on=VISIT, how="left", maintain_order="left").with_columns(
        pl.col("findings", "own").fill_null(0)
    )


def touched_visits(found: pl.DataFrame, lines: pl.DataFrame, notes: pl.DataFrame) -> pl.DataFrame:
    """Which visits each finding touches: finding_id, found_of (its therapist), patient_id, discipline, service_date.

    By its lines at risk, else by its note; findings of severity info are left out.
    """
    real = found.filter(pl.col("severity") != "info")
    by_line = (
        line_items(real, "finding_id", "therapist_id")
        .rename({"therapist_id": "found_of"})
        .join(lines.select("claim_id", "line", *VISIT), on=["claim_id", "line"])
    )
    by_note = real.select("finding_id", "note_id", found_of="therapist_id").join(
        notes.select("note_id", *VISIT), on="note_id"
    )
    columns = ["finding_id", "found_of", *VISIT]
    return pl.concat([by_line.select(columns), by_note.select(columns)]).unique().sort("finding_id", *VISIT)
