"""What is spoilt in how plans and evaluations change: goals and conditions nobody signed for, evaluations late or needless."""

import re
from datetime import timedelta
from typing import Any

from compliance.synth.episodes import EVALUATIONS
from compliance.synth.faults_of_plans import CERTIFIED, STRAY
from compliance.synth.plantings import REEVALUATION
from compliance.synth.spoiling import Row, Spoiler, Visited

EVALUATING = {code for codes in EVALUATIONS.values() for code in codes}
LATER_DAYS = 34
"""A change so long after the plan began that the plan's own certification cannot speak for it."""
OFTEN_DAYS = 33
"""Re-evaluations so close to each other look like routine."""
FAR_FROM_THRESHOLD = 1700.0
"""Allowed dollars of a year that one code more or less does not bring near Medicare's threshold."""


def poc_06(spoiler: Spoiler, number: int) -> None:
    """A long-term goal that was raised, or a new condition that was treated, without a physician's signature."""
    if number % 2:
        _new_condition(spoiler)
        return
    for visit in spoiler.visits(lambda each: each.payer_kind in CERTIFIED):
        plan = visit.plan
        goals = [
            row
            for row in spoiler.rows["goals"]
            if row["plan_id"] == plan["plan_id"] and row["term"] == "long"
        ]
        reports = sorted(
            row["service_date"] for row in spoiler.rows["notes"]
            if row["plan_id"] == plan["plan_id"] and row["kind"] == "progress_report"
        )  # fmt: skip
        later = [day for day in reports if day > plan["starts_on"] + timedelta(days=LATER_DAYS)]
        goal = next((row for row in goals if _raised(row["text"])), None)
        if (
            not _alone(spoiler, visit, "DOC", "PR", "SUP-05")
            or not later
            or goal is None
            or goal["status"] == "modified"
        ):
            continue
        new = {
            **goal,
            "goal_id": f"{goal['goal_id']}R",
            "text": _raised(goal["text"]),
            "replaces_goal_id": goal["goal_id"],
        }
        spoiler.rows["goals"].append(new)
        goal.update(status="modified", status_on=later[0])
        why = f"{goal['label']} was changed on {later[0]}; no physician signed."
        spoiler.add("POC-06", why, visit, subject="plan", plan=True)
        spoiler.take(visit, whole=True)
        return


def _raised(text: str) -> str:
    """A goal's text with a larger number of what is to be reached, or nothing where it has none."""
    found = re.search(r"\d+(?=[ -](?:feet|ft|words|minutes|steps|pounds|lb|items|yards|blocks))", text)
    if found is None:
        return ""
    return f"{text[: found.start()]}{int(found.group()) * 3 // 2}{text[found.end() :]}"


def _new_condition(spoiler: Spoiler) -> None:
    """Lines of some visits in a row that point to a diagnosis of which no plan knows."""
    for visit in spoiler.visits(
        lambda each: each.payer_kind in CERTIFIED and each.claim["form"] == "professional"
    ):
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        treated = {code[:3] for code in visit.plan["diagnosis_codes"]}
        stray = next(code for code in STRAY if code[:3] not in treated)
        if not _alone(spoiler, visit, "DOC-09") or len(own) < 10 or not treated:
            continue
        if not all(spoiler.free(each) for each in own[-6:-3]):
            continue
        for each in own[-6:-3]:
            codes = [*each.claim["diagnosis_codes"], stray]
            each.claim["diagnosis_codes"] = codes
            for line in each.lines:
                line["diagnosis_pointers"] = str(len(codes))
                rule = "DOC-09" if line["cpt"] == "97530" else "POC-08"
                spoiler.add(rule, f"The line is for {stray}, which the plan does not treat.", each, line=line)
        why = f"{stray} was treated; no physician signed for it."
        spoiler.add("POC-06", why, own[-6], subject="plan", plan=True)
        spoiler.take(visit, whole=True)
        return


def poc_07(spoiler: Spoiler, number: int) -> None:
    """Treatment that began before the evaluation, or re-evaluations by the calendar."""
    if number % 2:
        _reevaluated(spoiler)
        return
    for visit in spoiler.visits(
        lambda each: each.payer_kind not in (*CERTIFIED, "self_pay") and each.claim["form"] == "professional"
    ):
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        first, second = own[:2]
        fits = (
            _alone(spoiler, visit, "PR")
            and spoiler.free(first)
            and spoiler.free(second)
            and first.note["kind"] == "evaluation"
            and {line["cpt"] for line in first.lines} <= EVALUATING
            and second.note["kind"] == "treatment"
            and first.note["therapist_id"] == second.note["therapist_id"]
            and not second.note["supervision"]
            and not first.note["cosigned_by"]
            and first.claim["status"] == second.claim["status"]
        )
        if not fits:
            continue
        _exchange(spoiler, first, second)
        visit.plan["evaluated_on"] = first.note["service_date"]
        why = "Treatment began before the evaluation."
        for line in second.lines:
            spoiler.add("POC-07", why, second, line=line)
        spoiler.take(visit, whole=True)
        return


