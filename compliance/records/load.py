"""From a path, from uploaded files or from frames to records: every table, typed, and the load report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import polars as pl

from compliance.formats import terminal
from compliance.records.delimited import read_delimited
from compliance.records.exports import (
    EXCHANGED,
    layouts_among,
    nothing_read,
    read_exports,
    tables_and_exports,
    without_known,
)
from compliance.records.layouts import Layout, own_layouts
from compliance.records.lost import lost_rows
from compliance.records.merge import merged
from compliance.records.models import TABLES, columns, empty_tables, schema
from compliance.records.raw import ROW, Exchange, RawTable
from compliance.records.report import InputError, LoadReport, Notice, Refusal, TableReport, left_out
from compliance.records.sources import Found, Source, under, uploaded
from compliance.records.tables import (
    FILE,
    Refused,
    dangling,
    of_frame,
    on_day,
    read_parquet,
    read_table,
    without_repeats,
)
from compliance.records.workbook import read_workbook

__all__ = [
    "InputError",
    "LoadReport",
    "Notice",
    "Records",
    "Refusal",
    "TableReport",
    "empty_tables",
    "from_frames",
    "load",
    "load_files",
]
FILLED = {
    "plans_of_care": ("patient_id", "signed_on", "certified_on", "visits_per_week"),
    "notes": ("patient_id", "kind", "service_date", "signed_on", "text"),
    "interventions": ("cpt", "minutes"),
    "claims": ("patient_id",),
    "claim_lines": ("service_date", "cpt", "units"),
    "rtm": ("device", "device_cleared", "ordered_on"),
}
"""What every clinic's charts and claims fill, if not in each row; a reason for a delay or a co-signature may well be rare."""
NEVER_EMPTY = ("plans_of_care", "goals", "notes", "interventions", "claims", "claim_lines")
"""Tables without a row of which there is no chart, or no claim. Of all others (contacts, overpayments …) there may be none."""
MANY_ROWS = 50
"""In so many rows of a chart table a column without any value was not filled by the export."""
HASHED_ROWS = 100_000
MOST_LINES_OF_A_DAY = 2_000
"""Claim lines of one patient on one day; more are a mistake of the export."""


