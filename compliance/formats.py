"""How numbers, dates and rates are written, once, for pages, commands and reports."""

from datetime import date

NOTHING = "–"


def count(number: int) -> str:
    """`1,240`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 visit`, `1,240 visits`; `many` where adding an s is wrong."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def money(amount: float | None, cents: bool = False) -> str:
    """`$5,430`; `$25.80` with cents, which only a single line shows; never `$0` for a sum above zero."""
    if amount is None:
        return NOTHING
    if cents:
        return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"
    if 0 < amount < 0.5:
        return "<$1"
    whole = int(abs(amount) + 0.5) * (1 if amount >= 0 else -1)  # half up, as the charts' axes and labels do
    return f"-${-whole:,}" if whole < 0 else f"${whole:,}"


def percent(share: float | None) -> str:
    """`12.4 %` of a share between 0 and 1; `<0.1 %`, never `0.0 %`, for one that is not zero."""
    if share is None:
        return NOTHING
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.1f} %"


def rate(found: int, checked: int, low: float | None = None, high: float | None = None) -> str:
    """`12.4 % (31 of 250; 8.9–17.0)`: the count, its denominator, and the interval's ends (shares between 0 and 1)."""
    if checked == 0:
        return f"{NOTHING} (none checked)"
    interval = "" if low is None or high is None else f"; {100 * low:.1f}–{100 * high:.1f}"
    return f"{percent(found / checked)} ({count(found)} of {count(checked)}{interval})"


def day(when: date | None) -> str:
    """`Mar 4, 2026`; a datetime gives its date."""
    return NOTHING if when is None else f"{when:%b} {when.day}, {when:%Y}"


def span(first: date | None, last: date | None) -> str:
    """`Jan 1 – Jun 30, 2026`; both years where they differ."""
    if first is None or last is None:
        return day(first or last)
    start = f"{first:%b} {first.day}" if first.year == last.year else day(first)
    return f"{start} – {day(last)}"
