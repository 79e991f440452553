"""What is spoilt in the record as a whole: who rendered, who was licensed, where the patient was, what is kept."""

from datetime import date, timedelta
from typing import Any

from compliance.synth.spoiling import Row, Spoiler

FEW_LINES = 9
"""A licence ends where no more lines than these follow."""


def int_09(spoiler: Spoiler, number: int) -> None:
    """A visit billed under a colleague, at work that day, of the therapist who gave it."""
    away = {
        (row["therapist_id"], row["starts_at"].date())
        for row in spoiler.rows["shifts"]
        if row["kind"] == "leave"
    }
    for visit in spoiler.visits(
        lambda each: each.author["role"] == "therapist" and each.claim["form"] == "professional"
    ):
        colleagues = [
            row for row in spoiler.rows["therapists"]
            if row["clinic_id"] == visit.author["clinic_id"] and row["role"] == "therapist"
            and row["discipline"] == visit.author["discipline"] and row is not visit.author
            and (row["therapist_id"], visit.note["service_date"]) not in away
        ]  # fmt: skip
        if not colleagues or visit.note["supervision"]:
            continue
        colleague = spoiler.rng.choice(colleagues)
        for line in visit.lines:
            line["therapist_id"] = colleague["therapist_id"]
            spoiler.add(
                "INT-09", f"{visit.author['name']} treated, not {colleague['name']}.", visit, line=line
            )
        spoiler.take(visit)
        return


def int_10(spoiler: Spoiler, number: int) -> None:
    """Somebody who treated on after the licence had ended, or after an exclusion."""
    people = [row for row in spoiler.rows["therapists"] if row["role"] in ("therapist", "assistant")]
    until = max(row["service_date"] for row in spoiler.rows["claim_lines"])
    for person in spoiler.rng.sample(people, len(people)):
        if person.get("excluded_on") or person["license_expires_on"] <= until:
            continue
        lines = _given_by(spoiler, person["therapist_id"])
        days = sorted({line["service_date"] for line in lines})
        if len(days) < 5:
            continue
        day = next(day for day in days if sum(line["service_date"] >= day for line in lines) <= FEW_LINES)
        if number % 2:
            person["excluded_on"] = day
        else:
            person["license_expires_on"] = day - timedelta(days=1)
        why = f"{person['name']} was {'excluded' if number % 2 else 'no longer licensed'} on the day."
        for line in lines:
            if line["service_date"] >= day:
                spoiler.add_line("INT-10", why, line)
        for visit in spoiler.everything():
            if visit.note["supervisor_id"] == person["therapist_id"] and visit.note["service_date"] >= day:
                spoiler.add("SUP-01", f"The supervisor: {why}", visit, subject="note", debatable=True)
        return


def _given_by(spoiler: Spoiler, therapist_id: str) -> list[Row]:
    """Lines that a person rendered, or whose code the person gave."""
    given: set[tuple[Any, ...]] = set()
    for visit in spoiler.everything():
        codes = {
            row["cpt"]
            for row in visit.interventions
            if (row["therapist_id"] or visit.note["therapist_id"]) == therapist_id
        }
        given |= {(line["claim_id"], line["line"]) for line in visit.lines if line["cpt"] in codes}
    return [
        line
        for line in spoiler.rows["claim_lines"]
        if line["therapist_id"] == therapist_id or (line["claim_id"], line["line"]) in given
    ]


def int_11(spoiler: Spoiler, number: int) -> None:
    """A visit during a hospital stay, after the patient's death, or after the discharge on record."""
    for visit in spoiler.visits(lambda each: spoiler.untouched(each.note["patient_id"])):
        own = spoiler.all_of(visit.note["patient_id"])
        if any(each.note["discipline"] != visit.note["discipline"] for each in own) or len(own) < 6:
            continue
        last = own[-1]
        day: date = (visit if number % 3 == 0 else last).note["service_date"]
        if number % 3 == 0:
            why = "The patient was an inpatient that day."
            stay = {"kind": "inpatient", "from": day, "to": day + timedelta(days=1)}
        else:
            why = "The patient had died the day before."
            stay = {"kind": "deceased", "from": day - timedelta(days=1), "to": None}
        if number % 3 == 2:
            why = "The episode's record says that the patient was discharged before."
            episode = next(
                row for row in spoiler.rows["episodes"] if row["patient_id"] == visit.note["patient_id"]
            )
            episode["discharged_on"] = own[-2].note["service_date"]
        else:
            spoiler.rows["stays"].append({"patient_id": visit.note["patient_id"], **stay})
        for each in own:
            for line in each.lines:
                if line["service_date"] == day:
                    spoiler.add("INT-11", why, each, line=line)
        spoiler.take(visit, whole=True)
        return


def int_13(spoiler: Spoiler, number: int) -> None:
    """A chart that is to be destroyed some years too early."""
    visit = next(spoiler.visits(lambda each: each.payer_kind != "self_pay"))
    patient = next(row for row in spoiler.rows["patients"] if row["patient_id"] == visit.note["patient_id"])
    patient["purge_on"] = patient["last_service_on"] + timedelta(days=1000 + 365 * number)
    spoiler.add("INT-13", "The chart is to be destroyed too early.", visit, subject="patient")
    spoiler.take(visit, whole=True)


def aud_01(spoiler: Spoiler, number: int) -> None:
    """Recorded overpayments: not returned in time, returned late, still open, and returned as it should be."""
    kind = ("overdue", "late", "open", "returned")[number % 4]
    until = max(row["service_date"] for row in spoiler.rows["claim_lines"])
    for visit in spoiler.visits(lambda each: each.payer_kind == "medicare" and each.paid):
        line = visit.lines[0]
        remitted = spoiler.remittances[line["claim_id"], line["line"]]
        identified = remitted["paid_on"] + timedelta(days=9)
        age = (until - identified).days
        if not (0 < age < 50 if kind == "open" else age > 75):
            continue
        days = {"late": 71, "returned": 34}.get(kind)
        spoiler.rows["overpayments"].append(
            {
                "overpayment_id": f"O{line['claim_id'][1:]}", "claim_id": line["claim_id"], "line": line["line"],
                "amount": remitted["paid"], "identified_on": identified,
                "returned_on": identified + timedelta(days=days) if days else None,
            }
        )  # fmt: skip
        spoiler.take(visit)
        if kind != "returned":
            spoiler.add("AUD-01", _RETURNED[kind], visit, line=line)
        return


_RETURNED = {
    "overdue": "The overpayment was not returned within 60 days.",
    "late": "The overpayment was returned after 71 days.",
    "open": "The overpayment is still to be returned.",
}
