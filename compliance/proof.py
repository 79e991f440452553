"""What the facts of a finding prove, as frames that a chart can draw: told apart by the facts' names, not by rules.

Each function takes the facts of a finding's evidence (and, where values decide, its parameters) and returns what it shows,
or None where the facts are not there. `SHOWN` names the facts that each picture says, so that they need not be said again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import polars as pl

from compliance import formats

Facts = Mapping[str, Any]
SHOWN: dict[str, frozenset[str]] = {
    "units": frozenset(
        {"minutes_by_code", "billed_by_code", "supported_by_code", "timed_minutes", "units_billed", "units_supported",
         "pooled_by_code", "midpoint_by_code"}
    ),
    "days": frozenset({"counted_days", "used_elsewhere"}),
    "weeks": frozenset({"made_of_planned", "visits_by_week", "full_weeks", "weeks_over", "planned", "judged_to"}),
    "sessions": frozenset({"sessions"}),
    "pair": frozenset({"pair_column_1", "pair_column_2", "modifier_indicator", "table_as_of", "pair_from"}),
    "threshold": frozenset(
        {"running_total", "threshold", "review_threshold", "counted", "bucket", "dollars_here", "elsewhere", "elsewhere_on",
         "elsewhere_with_own"}
    ),
    "payment": frozenset(
        {"price_in_full", "reduction", "expected_allowed", "deductible_taken", "coinsurance_amount", "assistant_reduction",
         "sequestration_withheld", "expected_payment", "difference", "paid", "payer_allowed", "price_from"}
    ),
}  # fmt: skip
POOLED, MIDPOINT = "cms_8_minute", "midpoint"
COUNTING = {POOLED: "", MIDPOINT: "This payer counts each code by itself, from the middle of a unit on."}
NOT_KNOWN = (
    "How this payer counts units nobody has read; it is drawn as Medicare counts, all timed minutes together."
)
BY_WAY = {
    POOLED: ("pooled_by_code", "By the 8-minute rule"),
    MIDPOINT: ("midpoint_by_code", "By the midpoint of each code"),
}
"""Ways of counting units: the fact that says what each supports, and its name."""
CENT = 0.015
"""Dollars below which a step of a payment is rounding."""


@dataclass(frozen=True)
class Units:
    """Timed minutes of a patient-day, the units that they support, and those billed.

    `codes`: code, minutes, supported, billed (null: not said). `unit` and `first` are a unit's minutes and those from
    which the first counts (None: not said). `pooled`: all minutes together set the units (CMS), not each code by itself;
    `counting` says so where it is not CMS's way, `way` names the way where it is one of several.
    """

    codes: pl.DataFrame
    minutes: int
    supported: int | None
    billed: int | None
    unit: int | None
    first: int | None
    pooled: bool
    counting: str = ""
    way: str = ""

    def least(self, units: int) -> int:
        """The minutes from which so many units count; 0 where that is not said."""
        return self.first + (units - 1) * self.unit if units > 0 and self.unit and self.first else 0

    @property
    def sentence(self) -> str:
        """`22 timed minutes are enough for 1 unit; 2 were billed, 1 too many of 97110`."""
        enough = "" if self.supported is None else f" are enough for {formats.plural(self.supported, 'unit')}"
        were = (
            "" if self.billed is None else f"; {self.billed} {'was' if self.billed == 1 else 'were'} billed"
        )
        over = self.codes.filter(pl.col("billed") > pl.col("supported"))
        many = [
            f"{billed - supported} too many of {code}"
            for code, billed, supported in over.select("code", "billed", "supported").iter_rows()
        ]
        said = f"{formats.plural(self.minutes, 'timed minute')}{enough}{were}{''.join(f', {each}' for each in many)}"
        return f"{self.way}: {said}" if self.way else said

    @property
    def bars(self) -> pl.DataFrame:
        """One row a code with minutes: row (where it is drawn), code, starts, ends, minutes, supported, billed."""
        codes = self.codes.filter(pl.col("minutes") > 0)
        ends = pl.col("minutes").cum_sum() if self.pooled else pl.col("minutes")
        row = pl.lit(ALL_MINUTES) if self.pooled else pl.col("code")
        return codes.with_columns(ends=ends, row=row).with_columns(starts=pl.col("ends") - pl.col("minutes"))

    @property
    def marks(self) -> pl.DataFrame:
        """What was billed, at the minutes that it takes: row, at, told, short (whether the minutes fall short of it)."""
        schema = {"row": pl.String, "at": pl.Int64, "told": pl.String, "short": pl.Boolean}
        if self.pooled:
            told = [(ALL_MINUTES, self.billed, self.minutes)]
        else:
            told = list(self.codes.select("code", "billed", "minutes").iter_rows())
        rows = [
            (row, self.least(billed), f"{billed} billed", self.least(billed) > minutes)
            for row, billed, minutes in told
            if billed and self.least(billed)
        ]
        return pl.DataFrame(rows, schema=schema, orient="row")

    @property
    def steps(self) -> list[int]:
        """Minutes of the steps 1, 2, 3 … up to one beyond what is drawn."""
        if not (self.unit and self.first):
            return []
        furthest = max([0, *self.bars["ends"], *self.marks["at"]])
        return list(range(self.first, furthest + self.unit, self.unit))


ALL_MINUTES = "All timed codes"


def ways_of_units(facts: Facts, parameters: Mapping[str, Mapping[str, Any]]) -> list[Units]:
    """Timed minutes against units: by each way of counting where the payer's is not known and both are told, else by one."""
    if not all(facts.get(name) for name, _ in BY_WAY.values()):
        told = units(facts, parameters)
        return [told] if told else []
    found = []
    for method, (name, words) in BY_WAY.items():
        supported = {"supported_by_code": facts[name], "units_supported": sum(by_code(facts[name]).values())}
        told = units({**facts, **supported, "unit_method": method}, parameters)
        found += [replace(told, counting="", way=words)] if told else []
    return found


