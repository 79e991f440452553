"""Reading cells: a whole column at once, and one by one only those that are not written the plain way.

Each kind of cell has a plain form, read by vectorised expressions, and the forms that people and spreadsheets write
(`$1,234.50`, `3/1/2026 14:05`, Excel's day numbers), read one distinct value at a time. What neither understands is
`Unreadable` and refuses its row; nothing is guessed. What reads well and yet says nothing certain (a date that may be
day first, a key with characters that nobody sees) is a fault with an explanation of its own (`_faults`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import polars as pl

from compliance.records.models import Column, Kind
from compliance.records.raw import LONGEST_CELL

EXPECTED: dict[Kind, str] = {
    Kind.TEXT: "text",
    Kind.KEY: "an identifier",
    Kind.DATE: "a date: 2026-03-01 or, month first, 03/01/2026",
    Kind.MOMENT: "a date and time: 2026-03-01T14:05 or, month first, 03/01/2026 14:05",
    Kind.CLOCK: "a time: 14:05, 2026-03-01T14:05 or, month first, 03/01/2026 14:05",
    Kind.END_OF_DAY: "a date or a date and time: 2026-03-01 or 2026-03-01T14:05",
    Kind.MONEY: "dollars: 1234.50, $1,234.50 or (12.00) for a negative",
    Kind.DECIMAL: "a number: 12 or 12.5",
    Kind.UPPER_BOUND: "a number or a range, of 0 or more: 2 or 2-3",
    Kind.NUMBER: "a whole number of 0 or more: 12",
    Kind.FLAG: "true or false (yes/no, 1/0)",
    Kind.CODES: "a list separated by spaces, commas or semicolons",
    Kind.LABELS: "a list separated by spaces, commas or semicolons",
    Kind.CODE: "a code",
}
"""What a cell should have been, for the load report."""

TIME_ALONE = datetime(1, 1, 1)
"""Day under which a time without a day is held until its row's day is known."""
EXCEL_EPOCH = datetime(1899, 12, 30)
EXCEL_DAYS = range(
    10_000, 73_051
)  # 1927-05-18 to 2099-12-31: five digits, so that no year is taken for a day number
YEARS = range(1900, 10_000)
LAST_DAY = datetime(2199, 12, 31)
"""Later days, which exports write for "no end", are read as this one: beyond the last year no day can be counted on."""
SPACE = " \t\r\n\v\f\u00a0\u2007\u202f\u200b\ufeff"
NOTHING = [
    "null",
    "\\n",
    "nan",
    "nat",
    "#n/a",
    "<na>",
]  # what databases and spreadsheets write for an empty cell
NOTHING_LISTED = [*NOTHING, "none"]
"""In a list `none` is nothing as well: as modifiers it would be NO and NE. Elsewhere it may be an answer (`supervision`)."""
FLAGS = {"true": True, "yes": True, "y": True, "t": True, "1": True,
         "false": False, "no": False, "n": False, "f": False, "0": False}  # fmt: skip
MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}  # fmt: skip
OF_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
TIME = rf"(?:[T ]+{OF_CLOCK})?$"
DAYS = tuple(
    re.compile(day + TIME, re.ASCII)
    for day in (
        r"^(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})",
        r"^(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})",
        r"^(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        r"^(?P<day>\d{1,2})[- ](?P<name>[A-Za-z]{3,9})[-, ]+(?P<year>\d{4})",
        r"^(?P<name>[A-Za-z]{3,9})[. ]+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})",
    )
)
X12_MOMENT = re.compile(r"^(\d{8})(\d\d)(\d\d)(\d\d)?$", re.ASCII)
CLOCK = re.compile(rf"^{OF_CLOCK}$", re.ASCII)
PLAIN_MONEY = re.compile(r"^(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?$", re.ASCII)
RANGE = re.compile(r"^(\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)$", re.ASCII)
TIMES = re.compile(r"^(\d+(?:\.\d+)?)\s*[x×](?:\s*(?:/|per|a)?\s*(?:wk|week|w))?$", re.IGNORECASE | re.ASCII)
LARGEST = 2.0**53  # beyond it a float no longer holds every whole number
SHORTENED = r"^\d(?:\.\d+)?[eE]\+\d+$"
DECIMAL_COMMA = r"^\D*\d[\d.]*,\d{1,2}[^\d.,]*$"
ONE_THOUSAND = r"^[^\d.,]*\d{1,3}[.,]\d{3}[^\d.,]*$"
"""One sign before three digits, which may part thousands or be the decimal one."""
SLASHED = r"^([0-9]{1,2})[-/]([0-9]{1,2})[-/][0-9]{4}(?:[T ]|$)"
"""Dates whose order only the habit of their writer tells."""
LOST = "\ufffd"
UNSEEN = r"[\x00-\x1f\x7f-\x9f\u{ad}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2064}\u{feff}\u{fffd}]"
"""Characters that nobody sees, by which two keys that look alike differ, and the mark of bytes that were no text."""
PROCEDURE = (
    "^(?:[0-9]{4}[0-9AFMTU]|[A-HJ-NP-Z][0-9]{4})$",
    "one CPT or HCPCS code of five characters: 97110, 0001F or G0283",
)
"""Only these letters end a CPT code; no code begins with I or O, which are mistaken digits."""
ADJUSTMENT = r"[A-Z]{2}-[A-Z0-9]+:-?[0-9]{1,15}(?:\.[0-9]+)?"
PATTERNS: dict[str, tuple[str, str]] = {
    "clinics.state": ("^[A-Z]{2}$", "the two letters of a state: NC"),
    "therapists.license_state": ("^[A-Z]{2}$", "the two letters of a state: NC"),
    "claim_lines.cpt": PROCEDURE,
    "interventions.cpt": PROCEDURE,
    "fees.cpt": PROCEDURE,
    "claim_lines.modifiers": (
        "^[A-Z0-9]{2}(?: [A-Z0-9]{2})*$",
        "modifiers of two characters each: GP KX",
    ),
    "remittances.adjustments": (
        f"^{ADJUSTMENT}(?: {ADJUSTMENT})*$",
        "GROUP-CARC:amount, as CO-50:96.20 PR-2:18.10",
    ),
}
"""Columns whose cells must also look a certain way, and how to say it."""


class Unreadable(ValueError):
    """A cell that is not what its column holds."""


@dataclass(frozen=True)
class CellsRead:
    """A column after reading: values, which cells could not be used, and remarks on how cells were understood.

    `faults`: of the bad cells, those whose explanation is another than `expected`, and that explanation. `unfit`: the
    type of the column where none of its cells can be what the column holds.
    """

    values: pl.Series
    bad: pl.Series
    remarks: dict[str, int]
    faults: tuple[tuple[pl.Series, str], ...] = field(default=())
    unfit: str | None = None


def expected(column: Column) -> str:
    """What a cell of the column should be, in words."""
    if column.kind is Kind.CHOICE:
        return f"one of {', '.join(column.choices)}"
    pattern = PATTERNS.get(f"{column.table}.{column.name}")
    return pattern[1] if pattern else EXPECTED[column.kind]


def read_cells(given: pl.Series, column: Column) -> CellsRead:
    """Read a column of any type as its kind says. Never raises: what cannot be read is null and marked bad."""
    remarks: dict[str, int] = {}
    unfit = _unfit(given.dtype, column)
    if unfit:
        nothing = pl.Series(column.name, [None], column.held_as).new_from_index(0, given.len())
        return CellsRead(nothing, given.is_not_null(), remarks, unfit=unfit)
    if given.null_count() == given.len():
        nothing = pl.Series(column.name, [None], column.held_as).new_from_index(0, given.len())
        return CellsRead(nothing, given.is_not_null(), remarks)
    binary = given.dtype == pl.Binary
    if binary:
        given = as_text(given)
    cells = _as_strings(given, column, remarks)
    if cells is None:
        values, bad = _typed(given, column, remarks)
    else:
        cells = _trimmed(cells, column.kind, remarks)
        values, bad = _written(cells, column, remarks)
    if isinstance(column.held_as, pl.Datetime):
        values = _before_the_end(values, remarks)
    lost = [(given.str.contains(LOST), "text in UTF-8")] if binary else []
    found = [*lost, *_faults(cells, values, column), *_fractions(given, column)]
    faults = tuple((mask.fill_null(False), wanted) for mask, wanted in found if mask.any())
    for mask, _ in faults:
        bad = bad | mask
    return CellsRead(values.rename(column.name), bad, remarks, faults)


