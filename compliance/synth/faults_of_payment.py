"""What is spoilt in payment and filing: wrong amounts, denials that recur, codes not paid, lines billed twice or too late."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from compliance.checks.terms import DISCIPLINE_MODIFIERS
from compliance.synth.calendar import next_open
from compliance.synth.faults_of_units import medicare
from compliance.synth.spoiling import Row, Spoiler, Visited

DENIALS = (
    ("commercial", "97530", "CO-197", "three lines denied for want of an authorization"),
    ("workers_comp", "97140", "CO-50", "three lines denied as not medically necessary"),
    ("medicaid", "97530", "CO-96", "three lines denied as not covered"),
)
"""Kind of payer, code, the adjustment that denies, and what recurs."""
WINDOW = timedelta(days=80)


def pay_01(spoiler: Spoiler, number: int) -> None:
    """A line that was paid more, or less, than the payer's terms come to."""
    more = -12.0 if number % 2 else 9.0
    for visit in spoiler.visits(lambda each: medicare(each) and each.paid):
        line = visit.lines[0]
        remitted = spoiler.remittances[line["claim_id"], line["line"]]
        if float(remitted["paid"]) < 20:
            continue
        remitted["paid"] = f"{float(remitted['paid']) + more:.2f}"
        first, *others = remitted["adjustments"].split()
        name, amount = first.split(":")
        remitted["adjustments"] = " ".join([f"{name}:{float(amount) - more:.2f}", *others])
        spoiler.take(visit)
        why = (
            "More was paid than the payer's terms come to.",
            "Less was paid than the payer's terms come to.",
        )
        spoiler.add("PAY-01", why[number % 2], visit, line=line)
        return


def pay_02(spoiler: Spoiler, number: int) -> None:
    """The same payer denies the same code for the same reason three times."""
    kind, cpt, reason, why = DENIALS[number % len(DENIALS)]
    found: list[tuple[Visited, Row]] = []
    for visit in spoiler.visits(lambda each: each.payer_kind == kind and each.paid):
        line = visit.line(cpt)
        if line and line["units"]:
            found.append((visit, spoiler.remittances[line["claim_id"], line["line"]]))
    found.sort(key=lambda each: (each[1]["paid_on"], each[1]["claim_id"], each[1]["line"]))
    for three in zip(found, found[1:], found[2:], strict=False):
        if three[2][1]["paid_on"] - three[0][1]["paid_on"] > WINDOW:
            continue
        for visit, remitted in three:
            charge = next(line for line in visit.lines if line["line"] == remitted["line"])["charge"]
            _deny(remitted, reason, charge)
            spoiler.take(visit)
        visit, remitted = three[-1]
        line = next(line for line in visit.lines if line["line"] == remitted["line"])
        spoiler.add("PAY-02", f"{why[0].upper()}{why[1:]}.", visit, subject="payer", line=line)
        return


def _deny(remitted: Row, reason: str, charge: str) -> None:
    nothing = dict.fromkeys(("allowed", "paid", "patient_responsibility"), "0.00")
    remitted |= {**nothing, "adjustments": f"{reason}:{charge}"}


def pay_cov(spoiler: Spoiler, number: int) -> None:
    """Hot packs, which Medicare never pays apart."""
    for visit in spoiler.visits(lambda each: medicare(each) and each.setting == "private_practice"):
        if visit.note["total_minutes"] > 40:
            continue
        line = spoiler.give(visit, "97010", 8, "hot pack before exercise")
        spoiler.reprice(visit)
        remitted = spoiler.remittances.get((line["claim_id"], line["line"]))
        if remitted:
            _deny(remitted, "CO-97", line["charge"])
        spoiler.take(visit)
        spoiler.add("PAY-COV", "97010 is never paid apart.", visit, line=line)
        spoiler.add("UNIT-06", "No unit of 97010 is payable.", visit, line=line)
        return


def int_08(spoiler: Spoiler, number: int) -> None:
    """A claim sent twice, or one service on two lines of a claim."""
    for visit in spoiler.visits(lambda each: each.alone and bool(each.lines)):
        line = _sent_again(spoiler, visit) if number % 2 else _on_two_lines(spoiler, visit)
        if line:
            spoiler.take(visit)
            why = ("The units of one service stand on two lines.", "The claim was sent twice.")[number % 2]
            spoiler.add("INT-08", why, visit, line=line)
            return


def _on_two_lines(spoiler: Spoiler, visit: Visited) -> Row | None:
    """Units of a line moved to a line of their own."""
    line = next((line for line in visit.timed if line["units"] > 1 and "59" not in line["modifiers"]), None)
    if line is None:
        return None
    line["units"] -= 1
    new = spoiler.new_line(visit, line["cpt"])
    spoiler.reprice(visit)
    return new