def units(facts: Facts, parameters: Mapping[str, Mapping[str, Any]]) -> Units | None:
    """Timed minutes against units, where the facts hold both."""
    minutes, supported, billed = (
        by_code(facts.get(name)) for name in ("minutes_by_code", "supported_by_code", "billed_by_code")
    )
    total = facts.get("timed_minutes", sum(minutes.values()) if minutes else None)
    units_billed = facts.get("units_billed", sum(billed.values()) if billed else None)
    if total is None or units_billed is None:
        return None
    if not minutes:
        minutes = {ALL_MINUTES: int(total)}
        supported, billed = {}, {}
    codes = pl.DataFrame(
        [(code, minutes.get(code, 0), supported.get(code), billed.get(code))
         for code in sorted({*minutes, *supported, *billed})],
        schema={"code": pl.String, "minutes": pl.Int64, "supported": pl.Int64, "billed": pl.Int64}, orient="row",
    )  # fmt: skip
    values = {name: told["value"] for name, told in parameters.items()}
    method = facts.get("unit_method") or values.get("unit_method") or POOLED
    return Units(
        codes, int(total), facts.get("units_supported"), int(units_billed), _whole(values.get("timed_unit_minutes")),
        _whole(values.get("first_unit_minutes")), method != MIDPOINT, COUNTING.get(method, NOT_KNOWN),
    )  # fmt: skip


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


def by_code(text: Any) -> dict[str, int]:
    """`97110=15 97530=38` as numbers by code; nothing where it does not read so."""
    found = re.findall(r"(\S+)=(\d+)(?=\s|$)", str(text or ""))
    return {code: int(number) for code, number in found}


@dataclass(frozen=True)
class Day:
    """A counted treatment day (its number), or what happened between them (number None, and `told`)."""

    on: date
    place: str
    number: int | None = None
    told: str = ""


EVENTS = {
    "due_on": "due",
    "deadline": "last day",
    "written_on": "written",
    "certified_on": "certified",
    "interval_to": "plan until",
}
"""Facts that mark a day among the counted ones."""


