"""Certified intervals: from when to when each plan of care holds, and by which route it was certified.

One reading for the family (POC-01, POC-03, POC-04) and for FRQ-03. It is sequential by nature, each interval begins
where the one before it ended, so it is a pure function over one patient's plans and treatment days.
Source: 42 CFR 424.24; Medicare Benefit Policy Manual ch. 15 §220.1.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

from compliance.checks.terms import ONE_DAY

FIRST_WITHIN = timedelta(days=30)
"""An evaluation, or a first treatment, that lies longer before a plan does not show that the plan is the first of its
episode: another, which the records lack, may lie between (our reading)."""
SetBy = Literal["duration", "cap", "visits", "unknown"]
Case = Literal["passed", "never", "late", "delayed", "reasoned", "order_late", "overdue", "open", "cap_day",
               "no_rule"]  # fmt: skip
LONGEST_WEEKS = 52 * 100
"""A slip of the pen plans for longer; its last day could not be counted."""


@dataclass(frozen=True)
class Rules:
    """What the payer asks on a day. `required` null: no such rule. `unknown` names the fact that hides the rules."""

    required: bool | None = None
    initial_days: int = 0
    verbal_days: int = 0
    interval_days: int | None = None
    delay_days: int = 0
    exception: bool = False
    transmit_days: int = 0
    able: frozenset[str] = frozenset()
    barring: frozenset[str] = frozenset()
    unknown: str | None = None


class Day(NamedTuple):
    """A treatment day: its episode, whether an evaluation took place, the plans that its notes name, and whether only lines
    without a code tell of it, which may be remote monitoring's."""

    on: datetime
    episode: int = 1
    evaluation: bool = False
    noted: frozenset[str] = frozenset()
    uncoded: bool = False


@dataclass(frozen=True)
class Plan:
    """A plan of care. `begins` is the first day it names; null dates were not recorded.

    `order_fits`: the order names the plan's discipline; null where nobody recorded which it names.
    """

    plan_id: str
    begins: datetime
    evaluated_on: datetime | None = None
    ends_on: datetime | None = None
    weeks: float | None = None
    visits: float | None = None
    replaces: str | None = None
    certified_on: datetime | None = None
    certified_by: str | None = None
    verbal_on: datetime | None = None
    reasoned: bool = False
    sent_on: datetime | None = None
    order_signed_on: datetime | None = None
    order_by: str | None = None
    order_fits: bool | None = None


@dataclass(frozen=True)
class Interval:
    """The days that a plan holds, both inclusive; `ends` null: nothing known ends it.

    `covers_from` is the first day that its certification may serve, `starts` the day its length is counted from.
    `first`: certified as a first one; `initial`: the first of its episode, which alone may go without signature.
    `due` is the last day of a timely certification. `former` is the interval that it continues. `unknown` names the fact
    without which nobody knows where it stands: whether it is a first one, or when the plan that it continues ended.
    """

    plan: Plan
    episode: int
    covers_from: datetime
    starts: datetime
    ends: datetime | None
    set_by: SetBy
    due: datetime
    first: bool = True
    initial: bool = True
    former: "Interval | None" = None
    unknown: str | None = None

    def holds(self, on: datetime) -> bool:
        """Whether the day lies within it."""
        return self.covers_from <= on and (self.ends is None or on <= self.ends)

    @property
    def root(self) -> str:
        """The plan that the chain of intervals began with."""
        return self.former.root if self.former else self.plan.plan_id


@dataclass(frozen=True)
class Verdict:
    """How an interval is certified on a day: its case, the last day to act, and the fact without which nobody knows."""

    case: Case
    deadline: datetime | None = None
    unknown: str | None = None


@lru_cache
def barred(name: str | None, rules: Rules) -> str | None:
    """The credential behind a name that may neither order nor certify; null where there is none.

    "J. Roe, D.C." is `DC`; a dentist who is also a physician may. What comes first is a name: "P.T. Moss" is nobody's credential.
    """
    if not name:
        return None
    said = "".join(letter if letter.isalnum() else " " for letter in name.upper().replace(".", "")).split()
    behind = said[1:] or said
    if any(word in rules.able for word in behind):
        return None
    return next((word for word in behind if word in rules.barring), None)


def signed_on(plan: Plan, rules: Rules) -> datetime | None:
    """The day of a signature that counts."""
    return None if barred(plan.certified_by, rules) else plan.certified_on


def intervals(
    plans: Sequence[Plan], days: Sequence[Day], rules_of: dict[str, Rules], opened: Sequence[datetime] = ()
) -> list[Interval]:
    """The intervals of one patient and discipline, in order.

    `days` are the treatment days in order, `rules_of` what the payer asks of each plan, `opened` the first days of
    treatment that the records state of episodes.
    """
    made: list[Interval] = []
    for plan in sorted(plans, key=lambda plan: (plan.begins, plan.replaces is not None, plan.plan_id)):
        rules = rules_of[plan.plan_id]
        episode = _episode(plan, days)
        earlier = [each for each in made if each.episode == episode and each.plan.begins < plan.begins]
        named = [each for each in made if each.plan.plan_id == plan.replaces]
        if plan.replaces is None and (not earlier or _own_evaluation(plan, days, earlier)):
            known = _first_day(plan, episode, days, opened if not earlier else ())
            first_on = known or plan.begins
            first = _interval(plan, episode, first_on, first_on, days, rules, initial=True)
            made.append(first if known else replace(first, unknown="episodes.first_treatment_on"))
        else:
            made.append(_later(plan, episode, (named or earlier or [None])[-1], days, rules))
    return made


