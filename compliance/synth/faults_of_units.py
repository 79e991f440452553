"""What is spoilt in units and minutes: more or fewer than documented, missing, overlapping, rounded, capped."""

import re
from collections import defaultdict
from collections.abc import Callable

from compliance.synth.episodes import units
from compliance.synth.spoiling import Row, Spoiler, Visited

LEAST = {1: 8, 2: 23, 3: 38}
"""The fewest minutes of so many units."""
MANY = 14
"""Visits of a therapist who is there by the day; a pattern needs ten."""
CAPPED = ("FL",)
"""States whose Medicaid pays four timed units a day."""


def medicare(visit: Visited) -> bool:
    """A visit of Medicare's that one therapist gave alone."""
    return visit.payer_kind == "medicare" and visit.alone


def unit_01(spoiler: Spoiler, number: int) -> None:
    """A unit more than the minutes support, in all or of one code at the cost of another."""
    for visit in spoiler.visits(lambda each: medicare(each) and _unambiguous(each)):
        more = min(visit.timed, key=lambda line: line["cpt"])
        if number % 2:
            less = next((line for line in visit.timed if line["units"] > 1), None)
            more = next((line for line in visit.timed if line is not less), None)
            if not less or not more:
                continue
            less["units"] -= 1
        more["units"] += 1
        spoiler.reprice(visit)
        spoiler.take(visit)
        why = (
            "One unit more is billed than the minutes support.",
            "A unit is billed under a code whose minutes do not support it.",
        )[number % 2]
        spoiler.add("UNIT-01", why, visit, line=more)
        return


def _unambiguous(visit: Visited) -> bool:
    """All lines are timed, and no two codes have the same minutes left over."""
    left = [visit.minutes(line["cpt"]) % 15 for line in visit.lines]
    return visit.timed == visit.lines and len(set(left)) == len(left)


def unit_02(spoiler: Spoiler, number: int) -> None:
    """A unit fewer than the minutes support."""
    for visit in spoiler.visits(lambda each: medicare(each) and _unambiguous(each)):
        line = next((line for line in visit.lines if line["units"] > 1), None)
        if line:
            line["units"] -= 1
            spoiler.reprice(visit)
            spoiler.take(visit)
            spoiler.add(
                "UNIT-02", "A unit that the minutes support is not billed.", visit, "patient_day", line=line
            )
            return


def unit_03(spoiler: Spoiler, number: int) -> None:
    """Minutes are missing, or contradict each other."""
    for visit in spoiler.visits(lambda each: medicare(each) and each.timed == each.lines):
        note = visit.note
        if number % 3 == 0:
            if (untold := _without_minutes(visit)) is None:
                continue
            note["text"] = untold
            note |= dict.fromkeys(("timed_minutes", "total_minutes", "started_at", "ended_at"))
            for row in visit.interventions:
                row |= dict.fromkeys(("minutes", "started_at", "ended_at"))
            why = "The record states no minutes at all."
        elif number % 3 == 1:
            note["timed_minutes"] = note["total_minutes"] + 6
            why = "More timed minutes are stated than minutes in total."
        else:
            note["total_minutes"] += 12
            why = "The total of minutes is not what the codes and the clock say."
        spoiler.take(visit)
        spoiler.add("UNIT-03", why, visit, subject="note")
        return


def _without_minutes(visit: Visited) -> str | None:
    """The note's words without the minutes of its codes, where they are told as `35' 97530` or `97530 35 min`; else None."""
    text = visit.note["text"]
    for row in visit.interventions:
        code, minutes = row["cpt"], row["minutes"]
        text = re.sub(rf"\b{minutes}' (?={code}\b)|(?<=\b{code}) x?{minutes} min\b", "", text)
    return None if re.search(r"(?i)\d ?min(?:ute)?s?\b", text) else text


def unit_04(spoiler: Spoiler, number: int) -> None:
    """Two timed codes whose times share minutes."""
    for visit in spoiler.visits(lambda each: medicare(each) and len(each.timed) == 2 == len(each.lines)):
        second = visit.interventions[1]
        if not second["started_at"]:
            continue
        spoiler.shift([second], -8)
        spoiler.take(visit)
        spoiler.add("UNIT-04", "The same minutes stand under two timed codes.", visit)
        return