def days(facts: Facts) -> list[Day]:
    """Counted treatment days in order, told apart by the day on which something was due, with the marks between them."""
    counted = [date.fromisoformat(each) for each in str(facts.get("counted_days") or "").split()]
    if not counted:
        return []
    allowed = visit_limit(facts)
    if allowed is not None:
        before = int(facts.get("used_elsewhere") or 0)
        numbers = enumerate(counted, before + 1)
        return [Day(on, "after" if number > allowed else "counted", number) for number, on in numbers]
    after = lapsed(facts)
    due = None if after else _day(facts.get("due_on"))
    numbered = [
        Day(on, "after" if after else _place(on, due), number) for number, on in enumerate(counted, 1)
    ]
    events = {name: told for name, told in EVENTS.items() if not (after and name == "due_on")}
    dated = [(on, told) for name, told in events.items() if (on := _day(facts.get(name)))]
    marks = [Day(on, "event", told=told) for on, told in dated if not (told == "due" and on in counted)]
    return sorted([*numbered, *marks], key=lambda each: (each.on, each.number is None))


def visit_limit(facts: Facts) -> int | None:
    """How many visits a benefit or a payer pays, where the counted days are held against that."""
    told = facts.get("limit"), facts.get("used"), facts.get("counted_days")
    return None if None in told else int(facts["limit"])


WEEK = re.compile(r"(\d{4}-\d\d-\d\d)=(\d+)/(\d+(?:\.\d+)?)(?=\s|$)")


def weeks(facts: Facts) -> pl.DataFrame | None:
    """Visits made and planned of each full week, by its Monday: week, made, planned, over."""
    found = WEEK.findall(str(facts.get("made_of_planned") or ""))
    if not found:
        return None
    rows = [(date.fromisoformat(monday), int(made), float(planned)) for monday, made, planned in found]
    told = pl.DataFrame(rows, schema={"week": pl.Date, "made": pl.Int64, "planned": pl.Float64}, orient="row")
    return told.with_columns(over=pl.col("made") > pl.col("planned").ceil())


def weeks_sentence(told: pl.DataFrame) -> str:
    """`3 of 7 full weeks hold more visits than planned, 2 against 1 in the fullest`; else how many hold fewer."""
    over = told.filter("over")
    few = over if over.height else told.filter(pl.col("made") < pl.col("planned"))
    hold = (
        f"{few.height} of {formats.plural(told.height, 'full week')} {'holds' if few.height == 1 else 'hold'}"
    )
    if over.is_empty():
        return f"{hold} fewer visits than planned"
    most = over.sort("made", "week", descending=[True, False]).row(0, named=True)
    return f"{hold} more visits than planned, {most['made']} against {most['planned']:g} in the fullest"


def lapsed(facts: Facts) -> bool:
    """Whether the counted days all lie after the plan's end: then they are what is wrong, and no due day parts them."""
    ends, first = _day(facts.get("interval_to")), str(facts.get("counted_days") or "")[:10]
    return bool(ends and first) and date.fromisoformat(first) > ends


def _place(on: date, due: date | None) -> str:
    return "counted" if due is None or on < due else "due" if on == due else "after"


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None


SESSION = re.compile(
    r"^(\d{4}-\d\d-\d\dT\d\d:\d\d)[^/]*/(\d{4}-\d\d-\d\dT\d\d:\d\d)\S*(?: (\S+))?(?: (.+))?$"
)
BETWEEN_SESSIONS = re.compile(r";\s*(?=\d{4}-\d\d-\d\dT)")
SESSION_COLUMNS = {
    "begins": pl.Datetime("us"),
    "ends": pl.Datetime("us"),
    "cpt": pl.String,
    "patient_id": pl.String,
}


def sessions(facts: Facts) -> pl.DataFrame | None:
    """Sessions by the clock: begins, ends, cpt, patient_id (null: all of one patient); what does not read is left out."""
    rows = [
        (datetime.fromisoformat(found[1]), datetime.fromisoformat(found[2]), found[3], found[4])
        for each in BETWEEN_SESSIONS.split(str(facts.get("sessions") or ""))
        if (found := SESSION.match(each.strip()))
    ]
    return pl.DataFrame(rows, schema=SESSION_COLUMNS, orient="row") if rows else None