def _before_the_end(values: pl.Series, remarks: dict[str, int]) -> pl.Series:
    late = values > LAST_DAY
    if not late.any():
        return values
    remarks[f"days after {LAST_DAY:%Y} were taken as its last, for a date without end"] = int(late.sum())
    return values.set(late, LAST_DAY)


def _unfit(dtype: pl.DataType, column: Column) -> str | None:
    """The type, in words, of a column of Parquet or of a frame that cannot hold what the column should; else null."""
    listed = column.kind in (Kind.CODES, Kind.LABELS)
    if (
        isinstance(dtype, pl.List)
        and listed
        and (dtype.inner in (pl.String, pl.Null) or _is_whole(dtype.inner))
    ):
        return None
    if dtype == pl.Boolean and column.kind in (Kind.KEY, Kind.CODE):
        return "true and false"
    if isinstance(dtype, (pl.Struct, pl.List, pl.Array)):
        return "structures" if isinstance(dtype, pl.Struct) else "lists"
    return {pl.Duration: "durations", pl.Object: "objects"}.get(dtype.base_type())


def _is_whole(dtype: object) -> bool:
    return isinstance(dtype, pl.DataType) and dtype.is_integer()


def as_text(given: pl.Series) -> pl.Series:
    """A column of bytes as text; what is no UTF-8 bears the mark of it (`LOST`)."""
    texts = [None if each is None else each.decode("utf-8", errors="replace") for each in given]
    return pl.Series(given.name, texts, dtype=pl.String)


def _written(cells: pl.Series, column: Column, remarks: dict[str, int]) -> tuple[pl.Series, pl.Series]:
    """Strings read, and which of them could not be."""
    values = PLAIN[column.kind](cells, column)
    bad = pl.Series("bad", [False]).new_from_index(0, cells.len())
    if values.null_count() > cells.null_count():
        odd = cells.is_not_null() & values.is_null()
        values = _one_by_one(cells, values, odd, column, remarks)
        bad = cells.is_not_null() & values.is_null()
    if column.kind in (Kind.CODES, Kind.LABELS):
        values = values.set(values.str.len_bytes() == 0, None)
    pattern = PATTERNS.get(f"{column.table}.{column.name}")
    if pattern:
        bad = bad | ~values.str.contains(pattern[0]).fill_null(True)
    if column.kind is Kind.KEY:
        shortened = values.str.contains(SHORTENED)
        bad = bad | shortened.fill_null(False) if shortened.any() else bad
    return values, bad


def _faults(cells: pl.Series | None, values: pl.Series, column: Column) -> Iterator[tuple[pl.Series, str]]:
    """Cells that read well and are refused all the same (null where there is no cell), and what would have been right."""
    if column.held_as in (pl.Float64, pl.Int64):
        wanted = f"{EXPECTED[column.kind]}, of at most {int(LARGEST):,}"
        yield values.abs() > LARGEST, wanted
    if isinstance(column.held_as, pl.Datetime) and cells is not None:
        yield from _of_unknown_order(cells)
    if column.kind is Kind.MONEY and cells is not None:
        yield from _of_unknown_sign(cells)
    if cells is not None and (cells.str.len_bytes() > LONGEST_CELL).any():
        yield cells.str.len_chars() > LONGEST_CELL, f"a cell of at most {LONGEST_CELL:,} characters"
    if column.kind is Kind.KEY:
        wanted = "an identifier of characters that can be seen, in UTF-8 or Windows-1252"
        yield values.str.contains(UNSEEN), wanted


