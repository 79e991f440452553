"""What is spoilt in notes after they were written: plateaus, copies, signatures, missing notes, wrong days and codes."""

from datetime import date, datetime, timedelta
from typing import Any

from compliance.synth.calendar import is_open
from compliance.synth.spoiling import Spoiler, Visited

CONTRACTS = ("commercial", "workers_comp", "auto", "tricare")
"""Payer kinds by whose reports and thresholds nothing else hangs on a visit."""
OTHER_CODE = {"97110": "97112", "97112": "97110"}
PLATEAU_DAYS = 21
COPIES, EXACT_COPIES = 3, 5
"""How many notes in a row repeat the one before: a weakness, and a repayment risk."""


def int_01(spoiler: Spoiler, number: int) -> None:
    """A goal that stands where it stood at the evaluation, in each report of its plan, and that nobody closed."""
    for visit in spoiler.visits(lambda each: spoiler.untouched(each.note["patient_id"], "DOC", "PR", "POC")):
        plan_id = visit.note["plan_id"]
        reports = [
            row for row in spoiler.rows["notes"]
            if row["plan_id"] == plan_id and row.get("period_to") and row["kind"] != "recertification"
        ]  # fmt: skip
        goals = [row for row in spoiler.rows["goals"] if row["plan_id"] == plan_id and row["term"] == "long"]
        if len(reports) < 3 or len(goals) < 2:
            continue
        goal, latest = goals[-1], max(row["service_date"] for row in reports)
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        days = [each for each in own if each.note["service_date"] <= latest and each.plan is visit.plan]
        told = [_line_of(row["text"], goal["label"]) for row in reports]
        if len(days) < PLATEAU_DAYS or not all(told):
            continue
        for row, line in zip(reports, told, strict=True):
            head = line.split(":")[0]
            stands = f"{head}: {goal['baseline'].replace(';', ',')}, no change. Goal not yet met."
            first, *others = row["text"].split("\n")
            row["text"] = "\n".join([first, stands, *(each for each in others if each != line)])
        goal.update(status="open", status_on=None)
        spoiler.add(
            "INT-01", f"{goal['label']} stands at {goal['baseline']} in each report.", visit, subject="goal"
        )
        spoiler.rows["truth"][-1]["goal_id"] = goal["goal_id"]
        spoiler.take(visit, whole=True)
        return


def _line_of(text: str, label: str) -> str:
    """The line of a report that tells of a goal, or nothing."""
    return next((line for line in text.split("\n") if line.startswith(label) and ":" in line), "")


def int_02(spoiler: Spoiler, number: int) -> None:
    """Notes in a row that repeat the one before; of a speech therapist with the same minutes; or of another patient."""
    if number % 3 == 1:
        _same_minutes(spoiler)
    elif number % 3 == 2:
        _of_another_patient(spoiler)
    else:
        _copies(spoiler)


def _copies(spoiler: Spoiler) -> None:
    for row in _rows_of_visits(spoiler, COPIES + 1):
        if any(
            {each["cpt"] for each in visit.interventions} ^ {each["cpt"] for each in row[0].interventions}
            for visit in row
        ):
            continue
        for visit in row[1:]:
            visit.note["text"] = row[0].note["text"]
            spoiler.add("INT-02", "The note repeats that of the visit before.", visit, subject="note")
        for visit in row:
            spoiler.take(visit)
        return


def _same_minutes(spoiler: Spoiler) -> None:
    for row in _rows_of_visits(spoiler, EXACT_COPIES + 1):
        first = row[0].interventions
        if row[0].note["discipline"] != "SLP" or any(
            [each["cpt"] for each in visit.interventions] != [each["cpt"] for each in first] for visit in row
        ):
            continue
        for visit in row[1:]:
            _last_as_long(visit, row[0])
            visit.note["text"] = row[0].note["text"]
            spoiler.add(
                "INT-02", "The note repeats work and minutes of the visit before.", visit, subject="note"
            )
        for visit in row:
            spoiler.take(visit)
        return