def shared(timed: pl.DataFrame, key: str) -> pl.DataFrame:
    """When two or more of `key` are on the clock at once: begins, ends, together (how many at most), minutes.

    `timed`: begins, ends and `key`. Neighbouring stretches are one.
    """
    moments = sorted({*timed["begins"], *timed["ends"]})
    rows = list(timed.select("begins", "ends", key).iter_rows())
    found: list[list[Any]] = []
    for begins, ends in pairwise(moments):
        together = len({who for start, end, who in rows if start <= begins and end >= ends})
        if together < 2:
            continue
        if found and found[-1][1] == begins:
            found[-1][1:] = [ends, max(found[-1][2], together)]
        else:
            found.append([begins, ends, together])
    schema = {"begins": pl.Datetime("us"), "ends": pl.Datetime("us"), "together": pl.Int64}
    frame = pl.DataFrame(found, schema=schema, orient="row")
    return frame.with_columns(minutes=(pl.col("ends") - pl.col("begins")).dt.total_minutes())


def shared_sentence(stretches: pl.DataFrame, what: str, facts: Facts) -> str:
    """`15 minutes with 2 patients at once`; where the records allow less, how many are certain."""
    minutes = int(stretches["minutes"].sum())
    if not minutes:
        return f"No two {what}s at once by the clock"
    most = max(stretches["together"])
    many = f"up to {most}" if most > 2 else "2"
    certain = facts.get("overlap_minutes")
    least = f"; {formats.plural(certain, 'minute')} certainly shared" if certain and certain < minutes else ""
    return f"{formats.plural(minutes, 'minute')} with {many} {what}s at once by the clock{least}"


INDICATORS = {
    "0": "never paid together: no modifier separates them",
    "1": "paid together only as separate services, which a modifier (59, XE, XP, XS or XU) must say",
    "9": "no longer in force",
}


@dataclass(frozen=True)
class Pair:
    """A pair of codes as its table has it; `since` null: the table does not say."""

    column_1: str
    column_2: str
    indicator: str
    since: date | None
    table_of: date | None

    @property
    def means(self) -> str:
        """What the indicator means, in plain words."""
        return INDICATORS.get(self.indicator, "an indicator that this program does not know")

    def lacks(self, service: date | None) -> str:
        """What the table cannot say."""
        told = [] if self.since else ["since when the pair is in force"]
        if self.table_of and service and service > self.table_of:
            told.append(
                f"what changed between {formats.day(self.table_of)} and the day of service, {formats.day(service)}"
            )
        return " and ".join(told)


def pair(facts: Facts) -> Pair | None:
    """The code pair that decided, where the facts name both codes."""
    first, second = facts.get("pair_column_1"), facts.get("pair_column_2")
    if not (first and second):
        return None
    indicator = str(facts.get("modifier_indicator") or "")
    return Pair(
        str(first), str(second), indicator, _day(facts.get("pair_from")), _day(facts.get("table_as_of"))
    )


@dataclass(frozen=True)
class Threshold:
    """A year's dollars against a threshold; `here` and `elsewhere` are its parts where the facts tell them apart.

    `elsewhere` is null where other providers' dollars are not known; `on` is the day of which they are known, `with_own`
    whether they hold this clinic's until then.
    """

    total: float
    limits: tuple[tuple[str, float], ...]
    counted: str
    of: str
    here: float | None = None
    elsewhere: float | None = None
    on: date | None = None
    with_own: bool = False

    @property
    def sentence(self) -> str:
        """`PT and SLP: at least $2,530.00 known here, $50.00 above the threshold of $2,480.00; other providers' dollars …`."""
        said, limit = formats.money(self.total, cents=True), formats.money(self.limits[0][1], cents=True)
        over = self.total - self.limits[0][1]
        beyond = f"{formats.money(abs(over), cents=True)} {'above' if over > 0 else 'below'} the threshold of {limit}"
        name = f"{self.of}: " if self.of else ""
        if self.counted.startswith("at least"):
            return f"{name}at least {said} known here, {beyond}; other providers' dollars are unknown"
        parts = " and ".join(f"{formats.money(dollars, cents=True)} {what}" for what, dollars in self.parts)
        if len(self.parts) > 1:
            return f"{name}{said}, {beyond}: {parts}"
        return f"{name}{said}{f' {self.counted}' if self.counted else ''}, {beyond}"

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """What the total is made of, in the order in which it is added up."""
        if self.here is None:
            return (("running total", self.total),)
        here = ("here", self.here)
        if self.elsewhere is None:
            return (here,)
        by = f" by {formats.day(self.on)}" if self.on else ""
        whose = "at all providers" if self.with_own else "at other providers"
        return (f"{whose}{by}", self.elsewhere), (f"here{' since' if self.with_own else ''}", self.here)


