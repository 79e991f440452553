"""The commands: `compliance check`, `validate`, `rules`, `policies`, `risk`, `synth`, `app`.

Results go to standard output, progress and diagnostics to standard error. Exit status: 0 nothing at or above
`--fail-on`; 1 findings at or above it; 2 the input or the call is wrong, said in one line.
"""

import difflib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
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
    from compliance.records.load import Records

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
        metavar="PATH", parser=_place, help="A folder of tables, a zip of them, or X12 claim files."
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

    try:
        raise SystemExit(cli(sys.argv[1:] or ["--help"], prog_name="compliance", standalone_mode=False))
    except UsageError as error:
        context = error.ctx.command_path if error.ctx else "compliance"
        said = error.format_message().rstrip(".")
        _refuse(f"{said}{'' if said.endswith('?') else '.'} See {context} --help.")
    except typer.Abort:
        raise SystemExit(130) from None
    except (InputError, PolicyError, ReviewError, RuleError, UnknownRule) as error:
        _refuse(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


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
    fail_on: Annotated[
        FailOn, typer.Option(help="Findings at or above this give exit status 1.")
    ] = FailOn.high,
) -> None:
    """Load, run every check, print findings."""
    from compliance import output as written
    from compliance.audit import Scope
    from compliance.synth.truth import read

    scope = Scope(
        payers=tuple(payer or ()),
        therapists=tuple(therapist or ()),
        since=_day(from_, "--from"),
        until=_day(to, "--to"),
        unsubmitted=unsubmitted,
    )
    if scope.since and scope.until and scope.since > scope.until:
        _refuse(f"--from {scope.since} lies after --to {scope.until}: no date of service can match")
    _ready(output, format)
    planted = None if truth is None else read(truth)
    records, chosen, result = _audited(path, policies, as_of, rule, scope)
    claims = written.pre_bill(result) if unsubmitted else None
    if format is Format.table:
        text = written.as_table(result, records, claims, color=output is None and sys.stdout.isatty())
        _write(text, output)
    elif format is Format.parquet:
        _write_parquet(result.findings, output)
    else:
        _write(written.FORMATS[format.value](result, records, chosen, claims), output, data=True)
    if planted is not None:
        _say_truth(result, planted)
    failing = FAILING[fail_on.value]
    if failing and result.findings["severity"].is_in(failing).any():
        raise typer.Exit(1)


def _audited(
    path: Path, folder: Path | None, as_of: str | None, rules: list[str] | None, scope: "Scope"
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
        records = load(path)
        _known(scope, records)
        result = audit(records, chosen, day, chosen_rules, scope=scope, progress=step)
    return records, chosen, result


def _known(scope: "Scope", records: "Records") -> None:
    """Refuse a payer or therapist that the records do not name: a slip of the pen would pass every gate."""
    for option, key, asked in (
        ("--payer", "payers.payer_id", scope.payers),
        ("--therapist", "therapists.therapist_id", scope.therapists),
    ):
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


def _ready(output: Path | None, format: Format) -> None:
    """Refuse an output that cannot be written before the work is done, not after."""
    if output is None:
        if format is Format.parquet:
            _refuse("--format parquet needs --output FILE")
        return
    if output.is_dir():
        _refuse(f"--output {output}: is a folder (expected a file)")
    if not output.parent.is_dir():
        _refuse(f"--output {output}: there is no folder {output.parent}")


def _write_parquet(table: "pl.DataFrame", output: Path | None) -> None:
    assert output is not None
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    try:
        output.write_bytes(buffer.getvalue())
    except OSError as error:
        _refuse(f"--output {output}: {error.strerror}")


def _write(text: str, output: Path | None, *, data: bool = False) -> None:
    """Write text; `data` is for programs and goes to files and pipes as it is, but to a terminal as a terminal needs it."""
    # half a character, as in a file name of another encoding, has no bytes of its own: JSON's escape stands for it
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if output is None:
        sys.stdout.write(formats.terminal_lines(text) if data and sys.stdout.isatty() else text)
        sys.stdout.flush()
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        _refuse(f"--output {output}: {error.strerror}")


def _say_truth(result: "Audit", planted: "pl.DataFrame") -> None:
    from compliance.synth.truth import compare, summarise

    asked = planted.filter(planted["rule"].is_in(result.rules))
    sys.stderr.write(summarise(compare(result.findings, asked)) + "\n")


@cli.command(epilog="Example: compliance validate sample_data")
def validate(
    path: DataPath,
    format: Annotated[Format, typer.Option(help="table or json.")] = Format.table,
) -> None:
    """Load only: per table the rows read, the rows refused, why and where."""
    from compliance.records.load import load

    report = load(path).report
    if format is Format.json:
        _write(json.dumps(report.as_dict(), indent=2, ensure_ascii=False) + "\n", None, data=True)
    elif format is Format.table:
        _write(report.render().rstrip("\n") + "\n", None)
    else:
        _refuse(f"validate writes table or json, not {format.value}")


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
    for each in load_cms_file(file, folder, therapy, begins):
        _write(f"{each}\n", None)


@cli.command(epilog="Example: compliance risk sample_data --by payer")
def risk(
    path: DataPath,
    by: Annotated[By, typer.Option(help="What each row of the table is.")] = By.therapist,
    format: Annotated[Format, typer.Option(help=WRITTEN)] = Format.table,
    output: OutputFile = None,
    policies: PolicyFolder = None,
    as_of: AsOf = None,
) -> None:
    """The risk table that the dashboard draws."""
    from compliance import output as written
    from compliance.audit import Scope
    from compliance.risk import risk_table

    _ready(output, format)
    records, _, result = _audited(path, policies, as_of, None, Scope())
    table = written.named(risk_table(result, by.value), records, by.value)
    if format is Format.parquet:
        _write_parquet(table, output)
        return
    if format is Format.table:
        _write(written.risk_text(table, by.value), output)
    else:
        _write(written.frame_text(table, format.value), output, data=True)


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
    store = open_store(review)
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
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    raise typer.Exit(subprocess.call(command, env=environment, cwd=script.parent))


if __name__ == "__main__":
    main()
