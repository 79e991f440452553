"""What a layout file may hold: how an export is recognised, and which of its columns fill which tables.

A layout says of a file that somebody else's program wrote which headers it has, which rows of it are rows of which of our
tables, and what it cannot give. It is data: one YAML file a layout, built in or a clinic's own.
"""

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from compliance.records.models import TABLES, Column, Kind, columns
from compliance.records.raw import column_name
from compliance.strict_yaml import did_you_mean

FORMAT = 1
"""Version of the form of layout files that this program reads."""
MOST_PLACES = 100
"""So many groups of columns side by side may be unfolded into rows."""
LONGEST_PATTERN = 300
REPEATS = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
MOST_REPEATS = 1_000
"""A pattern takes time by what its counts come to, however short it is: `a{65535}` half a minute a long cell."""


def folded(header: str) -> str:
    """A header as layouts compare it: `CPT Code`, `cpt_code` and `CptCode` are `cptcode`."""
    return column_name(header).replace("_", "")


def _one_or_many(given: Any) -> Any:
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


def _as_text(given: Any) -> Any:
    """Numbers as YAML reads them are meant as their digits; `no` and `on` are not, and must be put in quotes."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _codes(given: Any) -> Any:
    return {_as_text(code): meant for code, meant in given.items()} if isinstance(given, dict) else given


Headers = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""One header, or several."""
Words = Annotated[
    tuple[Annotated[str, BeforeValidator(_as_text)], ...],
    BeforeValidator(lambda given: _one_or_many(_as_text(given))),
]
"""One value of a cell, or several."""