def _exchange(spoiler: Spoiler, first: Visited, second: Visited) -> None:
    """Two visits of one therapist change days and hours, and their claims the days on which they were sent and paid."""
    shift = _hours(second) - _hours(first)
    for visit, by in ((first, shift), (second, -shift)):
        _move(visit, by)
    for name in ("service_date", "signed_on"):
        first.note[name], second.note[name] = second.note[name], first.note[name]
    days = first.note["service_date"], second.note["service_date"]
    for visit, day in zip((first, second), days, strict=True):
        for line in visit.lines:
            line["service_date"] = day
        if not visit.note["started_at"]:
            visit.note["written_at"] = day
    for name in ("submitted_on", "received_on"):
        first.claim[name], second.claim[name] = second.claim[name], first.claim[name]
    paid = [
        [spoiler.remittances.get((line["claim_id"], line["line"])) for line in each.lines]
        for each in (first, second)
    ]
    on = [next((row["paid_on"] for row in rows if row), None) for rows in paid]
    for rows, day in zip(paid, reversed(on), strict=True):
        for row in rows:
            if row:
                row["paid_on"] = day


def _hours(visit: Visited) -> Any:
    """When a visit began, by the clock or by its day."""
    return visit.note["started_at"] or visit.note["service_date"]


def _move(visit: Visited, by: timedelta) -> None:
    for row in (visit.note, *visit.interventions):
        for name in ("started_at", "ended_at", "written_at", "edited_at"):
            if row.get(name):
                row[name] += by


def _reevaluated(spoiler: Spoiler) -> None:
    """Two visits that are nothing but a re-evaluation, a month apart, with nothing new in them."""
    for visit in spoiler.visits(
        lambda each: each.payer_kind == "medicare" and each.author["discipline"] in REEVALUATION
    ):
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        dollars = sum(float(row["allowed"]) for row in _remitted(spoiler, visit))
        if not _alone(spoiler, visit, "PR", "SUP", "MOD-03") or len(own) < 9 or dollars > FAR_FROM_THRESHOLD:
            continue
        if any("KX" in line["modifiers"] for line in spoiler.lines_of(visit.note["patient_id"])):
            continue
        chosen: list[Visited] = []
        for each in own[3:-1]:
            since = (
                each.note["service_date"] - (chosen or own)[-1 if chosen else 0].note["service_date"]
            ).days
            if (
                14 <= since <= OFTEN_DAYS
                and each.alone
                and spoiler.free(each)
                and len(chosen) < 2
                and not _reports(spoiler, each)
            ):
                chosen.append(each)
        if len(chosen) < 2:
            continue
        for each in chosen:
            _only_reevaluate(spoiler, each)
            line = each.lines[0]
            spoiler.add("POC-07", "A re-evaluation by routine: its note names nothing new.", each, line=line)
        spoiler.take(visit, whole=True)
        return


def _remitted(spoiler: Spoiler, visit: Visited) -> list[Row]:
    claims = {line["claim_id"] for line in spoiler.lines_of(visit.note["patient_id"])}
    return [row for row in spoiler.rows["remittances"] if row["claim_id"] in claims]


def _reports(spoiler: Spoiler, visit: Visited) -> bool:
    """Whether a report rests on the visit."""
    key = visit.note["patient_id"], visit.note["discipline"], visit.note["service_date"]
    return any(
        (row["patient_id"], row["discipline"], row["period_to"]) == key
        for row in spoiler.rows["notes"] if row.get("period_to")
    )  # fmt: skip


def _only_reevaluate(spoiler: Spoiler, visit: Visited) -> None:
    """The visit's services become one re-evaluation of as many minutes."""
    note, code = visit.note, REEVALUATION[visit.note["discipline"]]
    first, *others = visit.interventions
    for row in others:
        spoiler.rows["interventions"].remove(row)
    visit.interventions[:] = [first]
    first.update(
        cpt=code, minutes=note["total_minutes"], ended_at=note["ended_at"], mode=None, goal_labels=None
    )
    note["timed_minutes"] = 0
    for line in visit.lines[1:]:
        spoiler.drop_line(visit, line)
    visit.lines[0].update(
        cpt=code, units=1, modifiers=[each for each in visit.lines[0]["modifiers"] if each != "59"]
    )
    note["text"] = (
        f"{code} {note['total_minutes']} min, monthly re-evaluation. Strength, range of motion and balance were measured "
        f"for the chart.\nPlan: as before.\n{visit.author['name']}, {visit.author['credential']}"
    )
    spoiler.reprice(visit)


def _alone(spoiler: Spoiler, visit: Visited, *rules: str) -> bool:
    """Whether nothing of these rules was planted in the patient, and one discipline under one plan treats."""
    own = spoiler.all_of(visit.note["patient_id"])
    same = all(each.plan is visit.plan for each in own)
    return same and spoiler.untouched(visit.note["patient_id"], "POC", *rules)