def _sent_again(spoiler: Spoiler, visit: Visited) -> Row | None:
    """A copy of a one-visit claim of an untimed code, for a payer without a limit on its units."""
    claim = visit.claim
    lines = [line for line in spoiler.rows["claim_lines"] if line["claim_id"] == claim["claim_id"]]
    strict = visit.payer_kind in ("medicare", "medicare_advantage", "medicaid")
    if strict or visit.timed or len(lines) != 1 or not visit.paid:
        return None
    again = next_open(claim["submitted_on"] + timedelta(days=12))
    copy = claim | {
        "claim_id": f"{claim['claim_id']}D", "submitted_on": again, "received_on": again, "status": "submitted",
    }  # fmt: skip
    spoiler.rows["claims"].append(copy)
    spoiler.claims[copy["claim_id"]] = copy
    line = lines[0] | {"claim_id": copy["claim_id"], "modifiers": list(lines[0]["modifiers"])}
    spoiler.rows["claim_lines"].append(line)
    return line


def int_12(spoiler: Spoiler, number: int) -> None:
    """An evaluation of the year before, whose claim went out after more than twelve months."""
    latest = max(row["service_date"] for row in spoiler.rows["claim_lines"])
    sent = next_open(latest - timedelta(days=9 + 5 * number))
    day = next_open(sent - timedelta(days=385))
    for visit in _first_visits(spoiler):
        known = visit.author["employed_from"] < day and visit.author["enrolled_on"] < day
        if not known or visit.author["license_from"] > day:
            continue
        line = _earlier_evaluation(spoiler, visit, day, sent)
        spoiler.take(visit, whole=True)
        spoiler.add(
            "INT-12", "The claim was sent more than twelve months after the service.", visit, line=line
        )
        spoiler.rows["truth"][-1]["note_id"] = f"{visit.note['note_id']}E"
        why = "No discharge note closes the episode, which was an evaluation alone."
        spoiler.add("PR-01", why, visit, subject="period")
        return


def _first_visits(spoiler: Spoiler) -> Iterator[Visited]:
    """Evaluations of Medicare patients in whom nothing was planted, without treatment on that day."""
    for visit in spoiler.visits(medicare):
        own = spoiler.all_of(visit.note["patient_id"])
        first = own[0]
        evaluated = first.note["kind"] == "evaluation" and len(first.lines) == 1 and medicare(first)
        if evaluated and all(spoiler.free(each) for each in own):
            yield first


def _earlier_evaluation(spoiler: Spoiler, visit: Visited, day: date, sent: date) -> Row:
    """Copy an evaluation with its plan and goals to an earlier day; returns the line that bills it."""
    back = day - visit.note["service_date"]
    plan_id = f"{visit.plan['plan_id']}E"
    note_id, claim_id = f"{visit.note['note_id']}E", f"{visit.claim['claim_id']}E"
    goals = [row for row in spoiler.rows["goals"] if row["plan_id"] == visit.plan["plan_id"]]
    rows = spoiler.rows
    rows["plans_of_care"].append(_moved(visit.plan, back) | {"plan_id": plan_id})
    for goal in goals:
        key = {"goal_id": f"{goal['goal_id']}E", "plan_id": plan_id}
        rows["goals"].append(
            _moved(goal, back) | key | {"status": "discontinued", "status_on": day + timedelta(days=1)}
        )
    rows["notes"].append(_moved(visit.note, back) | {"note_id": note_id, "plan_id": plan_id})
    rows["interventions"].extend(_moved(row, back) | {"note_id": note_id} for row in visit.interventions)
    episode = next(
        row
        for row in rows["episodes"]
        if (row["patient_id"], row["discipline"]) == (visit.note["patient_id"], visit.note["discipline"])
    )
    rows["episodes"].append(
        episode
        | {"episode_id": f"{episode['episode_id']}E", "first_treatment_on": day, "discharged_on": day,
           "discharge_reason": "unexpected"}
    )  # fmt: skip
    claim = visit.claim | {
        "claim_id": claim_id, "submitted_on": sent, "received_on": sent, "status": "submitted",
    }  # fmt: skip
    rows["claims"].append(claim)
    spoiler.claims[claim_id] = claim
    line = _moved(visit.lines[0], back) | {
        "claim_id": claim_id, "line": 1, "note_id": visit.lines[0]["note_id"] and note_id,
        "modifiers": [DISCIPLINE_MODIFIERS[visit.note["discipline"]]],
    }  # fmt: skip
    rows["claim_lines"].append(line)
    return line


def _moved(row: Row, back: timedelta) -> Row:
    """A copy of a row with every date moved."""
    return {
        name: value + back if isinstance(value, (date, datetime)) else value for name, value in row.items()
    }


FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    (int_12, 3), (pay_02, 3), (int_08, 4), (pay_01, 4), (pay_cov, 3),
]  # fmt: skip
"""What is planted, and how often in 200 patients; what needs a whole patient comes first."""
