"""What is spoilt in plans of care, their certification, and authorizations."""

from datetime import date, timedelta
from typing import Any

from compliance.synth.episodes import EVALUATIONS
from compliance.synth.spoiling import Spoiler, Visited

EVALUATING = {code for codes in EVALUATIONS.values() for code in codes}
CERTIFIED = ("medicare", "medicare_advantage")
"""Payer kinds that ask for a certification, and whose interval and delay are known."""
ACCEPTED_DAYS = 60
"""Days after the evaluation until which a late certification needs no reason: Medicare Benefit Policy Manual ch. 15."""
REFERRED = ("AR",)
"""States whose Medicaid wants a referral in the record."""
STRAY = ("M54.50", "R26.89", "M25.511", "S93.401A")
"""Diagnoses that a claim may bear and a plan does not treat."""


def poc_01(spoiler: Spoiler, number: int) -> None:
    """A plan that was written after treatment had begun."""
    for visit in spoiler.visits(lambda each: each.plan["replaces_plan_id"] is None):
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        before = 2 + number % 2
        evaluated = {line["cpt"] for line in own[0].lines}
        if not _whole(spoiler, visit) or len(own) < 8 or not evaluated <= EVALUATING:
            continue
        established = own[before].note["service_date"]
        signed = established + timedelta(days=2)
        visit.plan.update(
            established_on=established, signed_on=established, sent_on=established, certified_on=signed
        )
        for each in own[1:before]:
            for line in each.lines:
                spoiler.add(
                    "POC-01", f"Treated before the plan of {established} was written.", each, line=line
                )
        spoiler.take(visit, whole=True)
        return


def poc_02(spoiler: Spoiler, number: int) -> None:
    """A plan without a diagnosis, without a duration, or that nobody signed."""
    for visit in spoiler.visits(lambda each: each.plan["replaces_plan_id"] is None):
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        if not _whole(spoiler, visit) or any(each.plan is not visit.plan for each in own):
            continue
        if number % 3 == 0:
            visit.plan["diagnosis_codes"] = []
            spoiler.add("POC-02", "The plan names no diagnosis.", visit, subject="plan", plan=True)
        elif number % 3 == 1:
            visit.plan.update(weeks=None, ends_on=None)
            spoiler.add("POC-02", "The plan says not how long.", visit, subject="plan", plan=True)
        else:
            evaluation = own[0]
            if evaluation.note["kind"] != "evaluation" or evaluation.note["cosigned_by"]:
                continue
            visit.plan["signed_on"] = evaluation.note["signed_on"] = None
            spoiler.add(
                "POC-02", "Nobody signed the plan, nor its evaluation.", visit, subject="plan", plan=True
            )
            spoiler.add(
                "INT-03", "The evaluation that holds the plan is not signed.", evaluation, subject="note"
            )
        spoiler.take(visit, whole=True)
        return


def poc_03(spoiler: Spoiler, number: int) -> None:
    """A first plan that no physician certified, in time or at all."""
    unsigned = {"certified_on": None, "certified_by": None}
    reason = {
        "certification_delay_reason": "The physician's office moved; sent again twice, called each week."
    }
    faults: tuple[tuple[str, dict[str, Any], int | None], ...] = (
        ("No physician certified the plan.", unsigned, None),
        ("The plan was certified weeks late, and the record says why.", reason, ACCEPTED_DAYS + 11),
        ("The plan was certified weeks late, and nothing says why.", {}, ACCEPTED_DAYS + 14),
        ("Only a chiropractor signed the plan.", {"certified_by": "K. Moss, DC"}, 6),
        ("The plan was certified some days late.", {}, ACCEPTED_DAYS - 20),
    )
    why, change, days = faults[number % len(faults)]
    for visit in spoiler.visits(
        lambda each: each.payer_kind == "medicare" and not each.plan["replaces_plan_id"]
    ):
        visit.plan.update(order_signed_on=None, order_by=None, sent_on=None, **change)
        if days is not None:
            visit.plan["certified_on"] = visit.plan["evaluated_on"] + timedelta(days=days)
        spoiler.take(visit, whole=True)
        spoiler.add("POC-03", why, visit, subject="plan", plan=True)
        return