def threshold(facts: Facts) -> Threshold | None:
    """A running total against its threshold, where the facts hold both."""
    total, limit = facts.get("running_total"), facts.get("threshold")
    if total is None or limit is None:
        return None
    limits = [("threshold", float(limit))]
    if facts.get("review_threshold"):
        limits.append(("review", float(facts["review_threshold"])))
    here, elsewhere = (
        None if facts.get(name) is None else float(facts[name]) for name in ("dollars_here", "elsewhere")
    )
    return Threshold(
        float(total), tuple(limits), str(facts.get("counted") or ""), str(facts.get("bucket") or ""),
        here, elsewhere, _day(facts.get("elsewhere_on")), bool(facts.get("elsewhere_with_own")),
    )  # fmt: skip


TAKEN = {
    "reduction": "reduced (further units, charge)",
    "deductible_taken": "deductible",
    "coinsurance_amount": "coinsurance",
    "assistant_reduction": "assistant's factor",
    "sequestration_withheld": "sequestration",
}
PAYMENT_COLUMNS = {
    "step": pl.String,
    "starts": pl.Float64,
    "ends": pl.Float64,
    "amount": pl.Float64,
    "kind": pl.String,
}


def payment(facts: Facts) -> pl.DataFrame | None:
    """From the fee to the expected payment to what was paid: step, starts, ends, amount, kind (sum, less, paid).

    A part of the way that no fact names is a step of its own, so that the steps always add up.
    """
    price, expected, paid = (facts.get(name) for name in ("price_in_full", "expected_payment", "paid"))
    if price is None or expected is None or paid is None:
        return None
    rows: list[tuple[str, float, float, float, str]] = [("fee", 0.0, float(price), float(price), "sum")]
    at = float(price)
    for name, told in TAKEN.items():
        amount = float(facts.get(name) or 0)
        if abs(amount) >= CENT:
            rows.append((told, at - amount, at, -amount, "less"))
            at -= amount
        if name == "reduction" and len(rows) > 1:
            rows.append(("expected to be allowed", 0.0, at, at, "sum"))
    rest = at - float(expected)
    if abs(rest) >= CENT:
        rows.append((_rest_words(facts), min(at, at - rest), max(at, at - rest), -rest, "less"))
    rows.append(("expected payment", 0.0, float(expected), float(expected), "sum"))
    if facts.get("payer_allowed") is not None:
        allowed = float(facts["payer_allowed"])
        rows.append(("allowed by the payer", 0.0, allowed, allowed, "paid"))
    rows.append(("paid", 0.0, float(paid), float(paid), "paid"))
    return pl.DataFrame(rows, schema=PAYMENT_COLUMNS, orient="row")


def _rest_words(facts: Facts) -> str:
    """A part of the patient's that is no step of ours: as the remittance says, or a deductible that may be open."""
    if facts.get("coinsurance_amount") is None:
        return "patient's share (remittance)"
    return "deductible that may be open"


def payment_sentence(facts: Facts) -> str:
    """`Paid $19.52, $4.88 less than the $24.40 expected`."""
    difference = float(facts["paid"]) - float(facts["expected_payment"])
    way = "less" if difference < 0 else "more"
    paid, off, expected = (
        formats.money(each, cents=True)
        for each in (facts["paid"], abs(difference), facts["expected_payment"])
    )
    return f"Paid {paid}, {off} {way} than the {expected} expected"