def _last_as_long(visit: Visited, other: Visited) -> None:
    """The minutes of another visit of one untimed code."""
    note, given = visit.note, visit.interventions[0]
    minutes = other.interventions[0]["minutes"]
    given["minutes"] = note["total_minutes"] = minutes
    if given.get("assistant_minutes"):
        given["assistant_minutes"] = minutes
    if note["started_at"]:
        ends = note["started_at"] + timedelta(minutes=minutes)
        given["ended_at"] = note["ended_at"] = ends
        note["written_at"] = max(note["written_at"], ends + timedelta(minutes=4))
        note["edited_at"] = None


def _of_another_patient(spoiler: Spoiler) -> None:
    written = [
        each
        for each in spoiler.visits(lambda each: len(each.note["text"]) > 400)
        if "97530" not in _codes(each)
    ]
    for visit in written:
        for other in written:
            same = (
                other.note["therapist_id"] == visit.note["therapist_id"]
                and other.note["patient_id"] != visit.note["patient_id"]
                and _codes(other) == _codes(visit)
                and other.note["service_date"] < visit.note["service_date"]
                and _place(spoiler, visit) > 2
            )
            if not same:
                continue
            visit.note["text"] = other.note["text"]
            spoiler.take(visit)
            spoiler.take(other)
            spoiler.add("INT-02", "The note is another patient's.", visit, subject="note")
            return


def _codes(visit: Visited) -> set[str]:
    return {row["cpt"] for row in visit.interventions}


def _place(spoiler: Spoiler, visit: Visited) -> int:
    """Which treatment day of its episode a visit is, from 0."""
    own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
    return own.index(visit)


def _rows_of_visits(spoiler: Spoiler, count: int) -> Any:
    """Visits in a row that one person wrote, after the first ones, with no report between: their goals stand."""
    reported = {
        (row["patient_id"], row["discipline"], row["period_to"])
        for row in spoiler.rows["notes"]
        if row.get("period_to")
    }
    free = list(spoiler.visits())
    able = {each.note["note_id"] for each in free}
    for visit in free:
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        begin = own.index(visit)
        row = own[begin : begin + count]
        fits = (
            begin > 2
            and len(row) == count
            and all(each.note["note_id"] in able for each in row)
            and len({each.note["therapist_id"] for each in row}) == 1
            and not any(each.note["cosigned_by"] or each.note["supervision"] == "in_room" for each in row)
            and not any(
                (each.note["patient_id"], each.note["discipline"], each.note["service_date"]) in reported
                for each in row[:-1]
            )
        )
        if fits:
            yield row


def int_03(spoiler: Spoiler, number: int) -> None:
    """A note that bears no signature, was signed late, or was finished before the session or after the claim."""
    kind = ("unsigned", "very_late", "late", "early", "after_claim")[number % 5]
    for visit in spoiler.visits(lambda each: not each.note["cosigned_by"] and each.paid):
        note, day = visit.note, visit.note["service_date"]
        if kind == "unsigned":
            note["signed_on"] = None
        elif kind == "very_late":
            note["signed_on"] = day + timedelta(days=47)
        elif kind == "late":
            note["signed_on"] = day + timedelta(days=12)
        elif kind == "early":
            if not note["started_at"]:
                continue
            note["written_at"] = note["started_at"] + timedelta(minutes=6)
        else:
            late = visit.claim["submitted_on"] + timedelta(days=3)
            if (late - day).days > 25:
                continue
            note.update(written_at=late, signed_on=late)
        note["edited_at"] = None
        spoiler.take(visit)
        spoiler.add("INT-03", _SIGNED[kind], visit, subject="note")
        return


_SIGNED = {
    "unsigned": "The note bears no signature.",
    "very_late": "The note was signed after 47 days.",
    "late": "The note was signed after 12 days.",
    "early": "The note was finished before the session had ended.",
    "after_claim": "The note was finished after the claim was sent.",
}


