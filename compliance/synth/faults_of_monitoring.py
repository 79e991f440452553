"""What is spoilt in remote monitoring: days of data, minutes, practitioners, conditions, whose minutes they were."""

from collections.abc import Callable
from datetime import timedelta

from compliance.synth.monitoring import Monitored, add_line, away, monitor, settle
from compliance.synth.spoiling import Row, Spoiler


def monitored(spoiler: Spoiler, number: int) -> None:
    """A patient whose month of monitoring is billed rightly."""
    monitor(spoiler)


def _add(spoiler: Spoiler, rule: str, why: str, month: Monitored, line: Row) -> None:
    spoiler.add(rule, why, month.visit, line=line)
    spoiler.rows["truth"][-1]["note_id"] = None


def rtm_01(spoiler: Spoiler, number: int) -> None:
    """Too few days of data for the code of sixteen."""
    month = monitor(spoiler)
    if month:
        data = [row for row in month.events if row["kind"] == "device_data"]
        month.drop(spoiler, data[9:])
        why = "Nine days with data are billed as sixteen or more."
        _add(spoiler, "RTM-01", why, month, month.line("98977"))


def rtm_02(spoiler: Spoiler, number: int) -> None:
    """No live contact in the month, or too few minutes."""
    month = monitor(spoiler)
    if not month:
        return
    managed = month.managed()
    if number % 2:
        month.drop(spoiler, managed[2:])
        why = "Seventeen minutes are billed as twenty or more."
    else:
        for row in managed:
            row["kind"] = "management"
        why = "Nobody spoke with the patient in the month."
    _add(spoiler, "RTM-02", why, month, month.line("98980"))


def rtm_03(spoiler: Spoiler, number: int) -> None:
    """A second practitioner sets the patient up anew on the day after the period."""
    month = monitor(spoiler)
    if not month:
        return
    last = month.line("98977")
    on = last["service_date"] + timedelta(days=1)
    colleague = next(
        row
        for row in spoiler.rows["therapists"]
        if row["therapist_id"] != last["therapist_id"]
        and all(row[name] == month.visit.author[name] for name in ("role", "discipline", "clinic_id"))
        and on not in away(spoiler, row["therapist_id"])
    )
    remitted = spoiler.remittances.get((last["claim_id"], last["line"]))
    claim = spoiler.claims[last["claim_id"]]
    line = add_line(spoiler, month, claim, "98975", on, remitted["paid_on"] if remitted else None)
    line["therapist_id"] = colleague["therapist_id"]
    settle(spoiler, month)
    _add(spoiler, "RTM-03", "Another practitioner had billed monitoring in the same period.", month, line)


def rtm_04(spoiler: Spoiler, number: int) -> None:
    """No order, or a device that is no medical device."""
    month = monitor(spoiler)
    if not month:
        return
    for row in month.events:
        row |= {"device_cleared": False} if number % 2 else {"ordered_on": None}
    why = ("No order is on record.", "The device is no medical device.")[number % 2]
    for line in month.lines:
        _add(spoiler, "RTM-04", why, month, line)


def rtm_05(spoiler: Spoiler, number: int) -> None:
    """Minutes that an aide gave, or an assistant without CQ or CO."""
    role = ("aide", "assistant")[number % 2]
    month = monitor(spoiler, ("PT",) if role == "aide" else ("PT", "OT"))
    if not month:
        return
    clinic, discipline = month.visit.note["clinic_id"], month.visit.note["discipline"]
    helper = next(
        row
        for row in spoiler.rows["therapists"]
        if (row["role"], row["clinic_id"]) == (role, clinic)
        and (role == "aide" or row["discipline"] == discipline)
    )
    row = next(row for row in month.managed() if row["kind"] == "management")
    row |= {"therapist_id": helper["therapist_id"], "supervision": "available"}
    why = ("An aide gave minutes of the month.", "An assistant gave minutes, and no line bears CQ or CO.")[
        number % 2
    ]
    _add(spoiler, "RTM-05", why, month, month.line("98980"))


FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    (rtm_05, 3), (rtm_03, 3), (rtm_01, 3), (rtm_02, 3), (rtm_04, 3), (monitored, 4),
]  # fmt: skip
"""What is planted, and how often in 200 patients; the last is in order."""
