"""How numbers, dates and rates are written, once, for pages, commands and reports; and text from records, a way a medium.

Names, notes, file names and addresses were written by others. Each medium would run some of it: a terminal its control
characters, Markdown its images and links, a spreadsheet its formulas. `terminal`, `markdown` and `spreadsheet` are the
only ways in; HTML has the standard library's `html.escape`.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from compliance.records.report import LoadReport

NOTHING = "–"
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
LINKED = re.compile(r"(:(?=\S)|@(?=\S)|\bwww(?=\.))", re.IGNORECASE)
"""Where the page makes links, icons and emoji of plain text, backslash or not: `https://`, `www.`, `a@b.org`, `:x:`."""
DAYS_LISTED = re.compile(r"\d{4}-\d\d-\d\d( \d{4}-\d\d-\d\d)+")
CODES_LISTED = re.compile(
    r"{code}( {code})+".format(
        code=r"(?:[0-9A-Z]\d{3}[0-9A-Z]|[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?|PT|OT|SLP)"
    )
)
"""Codes of services (97530), of diagnoses (M54.50), or disciplines, as a list in a cell holds them."""
BY_CODE = re.compile(r"[0-9A-Z]{4,7}=\d+( [0-9A-Z]{4,7}=\d+)*")
WORD_JOINER = "\u2060"
"""Takes no place and is not seen."""
FORMULA = r"^['\s]*[=+\-@＝＋－＠]|^'*[\t\r\n]"
"""What a spreadsheet would run; apostrophes before it count, so that taking one away gives back what was written."""


def count(number: int) -> str:
    """`1,240`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 visit`, `1,240 visits`; `many` where adding an s is wrong."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def these(number: int, noun: str, one: str, many: str) -> str:
    """`1 row repeats`, `12 rows repeat`: a number of things with the verb that agrees."""
    return f"{plural(number, noun)} {one if number == 1 else many}"


COUNTED = (
    "days|units|minutes|visits|patients|lines|hours|weeks|months|years|reports|sessions|treatments|denials|characters|elements|"
    "re-evaluations"
)
OF_ONE = re.compile(
    rf"(?<![\w.,:/$-])1 ((?:billed |calendar |management |timed |treatment )?)({COUNTED})(?![\w-])"
)


DOES = {
    "fall away": "falls away",
    "are too many": "is too many",
    "are payable": "is payable",
    "are beyond": "is beyond",
}
ONE_DOES = re.compile(
    rf"(?<![\w.,:/$-])(?<!of )(1(?: (?:of|billed|unit)\b[^;:,]{{0,40}}?)?) ({'|'.join(DOES)})\b"
)


def singular(sentence: str) -> str:
    """A sentence with numbers filled in, where one of a thing is no plural: `1 units fall away` is `1 unit falls away`."""
    of_one = OF_ONE.sub(lambda found: f"1 {found[1]}{found[2][:-1]}", sentence)
    return ONE_DOES.sub(lambda found: f"{found[1]} {DOES[found[2]]}", of_one)


def worth_knowing(info: int, unread: int) -> str:
    """`; 7 more worth knowing; 81 values of payers to look up`: of `info` findings that no other figure counts."""
    told = [
        f"{count(info - unread)} more worth knowing" if info > unread else "",
        f"{plural(unread, 'value')} of payers to look up" if unread else "",
    ]
    return "".join(f"; {each}" for each in told if each)


def listed(words: Iterable[str]) -> str:
    """`97110`, `97110 and 97530`, `97110, 97140 and 97530`; nothing of nothing."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last


def refused(report: "LoadReport") -> str:
    """`12 rows`, `12 rows and 1 part of a file`, or nothing: a row with several unreadable cells is one row."""
    rows, parts = report.rows_refused, report.parts_refused
    told = [
        plural(rows, "row") if rows else "",
        plural(parts, "part of a file", "parts of files") if parts else "",
    ]
    return " and ".join(filter(None, told))


def money(amount: float | None, cents: bool = False) -> str:
    """`$5,430`; `$25.80` with cents, which only a single line shows; never `$0` for a sum that is not zero."""
    if amount is None:
        return NOTHING
    if cents:
        return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"
    if 0 < abs(amount) < 0.5:
        return "<$1" if amount > 0 else "-<$1"
    whole = int(abs(amount) + 0.5) * (1 if amount >= 0 else -1)  # half up, as the charts' axes and labels do
    return f"-${-whole:,}" if whole < 0 else f"${whole:,}"


def percent(share: float | None) -> str:
    """`12.4 %` of a share between 0 and 1; never `0.0 %` (`<0.1 %`) of one that is not zero, nor `100.0 %` of one below 1."""
    if share is None:
        return NOTHING
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def ends(low: float, high: float) -> str:
    """`8.9–17.0` of an interval's ends (shares between 0 and 1); an end near 0 or the whole is never written as that."""
    return f"{_end(low)}–{_end(high)}"


def _end(share: float) -> str:
    if 0 < share < 0.001:
        return "<0.1"
    return ">99.9" if 0.999 < share < 1 else f"{100 * share:.1f}"


def rate(found: int, checked: int, low: float | None = None, high: float | None = None) -> str:
    """`12.4 % (31 of 250; 8.9–17.0)`: the count, its denominator, and the interval's ends (shares between 0 and 1)."""
    if checked == 0:
        return f"{NOTHING} (none checked)"
    interval = "" if low is None or high is None else f"; {ends(low, high)}"
    return f"{percent(found / checked)} ({count(found)} of {count(checked)}{interval})"


def day(when: date | None) -> str:
    """`Mar 4, 2026`; a datetime gives its date."""
    return NOTHING if when is None else f"{when:%b} {when.day}, {when:%Y}"


def span(first: date | None, last: date | None) -> str:
    """`Jan 1 – Jun 30, 2026`; both years where they differ, one day where they are the same."""
    if first is None or last is None:
        return day(first or last)
    if f"{first:%F}" == f"{last:%F}":
        return day(first)
    start = f"{first:%b} {first.day}" if first.year == last.year else day(first)
    return f"{start} – {day(last)}"


def short(text: str, most: int = 60) -> str:
    """A text for a sentence that quotes it: its beginning and `…` where it is longer."""
    return text if len(text) <= most else f"{text[:most]}…"


def days_in(text: str) -> str | None:
    """A list of ISO days as people write it, `Mar 4, Mar 6 and Mar 9, 2026`; None where the text is no such list."""
    if not DAYS_LISTED.fullmatch(text):
        return None
    days = [date.fromisoformat(each) for each in text.split()]
    told = [
        day(one) if after is None or after.year != one.year else f"{one:%b} {one.day}"
        for one, after in zip(days, [*days[1:], None], strict=True)
    ]
    return listed(told)


def codes_in(text: str) -> str | None:
    """A list of codes as people write it, `97110, 97140 and 97530`; None where the text is no such list."""
    return listed(text.split()) if CODES_LISTED.fullmatch(text) else None


def units_in(text: str) -> str | None:
    """Numbers by code, `97110=0 97530=2`, as people write them: `0 of 97110 and 2 of 97530`; None of other text."""
    if not BY_CODE.fullmatch(text):
        return None
    told = [f"{number} of {code}" for code, number in (each.rsplit("=", 1) for each in text.split())]
    return listed(told)


def terminal(text: str) -> str:
    """Text in one line of visible characters: others are shown as Python writes them (`\\x1b`), so that none is obeyed."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def terminal_lines(text: str) -> str:
    """Text of several lines for a terminal: as `terminal`, each line by itself."""
    return "\n".join(terminal(line) for line in text.split("\n"))


def _escaped(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")


def markdown(text: str) -> str:
    """Text as Markdown that shows the same text, in one line: no image is fetched, no link, formula or heading drawn."""
    broken = LINKED.sub(rf"\1{WORD_JOINER}", " ".join(text.split()))
    return PUNCTUATION.sub(r"\\\g<0>", broken)


def spreadsheet(table: "pl.DataFrame") -> str:
    """CSV in which no cell begins as a formula: such a cell gets an apostrophe before it, and no other cell does.

    To read it back, take one apostrophe from each cell that is a formula behind it.
    """
    import polars as pl

    texts = pl.col(pl.String)
    guarded = pl.when(texts.str.contains(FORMULA)).then("'" + texts).otherwise(texts)
    return table.with_columns(guarded.name.keep()).write_csv()
