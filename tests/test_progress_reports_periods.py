"""The reading of progress report periods, as a pure function: worked examples of the rule book, then its algebra."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.checks.progress_reports.periods import Day, Report, periods

ONE_DAY = timedelta(days=1)
START = datetime(2026, 3, 2)  # a Monday
NEVER_DUE = datetime(9999, 12, 31)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}")


def three_a_week(number: int, **limits: int) -> list[Day]:
    """Monday, Wednesday, Friday from 2026-03-02, ten treatment days allowed and seven days of grace."""
    offsets = [7 * (n // 3) + (0, 2, 4)[n % 3] for n in range(number)]
    return [
        Day(START + offset * ONE_DAY, **{"allowed": 10, "grace": 7, "idle": 30, **limits})
        for offset in offsets
    ]


def report(ends_on: str, written_on: str | None = None, doubt: str | None = None) -> Report:
    return Report(f"R{ends_on}", at(ends_on), at(written_on or ends_on), doubt)


def outcomes(days: list[Day], reports: list[Report], as_of: str = "12-31") -> list[str]:
    return [period.outcome for period in periods(days, reports, at(as_of))]


def test_a_report_written_on_the_last_day_of_grace_is_in_time() -> None:
    (first, *_) = periods(three_a_week(13), [report("03-23", "03-30")], at("04-02"))
    assert (first.outcome, first.due_on, first.deadline) == ("passed", at("03-23"), at("03-30"))


def test_a_day_later_it_is_late() -> None:
    assert outcomes(three_a_week(13), [report("03-23", "03-31")], "04-02") == ["late", "running"]


def test_closing_early_moves_the_next_due_day() -> None:
    days = three_a_week(16)
    first, second = periods(days, [report("03-13")], at("04-06"))
    assert (first.last, first.outcome, first.deadline) == (5, "passed", at("03-30"))
    assert (second.due_on, second.outcome) == (at("04-06"), "open")


def test_closing_early_never_shortens_the_time_to_write() -> None:
    assert outcomes(three_a_week(13), [report("03-13", "03-30")], "04-02") == ["passed", "running"]
    assert outcomes(three_a_week(13), [report("03-13", "03-31")], "04-02") == ["late", "running"]


def test_a_report_that_closes_late_serves_its_period_and_gains_no_day() -> None:
    first, second = periods(three_a_week(20), [report("03-27")], at("04-15"))
    assert (first.outcome, first.last) == ("passed", 9)
    assert (second.first, second.due_on) == (10, at("04-15"))


def test_one_report_serves_one_period() -> None:
    days = three_a_week(20)
    assert outcomes(days, [report("04-15")]) == ["late", "missing"]


def test_a_report_that_covers_no_treatment_day_is_dropped() -> None:
    assert outcomes(three_a_week(10), [report("02-27"), report("03-23")]) == ["passed"]


def test_a_report_ends_the_period_of_a_day_between_treatments() -> None:
    (first, *_) = periods(three_a_week(10), [report("03-14")], at("03-24"))
    assert first.last == 5


def test_due_is_open_until_its_deadline_and_missing_after() -> None:
    assert outcomes(three_a_week(12), [], "03-30") == ["open"]
    assert outcomes(three_a_week(12), [], "03-31") == ["missing", "running"]


def test_the_last_short_period_is_quiet_until_treatment_has_stopped_for_its_days() -> None:
    assert outcomes(three_a_week(3), [], "04-05") == ["running"]
    assert outcomes(three_a_week(3), [], "04-06") == ["undischarged"]
    assert outcomes(three_a_week(3), [report("03-06")]) == ["passed"]


def test_the_calendar_leg_comes_first_where_treatment_is_sparse() -> None:
    weekly = [Day(START + 7 * n * ONE_DAY, allowed=10, calendar=30, grace=7) for n in range(6)]
    (first, *_) = periods(weekly, [], at("12-31"))
    assert (first.due_on, first.last, first.outcome) == (at("03-31"), 4, "missing")
    assert outcomes(weekly[:5], []) == ["running"], "treatment did not go on after the thirtieth day"


def test_the_limit_in_force_on_the_day_counts() -> None:
    old = [Day(datetime(2012, 12, 3) + 7 * n * ONE_DAY, allowed=10, calendar=30) for n in range(4)]
    new = [Day(datetime(2013, 1, 7) + 7 * n * ONE_DAY, allowed=10) for n in range(4)]
    assert [p.outcome for p in periods([*old, *new], [], datetime(2013, 2, 1))] == ["running"]
    assert periods([*old, *[Day(d.on, allowed=10, calendar=30) for d in new]], [], datetime(2013, 2, 1))[
        0
    ].outcome == ("missing")


def test_what_depends_on_a_report_in_doubt_cannot_be_told() -> None:
    doubtful = report("03-23", doubt="therapists.role")
    (first, *_) = periods(three_a_week(12), [doubtful], at("05-01"))
    assert (first.outcome, first.unknown) == ("unknown", "therapists.role")


def test_what_does_not_depend_on_it_is_told() -> None:
    doubtful = report("04-20", doubt="therapists.role")
    assert outcomes(three_a_week(12), [doubtful, report("03-23"), report("03-28")], "05-01") == [
        "passed",
        "passed",
    ]
    assert outcomes(three_a_week(22), [report("03-23", doubt="notes.signed_on")], "06-01") == [
        "unknown", "missing", "undischarged",
    ]  # fmt: skip


def test_an_early_report_in_doubt_leaves_the_next_due_day_in_doubt() -> None:
    found = periods(three_a_week(16), [report("03-13", doubt="therapists.role")], at("06-01"))
    assert [period.outcome for period in found] == ["unknown", "unknown"]


def test_a_day_of_unknown_payer_leaves_its_period_in_doubt_and_no_other() -> None:
    days = three_a_week(20)
    days[3] = Day(days[3].on, None, unknown="claims.payer_id")
    found = periods(days, [], at("06-01"))
    assert [(p.outcome, p.unknown) for p in found] == [("unknown", "claims.payer_id"), ("missing", None)]
    unknown = [Day(day.on, None, unknown="payers.kind") for day in days]
    assert [p.unknown for p in periods(unknown, [], at("06-01"))] == ["payers.kind"]


offsets = st.lists(st.integers(0, 120), min_size=1, max_size=45, unique=True).map(sorted)
written = st.lists(st.tuples(st.integers(-10, 140), st.integers(0, 30), st.booleans()), max_size=8)


def drawn(offsets: list[int], calendar: int | None = None) -> list[Day]:
    return [Day(START + n * ONE_DAY, allowed=10, calendar=calendar, grace=7, idle=30) for n in offsets]


def signed(drawn: list[tuple[int, int, bool]], doubts: bool = True) -> list[Report]:
    return [
        Report(
            f"R{n}",
            START + end * ONE_DAY,
            START + (end + lag) * ONE_DAY,
            "therapists.role" if doubts and doubt else None,
        )
        for n, (end, lag, doubt) in enumerate(drawn)
    ]


@given(offsets, written, st.randoms(), st.sampled_from([None, 30]))
@settings(max_examples=150, deadline=None)
def test_the_order_of_reports_changes_nothing(
    days: list[int], reports: list, shuffled, calendar: int | None
) -> None:
    given_reports = signed(reports)
    mixed = list(given_reports)
    shuffled.shuffle(mixed)
    assert periods(drawn(days, calendar), mixed, NEVER_DUE) == periods(
        drawn(days, calendar), given_reports, NEVER_DUE
    )


@given(offsets, written, st.sampled_from([None, 30]), st.integers(0, 200))
@settings(max_examples=150, deadline=None)
def test_periods_follow_each_other_without_gap_or_overlap(
    days: list[int], reports: list, calendar: int | None, as_of: int
) -> None:
    found = periods(drawn(days, calendar), signed(reports), START + as_of * ONE_DAY)
    assert found[0].first == 0
    assert all(after.first == before.last + 1 for before, after in pairwise(found))
    assert all(
        period.last - period.first < 10 or period.outcome in ("running", "undischarged") for period in found
    )
    assert found[-1].last == len(days) - 1 or found[-1].outcome in ("open", "unknown")


@given(offsets, written, st.integers(0, 120))
@settings(max_examples=200, deadline=None)
def test_one_more_report_written_at_once_never_adds_a_missing_one(
    days: list[int], reports: list, day: int
) -> None:
    before = periods(drawn(days), signed(reports, doubts=False), NEVER_DUE)
    more = Report("more", START + day * ONE_DAY, START + day * ONE_DAY)
    after = periods(drawn(days), [*signed(reports, doubts=False), more], NEVER_DUE)
    assert missing(after) <= missing(before)


def missing(found: list) -> int:
    return sum(period.outcome == "missing" for period in found)


@given(offsets, written)
@settings(max_examples=100, deadline=None)
def test_a_doubtful_report_never_turns_into_a_finding_or_a_pass_of_its_own(
    days: list[int], reports: list
) -> None:
    with_doubts = periods(drawn(days), signed(reports), NEVER_DUE)
    assert all(period.report is None or period.report.doubt is None or period.outcome in ("unknown", "passed")
               for period in with_doubts)  # fmt: skip
    told = {period.decided for period in with_doubts if period.outcome in ("late", "missing")}
    certain = periods(drawn(days), [r for r in signed(reports) if r.doubt is None], NEVER_DUE)
    assert told <= {period.decided for period in certain}