class Border(BaseModel):
    """Unknown keys are refused: a mistyped one would otherwise change what is read silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Condition(Border):
    """Which rows are meant. All that is said must hold; a header that the file lacks counts as an empty cell."""

    header: str | None = Field(None, description="The column that `one_of` and `none_of` look at.")
    one_of: Words | None = Field(
        None, description="Values, in any case; an empty text stands for an empty cell."
    )
    none_of: Words | None = Field(None, description="Values that the cell must not have.")
    filled: Headers | None = Field(None, description="Columns of which one at least is filled.")
    same: tuple[str, str] | None = Field(None, description="Two columns with the same value.")
    differ: tuple[str, str] | None = Field(None, description="Two columns with different values.")
    zero: Headers | None = Field(None, description="Columns that are all empty or 0.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        words = self.one_of is not None or self.none_of is not None
        if words != (self.header is not None):
            raise ValueError("`header` and `one_of` or `none_of` belong together")
        if not (words or self.filled or self.same or self.differ or self.zero):
            raise ValueError(
                "says nothing; give `header` with `one_of`, or `filled`, `same`, `differ`, `zero`"
            )
        return self

    def headers(self) -> Iterator[str]:
        """The headers that it looks at."""
        yield from (self.header,) if self.header else ()
        for named in (self.filled, self.same, self.differ, self.zero):
            yield from named or ()


Unknown = Literal["refuse", "null", "withhold"]


class Cell(Border):
    """Where the cells of one of our columns come from: exactly one of `header`, `value`, `join`, `number_within`, `place`.

    `key` may stand beside `header`, for files without it. A plain text instead of all this is a `header`.
    """

    header: Headers | None = Field(None, description="The column; of several, the first that is filled.")
    value: str | None = Field(None, description="The same in every row.")
    join: Headers | None = Field(None, description="Columns whose cells make one list.")
    number_within: Headers | None = Field(
        None, description="Count from 1 within these columns of ours, in the order of the file."
    )
    place: bool = Field(False, description="The number or name of the group of columns (`each`).")
    key: Headers | None = Field(
        None, description="Make an identifier of these columns, where the file has no column `header`."
    )
    pattern: str | None = Field(
        None, description="Of the cell only what a regular expression with one group finds."
    )
    every: bool = Field(False, description="All that `pattern` finds, as a list.")
    dates: tuple[str, ...] | None = Field(
        None, description="How dates are written (`%d/%m/%Y`); else month first, as everywhere."
    )
    codes: Annotated[dict[str, str | None], BeforeValidator(_codes)] | None = Field(
        None, description="What the cell's codes mean; null: nothing that the column can say."
    )
    unknown: Unknown = Field(
        "refuse",
        description="A code that is not listed refuses its row, is taken as unknown (`null`), or makes the whole column count "
        "as not exported (`withhold`), for columns where an unknown value would accuse.",
    )
    where: Condition | None = Field(None, description="Only in these rows; empty in others.")
    gather: bool = Field(
        False, description="A list of what all rows of the key say (tables with `distinct`)."
    )
    full: str | None = Field(
        None,
        description="Of `join`: why the list may lack something in a row whose columns are all filled. If there is "
        "such a row the column counts as not exported.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [self.header or self.key, self.value, self.join, self.number_within, self.place or None]
        if sum(each is not None for each in given) != 1:
            raise ValueError("give one of `header` (or `key`), `value`, `join`, `number_within`, `place`")
        if self.every and not self.pattern:
            raise ValueError("`every` needs a `pattern`")
        if self.full and not self.join:
            raise ValueError("`full` belongs to `join`")
        return self

    @field_validator("pattern")
    @classmethod
    def _finds(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        if len(pattern) > LONGEST_PATTERN:
            raise ValueError(f"a pattern of at most {LONGEST_PATTERN} characters")
        counts = [max(int(each or 1) for each in found) for found in REPEATS.findall(pattern)]
        if math.prod(counts) > MOST_REPEATS:
            raise ValueError(f"a pattern that repeats at most {MOST_REPEATS:,} times, counts multiplied")
        try:
            groups = re.compile(pattern).groups
            pl.Series([""]).str.extract(pattern)
        except (re.error, OverflowError, RecursionError, pl.exceptions.PolarsError) as error:
            raise ValueError(f"no pattern that can be read ({str(error).splitlines()[0][:60]})") from None
        if groups != 1:
            raise ValueError("a pattern has one group in brackets, which is what counts")
        return pattern

    @field_validator("dates")
    @classmethod
    def _read_back(cls, formats: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for each in formats or ():
            day = date(2026, 11, 28)
            try:
                kept = pl.Series([day.strftime(each)]).str.to_date(each, strict=False)[0] == day
            except (pl.exceptions.PolarsError, ValueError):
                kept = False
            if not kept:
                raise ValueError(f"{each!r} is no form of a date (expected one such as %d/%m/%Y)")
        return formats

    def headers(self) -> Iterator[str]:
        """The headers that it reads."""
        for named in (self.header, self.join, self.key):
            yield from named or ()
        if self.where:
            yield from self.where.headers()


def _cell(given: Any) -> Any:
    return {"header": given} if isinstance(given, str | list) else given


class TableMap(Border):
    """Rows of one of our tables, made of the file's rows."""

    table: str
    each: dict[str, int | tuple[str, ...]] | None = Field(
        None,
        description="Columns side by side become rows: `{n: 13}` reads `HCPCS_CD_{n}` for n from 1 to 13, and "
        "`{who: [primary, secondary]}` reads `{who}_insurance`.",
    )
    where: Condition | None = Field(None, description="Only these rows of the file.")
    distinct: bool = Field(False, description="One row for each key, however often the file repeats it.")
    once: Headers | None = Field(None, description="Of rows that agree in these columns, only the first.")
    columns: dict[str, Annotated[Cell, BeforeValidator(_cell)]]

    @model_validator(mode="after")
    def _of_our_tables(self) -> Self:
        if self.table not in TABLES:
            raise ValueError(f"{self.table!r} is no table.{did_you_mean(self.table, TABLES)}")
        known = {column.name: column for column in columns(self.table)}
        for name, cell in self.columns.items():
            if name not in known:
                raise ValueError(f"{self.table} has no column {name!r}.{did_you_mean(name, known)}")
            _codes_fit(known[name], cell)
            if cell.gather and known[name].kind not in (Kind.CODES, Kind.LABELS):
                raise ValueError(f"{name}: only a column of lists gathers")
            if cell.gather and not self.distinct:
                raise ValueError(f"{name}: `gather` needs `distinct`")
            for other in cell.number_within or ():
                if other not in self.columns or self.columns[other].number_within:
                    raise ValueError(f"{name}: counts within {other!r}, which is no column here")
            if cell.number_within and self.each:
                raise ValueError(f"{name}: with `each` the place is the number; say `place: true`")
            if cell.place and not self.each:
                raise ValueError(f"{name}: `place` needs `each`")
        lacking = [each for each in known.values() if each.required and each.name not in self.columns]
        if lacking:
            raise ValueError(f"{self.table} needs its key, {lacking[0].name}")
        return self

    @field_validator("each")
    @classmethod
    def _few_places(
        cls, each: dict[str, int | tuple[str, ...]] | None
    ) -> dict[str, int | tuple[str, ...]] | None:
        if each is None:
            return None
        if len(each) != 1:
            raise ValueError("one name, such as {n: 13}")
        places = next(iter(each.values()))
        if not 1 <= (places if isinstance(places, int) else len(places)) <= MOST_PLACES:
            raise ValueError(f"between 1 and {MOST_PLACES} places")
        return each

    @property
    def places(self) -> list[dict[str, str]]:
        """What stands for the placeholder of `each`, group by group; one empty group without it."""
        if self.each is None:
            return [{}]
        name, given = next(iter(self.each.items()))
        return [{name: str(place)} for place in (range(1, given + 1) if isinstance(given, int) else given)]

    def headers(self) -> Iterator[str]:
        """The headers that it reads."""
        plain = [*(self.once or ()), *(self.where.headers() if self.where else ())]
        for cell in self.columns.values():
            plain += cell.headers()
        for place in self.places:
            yield from (at(header, place) for header in plain)


