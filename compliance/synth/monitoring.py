"""Remote monitoring: events of a month and the claim that bills them rightly, of patients who have a plan of care."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from compliance.checks.terms import DISCIPLINE_MODIFIERS
from compliance.synth import billing
from compliance.synth.calendar import next_open
from compliance.synth.spoiling import Row, Spoiler, Visited

PAYERS = ("medicare", "medicare_advantage")
PERIOD, DATA_DAYS = 30, 18
MANAGED = ((5, "management", 9), (9, "interactive_contact", 8), (13, "management", 7))
"""Day of the period, kind and minutes of what the therapist did: 24 minutes, for which 98980 stands."""


@dataclass
class Monitored:
    """A patient's month of monitoring: its events and the lines that bill it, rows to be spoilt in place."""

    visit: Visited
    begins: date
    events: list[Row]
    lines: list[Row]

    def line(self, cpt: str) -> Row:
        """The line of a code."""
        return next(line for line in self.lines if line["cpt"] == cpt)

    def managed(self) -> list[Row]:
        """Events of management, live contacts among them."""
        return [row for row in self.events if row["minutes"] and row["kind"] != "setup"]

    def drop(self, spoiler: Spoiler, events: list[Row]) -> None:
        """Take events out of the record."""
        for row in events:
            self.events.remove(row)
            spoiler.rows["rtm"].remove(row)


def monitor(spoiler: Spoiler, disciplines: tuple[str, ...] = ("PT", "OT")) -> Monitored | None:
    """Set a patient up with a device for thirty days; None where no patient of PAYERS is left that fits."""
    for visit, begins in _candidates(spoiler, disciplines):
        events = _events(visit, begins)
        spoiler.rows["rtm"].extend(events)
        monitored = Monitored(visit, begins, events, [])
        _bill(spoiler, monitored)
        return monitored
    return None


def _candidates(spoiler: Spoiler, disciplines: tuple[str, ...]) -> Iterator[tuple[Visited, date]]:
    """A visit of a patient not yet monitored, and a first day such that no day that is billed is a visit's or leave."""
    monitored = {row["patient_id"] for row in spoiler.rows["rtm"]}
    for visit in spoiler.visits(lambda each: each.payer_kind in PAYERS and each.alone):
        patient_id, therapist_id = visit.note["patient_id"], visit.note["therapist_id"]
        if patient_id in monitored or visit.note["discipline"] not in disciplines:
            continue
        days = {each.note["service_date"] for each in spoiler.all_of(patient_id)}
        taken = days | away(spoiler, therapist_id)
        begins = visit.plan["starts_on"] + timedelta(days=3)
        while begins + timedelta(days=PERIOD) <= min(visit.plan["ends_on"], max(days)):
            billed = {begins + timedelta(days=n) for n in (0, MANAGED[-1][0], PERIOD - 1, PERIOD)}
            one_month = begins.month == (begins + timedelta(days=MANAGED[-1][0])).month
            if one_month and not billed & taken:
                yield visit, begins
                break
            begins += timedelta(days=1)


def away(spoiler: Spoiler, therapist_id: str) -> set[date]:
    """The days on which somebody was on leave."""
    return {
        row["starts_at"].date()
        for row in spoiler.rows["shifts"]
        if row["therapist_id"] == therapist_id and row["kind"] == "leave"
    }


def _events(visit: Visited, begins: date) -> list[Row]:
    """Set-up, days of data, and management."""
    discipline = visit.note["discipline"]
    common = {
        "patient_id": visit.note["patient_id"], "device": "musculoskeletal", "device_cleared": True,
        "ordered_on": begins - timedelta(days=2), "supervision": None,
    }  # fmt: skip
    therapist = visit.note["therapist_id"]
    told: list[tuple[int, str, int | None, str | None]] = [(0, "setup", 20, therapist)]
    told += [(1 + round(n * (PERIOD - 2) / DATA_DAYS), "device_data", None, None) for n in range(DATA_DAYS)]
    told += [(day, kind, minutes, therapist) for day, kind, minutes in MANAGED]
    return [
        {
            **common, "rtm_id": f"R{visit.note['patient_id'][1:]}{discipline}{number:02d}", "therapist_id": who,
            "date": begins + timedelta(days=day), "kind": kind, "minutes": minutes,
        }
        for number, (day, kind, minutes, who) in enumerate(sorted(told, key=lambda each: each[:2]), start=1)
    ]  # fmt: skip


def _bill(spoiler: Spoiler, monitored: Monitored) -> None:
    """One claim of the month: set-up on its first day, supply and management on its last."""
    visit, ends = monitored.visit, monitored.begins + timedelta(days=PERIOD - 1)
    sent = next_open(ends + timedelta(days=4))
    age = (max(row["service_date"] for row in spoiler.rows["claim_lines"]) - ends).days
    status = billing.status_of(age)
    filed = None if status == "ready" else sent
    claim = visit.claim | {
        "claim_id": f"{visit.claim['claim_id']}M", "submitted_on": filed, "received_on": filed, "status": status,
    }  # fmt: skip
    spoiler.rows["claims"].append(claim)
    spoiler.claims[claim["claim_id"]] = claim
    managed = max(row["date"] for row in monitored.managed())
    for cpt, on in (("98975", monitored.begins), ("98977", ends), ("98980", managed)):
        add_line(
            spoiler,
            monitored,
            claim,
            cpt,
            on,
            next_open(sent + timedelta(days=18)) if status == "paid" else None,
        )
    settle(spoiler, monitored)


def add_line(
    spoiler: Spoiler, monitored: Monitored, claim: Row, cpt: str, on: date, paid_on: date | None
) -> Row:
    """Bill a code of monitoring on a claim; `settle` afterwards."""
    visit = monitored.visit
    first = visit.lines[0]
    line = {
        **first, "claim_id": claim["claim_id"], "line": len(monitored.lines) + 1, "service_date": on, "cpt": cpt,
        "modifiers": [DISCIPLINE_MODIFIERS[visit.note["discipline"]]], "units": 1, "note_id": None,
        "therapist_id": visit.note["therapist_id"],
    }  # fmt: skip
    spoiler.rows["claim_lines"].append(line)
    monitored.lines.append(line)
    if paid_on:
        remitted = {
            "claim_id": claim["claim_id"],
            "line": line["line"],
            "paid_on": paid_on,
            "deductible": "0.00",
        }
        spoiler.rows["remittances"].append(remitted)
        spoiler.remittances[claim["claim_id"], line["line"]] = remitted
    return line


def settle(spoiler: Spoiler, monitored: Monitored) -> None:
    """Price the days on which monitoring is billed."""
    days = {line["service_date"] for line in monitored.lines}
    spoiler.settle(monitored.visit.note["patient_id"], days)
