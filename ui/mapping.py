"""The parts of the Records page that look at dropped files before they are taken, and map those that no layout knows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from compliance import formats
from compliance.records.exports import Seen, UnknownExport, looked_at
from compliance.records.layouts import layout_of
from compliance.records.layouts.guess import (
    PREVIEWED,
    Choice,
    Preview,
    composed,
    facts,
    meanings,
    preview,
)
from compliance.records.load import InputError
from compliance.records.models import TABLES
from compliance.records.templates import template_csv, template_workbook
from compliance.whole_files import write_whole
from ui import data, filters, parts, trail

SIGNS = {"table": "●", "layout": "●", "workbook": "●", "claims": "●", "fhir": "●", "unknown": "▲"}
COLUMNS = 4
"""Choices of columns side by side."""
DATES = {"month first: 3/14/2026": None, "day first: 14/3/2026": "%d/%m/%Y", "day first: 14.3.2026": "%d.%m.%Y",
         "day first: 14-3-2026": "%d-%m-%Y", "two-digit years: 3/14/26": "%m/%d/%y"}  # fmt: skip
EXAMPLES = 3
ENDS = 4096
"""Bytes at both ends of a file by which it is known again."""
MOST_OFFERED = 60
"""Columns without a guess that are offered; an export of more is mapped by a layout file."""
HEAD_HEIGHT, MOST_SHOWN = 36, 9
"""Pixels of the head of a table, and so many rows before it scrolls."""
PREFIX = "map_"
_SEEN = "files_looked_at"


def seen(files: list[tuple[str, bytes]]) -> tuple[list[Seen], str]:
    """What dropped files will be read as, or nothing and why; looked at once for the same files and mappings."""
    if not files:
        return [], ""
    known_by = [(name, len(content), content[:ENDS], content[-ENDS:]) for name, content in files]
    key = (known_by, dict(data.mappings()))
    kept: tuple[Any, list[Seen], str] | None = st.session_state.get(_SEEN)
    if kept is None or kept[0] != key:
        try:
            kept = (key, looked_at(files, data.layouts()), "")
        except InputError as refusal:
            kept = (key, [], str(refusal))
        st.session_state[_SEEN] = kept
    return kept[1], kept[2]


def files_table(seen: Sequence[Seen]) -> None:
    """What each file will be read as, how many lines of text it has (a note has many), and how much of its header is known."""
    rows = [
        {
            "": SIGNS[each.kind],
            "File": each.file,
            "Will be read as": each.what if each.kind != "unknown" else f"not read: {each.what}",
            "Text lines": "" if each.lines is None else formats.count(each.lines),
            "Headers known": f"{each.known} of {each.of}" if each.of else "",
        }
        for each in seen
    ]
    widths = {
        "": st.column_config.TextColumn(width=20),
        "Text lines": st.column_config.TextColumn(width=80, alignment="right"),
        "Headers known": st.column_config.TextColumn(width=110),
        "Will be read as": st.column_config.TextColumn(width="large"),
    }
    parts.sheet(
        pl.DataFrame(rows),
        "Each file, what it will be read as, and how many lines it has",
        row_height=parts.ROW_HEIGHT,
        column_config=widths,
    )


def chosen(seen: Sequence[Seen]) -> UnknownExport | None:
    """The unknown file that is being mapped; None where every file is known."""
    unknown = [each.unknown for each in seen if each.unknown]
    if not unknown:
        return None
    if len(unknown) == 1:
        return unknown[0]
    named = {each.file: each for each in unknown}
    return named[st.selectbox("File to map", list(named), key="records_unknown")]


def mapping(export: UnknownExport) -> None:
    """Say what the columns of an unknown file mean, see what it becomes, and take it."""
    sure = sum(1 for each in export.guesses if each.fact)
    st.subheader(f"What do the columns of {formats.markdown(export.file)} say?", anchor=False)
    st.caption(
        f"{formats.plural(sure, 'column')} of {len(export.guesses)} guessed from headers and cells, with how sure each guess is. "
        "Nothing is read before you use the mapping."
    )
    choice = _choice(export)
    left, right = st.columns([1, 1], gap="small")
    written = left.selectbox("How dates are written", list(DATES), key=f"{PREFIX}dates_{export.file}")
    choice = replace(choice, dates=DATES[written])
    name = right.text_input(
        "Name of the layout", Path(export.file).stem[:60], key=f"{PREFIX}name_{export.file}", max_chars=100
    )
    headers = [each.header for each in export.guesses]
    try:
        text = composed(headers, choice, name.strip() or "export", data.person(), date.today())
        shown = preview(export.file, export.cells, text)
    except InputError as refusal:
        st.warning(formats.markdown(f"{refusal}."))
        return
    _previewed(shown)
    _keeping(export, text)


def _choice(export: UnknownExport) -> Choice:
    """The fact of each header and the meaning of each code, as chosen."""
    hidden = filters.names().hidden
    likely = [each for each in export.guesses if each.fact]
    unsaid = [each for each in export.guesses if not each.fact]
    rest = unsaid[:MOST_OFFERED]
    said = _columns_said(export, likely, hidden)
    with (
        st.expander(f"Columns without a guess: {len(unsaid)}", expanded=not likely)
        if rest
        else st.container()
    ):
        said |= _columns_said(export, rest, hidden)
        if len(unsaid) > len(rest):
            st.caption(f"The first {len(rest)}; the others can be read by a layout file (docs/inputs.md).")
    said = {each.header: said[each.header] for each in export.guesses if said.get(each.header)}
    return Choice(said, _codes(export, said))


def _columns_said(export: UnknownExport, guesses: Sequence[Any], hidden: bool) -> dict[str, str]:
    said: dict[str, str] = {}
    options = ["", *facts()]
    for start in range(0, len(guesses), COLUMNS):
        row = st.columns(COLUMNS, gap="small")
        for place, guess in zip(row, guesses[start : start + COLUMNS], strict=False):
            with place:
                said[guess.header] = st.selectbox(
                    _label(guess),
                    options,
                    index=options.index(guess.fact),
                    format_func=lambda fact: facts()[fact].says if fact else "do not read",
                    key=f"{PREFIX}{export.file}_{guess.header}",
                    help=None if hidden else _examples(export.cells[guess.header]),
                )
    return said


def _label(guess: Any) -> str:
    sure = f" · {100 * guess.confidence:.0f} % sure" if guess.fact else ""
    return formats.markdown(guess.header[:40]) + sure


def _examples(cells: pl.Series) -> str:
    some = cells.cast(pl.String).str.strip_chars().replace("", None).drop_nulls().unique(maintain_order=True)
    told = ", ".join(each[:40] for each in some.head(EXAMPLES))
    return formats.markdown(f"Cells such as {told}" if told else "Every cell that was looked at is empty")


def _codes(export: UnknownExport, said: dict[str, str]) -> dict[str, dict[str, str]]:
    """What the codes of coded columns mean; those that nobody gives a meaning are unknown."""
    coded = {fact: header for header, fact in said.items() if facts()[fact].coded}
    codes: dict[str, dict[str, str]] = {}
    for fact, header in coded.items():
        column = facts()[fact].column
        found = meanings(fact, export.cells[header])
        options = ["", *column.choices]
        st.markdown(f"**What the codes of {formats.markdown(header)} mean** ({facts()[fact].says})")
        codes[fact] = {}
        for start in range(0, len(found), COLUMNS):
            row = st.columns(COLUMNS, gap="small")
            for place, value in zip(row, list(found)[start : start + COLUMNS], strict=False):
                codes[fact][value] = place.selectbox(
                    formats.markdown(value[:40]),
                    options,
                    index=options.index(found[value]),
                    format_func=lambda meant: meant.replace("_", " ") if meant else "not known",
                    key=f"{PREFIX}code_{export.file}_{header}_{value}",
                )
    return codes


def _previewed(shown: Sequence[Preview]) -> None:
    """The first rows, table by table, and what of them would be refused."""
    refusals = [(each.table, refusal) for each in shown for refusal in each.refusals]
    st.markdown(
        f"**The first {PREVIEWED} rows would become** "
        + formats.listed(
            f"{formats.plural(each.rows.height, 'row')} of {each.table.replace('_', ' ')}" for each in shown
        )
        + (f"; {formats.plural(len(refusals), 'cell')} would be refused" if refusals else "")
        + "."
    )
    if filters.names().hidden:
        st.caption("Names are hidden, so no cell is shown here.")
        return
    named = {each.table: each for each in shown}
    table = st.segmented_control(
        "Table", list(named), default=list(named)[-1], key=f"{PREFIX}preview", label_visibility="collapsed",
        format_func=lambda each: each.replace("_", " "),
    )  # fmt: skip
    if table in named:
        rows = named[table].rows
        height = HEAD_HEIGHT + parts.ROW_HEIGHT * min(max(rows.height, 1), MOST_SHOWN)
        parts.sheet(rows, f"The first rows as {table}", height=height, row_height=parts.ROW_HEIGHT)
    if refusals:
        rows = [
            (refusal.row, name, refusal.called or None, refusal.found, refusal.expected)
            for name, refusal in refusals
        ]
        heads = dict.fromkeys(("Row", "Table", "Column", "Found", "Expected"), pl.String) | {"Row": pl.Int64}
        refused = pl.DataFrame(rows, schema=heads, orient="row")
        height = HEAD_HEIGHT + parts.ROW_HEIGHT * min(refused.height, MOST_SHOWN)
        parts.sheet(refused, "Cells that would be refused", height=height, row_height=parts.ROW_HEIGHT)


def _keeping(export: UnknownExport, text: str) -> None:
    """Use the mapping for these files, take it as a file, keep it in the clinic's folder of layouts."""
    id_ = layout_of(text, export.file).id
    name = f"{id_}.layout.yaml"
    folder = data.layouts_path()
    with st.container(horizontal=True):
        if st.button("Use this mapping", type="primary", key="records_use"):
            data.mappings()[export.file] = text
            st.rerun()
        st.download_button("Download the mapping", text, name, "application/yaml", key="records_layout_yaml",
                           on_click=trail.exported, args=(name,))  # fmt: skip
        if folder and st.button(
            "Save it for all", key="records_layout_save", help=f"As {id_}.yaml in {folder}"
        ):
            _save(folder / f"{id_}.yaml", text)