def _fractions(given: pl.Series, column: Column) -> Iterator[tuple[pl.Series, str]]:
    """Numbers of Parquet that name nothing: 0.30000000000000004, or one so large that its last digits are lost."""
    if column.kind in (Kind.KEY, Kind.CODE) and (given.dtype.is_float() or given.dtype.is_decimal()):
        number = given.cast(pl.Float64).fill_nan(None)
        whole = (number == number.round()) & (number.abs() < LARGEST)
        yield ~whole, f"{EXPECTED[column.kind]}, as text or as a whole number below 2^53"


def _of_unknown_order(cells: pl.Series) -> Iterator[tuple[pl.Series, str]]:
    """Dates that read month first, in a column where another can only be day first: 03/04/2026 beside 13/04/2026."""
    apart = cells.filter(cells.str.contains(SLASHED)).unique()
    if not apart.len():
        return
    first, second = (apart.str.extract(SLASHED, place).cast(pl.Int64) for place in (1, 2))
    months = second.is_between(1, 12)
    day_first = apart.filter(months & first.is_between(13, 31))
    if not day_first.len():
        return
    doubtful = apart.filter(months & first.is_between(1, 12) & (first != second))
    yield (
        cells.is_in(doubtful.implode()),
        "a date whose order is known, such as 2026-03-04, because this column also has "
        f"{day_first.min()}, which can only be day first",
    )


def _of_unknown_sign(cells: pl.Series) -> Iterator[tuple[pl.Series, str]]:
    """Dollars such as 1.250 or 1,250, in a column where another cell's comma can only be a decimal one: 62,50."""
    decimal = cells.filter(cells.str.contains(DECIMAL_COMMA))
    if decimal.len():
        yield (
            cells.str.contains(ONE_THOUSAND).fill_null(False),
            "dollars whose decimal sign is known, such as 1250.00, because this column also has "
            f"{decimal.min()}, whose comma can only be a decimal sign",
        )


def _as_strings(given: pl.Series, column: Column, remarks: dict[str, int]) -> pl.Series | None:
    """The cells as strings, or null where their type already says what they are (`_typed`)."""
    dtype, held = given.dtype, column.held_as
    if dtype == pl.String:
        return given
    if dtype == pl.Null:
        return given.cast(pl.String)
    if isinstance(dtype, pl.List):
        return given.cast(pl.List(pl.String), strict=False).list.join(" ", ignore_nulls=True)
    if isinstance(held, pl.Datetime) and (dtype.is_temporal() or dtype.is_integer()):
        return given.cast(pl.String) if dtype.is_integer() or dtype == pl.Time else None
    if dtype == pl.Boolean and held == pl.Boolean:
        return None
    if dtype.is_numeric() and held in (pl.Float64, pl.Int64):
        return None
    if dtype.is_decimal():
        given, dtype = given.cast(pl.Float64), pl.Float64()
    if dtype.is_float():
        whole = (given == given.round()) & (given.abs() < 2**53)
        written = given.cast(pl.Int64, strict=False).cast(pl.String)
        if column.kind in (Kind.KEY, Kind.CODE, Kind.CHOICE):
            remarks["whole numbers with a fraction of .0 were taken as text without it"] = int(
                whole.sum() or 0
            )
        other = given.cast(pl.String).replace("NaN", None)
        return pl.select(pl.when(whole).then(written).otherwise(other)).to_series()
    return given.cast(pl.String)


def _typed(given: pl.Series, column: Column, remarks: dict[str, int]) -> tuple[pl.Series, pl.Series]:
    """A column whose type already fits, of Parquet or of a frame: values, and which do not fit after all."""
    if isinstance(column.held_as, pl.Datetime):
        values = _datetimes(given, column, remarks)
        in_range = (
            values.dt.year().is_in(list(YEARS)) if values.dtype == column.held_as else values.is_not_null()
        )
        values = pl.select(pl.when(in_range).then(values)).to_series()
    elif column.held_as == pl.Int64 and given.dtype.is_float():
        whole = given.is_finite() & (given == given.round())
        values = pl.select(pl.when(whole).then(given)).to_series().cast(pl.Int64, strict=False)
        given = given.fill_nan(None)
    elif column.held_as == pl.Float64:
        given = given.cast(pl.Float64, strict=False).fill_nan(None)
        values = pl.select(pl.when(given.is_finite()).then(given)).to_series()
    else:
        values = given.cast(column.held_as, strict=False)
    if column.kind in (Kind.NUMBER, Kind.UPPER_BOUND):
        values = pl.select(pl.when(values >= 0).then(values)).to_series()
    return values, given.is_not_null() & values.is_null()