def poc_04(spoiler: Spoiler, number: int) -> None:
    """A plan that ended while treatment went on: nobody renewed it, or no physician signed the renewal."""
    if number % 2 and _unsigned_renewal(spoiler):
        return
    monitored = {row["patient_id"] for row in spoiler.rows["rtm"]}  # who would be without a plan, too
    for visit in spoiler.visits(
        lambda each: each.payer_kind in CERTIFIED and each.note["patient_id"] not in monitored
    ):
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        if not _whole(spoiler, visit) or len(own) < 10 or any(each.plan is not visit.plan for each in own):
            continue
        weeks = (own[-3].note["service_date"] - visit.plan["starts_on"]).days // 7
        ends_on = visit.plan["starts_on"] + timedelta(days=7 * weeks - 1)
        _say_weeks(own[0], visit.plan["weeks"], weeks)
        visit.plan.update(weeks=weeks, ends_on=ends_on)
        why = f"Treatment went on after the plan had ended on {ends_on}."
        spoiler.add("POC-04", why, visit, subject="plan", plan=True)
        spoiler.take(visit, whole=True)
        return


def _unsigned_renewal(spoiler: Spoiler) -> bool:
    for visit in spoiler.visits(
        lambda each: each.payer_kind in CERTIFIED and bool(each.plan["replaces_plan_id"])
    ):
        if not _whole(spoiler, visit):
            continue
        visit.plan.update(certified_on=None, certified_by=None)
        former = spoiler.plans[visit.plan["replaces_plan_id"]]
        spoiler.add("POC-04", "No physician signed the recertification.", visit, subject="plan", plan=True)
        spoiler.rows["truth"][-1]["plan_id"] = former["plan_id"]
        for plan_id in (former["plan_id"], visit.plan["plan_id"]):
            why = "No physician signed for the goals that the recertification changed."
            spoiler.add("POC-06", why, visit, subject="plan", plan=True, debatable=True)
            spoiler.rows["truth"][-1]["plan_id"] = plan_id
        spoiler.take(visit, whole=True)
        return True
    return False


def _say_weeks(evaluation: Visited, before: int, after: int) -> None:
    """The evaluation's text plans as many weeks as the plan."""
    text = evaluation.note["text"]
    evaluation.note["text"] = text.replace(f"for {before} weeks", f"for {after} weeks")


def poc_08(spoiler: Spoiler, number: int) -> None:
    """A line of another code than 97530 that points to a diagnosis which the plan does not treat."""
    for visit in spoiler.visits(
        lambda each: each.payer_kind in (*CERTIFIED, "commercial") and each.claim["form"] == "professional"
    ):
        line = next((each for each in visit.lines if each["cpt"] not in ("97530", *EVALUATING)), None)
        treated = {code[:3] for code in visit.plan["diagnosis_codes"]}
        stray = next(code for code in spoiler.rng.sample(STRAY, len(STRAY)) if code[:3] not in treated)
        if line is None or not treated:
            continue
        codes = [*visit.claim["diagnosis_codes"], stray]
        visit.claim["diagnosis_codes"] = codes
        line["diagnosis_pointers"] = str(len(codes))
        spoiler.take(visit)
        spoiler.add("POC-08", f"The line is for {stray}, which the plan does not treat.", visit, line=line)
        why = f"A condition ({stray}) is treated once that no physician signed for."
        spoiler.add("POC-06", why, visit, line=line, debatable=True)
        return


def frq_02(spoiler: Spoiler, number: int) -> None:
    """Visits after the authorization, beyond its visits or units, or of a code that it does not hold."""
    kind = ("outside", "visits", "code", "units")[number % 4]
    authorizations = {row["authorization_id"]: row for row in spoiler.rows["authorizations"]}
    for visit in spoiler.visits(lambda each: bool(each.claim["authorization_id"])):
        held = authorizations[visit.claim["authorization_id"]]
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        if not _whole(spoiler, visit) or len(own) < 8:
            continue
        over = _not_authorized(kind, held, own)
        if not over:
            continue
        for each, line in over:
            spoiler.add("FRQ-02", _WHY[kind], each, line=line)
        spoiler.take(visit, whole=True)
        return