@dataclass(frozen=True)
class Records:
    """A clinic's records.

    `tables`: every table of `models.TABLES` with every column of its schema, typed; absent ones are empty or null.
    `absent_tables`: tables that no file carried, or that lost all their rows (`_without_rows`); `absent_columns`: columns
    (`table.column`) of present tables that no file carried, or that are empty in every one of many rows. `fingerprint`:
    the same for the same content, in whatever files and order it came. `lost`: of each table that had rows refused, whose
    and of which day they were (`lost.lost_rows`).
    """

    tables: dict[str, pl.DataFrame]
    report: LoadReport
    fingerprint: str
    absent_tables: frozenset[str]
    absent_columns: frozenset[str]
    lost: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why a table or a column is absent, where the layout of an export says so (`LoadReport.reasons`)."""
        return self.report.reasons

    @property
    def unfilled_columns(self) -> frozenset[str]:
        """Columns (`table.column`) that files carried and never filled; they are among `absent_columns`."""
        return frozenset(
            f"{each.table}.{name}" for each in self.report.tables for name in each.unfilled_columns
        )


def load(path: Path, layouts: Path | None = None) -> Records:
    """The records under a path: a folder of tables, workbooks, claim files and exports, a zip of these, or one such file.

    `layouts` is a folder of a clinic's own layouts of exports, which go before the built-in ones. Raises InputError, one
    line, where the path as a whole cannot be used: nothing there, nothing of ours, or a file
    that bears a table's name and is no table.
    """
    return _load(under(Path(path)), own_layouts(layouts))


def load_files(files: list[tuple[str, bytes]], layouts: Sequence[Layout] = ()) -> Records:
    """The records of files held in memory, each a name and its bytes (an upload). Raises InputError as `load` does.

    `layouts` go before the built-in ones.
    """
    if not files:
        raise InputError(
            "no file was given (expected tables such as claims.csv, a workbook, or X12 claim files)"
        )
    return _load(uploaded(files), layouts)


def from_frames(frames: Mapping[str, pl.DataFrame]) -> Records:
    """Records from frames in memory, keyed by table. Raises InputError for a name that is no table."""
    for name in frames:
        if name not in TABLES:
            raise InputError(f"{name} is no table (expected one of {', '.join(TABLES)})")
    return _assembled([of_frame(frame, name) for name, frame in frames.items()], [], LoadReport())


def _load(found: Found, own: Sequence[Layout] = ()) -> Records:
    layouts = layouts_among(found, own)
    exchanged = [source for source in found.sources if source.shape in EXCHANGED]
    named, exports = tables_and_exports(found, layouts)
    report = LoadReport(notices=list(found.notices))
    raws = [raw for source in named for raw in _raws(source, layouts, report)]
    raws += read_exports(exports, layouts, report)
    for raw in [raw for raw in raws if raw.cells.width < 2]:
        report.notices += raw.notices
        raws.remove(raw)
    if not raws and not exchanged:
        raise InputError(nothing_read(exports, report))
    records = _assembled(raws, exchanged, report)
    if not raws and not any(line.rows_read for line in report.tables):
        raise InputError(_why_nothing(exchanged, report))
    return _without_rows(records)


def _without_rows(records: Records) -> Records:
    """The records, tables that a file names and that must have lost their rows among the absent ones, with the reason.

    A header alone, or rows of which none could be read, do not say that nobody wrote a note. Such a table must have had
    rows: some were refused, rows of other tables name them, or no clinic is without. Frames in memory are taken at their word.
    """
    named = {
        column.refers_to.partition(".")[0]
        for table, rows in records.tables.items()
        for column in columns(table)
        if column.refers_to and rows[column.name].null_count() < rows.height
    }
    lost = {
        line.table: "no row of it could be read" if line.rows_refused else "it has no row"
        for line in records.report.tables
        if not line.rows_loaded and (line.rows_refused or line.table in {*named, *NEVER_EMPTY})
    }
    records.report.reasons |= {table: why for table, why in lost.items() if table not in records.reasons}
    return replace(records, absent_tables=records.absent_tables | set(lost))


def _why_nothing(exchanged: list[Source], report: LoadReport) -> str:
    """Why these files came to nothing. Without any record a check would find nothing wrong, which nobody may believe."""
    if not report.refusals:
        named = exchanged[0].name + (f" and {len(exchanged) - 1:,} more" if len(exchanged) > 1 else "")
        if exchanged[0].shape == "fhir":
            return f"{named}: no FHIR resource in it that is read (expected Patient, Claim, Encounter …)"
        return f"{named}: no claim and no remittance in it (expected CLM or CLP segments)"
    more = len(report.refusals) - 1
    return f"{report.refusals[0]}" + (f"; and {more:,} more like it, nothing could be read" if more else "")


def _raws(source: Source, layouts: Sequence[Layout], report: LoadReport) -> list[RawTable]:
    """The cells of a table file or of a workbook's sheets; none, with a notice, for a readme in a folder of parts."""
    if source.shape == "workbook":
        raws, told = read_workbook(source.read(), source.name, source.table, layouts)
        report.notices += told
        return raws
    assert source.table is not None
    if source.shape == "parquet":
        return [read_parquet(source.path or source.read(), source.name, source.table)]
    try:
        return [read_delimited(source.read(), source.name, source.table)]
    except InputError as error:
        if not source.stray:
            raise
        report.notices.append(left_out(source.name, error.because))
        return []


def _exchanges(sources: list[Source], tables: dict[str, pl.DataFrame]) -> Iterator[tuple[Exchange, str]]:
    """What claim files and FHIR files bring to the tables that are there, and what its rows are called.

    `tables` is looked at when each is asked for, so that FHIR knows the ids of claim files too.
    """
    # claim files and FHIR have many models, a tenth of a second to import, and most clinics bring tables
    claim_files = [source for source in sources if source.shape == "x12"]
    if claim_files:
        from compliance.records.x12 import read_x12

        known_lines = tables.get("claim_lines")
        yield read_x12([(source.name, source.open) for source in claim_files], known_lines), "claim files"
    if len(claim_files) < len(sources):
        from compliance.records.fhir import File, read_fhir

        files = [File(source.name, source.lines, source.open) for source in sources if source.shape == "fhir"]
        yield read_fhir(files, tables), "FHIR files"