def _datetimes(given: pl.Series, column: Column, remarks: dict[str, int]) -> pl.Series:
    if isinstance(given.dtype, pl.Datetime) and given.dtype.time_zone:
        remarks["times carry a zone; they were taken as the clinic's clock"] = (
            given.len() - given.null_count()
        )
        given = given.dt.replace_time_zone(None)
    alone = given.dtype == pl.Date
    values = given.cast(pl.Datetime("us"), strict=False)
    if column.kind is Kind.DATE:
        return values.dt.truncate("1d")
    if column.kind is Kind.END_OF_DAY and alone:
        return values + timedelta(hours=23, minutes=59, seconds=59)
    return values


def _trimmed(cells: pl.Series, kind: Kind, remarks: dict[str, int]) -> pl.Series:
    """Without space around, Excel's `="0012"`, and the words that databases write for nothing; empty = null."""
    if kind is Kind.TEXT:
        blank = ~cells.str.contains(r"[^\s\u{200b}\u{feff}]").fill_null(True)
        return cells.set(blank, None) if blank.any() else cells
    bare = cells.str.strip_chars(SPACE)
    bare = bare.set(bare.str.len_bytes() == 0, None)
    if bare.str.starts_with('="').any():
        bare = bare.str.replace('^="(.*)"$', "$1")
    length = bare.str.len_bytes()
    short = bare.filter((length >= 2) & (length <= 4)).unique()
    nothing_said = NOTHING_LISTED if kind in (Kind.CODES, Kind.LABELS) else NOTHING
    words = [word for word in short.to_list() if word.lower() in nothing_said]
    if words:
        nothing = bare.is_in(words)
        remarks["cells that say NULL, NaN or #N/A were taken as empty"] = int(nothing.sum())
        bare = bare.set(nothing, None)
    return bare


def _plain_text(cells: pl.Series, column: Column) -> pl.Series:
    return cells