def frq_03(spoiler: Spoiler, number: int) -> None:
    """More visits than the plan says, or a plan without a frequency, or far fewer visits."""
    kind = ("often", "unstated", "under")[number % 3]
    kinds = ("medicare",) if kind == "unstated" else (*CERTIFIED, "commercial", "workers_comp", "auto")
    for visit in spoiler.visits(lambda each: each.payer_kind in kinds):
        plan, weekly = visit.plan, visit.plan["visits_per_week"]
        own = spoiler.all_of(visit.note["patient_id"], visit.note["discipline"])
        wanted = 3 if kind == "often" else 2
        if weekly != wanted or len(own) < 12 or any(each.plan is not plan for each in own):
            continue
        planned = {"often": 1, "unstated": None, "under": 5}[kind]
        plan["visits_per_week"] = planned
        said = f"Plan: {planned}x/week" if planned else "Plan: treat"
        evaluation = own[0].note
        evaluation["text"] = evaluation["text"].replace(f"Plan: {weekly}x/week", said)
        why = f"The plan says {planned or 'no'} visits a week; the patient came {weekly} times."
        spoiler.add("FRQ-03", why, visit, subject="plan", plan=True)
        if kind == "unstated":
            spoiler.add("POC-02", "The plan says not how often.", visit, subject="plan", plan=True)
        spoiler.take(visit, whole=True)
        return


def frq_04(spoiler: Spoiler, number: int) -> None:
    """Visits beyond what the patient's benefit pays."""
    held = {row["patient_id"]: row for row in spoiler.rows["benefits"]}
    for visit in spoiler.visits(lambda each: each.note["patient_id"] in held):
        patient_id = visit.note["patient_id"]
        days = sorted({line["service_date"] for line in spoiler.lines_of(patient_id)})
        if not _whole(spoiler, visit) or len(days) < 8:
            continue
        paid = len(days) - 1 - number % 2
        held[patient_id]["visits"] = paid
        for line in spoiler.lines_of(patient_id):
            if line["service_date"] in days[paid:]:
                spoiler.add_line("FRQ-04", f"The benefit pays {paid} visits.", line)
        spoiler.take(visit, whole=True)
        return


def frq_05(spoiler: Spoiler, number: int) -> None:
    """A plan without the referral that the state's Medicaid program wants in the record."""
    for visit in spoiler.visits(lambda each: each.payer_kind == "medicaid"):
        state = spoiler.clinics[visit.note["clinic_id"]]["state"]
        patient_id, discipline = visit.note["patient_id"], visit.note["discipline"]
        if state not in REFERRED or not _whole(spoiler, visit):
            continue
        plans = [
            plan
            for plan in spoiler.plans.values()
            if (plan["patient_id"], plan["discipline"]) == (patient_id, discipline)
        ]
        if len(plans) > 1:
            continue
        plans[0].update(order_by=None, order_discipline=None, order_signed_on=None)
        spoiler.rows["documents"] = [
            row for row in spoiler.rows["documents"] if row["patient_id"] != patient_id
        ]
        spoiler.take(visit, whole=True)
        why = "Neither an order nor a referral is on file, and the program wants one."
        spoiler.add("FRQ-05", why, visit, subject="plan", plan=True)
        return


_WHY = {
    "outside": "The authorization had ended.",
    "visits": "The authorized visits were used.",
    "code": "The authorization does not hold the code.",
    "units": "The authorized units were used.",
}


def _not_authorized(
    kind: str, held: dict[str, Any], own: list[Visited]
) -> list[tuple[Visited, dict[str, Any]]]:
    """Narrow an authorization; returns the lines that it then leaves out."""
    last = own[-1].note["service_date"]
    of_last = [(each, line) for each in own for line in each.lines if line["service_date"] == last]
    if kind == "outside":
        held["ends_on"] = _day_before(last)
        return of_last
    if kind == "visits":
        held["visits"] = len({each.note["service_date"] for each in own}) - 1
        return of_last
    if kind == "units":
        held["visits"] = None
        held["units"] = sum(line["units"] for each in own for line in each.lines) - sum(
            line["units"] for _, line in of_last
        )
        return of_last
    treated = [(each, line) for each in own for line in each.lines if line["cpt"] not in EVALUATING]
    codes = sorted({line["cpt"] for _, line in treated})
    for code in codes:
        left_out = [(each, line) for each, line in treated if line["cpt"] == code]
        if len(codes) > 1 and code != "97530" and 1 < len(left_out) <= 4:
            held["cpt"] = [each for each in codes if each != code]
            return left_out
    return []


def _day_before(day: date) -> date:
    return day - timedelta(days=1)


def _whole(spoiler: Spoiler, visit: Visited) -> bool:
    """Whether nothing was planted in the visit's patient."""
    return spoiler.untouched(visit.note["patient_id"])
