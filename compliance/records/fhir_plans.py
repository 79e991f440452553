"""Plans of care, their goals and diagnoses: CarePlan, Goal and Condition; who signed a plan stands in provenances."""

import re
from collections.abc import Mapping

import polars as pl

from compliance.records.fhir_codes import diagnosis_code, discipline_said, procedure_code, words
from compliance.records.fhir_gathering import Gathering, Place, Rows, key_of, raw_table
from compliance.records.fhir_models import Activity, CarePlan, Condition, Goal, Repeat, Target
from compliance.records.fhir_people import People, day
from compliance.records.raw import RawTable

LABEL = re.compile(r"^((?:LTG|STG|Goal)\s*#?\s*\d{1,3}[a-z]?)\b", re.IGNORECASE)
WEEKS = {"wk": 1.0, "d": 1 / 7, "mo": 365.25 / 84, "a": 365.25 / 7}
GOAL_STATUS = {
    "proposed": "open", "planned": "open", "accepted": "open", "active": "open", "on-hold": "open",
    "completed": "met", "cancelled": "discontinued", "rejected": "discontinued",
}  # fmt: skip
PLANS = ("plan_id", "plan", "patient_id", "discipline", "established_on", "starts_on", "ends_on", "visits_per_week",
         "weeks", "visits_total", "frequency_steps", "diagnosis_codes", "therapist", "interventions",
         "replaces_plan_id")  # fmt: skip
GOALS = ("goal_id", "goal", "label", "term", "text", "target", "due_on", "status", "status_on")
PLAN_COLUMNS = ("plan_id", "patient_id", "discipline", "established_on", "signed_on", "starts_on", "ends_on",
                "visits_per_week", "frequency_steps", "weeks", "visits_total", "diagnosis_codes", "therapist_id",
                "interventions", "certified_on", "certified_by", "replaces_plan_id")  # fmt: skip
Signed = tuple[str, str | None, str | None, bool]
"""A signature: day, key and name of the signer, whether it is the author's."""


class Plans:
    """What was planned; settled when all files have been read."""

    def __init__(self, gathering: Gathering, people: People) -> None:
        self.gathering, self.people = gathering, people
        self.plans, self.goals = Rows(PLANS, gathering.trace), Rows(GOALS, gathering.trace)
        self.conditions: dict[str, str] = {}
        self.plan_goals: dict[str, str] = {}

    # one resource

    def condition(self, given: Condition, place: Place) -> None:
        """A diagnosis that others name."""
        self.gathering.own_id("", given, place)
        code = diagnosis_code(given.code)
        self.conditions[place.key] = code or ""
        if code is None:
            self.gathering.no_code("conditions", given.code)

    def care_plan(self, given: CarePlan, place: Place) -> None:
        """A plan of care."""
        own = self.gathering.own_id("plans_of_care", given, place)
        for each in given.goal:
            if key := key_of(each, place):
                self.plan_goals[key] = own
        if given.status == "entered-in-error":
            self.gathering.tell("care plans were entered in error and left out", place)
            return
        said = [given.title or "", *words(given.category)]
        start, end = (given.period.start, given.period.end) if given.period else (None, None)
        codes = []
        for each in given.activity:
            code = procedure_code(each.detail.code) if each.detail else None
            if code:
                codes.append(code)
            elif each.detail and each.detail.code:
                self.gathering.no_code("planned activities", each.detail.code)
        author = self.people.person_named(given.author, place)
        diagnoses = " ".join(key for each in given.addresses if (key := key_of(each, place)))
        replaced = [key for each in given.replaces if (key := key_of(each, place))]
        self.plans.add(
            own, place.key, key_of(given.subject, place), discipline_said(said), day(given.created, self.gathering, place),
            day(start, self.gathering, place), day(end, self.gathering, place), *_frequency(given.activity),
            diagnoses or None, author, " ".join(dict.fromkeys(codes)) or None, replaced[0] if replaced else None,
            place.file, place.position,
        )  # fmt: skip

    def goal(self, given: Goal, place: Place) -> None:
        """A goal."""
        own = self.gathering.own_id("goals", given, place)
        if given.lifecycleStatus == "entered-in-error":
            self.gathering.tell("goals were entered in error and left out", place)
            return
        text = next(words([given.description]), None)
        stated = [found[1] for each in given.identifier if (found := LABEL.match(each.value or ""))]
        label = stated[0] if stated else found[1] if text and (found := LABEL.match(text)) else None
        said = " ".join([*words(given.category), label or ""]).lower()
        term = (
            "short"
            if re.search(r"short|^stg|\bstg", said)
            else "long"
            if re.search(r"long|\bltg", said)
            else None
        )
        status = GOAL_STATUS.get(given.lifecycleStatus or "")
        achieved = (
            [coding.code for coding in given.achievementStatus.coding] if given.achievementStatus else []
        )
        if status == "met" and {"not-achieved", "not-attainable"} & set(achieved):
            status = "discontinued"
        if status == "open" and "achieved" in achieved:
            status = "met"
        if len(given.target) > 1:
            self.gathering.tell(
                "goals have several targets; they stand in one cell, with the first due date", place
            )
        targets = [said for each in given.target if (said := _target(each))]
        due = next((each.dueDate for each in given.target if each.dueDate), None)
        self.goals.add(
            own, place.key, label, term, text, "; ".join(targets) or None, day(due, self.gathering, place), status,
            day(given.statusDate, self.gathering, place), place.file, place.position,
        )  # fmt: skip

    # when all files have been read

    def tables(self, signatures: Mapping[str, list[Signed]]) -> list[RawTable]:
        """Plans of care and goals. `signatures`: by the key of what was signed."""
        made = [
            raw_table("plans_of_care", self._plan_rows(signatures), PLAN_COLUMNS),
            raw_table("goals", self._goal_rows(), ("goal_id", "plan_id", *GOALS[2:])),
        ]
        return [raw for raw in made if raw.rows_read]

    def keys(self) -> set[str]:
        """The keys of all plans of care."""
        return set(self.plans.frame()["plan"])

    def _plan_rows(self, signatures: Mapping[str, list[Signed]]) -> pl.DataFrame:
        frame = self.plans.frame()
        signed: list[tuple[str | None, str | None, str | None]] = []
        for plan, therapist in frame.select("plan", "therapist").iter_rows():
            own = self.people.therapist_id(therapist) if therapist else None
            signed.append(self._certified(signatures.get(plan, []), own))
        signed_on, certified_on, certified_by = zip(*signed, strict=True) if signed else ((), (), ())
        return self.gathering.with_ids(frame, "patient_id", "replaces_plan_id").with_columns(
            self.gathering.mapped(frame["diagnosis_codes"], self.diagnoses).alias("diagnosis_codes"),
            self.gathering.mapped(frame["therapist"], self.people.therapist_id).alias("therapist_id"),
            pl.Series("signed_on", signed_on, dtype=pl.String),
            pl.Series("certified_on", certified_on, dtype=pl.String),
            pl.Series("certified_by", certified_by, dtype=pl.String),
        )

    def _certified(
        self, given: list[Signed], author: str | None
    ) -> tuple[str | None, str | None, str | None]:
        """Day of the author's signature; day and name of the first other one."""
        signed = certified = by = None
        for when, who, name, authored in given:
            person = self.people.therapist_id(who) if who else None
            if authored or (person and person == author):
                signed = signed or when
            elif certified is None:
                certified, by = when, (self.people.npi(who) if who else None) or name or person
        return signed, certified, by

    def diagnoses(self, keys: str) -> str | None:
        """ICD-10-CM codes of the conditions that keys name."""
        codes = []
        for key in keys.split():
            code = self.conditions.get(self.gathering.settled(key))
            if code is None:
                self.gathering.lost("diagnoses of plans of care are conditions that no file holds", key)
            elif code:
                codes.append(code)
        return " ".join(codes) or None

    def _goal_rows(self) -> pl.DataFrame:
        plans = {self.gathering.settled(key): plan for key, plan in self.plan_goals.items()}
        frame = self.goals.frame()
        return frame.with_columns(self.gathering.mapped(frame["goal"], plans.get).alias("plan_id"))


