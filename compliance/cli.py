"""The commands: `compliance check`, `validate`, `convert`, `rules`, `policies`, `risk`, `report`, `trail`, `sample`, `estimate`,
`synth`, `app`.

Results go to standard output, progress and diagnostics to standard error. Exit status: 0 nothing at or above
`--fail-on`; 1 findings at or above it; 2 the input or the call is wrong, said in one line.
"""

import difflib
import getpass
import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from compliance import formats

if TYPE_CHECKING:
    import polars as pl

    from compliance.audit import Audit, Scope
    from compliance.policy import Policies
    from compliance.records.exports import UnknownExport
    from compliance.records.load import Records
    from compliance.sampling.bundle import Bundle
    from compliance.sampling.frame import Criteria
    from compliance.sampling.spot_check import Asked, SpotCheck

cli = typer.Typer(
    name="compliance",
    help="Check outpatient-therapy charts and claims against payers' rules, before the payer does.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
errors = Console(stderr=True)
UsageError: Any = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong call; it names only its heir BadParameter in public."""
WRITTEN = "How results are written. In csv, cells that a spreadsheet would run as formulas begin with an apostrophe."
SQLITE = b"SQLite format 3\0"
"""What the file of a SQLite database begins with."""
MOST_BYTES = 500_000_000
"""Of a worksheet or a bundle; a device has no end."""
ZIP = b"PK\x03\x04"
"""What a zip begins with."""
FAILING = {"high": ("high",), "medium": ("high", "medium"), "low": ("high", "medium", "low"), "never": ()}


class Format(StrEnum):
    """How results are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"


class TableFormat(StrEnum):
    """How synthetic tables are written."""

    csv = "csv"
    parquet = "parquet"


class FailOn(StrEnum):
    """The least severity that gives exit status 1."""

    high = "high"
    medium = "medium"
    low = "low"
    never = "never"


class Unit(StrEnum):
    """What a spot check draws."""

    line = "line"
    claim = "claim"
    visit = "visit"


class Dollars(StrEnum):
    """What a drawn unit's dollars are."""

    paid = "paid"
    allowed = "allowed"
    amount = "amount"


class Purpose(StrEnum):
    """What a spot check is for."""

    discovery = "discovery"
    rate = "rate"
    dollars = "dollars"


class StrataBy(StrEnum):
    """What makes the strata of a sample."""

    payer = "payer"
    therapist = "therapist"
    clinic = "clinic"
    code = "code"
    dollars = "dollars"


class Allocation(StrEnum):
    """How a sample's size is shared among its strata."""

    proportional = "proportional"
    neyman = "neyman"


class PaperSize(StrEnum):
    """What a report is printed on."""

    letter = "letter"
    a4 = "a4"


class By(StrEnum):
    """What a row of the risk table is."""

    therapist = "therapist"
    payer = "payer"
    clinic = "clinic"
    rule = "rule"


def _place(text: str) -> Path:
    """A path as typed. An empty one (an unset variable in a script) is not the current folder."""
    if not text.strip() or "\0" in text:
        raise typer.BadParameter(f"{text!r} is no path (expected a file or folder; . is the current folder)")
    return Path(text)


DataPath = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        parser=_place,
        help="A folder of tables, a workbook, X12 claim files, FHIR R4, or a zip of these.",
    ),
]
PolicyFolder = Annotated[
    Path | None,
    typer.Option(
        "--policies",
        metavar="FOLDER",
        parser=_place,
        help="Your own policy files, laid over the built-in ones.",
    ),
]
LayoutFolder = Annotated[
    Path | None,
    typer.Option(
        "--layouts",
        metavar="FOLDER",
        parser=_place,
        help="Your own layouts of exports, before the built-in ones (docs/inputs.md).",
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", parser=_place, help="Write there, not to standard output."),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="The day on which overdue is judged (today).")
]


def main() -> None:
    """Run the command line; every known error becomes one line on standard error and status 2."""
    from compliance.checks.rule import RuleError, UnknownRule
    from compliance.policy import PolicyError
    from compliance.records.load import InputError
    from compliance.review.errors import ReviewError
    from compliance.sampling import SamplingError

    try:
        raise SystemExit(cli(sys.argv[1:] or ["--help"], prog_name="compliance", standalone_mode=False))
    except UsageError as error:
        context = error.ctx.command_path if error.ctx else "compliance"
        said = error.format_message().replace("Value error, ", "").rstrip(".")
        _refuse(f"{said}{'' if said.endswith('?') else '.'} See {context} --help.")
    except typer.Abort:
        raise SystemExit(130) from None
    except (InputError, PolicyError, ReviewError, RuleError, SamplingError, UnknownRule) as error:
        _refuse(str(error))
    except BrokenPipeError:
        _drop_output()
        raise SystemExit(1) from None
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(f"{error.filename}: {error.strerror}")


def _drop_output() -> None:
    """Let nothing that is still held for standard output be tried again, and complained of, as the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"compliance: {formats.terminal(' '.join(message.split()))}\n")
    raise SystemExit(2)


def _day(text: str | None, option: str, default: date | None = None) -> date | None:
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(f"{option}: {text!r} is not a date (expected 2026-03-01)")


def _in_order(asked: "Scope | Criteria") -> None:
    if asked.since and asked.until and asked.since > asked.until:
        _refuse(f"--from {asked.since} lies after --to {asked.until}: no date of service can match")


def _table_or_json(command: str, format: Format) -> None:
    if format not in (Format.table, Format.json):
        _refuse(f"{command} writes table or json, not {format.value}")


@cli.command(epilog="Example: compliance check sample_data --rule SUP --format csv --output findings.csv")
def check(
    path: DataPath,
    format: Annotated[Format, typer.Option(help=WRITTEN)] = Format.table,
    output: OutputFile = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only this rule, or a family (SUP). Repeatable.")
    ] = None,
    payer: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this payer. Repeatable.")
    ] = None,
    therapist: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this therapist. Repeatable.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Service from this day.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="DATE", help="Service up to this day.")] = None,
    policies: PolicyFolder = None,
    layouts: LayoutFolder = None,
    as_of: AsOf = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=_place, help="Planted violations (synth): print recall and precision."
        ),
    ] = None,
    unsubmitted: Annotated[
        bool,
        typer.Option("--unsubmitted", help="Only claims not yet submitted; says hold or release for each."),
    ] = False,
    review: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Review data: findings dismissed or waived there hold no claim and fail nothing.",
        ),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="Findings at or above this give exit status 1.")
    ] = FailOn.high,
) -> None:
    """Load, run every check, print findings."""
    from compliance import output as written
    from compliance.audit import Scope, audit
    from compliance.prebill import pre_bill

    scope = Scope(
        payers=tuple(payer or ()),
        therapists=tuple(therapist or ()),
        since=_day(from_, "--from"),
        until=_day(to, "--to"),
        unsubmitted=unsubmitted,
    )
    _in_order(scope)
    _ready(output, format, records=path)
    planted = None if truth is None else _planted(truth)
    records, chosen, result = _audited(path, policies, as_of, rule, scope, layouts=layouts)
    lifted = _lifted(review, result)
    claims = None
    if unsubmitted:
        whole = result
        if rule or scope != Scope(
            unsubmitted=True
        ):  # what holds a claim is for every rule and therapist to say
            held_by = audit(records, chosen, result.as_of, scope=Scope(unsubmitted=True))
            lifted |= _lifted(review, held_by)
            whole = replace(held_by, lines=scope.of(held_by.lines), visits=scope.of(held_by.visits))
        claims = pre_bill(whole, lifted)
    if format is Format.table:
        text = written.as_table(result, records, claims, color=output is None and _on_screen())
        _write(text + written.lifted_text(len(lifted)), output)
    elif format is Format.parquet:
        _write_parquet(result.findings, output)
    else:
        _write(written.FORMATS[format.value](result, records, chosen, claims), output, data=True)
    if planted is not None:
        _say_truth(result, planted)
    failing = FAILING[fail_on.value]
    counted = result.findings.filter(~result.findings["finding_id"].is_in(list(lifted)))
    if failing and counted["severity"].is_in(failing).any():
        raise typer.Exit(1)


def _planted(truth: Path) -> "pl.DataFrame":
    """The planted violations. Only who measures waits for the module that makes clinics to be imported."""
    from compliance.synth.truth import read

    return read(truth)


def _lifted(review: str | None, result: "Audit") -> frozenset[str]:
    """The findings that reviewers dismissed or waived, by the review data; none without any."""
    if review is None:
        return frozenset()
    from compliance.review import lifted, open_store

    return lifted(result.findings, open_store(review, new=False).decisions(), result.as_of)


def _dismissed(review: str | None, result: "Audit") -> "pl.DataFrame | None":
    """The findings that reviewers dismissed, by the review data; None without any."""
    if review is None:
        return None
    from compliance.review import dismissals, open_store

    return dismissals(result.findings, open_store(review, new=False).decisions(), result.as_of)


def _marked(review: str | None) -> "tuple[list[tuple[date, str]], tuple[int, str] | None]":
    """The days that were marked, and the head of the trail; nothing without review data."""
    if review is None:
        return [], None
    from compliance.review import open_store

    store = open_store(review, new=False)
    return store.marks(), store.head()


def _audited(
    path: Path,
    folder: Path | None,
    as_of: str | None,
    rules: list[str] | None,
    scope: "Scope",
    known: "Scope | None" = None,
    layouts: Path | None = None,
) -> tuple["Records", "Policies", "Audit"]:
    from compliance.audit import audit
    from compliance.checks.rule import select
    from compliance.policy import load_policies
    from compliance.records.load import load

    day = _day(as_of, "--as-of", date.today())
    assert day is not None
    chosen_rules = select(rules)
    chosen = load_policies(folder)
    with _progress() as step:
        step(f"Loading {path}", 0, 1)
        records = load(path, layouts)
        _known(known or scope, records)
        result = audit(records, chosen, day, chosen_rules, scope=scope, progress=step)
    return records, chosen, result


def _known(scope: "Scope", records: "Records") -> None:
    """Refuse a payer or therapist that the records do not name: a slip of the pen would pass every gate."""
    _known_keys(
        records, ("--payer", "payers.payer_id", scope.payers),
        ("--therapist", "therapists.therapist_id", scope.therapists),
    )  # fmt: skip


def _known_keys(records: "Records", *options: tuple[str, str, tuple[str, ...]]) -> None:
    for option, key, asked in options:
        named = _named(records, key) if asked else set()
        for each in asked:
            if each not in named:
                _refuse(f"{option} {each!r}: not in these records.{_nearby(each, named)}")


def _named(records: "Records", key: str) -> set[str]:
    """Every value of a key (`payers.payer_id`), in its own table and wherever the records refer to it."""
    from compliance.records.models import TABLES

    own, _, column = key.partition(".")
    places = [(own, column)]
    places += [
        (table, name) for table in TABLES for name, to in TABLES[table].references.items() if to == key
    ]
    return {each for table, name in places for each in records.tables[table][name].drop_nulls().unique()}


def _nearby(asked: str, named: set[str]) -> str:
    folded = {each.casefold(): each for each in sorted(named)}
    near = difflib.get_close_matches(asked.strip().casefold(), folded, n=1)
    if near:
        return f" Did you mean {folded[near[0]]}?"
    shown = ", ".join(sorted(named)[:10])
    return f" They name {shown}{', …' if len(named) > 10 else ''}." if named else " They name none."


@contextmanager
def _progress() -> Generator[Callable[[str, int, int], None]]:
    """A progress bar on standard error for a person; silent when nobody watches."""
    if not sys.stderr.isatty():
        yield lambda name, done, of: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("Starting", total=None)
        yield lambda name, done, of: bar.update(
            task, description=formats.terminal(name), completed=done, total=of
        )


def _ready(
    output: Path | None, format: Format, option: str = "--output", records: Path | None = None
) -> None:
    """Refuse an output that cannot be written, or that is what is read, before the work is done, not after."""
    if output is None:
        if format is Format.parquet:
            _refuse("--format parquet needs --output FILE")
        return
    if output.is_dir():
        _refuse(f"{option} {output}: is a folder (expected a file)")
    if not output.parent.is_dir():
        _refuse(f"{option} {output}: there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        _refuse(f"{option} {output}: may not be written there")
    if output.is_file() and os.access(output, os.R_OK):
        _spared(output, option, records)


def _spared(output: Path, option: str, records: Path | None) -> None:
    """Refuse to write over a database, such as the review data, or over the records themselves."""
    from compliance.records.models import TABLES

    with output.open("rb") as file:
        if file.read(len(SQLITE)) == SQLITE:
            _refuse(f"{option} {output}: is a database (expected another file)")
    if records is None or not records.exists():
        return
    place, source = Path(os.path.realpath(output)), Path(os.path.realpath(records))
    if place == source or (place.is_relative_to(source) and place.stem.casefold() in TABLES):
        _refuse(f"{option} {output}: is one of the records (expected another file)")


def _write_parquet(table: "pl.DataFrame", output: Path | None) -> None:
    assert output is not None
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    _write_bytes(buffer.getvalue(), output, "--output")


def _write_bytes(content: bytes, output: Path, option: str) -> None:
    from compliance.whole_files import write_whole

    try:
        write_whole(output, content)
    except OSError as error:
        _refuse(f"{option} {output}: {error.strerror}")


def _write(text: str, output: Path | None, *, data: bool = False) -> None:
    """Write text; `data` is for programs and goes to files and pipes as it is, but to a terminal as a terminal needs it."""
    # half a character, as in a file name of another encoding, has no bytes of its own: JSON's escape stands for it
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if output is None:
        _print(formats.terminal_lines(text) if data and _on_screen() else text)
        return
    _write_bytes(text.encode(), output, "--output")


def _on_screen() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _print(text: str) -> None:
    """Write to standard output; one that is closed or full is refused, for status 1 would say that all was written."""
    if sys.stdout is None:
        _refuse("standard output: is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        _refuse(f"standard output: {error.strerror}")


def _say_truth(result: "Audit", planted: "pl.DataFrame") -> None:
    from compliance.synth.truth import compare, summarise

    asked = planted.filter(planted["rule"].is_in(result.rules))
    sys.stderr.write(summarise(compare(result.findings, asked)) + "\n")


@cli.command(epilog="Example: compliance validate sample_data")
def validate(
    path: DataPath,
    format: Annotated[Format, typer.Option(help="table or json.")] = Format.table,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Hold each X12 file to its implementation guide in full too (by pyx12; some hundred claims a second).",
        ),
    ] = False,
    layouts: LayoutFolder = None,
    write_layout: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=_place,
            help="Write there the layout that is guessed of the one file that none knows, to be checked and edited.",
        ),
    ] = None,
) -> None:
    """Load only: per table the rows read, the rows refused, why and where."""
    from compliance.records.exports import guessed_text
    from compliance.records.layouts.reading import MAP_IT
    from compliance.records.load import InputError, load

    _table_or_json("validate", format)
    guides = _held_to_guides(path, format) if strict else None
    if write_layout is not None:
        _unknown_exports(path, layouts, write_layout)
        return
    try:
        report = load(path, layouts).report
        to_map = any(MAP_IT in notice.message for notice in report.left_out)
        unknown = _unknown_exports(path, layouts, None) if to_map else []
    except InputError as error:
        guessed = guessed_text(_unknown_exports(path, layouts, None)) if MAP_IT in str(error) else ""
        for said in (guides, guessed):
            if format is Format.table and said:
                _write(said, None)  # why nothing could be loaded may stand there
        raise
    if format is Format.json:
        said = report.as_dict() | ({"strict": json.loads(guides)} if guides else {})
        if unknown:
            said["unknown_exports"] = [each.as_dict() for each in unknown]
        _write(json.dumps(said, indent=2, ensure_ascii=False) + "\n", None, data=True)
    else:
        more = "".join(f"\n{each}" for each in (guessed_text(unknown), guides) if each)
        _write(report.render().rstrip("\n") + "\n" + more, None)


def _unknown_exports(path: Path, layouts: Path | None, output: Path | None) -> "list[UnknownExport]":
    """The files that no layout knows, with what their columns may say; the guess of the only one is written to `output`."""
    from compliance.records.exports import unknown_exports

    unknown = unknown_exports(path, layouts)
    if output is None:
        return unknown
    if len(unknown) != 1:
        named = ", ".join(each.file for each in unknown) or "none"
        _refuse(
            f"--write-layout writes the layout of one unknown file; there is {named} (name that file as PATH)"
        )
    if output.exists():
        _refuse(f"--write-layout {output}: is there already (expected a new file)")
    _write(unknown[0].layout(getpass.getuser(), date.today()), output, data=True)
    said = f"{output}: the guessed layout of {unknown[0].file}; check every line, then load with --layouts FOLDER"
    errors.print(said, markup=False, soft_wrap=True)
    return unknown


def _held_to_guides(path: Path, format: Format) -> str:
    """The claim files under a path held to their guides, as text or JSON; how far it is goes to standard error."""
    from compliance.records.sources import under
    from compliance.records.x12_guides import as_json, as_text, held_to_guides

    held = held_to_guides(under(path).sources, lambda said: errors.print(said, markup=False, soft_wrap=True))
    return as_json(held) if format is Format.json else as_text(held)


@cli.command(epilog="Example: compliance convert export.xlsx records")
def convert(
    path: DataPath,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", parser=_place, help="Where the tables go: new or empty.")
    ],
    layouts: LayoutFolder = None,
) -> None:
    """Write the records as Parquet, a file a table, with the load report; prints the report."""
    from compliance.records import convert as writing
    from compliance.records.load import load

    place = writing.ready(folder)
    if path.is_dir() and place.is_relative_to(path.resolve()):
        _refuse(
            f"{folder}: lies within {path} (expected a folder elsewhere: the records would be there twice)"
        )
    records = load(path, layouts)
    writing.convert(records, folder)
    _write(records.report.render().rstrip("\n") + "\n", None)


@cli.command(epilog="Example: compliance rules PR-01 --on 2026-03-01")
def rules(
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="One rule, explained.")] = None,
    on: Annotated[
        str | None, typer.Option(metavar="DATE", help="Parameters in force on that day (today).")
    ] = None,
    policies: PolicyFolder = None,
) -> None:
    """The rule catalogue, or one rule: what, why, citation, parameters in force, examples."""
    from compliance import rulebook
    from compliance.checks.rule import select
    from compliance.policy import load_policies

    day = _day(on, "--on", date.today())
    assert day is not None
    if code is None:
        _write(rulebook.catalogue_text(), None)
        return
    chosen = load_policies(policies)
    pages = [rulebook.page(rule, chosen, day) for rule in select([code])]
    _write(formats.terminal_lines("\n\n".join(pages)) + "\n", None)


@cli.command(epilog="Example: compliance policies medicare --on 2024-06-30")
def policies(
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="One policy, with every value.")] = None,
    on: Annotated[
        str | None, typer.Option(metavar="DATE", help="Values in force on that day (today).")
    ] = None,
    folder: PolicyFolder = None,
    load: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=_place, help="Read CMS's file of codes into the folder of --policies."
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First day of that file, where its name says none."),
    ] = None,
) -> None:
    """The payer policies, or one with every value in force on a day, and its source."""
    if load is not None:
        _load_cms(load, folder, _day(from_, "--from"))
        return
    from compliance.policy import load_policies
    from compliance.policy.display import policy_list_text, policy_text

    day = _day(on, "--on", date.today())
    assert day is not None
    chosen = load_policies(folder)
    text = policy_list_text(chosen) if id is None else policy_text(chosen, id, day)
    _write(formats.terminal_lines(text.rstrip("\n")) + "\n", None)


def _load_cms(file: Path, folder: Path | None, begins: date | None) -> None:
    """Write the editions that CMS's file holds into the clinic's folder, and say what was kept."""
    from compliance.policy import load_policies
    from compliance.policy.cms_files import load_cms_file

    if folder is None:
        _refuse("--load needs the folder to write to: --policies FOLDER")
    tables = load_policies().code_tables.frames
    therapy = {
        *tables["therapy_codes"]["cpt"],
        *tables["unit_limits"]["cpt"],
        *tables["relative_values"]["cpt"],
    }
    for each in load_cms_file(file, folder, therapy, begins, tables["code_pairs"]):
        _write(f"{each}\n", None)


@cli.command(epilog="Example: compliance risk sample_data --by payer")
def risk(
    path: DataPath,
    by: Annotated[By, typer.Option(help="What each row of the table is.")] = By.therapist,
    format: Annotated[Format, typer.Option(help=WRITTEN)] = Format.table,
    output: OutputFile = None,
    policies: PolicyFolder = None,
    layouts: LayoutFolder = None,
    as_of: AsOf = None,
    review: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Review data: findings dismissed there are left out, as on screen."),
    ] = None,
) -> None:
    """The risk table that the dashboard draws."""
    from compliance import output as written
    from compliance.audit import Scope, without
    from compliance.risk import risk_table

    _ready(output, format, records=path)
    records, _, result = _audited(path, policies, as_of, None, Scope(), layouts=layouts)
    gone = _dismissed(review, result)
    heeded = result if gone is None else without(result, gone["finding_id"].to_list())
    table = written.named(risk_table(heeded, by.value), records, by.value)
    if format is Format.parquet:
        _write_parquet(table, output)
        return
    if format is Format.table:
        _write(written.risk_text(table, by.value), output)
    else:
        _write(written.frame_text(table, format.value), output, data=True)


@cli.command(epilog="Example: compliance report sample_data --output report.pdf --therapist T0006")
def report(
    path: DataPath,
    output: Annotated[
        Path, typer.Option(metavar="FILE", parser=_place, help="Where to: FILE.pdf to print, or FILE.xlsx.")
    ],
    therapist: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="In the PDF, a coaching page for this therapist. Repeatable."),
    ] = None,
    coaching: Annotated[
        bool, typer.Option("--coaching", help="In the PDF, a coaching page for every therapist.")
    ] = False,
    hide_names: Annotated[
        bool, typer.Option("--hide-names", help="Numbers in place of people's names and ids.")
    ] = False,
    payer: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this payer. Repeatable.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Service from this day.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="DATE", help="Service up to this day.")] = None,
    paper: Annotated[PaperSize, typer.Option(help="What the PDF is printed on.")] = PaperSize.letter,
    policies: PolicyFolder = None,
    layouts: LayoutFolder = None,
    as_of: AsOf = None,
    review: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Review data: findings dismissed there are left out, those waived hold no claim; marked days.",
        ),
    ] = None,
) -> None:
    """Write the printable report (PDF) or the workbook (Excel)."""
    from compliance.audit import Scope
    from compliance.reports import Subject, pdf, xlsx

    kind = output.suffix.lower()
    if kind not in (".pdf", ".xlsx"):
        _refuse(f"--output {output}: a report is a .pdf or an .xlsx (expected report.pdf)")
    scope = Scope(payers=tuple(payer or ()), since=_day(from_, "--from"), until=_day(to, "--to"))
    _in_order(scope)
    _ready(output, Format.table, records=path)
    records, chosen, result = _audited(
        path,
        policies,
        as_of,
        None,
        Scope(),
        known=Scope(payers=scope.payers, therapists=tuple(therapist or ())),
        layouts=layouts,
    )
    with _progress() as step:
        step(f"Writing {output}", 0, 1)
        marks, head = _marked(review)
        subject = Subject.of(
            result, records, chosen, scope, hide_names=hide_names, lifted=_lifted(review, result),
            dismissed=_dismissed(review, result), marks=marks, head=head,
        )  # fmt: skip
        made = (
            xlsx(subject)
            if kind == ".xlsx"
            else pdf(subject, None if coaching else therapist or (), paper.value)
        )
    _write_bytes(made, output, "--output")


@cli.command(epilog="Example: compliance trail --verify")
def trail(
    verify: Annotated[
        bool, typer.Option("--verify", help="Follow the chain of hashes; status 1 where it is broken.")
    ] = False,
    head: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="With --verify: a hash printed earlier that must be in the chain."),
    ] = None,
    review: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The review data (COMPLIANCE_REVIEW, else in your data folder)."),
    ] = None,
    format: Annotated[Format, typer.Option(help=WRITTEN)] = Format.table,
    output: OutputFile = None,
) -> None:
    """Who decided, viewed and exported what, and when; or whether that record was touched by a later hand."""
    from compliance import output as written
    from compliance.review import open_store

    _ready(output, format)
    store = open_store(review, new=False)
    if verify:
        verdict = store.verify(head)
        _write(f"{verdict.said}\n", output)
        raise SystemExit(1 if verdict.fault else 0)
    entries = store.trail()
    if format is Format.parquet:
        _write_parquet(entries, output)
    elif format is Format.table:
        _write(written.trail_text(entries), output)
    else:
        _write(written.frame_text(entries, format.value), output, data=True)


@cli.command(
    epilog="Example: compliance sample sample_data --payer MCR --size 30 --seed 7 --output spot.zip --worksheet spot.csv"
)
def sample(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]", parser=_place, help="A folder of tables, a zip of them, or claim files."
        ),
    ] = None,
    unit: Annotated[
        Unit, typer.Option(help="What is drawn: claim lines, claims, or a patient's visits.")
    ] = Unit.line,
    payer: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this payer. Repeatable.")
    ] = None,
    therapist: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this therapist. Repeatable.")
    ] = None,
    clinic: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this clinic. Repeatable.")
    ] = None,
    code: Annotated[list[str] | None, typer.Option(metavar="CPT", help="Only this code. Repeatable.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Service from this day.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar="DATE", help="Service up to this day.")] = None,
    dollars: Annotated[
        Dollars, typer.Option(help="A unit's dollars: paid by the payer, allowed, or the best known amount.")
    ] = Dollars.paid,
    unpaid: Annotated[bool, typer.Option("--unpaid", help="Lines at no dollars may be drawn too.")] = False,
    purpose: Annotated[
        Purpose, typer.Option(help="Meet an error if there are many; tell their rate; tell the overpayment.")
    ] = Purpose.discovery,
    size: Annotated[
        int | None, typer.Option(min=1, help="That many units, instead of a size by purpose.")
    ] = None,
    confidence: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="95 for discovery, else 90.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="The error rate to meet, or expected (5).")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT", help="Half the interval: points of a rate (5), share of the dollars (25)."
        ),
    ] = None,
    probe: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE", parser=_place, help="Size for dollars by what this reviewed sample showed."
        ),
    ] = None,
    strata: Annotated[StrataBy | None, typer.Option(help="Draw by strata.")] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option(metavar="DOLLARS", help="Upper end of a band of dollars. Repeatable (else three)."),
    ] = None,
    allocation: Annotated[
        Allocation, typer.Option(help="Sizes of strata: by their units, or by units and spread of dollars.")
    ] = Allocation.proportional,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="The same seed draws the same units (else one is made up and told)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="BUNDLE", parser=_place, help="Write the bundle there: a new zip."),
    ] = None,
    worksheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=_place, help="Write the worksheet to fill there: a new CSV."),
    ] = None,
    format: Annotated[Format, typer.Option(help="table or json.")] = Format.table,
    policies: PolicyFolder = None,
    layouts: LayoutFolder = None,
    as_of: AsOf = None,
    verify: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE", parser=_place, help="Repeat a bundle's draw and estimate, compare every byte."
        ),
    ] = None,
) -> None:
    """Draw a reproducible spot-check sample, or verify one."""
    from compliance.sampling.frame import Criteria
    from compliance.sampling.spot_check import Asked

    if (path is None) == (verify is None):
        _refuse(
            "sample draws from records (PATH) or verifies a bundle (--verify BUNDLE): give one of the two"
        )
    if verify is not None:
        _verify(verify)
        return
    assert path is not None
    criteria = Criteria(
        unit.value, dollars.value, tuple(payer or ()), tuple(therapist or ()), tuple(clinic or ()),
        tuple(each.upper() for each in code or ()), _day(from_, "--from"), _day(to, "--to"), not unpaid,
    )  # fmt: skip
    _in_order(criteria)
    _table_or_json("sample", format)
    for option, file in (("--output", output), ("--worksheet", worksheet)):
        _new(option, file)
    if output is not None and output == worksheet:
        _refuse(f"--worksheet {worksheet}: is the file of --output (expected another)")
    asked = Asked(
        seed=secrets.randbelow(10**9) if seed is None else seed,
        purpose=purpose.value,
        size=size,
        confidence=_share(confidence, "--confidence"),
        rate=_share(rate, "--rate"),
        precision=_share(precision, "--precision"),
        probe=_probe(probe),
        strata_by=strata.value if strata else None,
        cuts=tuple(_cents(each, "--cut") for each in cut or ()),
        allocation=allocation.value,
    )
    check, content = _drawn(path, policies, layouts, as_of, criteria, asked, keep=output is not None)
    if output is not None:
        _write_bytes(content, output, "--output")
    if worksheet is not None:
        _write_bytes(check.worksheet.encode(), worksheet, "--worksheet")
    _say_drawn(check, format, output)


def _drawn(
    path: Path,
    folder: Path | None,
    layouts: Path | None,
    as_of: str | None,
    criteria: "Criteria",
    asked: "Asked",
    *,
    keep: bool,
) -> tuple["SpotCheck", bytes]:
    """The draw, and its bundle where it is kept: only that needs every rule to run."""
    from compliance.audit import audit
    from compliance.policy import load_policies
    from compliance.records.load import load
    from compliance.sampling.spot_check import bundle_of, spot_check

    day = _day(as_of, "--as-of", date.today())
    assert day is not None
    chosen = load_policies(folder)
    with _progress() as step:
        step(f"Loading {path}", 0, 1)
        records = load(path, layouts)
        _known_keys(
            records, ("--payer", "payers.payer_id", criteria.payers),
            ("--therapist", "therapists.therapist_id", criteria.therapists),
            ("--clinic", "clinics.clinic_id", criteria.clinics),
        )  # fmt: skip
        lines = audit(records, chosen, day, [], progress=step).lines
        check = spot_check(lines, records.tables["remittances"], criteria, asked)
        if not keep:
            return check, b""
        return check, bundle_of(check, records, chosen, audit(records, chosen, day, progress=step))


def _say_drawn(check: "SpotCheck", format: Format, output: Path | None) -> None:
    from compliance.sampling.told import drawn_told

    if format is Format.json:
        _write(json.dumps(check.as_dict(), indent=2, ensure_ascii=False) + "\n", None, data=True)
        return
    lines = drawn_told(check)
    if output is None:
        lines.append("Not kept: --output BUNDLE keeps it, --worksheet FILE writes what the auditor fills.")
    _write(formats.terminal_lines("\n".join(lines)) + "\n", None)


def _share(text: str | None, option: str) -> float | None:
    """A share of a number in per cent. Below 1 it needs its sign: 0.05 is more often meant as 5 %."""
    if text is None:
        return None
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = float("nan")
    if not 0 < number < 100:
        _refuse(f"{option}: {text!r} is no percentage between 0 and 100 (expected 5 for 5 %)")
    if number < 1 and not text.strip().endswith("%"):
        _refuse(
            f"{option}: {text} is less than 1 %. Write {100 * number:g} for {100 * number:g} %, or {text}% if meant."
        )
    return number / 100


def _cents(text: str, option: str) -> int:
    from compliance.sampling.worksheet import cents_in

    cents = cents_in(text)
    if not cents:
        _refuse(f"{option}: {text!r} is no dollars above 0 (expected 36.62)")
    return cents


def _probe(file: Path | None) -> tuple[float, float] | None:
    from compliance.sampling.spot_check import probe_of

    return None if file is None else probe_of(_bundle(file))


def _new(option: str, file: Path | None) -> None:
    """Refuse a file that is there already: it may hold a draw under review, or an auditor's answers."""
    if file is None:
        return
    _ready(file, Format.table, option)
    if file.exists():
        _refuse(f"{option} {file}: is there already (expected a new file)")


def _bytes(file: Path) -> bytes:
    from compliance.records.load import InputError

    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: {'no such file' if not file.exists() else error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{file}: more than {MOST_BYTES // 1_000_000} MB (expected a worksheet or a bundle)")
    return content


def _bundle(file: Path) -> "Bundle":
    from compliance.sampling.bundle import opened

    return opened(_bytes(file), str(file))


def _verify(file: Path) -> None:
    from compliance.sampling.bundle import made_by, program_version, verify
    from compliance.sampling.told import verified_told

    content = _bytes(file)
    differences = verify(content, str(file))
    lines = verified_told(differences, made_by(content), program_version())
    _write(formats.terminal_lines("\n".join(lines)) + "\n", None)
    if differences:
        raise typer.Exit(1)


@cli.command(epilog="Example: compliance estimate spot.csv --sample spot.zip --output reviewed.zip")
def estimate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=_place, help="The filled worksheet, or a reviewed bundle."),
    ],
    drawn: Annotated[
        Path | None,
        typer.Option(
            "--sample", metavar="BUNDLE", parser=_place, help="The bundle that the worksheet came with."
        ),
    ] = None,
    second: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=_place, help="A second reviewer's worksheet: agreement and kappa."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="BUNDLE", parser=_place, help="Write the reviewed bundle there."),
    ] = None,
    format: Annotated[Format, typer.Option(help="table or json.")] = Format.table,
) -> None:
    """Estimate the error rate and the overpayment from a reviewed sample."""
    from compliance.sampling.bundle import opened, reviewed
    from compliance.sampling.told import review_told
    from compliance.sampling.worksheet import read_worksheet

    _table_or_json("estimate", format)
    if output is not None:
        _ready(output, Format.table)
        if output.exists() and (not _bytes(output).startswith(ZIP) or (drawn and output.samefile(drawn))):
            _refuse(f"--output {output}: is there already, and no reviewed bundle (expected another file)")
    content = _bytes(file)
    if content.startswith(ZIP) and drawn is None:
        bundle = opened(content, str(file))
        answers = bundle.answers
        if answers is None:
            _refuse(f"{file}: has no answers yet. Give the filled worksheet: estimate FILE --sample {file}")
    elif drawn is None:
        _refuse(f"{file}: the bundle that it came with is needed: --sample BUNDLE")
    else:
        bundle = _bundle(drawn)
        answers = read_worksheet(content, bundle.sample.units, str(file))
    others = bundle.second
    if second is not None:
        others = read_worksheet(_bytes(second), bundle.sample.units, str(second))
    done = reviewed(bundle, answers, others)
    if output is not None:
        _write_bytes(done, output, "--output")
    if format is Format.json:
        _write(opened(done).parts["estimate.json"].decode(), None, data=True)
    else:
        _write(formats.terminal_lines("\n".join(review_told(bundle, answers, others))) + "\n", None)