def unit_05(spoiler: Spoiler, number: int) -> None:
    """A therapist who is there by the day, and whose visits have exactly the least minutes of their units."""
    chosen: dict[str, list[Visited]] = defaultdict(list)
    for visit in spoiler.visits(lambda each: each.alone and len(each.lines) == 1 == len(each.timed)):
        own = chosen[visit.note["therapist_id"]]
        named = visit.note["text"].count(visit.author["name"]) == 1
        said = spoiler.says_minutes(visit, visit.lines[0]["cpt"])
        if named and said and visit.lines[0]["units"] in LEAST:
            own.append(visit)
        if len(own) == MANY:
            break
    else:
        return
    person = _by_the_day(spoiler, own[0].author, number)
    for visit in own:
        spoiler.set_minutes(visit, visit.lines[0]["cpt"], LEAST[visit.lines[0]["units"]])
        _sign(visit, person)
        spoiler.take(visit)
    why = "Every visit has exactly the least minutes of its units."
    spoiler.add("UNIT-05", why, own[0], subject="therapist")


def _by_the_day(spoiler: Spoiler, colleague: Row, number: int) -> Row:
    """Another therapist of a colleague's discipline and clinic."""
    key = f"{colleague['therapist_id']}D{number}"
    person = {
        **colleague, "therapist_id": key, "name": ("Carla Whitfield", "Dominic Sayre", "Noor Haddad")[number % 3],
        "npi": f"{int(colleague['npi']) + 7}", "license_number": f"{colleague['license_number']}7",
    }  # fmt: skip
    spoiler.rows["therapists"].append(person)
    spoiler.people[key] = person
    return person


def _sign(visit: Visited, person: Row) -> None:
    """Another therapist gave, wrote and billed the visit."""
    visit.note["text"] = visit.note["text"].replace(visit.author["name"], person["name"])
    for row in (visit.note, *visit.interventions, *visit.lines):
        row["therapist_id"] = person["therapist_id"]
    visit.author = person


def unit_06(spoiler: Spoiler, number: int) -> None:
    """Two units of a code that is paid once a day."""
    for visit in spoiler.visits(lambda each: each.payer_kind == "medicare" and not each.timed):
        line = visit.lines[0]
        line["units"] = 2
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("UNIT-06", "Two units are billed of a code that is paid once a day.", visit, line=line)
        return


def frq_01(spoiler: Spoiler, number: int) -> None:
    """More timed units in a day than the payer pays."""
    for visit in spoiler.visits(lambda each: each.payer_kind == "medicaid" and each.alone):
        state = spoiler.clinics[visit.note["clinic_id"]]["state"]
        line = visit.line("97530")
        if state not in CAPPED or not line or not _hour_after_is_free(spoiler, visit):
            continue
        wanted = visit.minutes("97530") + 70 - visit.note["timed_minutes"]
        if not spoiler.set_minutes(visit, "97530", wanted):
            continue
        supported = units({row["cpt"]: row["minutes"] for row in visit.interventions})
        for each in visit.lines:
            each["units"] = supported[each["cpt"]]
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("FRQ-01", "Five timed units of a day, where the payer pays four.", visit)
        return


def _hour_after_is_free(spoiler: Spoiler, visit: Visited) -> bool:
    """Whether neither patient nor therapist has another visit that begins within two hours."""
    begins = visit.note["started_at"]
    people = (visit.note["therapist_id"], visit.note["patient_id"])
    return begins is None or not any(
        0 < (row["started_at"] - begins).total_seconds() < 7200
        for row in spoiler.rows["notes"]
        if row["service_date"] == visit.note["service_date"]
        and row.get("started_at")
        and (row["therapist_id"] == people[0] or row["patient_id"] == people[1])
    )


OF_MANY_VISITS: list[tuple[Callable[[Spoiler, int], None], int]] = [(unit_05, 3)]
FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    (unit_01, 4), (unit_02, 3), (unit_03, 3), (unit_04, 3), (unit_06, 3), (frq_01, 3),
]  # fmt: skip
"""What is planted, and how often in 200 patients."""
