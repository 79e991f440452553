"""What is spoilt in one-on-one time: two patients at once, days longer than worked, groups, therapists who were away."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

from compliance.synth.episodes import EVALUATIONS
from compliance.synth.spoiling import Row, Spoiler, Visited

EVALUATING = {code for codes in EVALUATIONS.values() for code in codes} | {"97164", "97168"}
EVALUATION_LEAST, UNIT, SHORT = 20, 15, 7
OVERLAP, SHARED = 12, 14


def _neighbours(spoiler: Spoiler) -> Iterator[tuple[Visited, Visited]]:
    """Two visits one after the other of a therapist with a clock, all of it one-on-one, of patients with no other that day."""
    for day in spoiler.days():
        for first, second in pairwise(day):
            pair = (first, second)
            if first.note["started_at"] and all(each.alone and spoiler.free(each) for each in pair):
                timed = all(each.timed == each.lines for each in pair)
                patients = {each.note["patient_id"] for each in pair}
                if timed and len(patients) == 2 and all(_once(spoiler, each) for each in pair):
                    yield pair


def _once(spoiler: Spoiler, visit: Visited) -> bool:
    """Whether the patient has no other visit that day."""
    days = [each.note["service_date"] for each in spoiler.all_of(visit.note["patient_id"])]
    return days.count(visit.note["service_date"]) == 1


def con_01(spoiler: Spoiler, number: int) -> None:
    """A visit that begins before the therapist's last one ended."""
    for first, second in _neighbours(spoiler):
        early = second.note["started_at"] - (first.note["ended_at"] - timedelta(minutes=OVERLAP))
        spoiler.shift([second.note, *second.interventions], -round(early.total_seconds() / 60))
        for visit in (first, second):
            spoiler.take(visit)
            spoiler.add("CON-01", "The therapist was one-on-one with two patients at once.", visit)
        return


def con_04(spoiler: Spoiler, number: int) -> None:
    """Two patients who came and went together, each billed one-on-one."""
    for first, second in _neighbours(spoiler):
        begins = first.note["started_at"]
        lasts = max(each.note["total_minutes"] for each in (first, second))
        for visit in (first, second):
            visit.note |= {"started_at": begins, "ended_at": begins + timedelta(minutes=lasts)}
            for row in visit.interventions:
                row |= {"started_at": None, "ended_at": None}
            spoiler.written_after(visit)
            spoiler.take(visit)
            why = "Two patients were with the therapist at the same time, each billed one-on-one."
            spoiler.add("CON-01", why, visit)
        why = "Two patients came and went together, and each was billed one-on-one."
        spoiler.add("CON-04", why, first, subject="therapist_day", line=first.lines[0])
        return


def con_02(spoiler: Spoiler, number: int) -> None:
    """A clock that ran for fewer minutes than the day's units stand for."""
    for day, shift in _working_alone(spoiler):
        least = _least(day, by_code=True)
        if len(day) < 4 or least < 60:
            continue
        _worked(shift, least - 15)
        for visit in day:
            spoiler.take(visit)
        for rule, why in (
            ("CON-02", "The day's units stand for more minutes than were worked."),
            ("CON-03", "The notes record more one-on-one minutes than were worked."),
        ):
            _add(spoiler, rule, why, day)
        return


def con_03(spoiler: Spoiler, number: int) -> None:
    """A clock that ran for fewer minutes than the notes record, though not fewer than the units stand for."""
    for day, shift in _working_alone(spoiler):
        documented = sum(row["minutes"] for each in day for row in each.interventions if _one_on_one(row))
        if len(day) < 3 or documented - _least(day, by_code=False) < 12:
            continue
        _worked(shift, documented - 6)
        for visit in day:
            spoiler.take(visit)
        why = "The notes record more one-on-one minutes than were worked."
        _add(spoiler, "CON-03", why, day)
        return