def _episode(plan: Plan, days: Sequence[Day]) -> int:
    """The episode whose treatment days lie nearest to the plan's beginning."""

    def distance(episode: int) -> tuple[int, int]:
        own = [day.on for day in days if day.episode == episode]
        before, after = (own[0] - plan.begins).days, (plan.begins - own[-1]).days
        return max(before, after, 0), episode

    episodes = {day.episode for day in days}
    return min(episodes, key=distance) if len(episodes) > 1 else next(iter(episodes), 1)


def _own_evaluation(plan: Plan, days: Sequence[Day], earlier: Sequence[Interval]) -> bool:
    """Whether a plan that names no predecessor rests on an evaluation of its own."""
    evaluated = {day.on for day in days if day.evaluation}
    return plan.evaluated_on in evaluated and all(
        each.plan.evaluated_on != plan.evaluated_on for each in earlier
    )


def _first_day(plan: Plan, episode: int, days: Sequence[Day], opened: Sequence[datetime]) -> datetime | None:
    """The day of initial treatment, which includes the evaluation; null where nothing shows that the plan is the first.

    The plan's own evaluation, else the first day that the records state of the episode, the evaluation that they hold, or
    an older day whose notes name the plan.
    """
    earliest = plan.begins - FIRST_WITHIN
    if plan.evaluated_on and plan.evaluated_on >= earliest:
        return plan.evaluated_on
    own = [day for day in days if day.episode == episode]
    before = [day.on for day in days if day.episode < episode]
    known = [day for day in opened if not own or day <= own[0].on]
    known += [day.on for day in own if day.evaluation and (day.on <= plan.begins or day == own[0])]
    recent = [day for day in known if day >= earliest and (not before or day > before[-1])]
    named = [day.on for day in own if plan.plan_id in day.noted and day.on < plan.begins]
    return min([plan.begins, *recent, *named]) if recent else None


def _later(plan: Plan, episode: int, former: Interval | None, days: Sequence[Day], rules: Rules) -> Interval:
    """The interval of a plan that continues another, which may lie before the records."""
    ended = former.ends if former else plan.begins - ONE_DAY
    if ended is None:
        ended = plan.begins - ONE_DAY
    delay = timedelta(days=rules.delay_days)
    before = [day.on for day in days if day.on < plan.begins]
    if plan.begins > ended + delay + ONE_DAY and (not before or before[-1] < plan.begins - delay):
        made = _interval(plan, episode, plan.begins, plan.begins, days, rules, initial=False)
        return replace(made, former=former)
    after = ended + ONE_DAY
    signed = signed_on(plan, rules)
    starts = after
    if rules.required and signed and signed > ended:
        paused = not any(ended < day.on < signed for day in days)
        if paused or (signed > ended + delay and not plan.reasoned):
            starts = signed
    made = _interval(plan, episode, min(plan.begins, after), starts, days, rules, initial=False)
    unknown = None if former else "plans_of_care.ends_on"
    return replace(made, due=ended, first=False, former=former, unknown=unknown)


def _interval(
    plan: Plan, episode: int, covers_from: datetime, starts: datetime, days: Sequence[Day], rules: Rules, *,
    initial: bool,
) -> Interval:  # fmt: skip
    ends, set_by = _end(plan, starts, days, rules)
    due = covers_from + timedelta(days=rules.initial_days)
    return Interval(plan, episode, covers_from, starts, ends, set_by, due, initial=initial)


def _end(plan: Plan, starts: datetime, days: Sequence[Day], rules: Rules) -> tuple[datetime | None, SetBy]:
    """The last day: of the plan's own duration or of the longest interval, whichever comes first."""
    ends: list[tuple[datetime, SetBy]] = []
    if plan.weeks is not None:
        weeks = min(plan.weeks, LONGEST_WEEKS)
        ends.append((starts + int(weeks * 7 + 0.5) * ONE_DAY - ONE_DAY, "duration"))
    if plan.ends_on is not None:
        ends.append((plan.ends_on, "duration"))
    if plan.visits is not None and not ends:
        sessions = [day.on for day in days if day.on >= starts and not day.evaluation]
        used = int(plan.visits)
        if 0 < used <= len(sessions):
            ends.append((sessions[used - 1], "visits"))
    if rules.interval_days is not None:
        ends.append((starts + (rules.interval_days - 1) * ONE_DAY, "cap"))
    return min(ends, key=lambda end: end[0], default=(None, "unknown"))