def _plain_date(cells: pl.Series, column: Column) -> pl.Series:
    plain = cells.set(cells.str.len_bytes() != 10, None)
    return _in_years(plain.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")))


def _plain_moment(cells: pl.Series, column: Column) -> pl.Series:
    bare = cells.str.replace(" ", "T", literal=True)
    length = bare.str.len_bytes()
    minutes, seconds = (bare.set(length != long, None) for long in (16, 19))
    read = minutes.str.to_datetime("%Y-%m-%dT%H:%M", strict=False, time_unit="us")
    if seconds.null_count() < seconds.len():
        read = read.fill_null(seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us"))
    day = _plain_date(cells, column)
    if column.kind is Kind.END_OF_DAY:
        day = day + timedelta(hours=23, minutes=59, seconds=59)
    return _in_years(read.fill_null(day))


def _in_years(read: pl.Series) -> pl.Series:
    year = read.dt.year()
    return read.set((year < YEARS.start) | (year >= YEARS.stop), None)


def _plain_float(cells: pl.Series, column: Column) -> pl.Series:
    read = cells.cast(pl.Float64, strict=False)
    return read.set(~read.is_finite(), None)


def _plain_upper_bound(cells: pl.Series, column: Column) -> pl.Series:
    read = _plain_float(cells, column)
    return read.set(read < 0, None)


def _plain_number(cells: pl.Series, column: Column) -> pl.Series:
    read = cells.cast(pl.Int64, strict=False)
    return read.set(read < 0, None)


def _plain_flag(cells: pl.Series, column: Column) -> pl.Series:
    return cells.str.to_lowercase().replace_strict(FLAGS, default=None, return_dtype=pl.Boolean)


def _plain_choice(cells: pl.Series, column: Column) -> pl.Series:
    written = {choice.lower(): choice for choice in column.choices}
    words = cells.str.to_lowercase().str.replace_all(r"[\s\-/]+", "_")
    return words.replace_strict(written, default=None, return_dtype=pl.String)


def _plain_code(cells: pl.Series, column: Column) -> pl.Series:
    return cells.str.to_uppercase().str.replace(r"^(\d{5})\.0+$", "$1")


def _plain_codes(cells: pl.Series, column: Column) -> pl.Series:
    if column.name == "modifiers":
        cells = _modifiers_apart(cells)
    words = cells.str.to_uppercase()
    simple = words.str.contains(r"""[,;|\[\]{}'"\s]""").fill_null(False)
    if simple.any():
        parted = words.str.replace_all(r"""[,;|\[\]{}'"\s]+""", " ").str.strip_chars(" ")
        words = parted.set(parted.str.len_bytes() == 0, "")
    return words


def _modifiers_apart(cells: pl.Series) -> pl.Series:
    """Modifiers that `/` parts, or nothing does and they come out even: `GO/KX` and `GOKX` are `GO KX`."""
    joined = cells.str.contains("/|[A-Za-z0-9]{4}").fill_null(False)
    if not joined.any():
        return cells
    odd = cells.filter(joined).unique()
    return cells.replace(odd, pl.Series([_in_pairs(text) for text in odd], dtype=pl.String))


def _in_pairs(text: str) -> str:
    run = r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{2}){2,4}(?![A-Za-z0-9])"
    return re.sub(run, lambda found: " ".join(re.findall("..", found[0])), text.replace("/", " "))


def _plain_labels(cells: pl.Series, column: Column) -> pl.Series:
    return _plain_codes(cells.str.replace_all(r"([A-Za-z])[ \t#.]+(\d)", "$1$2"), column)


PLAIN: dict[Kind, Callable[[pl.Series, Column], pl.Series]] = {
    Kind.TEXT: _plain_text,
    Kind.KEY: _plain_text,
    Kind.DATE: _plain_date,
    Kind.MOMENT: _plain_moment,
    Kind.CLOCK: _plain_moment,
    Kind.END_OF_DAY: _plain_moment,
    Kind.MONEY: _plain_float,
    Kind.DECIMAL: _plain_float,
    Kind.UPPER_BOUND: _plain_upper_bound,
    Kind.NUMBER: _plain_number,
    Kind.FLAG: _plain_flag,
    Kind.CODES: _plain_codes,
    Kind.LABELS: _plain_labels,
    Kind.CODE: _plain_code,
    Kind.CHOICE: _plain_choice,
}
"""How the plain form of each kind is read; null where a cell is not plain."""


def _one_by_one(
    cells: pl.Series, values: pl.Series, odd: pl.Series, column: Column, remarks: dict[str, int]
) -> pl.Series:
    """Read the distinct cells that are not plain, each once."""
    read_one = ODD.get(column.kind)
    if read_one is None:
        return values
    understood: dict[str, Any] = {}
    counted = cells.filter(odd).value_counts(sort=False)
    for text, count in zip(counted[cells.name], counted["count"], strict=True):
        remark: list[str] = []
        try:
            understood[text] = read_one(text, column.kind, remark)
        except (Unreadable, ValueError, OverflowError):
            continue
        for said in remark:
            remarks[said] = remarks.get(said, 0) + count
    if not understood:
        return values
    written = pl.Series(list(understood), dtype=pl.String)
    meant = pl.Series(list(understood.values()), dtype=column.held_as)
    return values.fill_null(cells.replace_strict(written, meant, default=None, return_dtype=column.held_as))


def read_moment(text: str, kind: Kind, remark: list[str]) -> datetime:
    """A date or moment in any accepted form; times alone (kind CLOCK) on `TIME_ALONE`. Raises Unreadable."""
    if kind is Kind.CLOCK and (found := CLOCK.match(text)):
        return datetime.combine(TIME_ALONE, _time(found, remark))
    if found := X12_MOMENT.match(text):
        text = f"{found[1]} {found[2]}:{found[3]}:{found[4] or '00'}"
    for pattern in DAYS:
        if found := pattern.match(text):
            return _day_and_time(found, kind, remark)
    return _excel(text, kind, remark)


def _day_and_time(found: re.Match[str], kind: Kind, remark: list[str]) -> datetime:
    parts = found.groupdict()
    month = MONTHS.get((parts.get("name") or "")[:3].lower()) if parts.get("name") else int(parts["month"])
    year = int(parts["year"])
    if month is None or year not in YEARS:
        raise Unreadable(found.string)
    day = datetime(year, month, int(parts["day"]))
    if kind is Kind.DATE:
        if parts["hour"] is not None:
            _time(found, [])  # the day counts, and a time that is none makes it doubtful
        return day
    if parts["hour"] is None:
        return day + timedelta(hours=23, minutes=59, seconds=59) if kind is Kind.END_OF_DAY else day
    return datetime.combine(day, _time(found, remark))


def _time(found: re.Match[str], remark: list[str]) -> time:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:
            raise Unreadable(found.string)
        hour = hour % 12 + (12 if half[0] in "Pp" else 0)
    if found["zone"]:
        remark.append("times carry a zone; they were taken as the clinic's clock")
    return time(hour, minute, second)


def _excel(text: str, kind: Kind, remark: list[str]) -> datetime:
    number = float(text)
    if int(number) not in EXCEL_DAYS or not re.match(r"^\d{5}(\.\d+)?$", text, re.ASCII):
        raise Unreadable(text)
    remark.append("day numbers of a spreadsheet were read as dates (45000 = 2023-03-15)")
    moment = EXCEL_EPOCH + timedelta(days=int(number), seconds=round((number % 1) * 86_400))
    if kind is Kind.DATE:
        return datetime(moment.year, moment.month, moment.day)
    if kind is Kind.END_OF_DAY and number == int(number):
        return moment + timedelta(hours=23, minutes=59, seconds=59)
    return moment


def read_number(text: str, kind: Kind, remark: list[str]) -> float | int:
    """Dollars, numbers and ranges as people write them. Raises Unreadable."""
    bare = text.replace("\u2212", "-").strip()
    if kind is Kind.UPPER_BOUND:
        if found := RANGE.match(bare):
            return max(float(found[1]), float(found[2]))
        if found := TIMES.match(bare):
            return float(found[1])
    negative = False
    if bare.startswith("(") and bare.endswith(")"):
        negative, bare = True, bare[1:-1].strip()
    elif bare.startswith("-"):
        negative, bare = True, bare[1:].strip()
    elif bare.endswith("-"):
        negative, bare = True, bare[:-1].strip()
    if kind is Kind.MONEY:
        bare = re.sub(r"^(?:\$|USD)\s*|\s*(?:\$|USD)$", "", bare)
        if bare.startswith("-") and not negative:
            negative, bare = True, bare[1:]
    if not bare or not PLAIN_MONEY.match(bare) or bare == ".":
        raise Unreadable(text)
    value = float(bare.replace(",", ""))
    if value > LARGEST:
        raise Unreadable(text)
    if kind is Kind.UPPER_BOUND and negative and value:
        raise Unreadable(text)
    if kind is not Kind.NUMBER:
        return -value if negative else value
    if value != int(value) or (negative and value):
        raise Unreadable(text)
    return int(value)


ODD: dict[Kind, Callable[[str, Kind, list[str]], Any]] = {
    Kind.DATE: read_moment,
    Kind.MOMENT: read_moment,
    Kind.CLOCK: read_moment,
    Kind.END_OF_DAY: read_moment,
    Kind.MONEY: read_number,
    Kind.DECIMAL: read_number,
    Kind.UPPER_BOUND: read_number,
    Kind.NUMBER: read_number,
}
"""How a cell is read that is not in the plain form of its kind; kinds without an entry have only the plain form."""
