"""What is spoilt in modifiers: the assistant's, the discipline's, KX, and those that part paired codes."""

from collections.abc import Callable
from datetime import date

from compliance.checks.terms import DISCIPLINE_MODIFIERS
from compliance.synth import billing
from compliance.synth.faults_of_units import medicare
from compliance.synth.spoiling import Row, Spoiler, Visited

ASSISTANTS = ("CQ", "CO")


def _assisted(visit: Visited) -> bool:
    """A Medicare visit that an assistant gave, each line of it marked."""
    return (
        visit.payer_kind == "medicare"
        and visit.author["role"] == "assistant"
        and visit.note["discipline"] != "SLP"
        and all(set(ASSISTANTS) & set(line["modifiers"]) for line in visit.lines)
    )


def _remove(line: Row, *marks: str) -> None:
    line["modifiers"] = [mark for mark in line["modifiers"] if mark not in marks]


def ast_01(spoiler: Spoiler, number: int) -> None:
    """One line of an assistant's visit bears no assistant's modifier."""
    for visit in spoiler.visits(lambda each: _assisted(each) and len(each.lines) > 1):
        line = visit.lines[-1]
        _remove(line, *ASSISTANTS)
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add(
            "AST-01", "An assistant gave the code, and its line bears neither CQ nor CO.", visit, line=line
        )
        return


def ast_02(spoiler: Spoiler, number: int) -> None:
    """A therapist's line bears the assistant's modifier."""
    for visit in spoiler.visits(lambda each: medicare(each) and each.note["discipline"] != "SLP"):
        line = visit.lines[0]
        line["modifiers"].insert(1, billing.ASSISTANT_MODIFIER[visit.note["discipline"]])
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("AST-02", "The therapist gave the code, and its line bears CQ or CO.", visit, line=line)
        return


def ast_03(spoiler: Spoiler, number: int) -> None:
    """CQ beside GO, or CO beside GP."""
    for visit in spoiler.visits(_assisted):
        line = visit.lines[0]
        other = {"CQ": "CO", "CO": "CQ"}
        line["modifiers"] = [other.get(mark, mark) for mark in line["modifiers"]]
        spoiler.take(visit)
        spoiler.add("AST-03", "The assistant's modifier is another discipline's.", visit, line=line)
        return


def ast_04(spoiler: Spoiler, number: int) -> None:
    """An assistant's whole visit is billed as a therapist's."""
    for visit in spoiler.visits(_assisted):
        for line in visit.lines:
            _remove(line, *ASSISTANTS)
        spoiler.reprice(visit)
        spoiler.take(visit)
        why = "An assistant gave the whole visit, and no line bears CQ or CO."
        spoiler.add("AST-04", why, visit, subject="patient_day", line=visit.lines[0])
        return


def mod_01(spoiler: Spoiler, number: int) -> None:
    """A line without GP, GO or GN."""
    for visit in spoiler.visits(lambda each: medicare(each) and _far_from_kx(spoiler, each)):
        line = visit.lines[0]
        _remove(line, *DISCIPLINE_MODIFIERS.values())
        spoiler.take(visit)
        spoiler.add("MOD-01", "The line bears none of GP, GO and GN.", visit, line=line)
        return


def mod_02(spoiler: Spoiler, number: int) -> None:
    """A physical therapist's line bears GO beside GP."""
    for visit in spoiler.visits(lambda each: medicare(each) and _far_from_kx(spoiler, each)):
        if visit.note["discipline"] != "PT":
            continue
        visit.lines[0]["modifiers"].append("GO")
        spoiler.take(visit)
        spoiler.add("MOD-02", "The line bears the modifiers of two disciplines.", visit, line=visit.lines[0])
        return


def _far_from_kx(spoiler: Spoiler, visit: Visited) -> bool:
    """Whether none of the patient's lines needs KX."""
    return not any("KX" in line["modifiers"] for line in spoiler.lines_of(visit.note["patient_id"]))


def mod_03(spoiler: Spoiler, number: int) -> None:
    """A year above the threshold with a visit that bears no KX, or one far below it that does."""
    for visit in spoiler.visits(lambda each: medicare(each) and each.note["discipline"] == "PT"):
        own = spoiler.all_of(visit.note["patient_id"])
        known = any(row["patient_id"] == visit.note["patient_id"] for row in spoiler.rows["therapy_spend"])
        if (
            known
            or len(own) < 8
            or not all(spoiler.free(each) for each in own)
            or not _far_from_kx(spoiler, visit)
        ):
            continue
        if number % 3 == 2:
            early = spoiler.all_of(visit.note["patient_id"], "PT")[:3][-1]
            line = early.lines[0]
            line["modifiers"].append("KX")
            _spent(spoiler, early, "0.00")
            spoiler.add("MOD-03", "KX stands far below the year's threshold.", early, line=line)
        else:
            _above(spoiler, own)
        spoiler.spoilt_years.add(visit.note["patient_id"])
        spoiler.take(visit, whole=True)
        return