@cli.command(epilog="Example: compliance synth demo --patients 200 --seed 7")
def synth(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", parser=_place, help="Where the tables go (made if absent).")
    ],
    patients: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many patients.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    months: Annotated[int, typer.Option(min=2, max=60, help="Calendar months from January 2026.")] = 6,
    format: Annotated[TableFormat, typer.Option(help="What each table is.")] = TableFormat.csv,
) -> None:
    """Write realistic synthetic records with known planted violations (truth.csv)."""
    from compliance.synth import write

    if folder.exists() and not folder.is_dir():
        _refuse(f"{folder} is a file (expected a folder)")
    with _progress() as step:
        step("Writing synthetic clinics", 0, 1)
        try:
            summary = write(folder, patients, seed, months, format.value)
        except OSError as error:
            _refuse(f"{folder}: cannot be written ({error.strerror or error})")
    _write(formats.terminal_lines(f"{summary}\n"), None)


@cli.command(epilog="Example: compliance app sample_data")
def app(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", parser=_place, help="Records to open (else drop files there)."),
    ] = None,
    policies: PolicyFolder = None,
    layouts: LayoutFolder = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of this machine to serve on.")] = 8501,
) -> None:
    """Open the dashboard in the browser."""
    script = Path(__file__).resolve().parent.parent / "app.py"
    if not script.exists():
        _refuse("app.py is not beside the package: run the command from a checkout of the project")
    if path is not None and not path.exists():
        _refuse(f"{path}: no such file or folder")
    environment = dict(os.environ)
    if path is not None:
        environment["COMPLIANCE_DATA"] = str(path.resolve())
    if policies is not None:
        environment["COMPLIANCE_POLICIES"] = str(policies.resolve())
    if layouts is not None:
        environment["COMPLIANCE_LAYOUTS"] = str(layouts.resolve())
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    raise typer.Exit(subprocess.call(command, env=environment, cwd=script.parent))


if __name__ == "__main__":
    main()