def at(header: str, place: dict[str, str]) -> str:
    """A header with its placeholder filled: `HCPCS_CD_{n}` is `HCPCS_CD_3`."""
    for name, said in place.items():
        header = header.replace(f"{{{name}}}", said)
    return header


def _codes_fit(column: Column, cell: Cell) -> None:
    """Refuse codes that mean what the column cannot hold."""
    if column.kind is not Kind.CHOICE:
        return
    meant = [*(cell.codes or {}).values(), cell.value]
    for each in meant:
        if each is not None and each not in column.choices:
            raise ValueError(
                f"{column.name}: {each!r} is none of {', '.join(column.choices)}.{did_you_mean(each, column.choices)}"
            )


class Recognise(Border):
    """By which headers a file is known; they are compared without case, spaces and marks."""

    requires: Headers = Field(description="All of these must be there.")
    knows: Headers = Field((), description="Others that the layout may have, whether or not they are read.")


class Made(Border):
    """Who made a layout, and when."""

    by: str
    on: date


class Layout(Border):
    """The layout of an export, from its headers to our tables."""

    layout: Literal[1] = Field(description="Version of the form of this file.")
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")
    name: str = Field(min_length=1, max_length=120)
    source: str = Field(description="Where the columns are described.")
    verified: bool | str = Field(True, description="true, or what about it was not read in its source.")
    made: Made | None = None
    recognise: Recognise
    once: Headers | None = Field(None, description="Of rows that agree in these columns, only the first.")
    tables: tuple[TableMap, ...] = Field(min_length=1)
    cannot_give: dict[str, str] = Field(
        default_factory=dict,
        description="What the export lacks or cannot be trusted in, a table or `table.column`, and why: checks that need it do "
        "not run, even where a column is filled.",
    )
    told: tuple[str, ...] = Field((), description="What the reader of the load report must know.")

    @model_validator(mode="after")
    def _of_our_tables(self) -> Self:
        if not self.recognise.requires:
            raise ValueError("recognise.requires: at least one header")
        given = {each.table for each in self.tables}
        for what in self.cannot_give:
            table, _, name = what.partition(".")
            if table not in TABLES:
                raise ValueError(f"cannot_give: {table!r} is no table.{did_you_mean(table, TABLES)}")
            known = [column.name for column in columns(table)]
            if name and name not in known:
                raise ValueError(f"cannot_give: {table} has no column {name!r}.{did_you_mean(name, known)}")
            if what in given:
                raise ValueError(f"cannot_give: the table {what} is given above. Say one of the two.")
        return self

    @property
    def main(self) -> str:
        """The table to which a row of the file that cannot be read at all belongs."""
        every = [each.table for each in self.tables]
        rows = [each.table for each in self.tables if not each.distinct]
        return (rows or ["patients" if "patients" in every else every[0]])[0]

    def headers(self) -> frozenset[str]:
        """Every header that the layout knows, folded."""
        read = [header for table in self.tables for header in table.headers()]
        named = [*self.recognise.requires, *self.recognise.knows, *(self.once or ()), *read]
        return frozenset(map(folded, named))