def _add(spoiler: Spoiler, rule: str, why: str, day: list[Visited]) -> None:
    """Record a truth about a therapist's day, under the first of its lines whose time counts."""
    line, visit = next(
        (line, visit)
        for visit in day
        for line in visit.lines
        if line in visit.timed or line["cpt"] in EVALUATING
    )
    spoiler.add(rule, why, visit, subject="therapist_day", line=line)


def _one_on_one(row: Row) -> bool:
    return row["mode"] == "one_on_one" or row["cpt"] in EVALUATING


def _least(day: list[Visited], by_code: bool) -> int:
    """The least minutes of a day's units: the lowest count (each code short of its last unit), or the highest."""
    total = 0
    for visit in day:
        units = sum(line["units"] for line in visit.timed)
        total += max(0, UNIT * units - SHORT * (len(visit.timed) if by_code else 1)) if units else 0
        total += EVALUATION_LEAST * any(line["cpt"] in EVALUATING for line in visit.lines)
    return total


def _worked(shift: Row, minutes: int) -> None:
    shift["ends_at"] = shift["starts_at"] + timedelta(minutes=minutes)


def _working_alone(spoiler: Spoiler) -> Iterator[tuple[list[Visited], Row]]:
    """A therapist's day with its clock, on which nobody of the discipline at the clinic needed supervision."""
    shifts = {
        (row["therapist_id"], row["starts_at"].date()): row
        for row in spoiler.rows["shifts"]
        if row["kind"] == "clocked"
    }
    helped = {
        (row["clinic_id"], row["discipline"], row["service_date"])
        for row in spoiler.rows["notes"]
        if row.get("supervisor_id") or spoiler.people[row["therapist_id"]]["role"] != "therapist"
    }
    for day in spoiler.days():
        note = day[0].note
        shift = shifts.get((note["therapist_id"], note["service_date"]))
        busy = (note["clinic_id"], note["discipline"], note["service_date"]) in helped
        if shift and not busy and all(each.alone and spoiler.free(each) for each in day):
            yield day, shift


def con_05(spoiler: Spoiler, number: int) -> None:
    """Group therapy of one patient, or for two units."""
    for visit in spoiler.visits(lambda each: each.alone and len(each.lines) == 1 == len(each.timed)):
        line, row = visit.lines[0], visit.interventions[0]
        strict = visit.payer_kind in ("medicare", "medicare_advantage", "medicaid")
        twice = number % 2 == 1
        if line["cpt"] == "97530" or (twice and (strict or visit.setting != "private_practice")):
            continue
        visit.note["text"] = visit.note["text"].replace(line["cpt"], "97150")
        visit.note["timed_minutes"] = 0
        row |= {"cpt": "97150", "mode": "group", "group_size": 3 if twice else 1}
        line |= {"cpt": "97150", "units": 2 if twice else 1}
        spoiler.reprice(visit)
        spoiler.take(visit)
        why = (
            "Group therapy is billed twice in a day."
            if twice
            else "Group therapy is billed for a group of one."
        )
        spoiler.add("CON-05", why, visit, line=line)
        return


def con_06(spoiler: Spoiler, number: int) -> None:
    """A therapist who was on leave, or clocked in elsewhere."""
    for day, shift in _working_alone(spoiler):
        if len(day) > 2:
            continue
        if number % 2:
            shift["clinic_id"] = next(key for key in spoiler.clinics if key != shift["clinic_id"])
        else:
            shift["kind"] = "leave"
        for visit in day:
            spoiler.take(visit)
            why = ("The therapist was on leave.", "The therapist was clocked in at another clinic.")[
                number % 2
            ]
            spoiler.add("CON-06", why, visit)
        return


FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    (con_02, 4), (con_03, 3), (con_06, 4), (con_01, 3), (con_04, 3), (con_05, 4),
]  # fmt: skip
"""What is planted, and how often in 200 patients; what needs a whole day comes first."""