def _frequency(activities: tuple[Activity, ...]) -> tuple[str | None, str | None, str | None, str | None]:
    """Visits a week, weeks, visits in all, and, of a frequency that changes, its steps."""
    timed = {}
    for each in activities:
        repeat = each.detail.scheduledTiming.repeat if each.detail and each.detail.scheduledTiming else None
        if repeat is not None and each.detail and each.detail.status != "cancelled":
            timed[_a_week(repeat), _weeks(repeat), repeat.count] = None
    known = [each for each in timed if any(part is not None for part in each)]
    if not known:
        return None, None, None, None
    if len(known) == 1:
        a_week, weeks, count = known[0]
        return _written(a_week), _written(weeks), _written(count), None
    steps = [f"{_written(a_week)}x{_written(weeks)}" for a_week, weeks, _ in known if a_week and weeks]
    return None, None, None, " ".join(steps) if len(steps) == len(known) else None


def _a_week(repeat: Repeat) -> float | None:
    """Visits a week; of a range such as 2 to 3 the upper bound."""
    often = repeat.frequencyMax or repeat.frequency
    weeks = WEEKS.get(repeat.periodUnit or "")
    if often is None or weeks is None or not repeat.period:
        return None
    return round(often / (repeat.period * weeks), 2)


def _weeks(repeat: Repeat) -> float | None:
    bounds = repeat.boundsDuration
    if bounds is None or bounds.value is None:
        return None
    weeks = WEEKS.get(bounds.code or bounds.unit or "")
    return None if weeks is None else round(bounds.value * weeks, 2)


def _written(number: float | int | None) -> str | None:
    return None if number is None else f"{number:g}"


def _target(given: Target) -> str | None:
    """What is to be reached, in words."""
    measure = next(words([given.measure]), None)
    detail: str | None = given.detailString
    if given.detailQuantity is not None:
        amount = given.detailQuantity
        detail = " ".join(part for part in (_written(amount.value), amount.unit or amount.code) if part)
    elif given.detailRange is not None:
        low, high = given.detailRange.low, given.detailRange.high
        ends = [_written(each.value) for each in (low, high) if each]
        unit = next(
            (each.unit or each.code for each in (high, low) if each and (each.unit or each.code)), None
        )
        detail = " ".join(part for part in ("-".join(end for end in ends if end), unit) if part)
    elif given.detailCodeableConcept is not None:
        detail = next(words([given.detailCodeableConcept]), None)
    elif given.detailInteger is not None:
        detail = str(given.detailInteger)
    elif given.detailBoolean is not None:
        detail = "yes" if given.detailBoolean else "no"
    return " ".join(part for part in (measure, detail) if part) or None