def _save(file: Path, text: str) -> None:
    """Write a layout into the clinic's folder, where no other bears its name."""
    try:
        file.touch(exist_ok=False)
        try:
            write_whole(file, text.encode())
        except OSError:
            file.unlink(missing_ok=True)
            raise
        st.toast(formats.markdown(f"Saved as {file.name}: files with these headers are known from now on."))
    except FileExistsError:
        st.toast(formats.markdown(f"Not saved: {file.name} is there already. Give the layout another name."))
    except OSError as error:
        st.toast(formats.markdown(f"Not saved: {file.name} cannot be written ({error.strerror or error})."))


def made() -> None:
    """The mappings in use, each to be taken back."""
    for place, file in enumerate(list(data.mappings())):
        if st.button(
            f"Mapping of {formats.markdown(file)}  ✕", key=f"chip_mapping_{place}", help="Map it again"
        ):
            data.mappings().pop(file)
            st.rerun()


def reasons(told: Mapping[str, str]) -> None:
    """What the exports cannot give, and why."""
    if told:
        with st.expander(f"What the exports cannot give, and why ({len(told)})"):
            st.text(
                "\n".join(f"{what.replace('_', ' ').replace('.', ': ')}: {why}" for what, why in told.items())
            )


def templates() -> None:
    """Empty tables to fill in."""
    with st.popover("Templates", help="Empty tables to fill in, with what belongs into each column"):
        st.download_button("All tables as a workbook", template_workbook, "records.xlsx", key="records_template_xlsx",
                           mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")  # fmt: skip
        table = st.selectbox(
            "Table", list(TABLES), key="records_template", format_func=lambda each: each.replace("_", " ")
        )
        st.download_button(
            f"{table}.csv", template_csv(table), f"{table}.csv", "text/csv", key="records_template_csv"
        )