def _above(spoiler: Spoiler, visits: list[Visited]) -> None:
    """What others were paid takes the year above the threshold halfway; a visit late in it lacks KX."""
    patient_id = visits[0].note["patient_id"]
    half = visits[len(visits) // 2].note["service_date"]
    before = sum(
        billing.PRICES[line["cpt"]][1] * line["units"]
        for line in spoiler.lines_of(patient_id)
        if line["service_date"] < half and "GO" not in line["modifiers"]
    )
    _spent(spoiler, visits[len(visits) // 2], f"{billing.KX_FROM - before:.2f}")
    spoiler.reprice(visits[0])
    marked = [each for each in visits if all("KX" in line["modifiers"] for line in each.lines)]
    visit = next(iter(marked[-2:]))
    for line in visit.lines:
        _remove(line, "KX")
        spoiler.add("MOD-03", "The year is above the threshold, and the line bears no KX.", visit, line=line)


def _spent(spoiler: Spoiler, visit: Visited, amount: str) -> None:
    """Say what the patient's other providers were allowed for PT and SLP in the visit's year."""
    year = visit.note["service_date"].year
    spoiler.rows["therapy_spend"].append(
        {
            "patient_id": visit.note["patient_id"], "year": year, "bucket": "PT_SLP", "as_of": date(year, 1, 1),
            "amount": amount, "includes_own": False,
        }
    )  # fmt: skip


def _tested(visit: Visited) -> bool:
    """A short Medicare visit of one therapist with 97530 and nothing else that pairs."""
    parted = any("59" in line["modifiers"] for line in visit.lines)
    pairs = not parted and bool(visit.line("97530")) and not visit.line("97140")
    return medicare(visit) and pairs and visit.note["total_minutes"] < 39


def ncci_01(spoiler: Spoiler, number: int) -> None:
    """A performance test beside 97530 without the modifier that parts them."""
    for visit in spoiler.visits(_tested):
        line = spoiler.give(
            visit, "97750", 15, "6MWT and five times sit to stand, scored, report in chart", timed=True
        )
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add(
            "NCCI-01", "97750 beside 97530 bears no modifier for a separate service.", visit, line=line
        )
        return


def ncci_02(spoiler: Spoiler, number: int) -> None:
    """A range of motion measurement beside 97530, which is never paid with it."""
    for visit in spoiler.visits(_tested):
        line = spoiler.give(visit, "95851", 8, "goniometry of both knees, report in chart")
        if number % 2:
            line["modifiers"].append("59")
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("NCCI-02", "95851 is never paid beside 97530.", visit, line=line)
        return


def ncci_03(spoiler: Spoiler, number: int) -> None:
    """59 on a test that was too short for a service of its own."""
    for visit in spoiler.visits(lambda each: _tested(each) and len(each.lines) == 1):
        if not 0 < visit.minutes("97530") % 15 < 7:
            continue
        line = spoiler.give(visit, "97750", 7, "timed up and go, scored", timed=True)
        line["modifiers"].append("59")
        spoiler.reprice(visit)
        spoiler.take(visit)
        spoiler.add("NCCI-03", "59 calls seven minutes a service of their own.", visit, line=line)
        return


def ncci_04(spoiler: Spoiler, number: int) -> None:
    """59 on a line that no pair asks for: the patient has no other care that day."""
    for visit in spoiler.visits(lambda each: medicare(each) and bool(each.line("97530"))):
        line = visit.line("97530")
        of_day = [
            each
            for each in spoiler.lines_of(visit.note["patient_id"])
            if each["service_date"] == visit.note["service_date"]
        ]
        if len(of_day) > len(visit.lines):
            continue
        if line and "59" not in line["modifiers"]:
            line["modifiers"].append("59")
            spoiler.take(visit)
            spoiler.add("NCCI-04", "No pair of the day asks for 59.", visit, line=line)
            return


OF_A_YEAR: list[tuple[Callable[[Spoiler, int], None], int]] = [(mod_03, 3)]
FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    (ncci_03, 3), (ncci_01, 3), (ncci_02, 3), (ncci_04, 3), (ast_01, 4), (ast_04, 4), (ast_03, 3),
    (ast_02, 3), (mod_01, 4), (mod_02, 4),
]  # fmt: skip
"""What is planted, and how often in 200 patients."""