def _assembled(raws: list[RawTable], exchanged: list[Source], report: LoadReport) -> Records:
    """Type, merge and check the tables, and write the report. `exchanged`: claim files and FHIR files."""
    lines: dict[str, TableReport] = {}
    refused: dict[str, Refused] = {}
    carried: dict[str, set[str]] = {}
    tables = _typed(raws, lines, refused, carried, report)
    for name in [name for name in tables if TABLES[name].repeats]:
        if [raw.settled for raw in raws if raw.table == name] != [True]:
            _once(tables, name, lines, refused, report)
    for exchange, what in _exchanges(exchanged, tables):
        report.notices += exchange.notices
        report.refusals += exchange.refusals
        report.refusals_not_kept += exchange.beyond.total()
        for name, count in exchange.rows_without_table().items():
            lines.setdefault(name, TableReport(name)).rows_read += count
            lines[name].rows_repeated += exchange.repeated[name]
            refused.setdefault(name, Refused())
            carried.setdefault(name, set())
        both, met, told = merged(tables, _typed(exchange.tables, lines, refused, carried, report), what)
        tables.update(both)
        report.notices += told
        for name, count in met.items():
            lines[name].rows_repeated += count
    tables = {name: tables[name] for name in TABLES if name in tables}
    _intervention_clocks(tables, refused)
    for name in [name for name in tables if not TABLES[name].repeats]:
        _once(tables, name, lines, refused, report)
    _crowded_days(tables, refused)
    for raw in raws:
        carried[raw.table] -= set(raw.withheld)
    loaded = {**empty_tables(), **{name: typed.select(list(schema(name))) for name, typed in tables.items()}}
    report.notices += dangling(loaded, tables)
    _leave_out_unfilled(loaded, carried, lines)
    absent = {
        f"{name}.{column.name}"
        for name in tables
        for column in columns(name)
        if column.name not in carried[name]
    }
    _finish(report, lines, refused, loaded, carried)
    _keep_reasons(report, set(tables), absent)
    counts = {line.table: line.rows_refused for line in report.tables}
    lost = lost_rows(loaded, {name: each.rows for name, each in refused.items()}, counts)
    for raw in raws:
        if raw.lost is not None and raw.lost.height:
            lost[raw.table] = pl.concat([raw.lost, *([lost[raw.table]] if raw.table in lost else [])])
    return Records(
        loaded, report, fingerprint(loaded), frozenset(TABLES) - set(tables), frozenset(absent), lost
    )


def _keep_reasons(report: LoadReport, present: set[str], absent: set[str]) -> None:
    """Of the reasons that exports give, those that still hold beside what other files brought."""
    report.reasons = {
        what: why
        for what, why in report.reasons.items()
        if (what in absent if what.partition(".")[0] in present else True)
    }


def _leave_out_unfilled(
    loaded: Mapping[str, pl.DataFrame], carried: Mapping[str, set[str]], lines: Mapping[str, TableReport]
) -> None:
    """Take columns of charts that are empty in every one of many rows for columns that the export does not fill.

    A program that writes a heading and never a value does not say that no note was ever signed.
    """
    for name, columns_filled in FILLED.items():
        if name in carried and loaded[name].height >= MANY_ROWS:
            table = loaded[name]
            unfilled = {
                column
                for column in carried[name].intersection(columns_filled)
                if table[column].null_count() == table.height
            }
            carried[name].difference_update(unfilled)
            lines[name].unfilled_columns = sorted(unfilled)


def _once(
    tables: dict[str, pl.DataFrame],
    name: str,
    lines: dict[str, TableReport],
    refused: dict[str, Refused],
    report: LoadReport,
) -> None:
    """Keep each row of a table once; those of claim files that add up are told apart when they are read."""
    tables[name], repeated, told = without_repeats(tables[name], name, refused[name])
    lines[name].rows_repeated += repeated
    report.notices += told


def _typed(
    raws: Iterable[RawTable],
    lines: dict[str, TableReport],
    refused: dict[str, Refused],
    carried: dict[str, set[str]],
    report: LoadReport,
) -> dict[str, pl.DataFrame]:
    parts: dict[str, list[pl.DataFrame]] = {}
    for raw in raws:
        line = lines.setdefault(raw.table, TableReport(raw.table))
        kept = refused.setdefault(raw.table, Refused())
        line.files += [name for name in raw.file_names if name not in line.files]
        line.rows_read += raw.rows_read
        line.unknown_columns += [
            name for name in map(terminal, raw.unknown_columns) if name not in line.unknown_columns
        ]
        carried.setdefault(raw.table, set()).update(name for name in raw.cells.columns if name != ROW)
        kept.kept += raw.refusals
        kept.beyond += raw.refusals_not_kept
        before = len(kept.kept)
        typed, told = read_table(raw, kept)
        kept.kept[before:] = [
            replace(each, header=raw.headers.get(each.column or "")) for each in kept.kept[before:]
        ]
        report.notices += [*raw.notices, *told]
        withheld = {f"{raw.table}.{name}": why for name, why in raw.withheld.items() if why}
        report.reasons |= {what: terminal(why) for what, why in (raw.reasons | withheld).items()}
        if raw.fills:
            typed, met = without_known(typed, raw, parts.get(raw.table, []), report)
            line.rows_repeated += met
        parts.setdefault(raw.table, []).append(typed)
        raw.cells = pl.DataFrame()
    return {
        name: pl.concat(frames, rechunk=False) if len(frames) > 1 else frames[0]
        for name, frames in parts.items()
    }