def int_04(spoiler: Spoiler, number: int) -> None:
    """A billed day on which the patient did not come, or of which no note exists."""
    for visit in _spare(spoiler):
        note = visit.note
        for row in visit.interventions:
            spoiler.rows["interventions"].remove(row)
        why = "The note of the day says that the patient did not come."
        if number % 2:
            why = "No note documents the day."
            spoiler.rows["notes"].remove(note)
            for line in visit.lines:
                line["note_id"] = None
        else:
            empty = dict.fromkeys(
                ("supervisor_id", "supervision", "started_at", "ended_at", "timed_minutes", "total_minutes",
                 "written_at", "edited_at")
            )  # fmt: skip
            note.update(
                empty, kind="missed_visit", outcome="no_show", text="Patient did not come and did not call."
            )
        spoiler.take(visit)
        for line in visit.lines:
            spoiler.add_line("INT-04", why, line)
        return


def int_05(spoiler: Spoiler, number: int) -> None:
    """A line that bills another code than the note holds."""
    for visit in spoiler.visits(lambda each: each.payer_kind in CONTRACTS):
        codes = _codes(visit)
        line = next((each for each in visit.lines if each["cpt"] in OTHER_CODE), None)
        other = OTHER_CODE[line["cpt"]] if line else ""
        if (
            line is None
            or other in codes
            or other in visit.note["text"]
            or other not in visit.plan["interventions"]
        ):
            continue
        line["cpt"] = other
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("INT-05", f"The note holds no {other}.", visit, line=line)
        spoiler.add("UNIT-01", f"No minute of {other} is documented.", visit, line=line)
        return


def int_06(spoiler: Spoiler, number: int) -> None:
    """A visit that was billed for the day after it."""
    for visit in _spare(spoiler):
        day = visit.note["service_date"] + timedelta(days=1)
        others = [each.note["service_date"] for each in spoiler.all_of(visit.note["patient_id"])]
        monday = day - timedelta(days=day.weekday())
        that_week = sum(monday <= each < monday + timedelta(days=7) for each in others)
        if day in others or not is_open(day) or that_week >= visit.plan["visits_per_week"]:
            continue
        for line in visit.lines:
            line["service_date"] = day
            spoiler.add("INT-06", "The line bears the day after the visit.", visit, line=line)
        spoiler.take(visit)
        return


def int_07(spoiler: Spoiler, number: int) -> None:
    """A visit that nobody billed."""
    for visit in _spare(spoiler):
        claim_id = visit.claim["claim_id"]
        lines = [line for line in spoiler.rows["claim_lines"] if line["claim_id"] == claim_id]
        if len(lines) != len(visit.lines):
            continue
        for line in lines:
            spoiler.drop_line(visit, line)
        spoiler.rows["claims"].remove(visit.claim)
        spoiler.take(visit)
        spoiler.add("INT-07", "No claim bills the visit.", visit, subject="note")
        spoiler.rows["truth"][-1]["claim_id"] = None
        return


def int_14(spoiler: Spoiler, number: int) -> None:
    """A note whose text was changed after its claim was sent."""
    amended = {row.get("amends_note_id") for row in spoiler.rows["notes"]}
    for visit in spoiler.visits(lambda each: each.paid):
        if visit.note["note_id"] in amended:
            continue
        day = visit.claim["submitted_on"] + timedelta(days=4 + 9 * number)
        visit.note["edited_at"] = _at(day, 16, 20)
        spoiler.take(visit)
        spoiler.add("INT-14", "The text was changed after the claim was sent.", visit, subject="note")
        return


def _spare(spoiler: Spoiler) -> Any:
    """A therapist's own paid visits on which no report, student or addendum hangs, in random order."""
    reported = {
        (row["patient_id"], row[name])
        for row in spoiler.rows["notes"] if row.get("period_to") for name in ("period_from", "period_to")
    }  # fmt: skip
    amended = {row.get("amends_note_id") for row in spoiler.rows["notes"]}
    for visit in spoiler.visits(lambda each: each.payer_kind in CONTRACTS and each.paid):
        note = visit.note
        if (
            visit.author["role"] == "therapist"
            and note["supervision"] is None
            and note["note_id"] not in amended
            and (note["patient_id"], note["service_date"]) not in reported
            and visit.claim["form"] == "professional"
        ):
            yield visit


def _at(day: date, hour: int, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute)