def governing(
    day: Day, made: Sequence[Interval], rules: Rules, as_of: datetime, absent: frozenset[str]
) -> tuple[Interval, Verdict] | None:
    """The interval that a day stands under, and how it is certified then; null where none holds the day.

    Of several, those count that continue the plan that the day's notes name, else the latest; of these, one that is
    certified comes first.
    """
    holding = [(each, verdict(each, day.on, rules, as_of, absent)) for each in made if each.holds(day.on)]
    if len(holding) < 2:
        return holding[0] if holding else None

    def rank(pair: tuple[Interval, Verdict]) -> tuple[bool, datetime, str]:
        plan = pair[0].plan
        return plan.plan_id in day.noted, plan.begins, plan.plan_id

    root = max(holding, key=rank)[0].root
    chain = [pair for pair in holding if pair[0].root == root]
    return max(chain, key=lambda pair: (pair[1].case == "passed", *rank(pair)))


def expired(day: Day, made: Sequence[Interval]) -> Interval | None:
    """The interval of the day's episode that ended last before it, where none holds the day."""
    ended = [each for each in made if each.episode == day.episode and each.ends and each.ends < day.on]
    return max(ended, key=lambda each: (each.ends, each.plan.begins, each.plan.plan_id), default=None)


def verdict(
    interval: Interval, on: datetime, rules: Rules, as_of: datetime, absent: frozenset[str]
) -> Verdict:
    """How the interval is certified for a service on the day, under the rules of that day."""
    if rules.unknown:
        return Verdict("no_rule", unknown=rules.unknown)
    if rules.required is None:
        return Verdict("no_rule")
    if not rules.required:
        return Verdict("passed")
    due = interval.due
    if interval.first:
        due = interval.covers_from + timedelta(days=rules.initial_days)
    found = _by_signature(interval, on, due, rules, as_of)
    excepted = _by_exception(interval, rules) if found.case != "passed" and not interval.unknown else None
    if excepted and interval.plan.order_fits is None:
        found = replace(found, unknown=found.unknown or "plans_of_care.order_discipline")
    elif excepted:
        found = excepted
    if found.case == "passed" or found.unknown:
        return found
    return replace(found, unknown=interval.unknown or _hidden(interval, found, rules, absent))


def _by_signature(interval: Interval, on: datetime, due: datetime, rules: Rules, as_of: datetime) -> Verdict:
    """Certified by a dated signature: in time, after a verbal one, late, or never."""
    plan, signed = interval.plan, signed_on(interval.plan, rules)
    accepted = due + timedelta(days=rules.delay_days)
    promised = (
        plan.verbal_on + timedelta(days=rules.verbal_days)
        if plan.verbal_on and plan.verbal_on <= due
        else None
    )
    if signed:
        if interval.first and plan.evaluated_on and signed < min(plan.evaluated_on, plan.begins):
            return Verdict("never", accepted, "plans_of_care.certified_on")
        if signed <= due or (promised and signed <= promised):
            return Verdict("passed")
        if signed <= accepted:
            return Verdict("delayed", accepted)
        if plan.reasoned:
            return Verdict("reasoned", accepted)
        return Verdict("late", accepted) if on < signed else Verdict("passed")
    if plan.certified_by and not plan.certified_on:
        return Verdict("never", accepted, "plans_of_care.certified_on")
    if interval.first and as_of <= max(due, promised or due):
        return Verdict("open", max(due, promised or due))
    return Verdict("overdue" if as_of <= max(accepted, promised or accepted) else "never", accepted)


def _by_exception(interval: Interval, rules: Rules) -> Verdict | None:
    """The signed order on file stands for the signature on the first plan, if the plan was sent in time.

    42 CFR 424.24(c)(5), services from 2025-01-01.
    """
    plan = interval.plan
    if not (rules.exception and interval.initial and plan.sent_on and plan.order_signed_on):
        return None
    if plan.order_fits is False:
        return None
    last = interval.covers_from + timedelta(days=rules.transmit_days)
    if plan.order_signed_on > plan.sent_on or plan.sent_on > last or barred(plan.order_by, rules):
        return None
    return Verdict("order_late" if plan.order_signed_on > interval.covers_from else "passed")


def _hidden(interval: Interval, found: Verdict, rules: Rules, absent: frozenset[str]) -> str | None:
    """The column that the export lacks and that might have shown another route."""
    may_go_unsigned = rules.exception and interval.initial and found.case != "order_late"
    if may_go_unsigned and "plans_of_care.order_signed_on" in absent:
        return "plans_of_care.order_signed_on"
    if may_go_unsigned and interval.plan.order_signed_on and "plans_of_care.sent_on" in absent:
        return "plans_of_care.sent_on"
    if found.case == "late" and "plans_of_care.certification_delay_reason" in absent:
        return "plans_of_care.certification_delay_reason"
    return None


def gap(interval: Interval, on: datetime) -> bool:
    """Whether the day is the one day on which two ways to count the longest interval differ."""
    return interval.set_by == "cap" and interval.ends is not None and on == interval.ends + ONE_DAY