def _intervention_clocks(tables: dict[str, pl.DataFrame], refused: dict[str, Refused]) -> None:
    """Times alone in interventions fall on the service date of their note."""
    given = tables.get("interventions")
    if given is None:
        return
    alone = [name for name in ("started_at", "ended_at") if (given[name].dt.year() == 1).any()]
    if not alone:
        return
    notes = tables.get("notes", empty_tables()["notes"])
    days = notes.select("note_id", pl.col("service_date").alias("day of the note")).unique(
        "note_id", keep="first"
    )
    typed = given.join(days, on="note_id", how="left", maintain_order="left")
    for name in alone:
        typed, lost = on_day(typed, name, pl.col("day of the note"))
        rows = typed.filter(lost).select(FILE, ROW, pl.lit("a time alone").alias("found"))
        refused["interventions"].add(
            rows, "interventions", name, "a date with the time, or a note with a service_date"
        )
        refused["interventions"].leave_out(typed.filter(lost))
        typed = typed.filter(~lost)
    tables["interventions"] = typed.drop("day of the note")


def _crowded_days(tables: dict[str, pl.DataFrame], refused: dict[str, Refused]) -> None:
    """Refuse the claim lines of a patient's day that holds more than anybody can bill.

    Rules hold the lines of a day against one another: a hundred thousand of them, under one number for everybody whose
    number was not known, would be ten thousand million pairs.
    """
    lines, claims = tables.get("claim_lines"), tables.get("claims")
    if lines is None or claims is None or lines.height <= MOST_LINES_OF_A_DAY:
        return
    whose = claims.select("claim_id", "patient_id").unique("claim_id", keep="first")
    day = lines.join(whose, on="claim_id", how="left", maintain_order="left").select(
        known=pl.all_horizontal(pl.col("patient_id", "service_date").is_not_null()),
        held=pl.len().over("patient_id", "service_date"),
        found=pl.format("{} on {}", "patient_id", pl.col("service_date").dt.date()),
    )
    crowded = day["known"] & (day["held"] > MOST_LINES_OF_A_DAY)
    if crowded.any():
        rows = lines.select(FILE, ROW).with_columns(day["found"]).filter(crowded)
        wanted = f"at most {MOST_LINES_OF_A_DAY:,} claim lines of a patient's day"
        refused["claim_lines"].add(rows, "claim_lines", None, wanted)
        refused["claim_lines"].leave_out(lines.filter(crowded))
        tables["claim_lines"] = lines.filter(~crowded)


def _finish(
    report: LoadReport,
    lines: dict[str, TableReport],
    refused: dict[str, Refused],
    loaded: dict[str, pl.DataFrame],
    carried: dict[str, set[str]],
) -> None:
    for name in TABLES:
        if name not in lines:
            report.absent_tables.append(name)
            continue
        line = lines[name]
        line.rows_loaded = loaded[name].height
        line.rows_refused = line.rows_read - line.rows_loaded - line.rows_repeated
        line.absent_columns = [
            column for column in schema(name) if column not in {*carried[name], *line.unfilled_columns}
        ]
        report.tables.append(line)
        report.refusals += sorted(
            refused[name].kept, key=lambda each: (line.files.index(each.file), each.row or 0)
        )
        report.refusals_not_kept += refused[name].beyond


def fingerprint(tables: Mapping[str, pl.DataFrame]) -> str:
    """A hash of the content: rows in order of their keys, so that files and their order leave it alone."""
    digest = sha256()
    for name in sorted(tables):
        table = tables[name]
        if not table.height:
            continue
        keys = list(TABLES[name].keys)
        order = (
            keys + [column for column in table.columns if column not in keys]
            if TABLES[name].repeats
            else keys
        )
        digest.update(name.encode())
        ordered = table.sort(order, nulls_last=True)
        for start in range(0, table.height, HASHED_ROWS):
            digest.update(ordered.slice(start, HASHED_ROWS).write_csv(include_header=start == 0).encode())
    return digest.hexdigest()
