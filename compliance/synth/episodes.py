"""Patients and their episodes of care: who treats them on which day, with what minutes, toward which goals.

Everything here is fact, not text: `wording` says it, `tables` files it, `plantings` spoils some of it on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from compliance.synth.calendar import is_open, next_open
from compliance.synth.phrases import conditions, tasks
from compliance.synth.staff import FIRST, LAST, PAYER_OF_KIND, Person, Site

LADDER = ("max", "mod", "min", "cga", "sba", "sup", "mod_i")
"""Help from most to least."""
WEEKDAYS = {
    1: ((1,), (2,), (3,)),
    2: ((0, 2), (1, 3), (0, 3), (1, 4), (2, 4)),
    3: ((0, 2, 4), (0, 1, 3), (1, 2, 4)),
}
HOURS = (8, 9, 10, 11, 13, 14, 15, 16)
REPORT_EVERY, REPORT_SPAN = 10, 28
"""Our clinics report at least every 10 treatment days and within 28 calendar days, which satisfies every payer."""
SECOND = {
    "stroke": 0.7,
    "parkinson": 0.5,
    "spinal_cord": 0.6,
    "falls": 0.35,
    "paediatric": 0.5,
    "amputee": 0.35,
    "brain_injury": 0.4,
}
"""How often a patient with this condition is treated by a second discipline."""
CODES = {"PT": ("97110", "97112", "97140", "97116"), "OT": ("97110", "97535", "97140", "97112")}
EVALUATIONS = {
    "PT": ("97161", "97162", "97163"),
    "OT": ("97165", "97166", "97167"),
    "SLP": ("92523", "92522"),
}
UNTIMED = {code for codes in EVALUATIONS.values() for code in codes} | {
    "97164",
    "97168",
    "92507",
    "92526",
    "92610",
}
PHYSICIANS = (
    "A. Rosen, MD",
    "P. Mehta, MD",
    "C. Osborne, DO",
    "L. Fischer, MD",
    "J. Addo, NP",
    "T. Grieg, PA-C",
    "S. Wolff, MD",
)


@dataclass(eq=False)
class Goal:
    """A goal of a plan: a task at a level of help, by a day. `task` is null where its text names none; `serves` is the
    task for which notes cite it.
    """

    goal_id: str
    label: str
    term: str
    task: str | None
    level: str
    text: str
    baseline: str
    target: str
    due_on: date | None
    status: str = "open"
    status_on: date | None = None
    serves: str | None = None

    def open_on(self, day: date) -> bool:
        """Whether the goal is still worked on that day; on the day it is closed it no longer counts."""
        return self.status_on is None or day < self.status_on


@dataclass(eq=False)
class Plan:
    """A plan of care and its goals."""

    plan_id: str
    starts_on: date
    weeks: int
    author: Person
    goals: list[Goal]
    interventions: list[str]
    certified_on: date
    replaces: str | None = None

    @property
    def ends_on(self) -> date:
        """The last day that the plan covers: its weeks, at most 90 days."""
        return self.starts_on + timedelta(days=min(7 * self.weeks, 90) - 1)


@dataclass(eq=False)
class Visit:
    """A session: who gave which minutes. `fault` names what was planted in it."""

    day: date
    kind: str
    clinician: Person
    hour: int
    minute: int
    minutes: dict[str, int]
    progress: float
    plan: Plan = field(init=False)
    supervisor: Person | None = None
    student: Person | None = None
    supervision: str | None = None
    fault: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    note_id: str = ""
    claim_id: str = ""
    lines: dict[str, int] = field(default_factory=dict)
    cosigner: Person | None = None
    cosigned_on: date | None = None


@dataclass(eq=False)
class Report:
    """A progress report, recertification or discharge note: the period it covers, who wrote it and when."""

    kind: str
    period_from: date
    period_to: date
    written_on: date
    author: Person
    plan: Plan
    day_numbers: tuple[int, int]
    progress: tuple[float, float]
    fault: str | None = None
    cosigner: Person | None = None
    note_id: str = ""


@dataclass(eq=False)
class Patient:
    """A patient with the payer who is billed."""

    patient_id: str
    name: str
    sex: str
    birth_date: date
    payer_kind: str
    site: Site
    condition: str
    side: str
    taken: set[tuple[date, int]] = field(default_factory=set)

    @property
    def payer_id(self) -> str:
        """The payer's key."""
        return PAYER_OF_KIND[self.payer_kind]


@dataclass(eq=False)
class Episode:
    """One discipline's care of a patient, from evaluation to discharge."""

    episode_id: str
    patient: Patient
    discipline: str
    therapist: Person
    diagnoses: list[str]
    task_ids: list[str]
    start_level: int
    end_level: int
    frequency: int
    plans: list[Plan]
    visits: list[Visit]
    reports: list[Report]
    missed: list[tuple[date, str, Person]]
    planted: set[str] = field(default_factory=set)
    discharge_reason: str = "planned"
    impairments_only: bool = False

    def level(self, progress: float, rng: Random | None = None) -> str:
        """Help needed at a point of the episode (0 to 1), with a day's luck."""
        place = self.start_level + (self.end_level - self.start_level) * progress
        place += rng.choice((-0.45, 0, 0, 0.35)) if rng else 0
        return LADDER[max(0, min(len(LADDER) - 1, round(place)))]


def new_patient(rng: Random, number: int, sites: Sequence[Site], first: date) -> Patient:
    """Patient `number`: a condition, then an age, a payer and a site that fit it."""
    condition_id = rng.choice(sorted(conditions()))
    condition = conditions()[condition_id]
    low, high = condition["ages"]
    age = rng.randint(low, high)
    kinds = [
        kind
        for kind in condition["payers"]
        if age >= 65 or kind not in ("medicare", "medicare_advantage") or rng.random() < 0.15
    ]
    if age >= 65 and "medicare" in kinds:
        kinds = ["medicare", "medicare", "medicare_advantage"]
    site = rng.choices(sites, weights=(5, 4, 3 if age >= 60 else 0.4))[0]
    if condition.get("child"):
        site = rng.choice(sites[:2])
    sex = rng.choice("FM")
    return Patient(
        patient_id=f"P{number:05d}",
        name=f"{rng.choice(FIRST)} {rng.choice(LAST)}",
        sex=sex,
        birth_date=first - timedelta(days=round(age * 365.25) + rng.randint(0, 364)),
        payer_kind=rng.choice(kinds or condition["payers"]),
        site=site,
        condition=condition_id,
        side=rng.choice(("right", "left")),
    )


def disciplines_of(rng: Random, patient: Patient) -> list[str]:
    """One or two disciplines that treat the patient."""
    able = sorted(conditions()[patient.condition]["tasks"])
    main = "PT" if "PT" in able and rng.random() < 0.62 else rng.choice(able)
    others = [each for each in able if each != main]
    return (
        [main, rng.choice(others)]
        if others and rng.random() < SECOND.get(patient.condition, 0.06)
        else [main]
    )


def new_episode(
    rng: Random, key: str, patient: Patient, discipline: str, first: date, last: date
) -> Episode | None:
    """An episode that ends within the window; None where no therapist has room to begin it."""
    condition = conditions()[patient.condition]
    low, high = condition["weeks"]
    weeks = max(4, min(rng.randint(low, high), rng.randint(low, high), (last - first).days // 7 - 1))
    if rng.random() < 0.25:
        weeks = max(4, weeks - 3)
    latest = last - timedelta(days=weeks * 7 + 2)
    start = next_open(first + timedelta(days=rng.randint(0, max(0, (latest - first).days))))
    therapist = _therapist_for(rng, patient, discipline)
    if therapist is None:
        return None
    task_ids = rng.sample(condition["tasks"][discipline], min(len(condition["tasks"][discipline]), 3))
    start_level = max(0, LADDER.index(condition["help"][0]) + rng.choice((-1, 0, 0, 1)))
    end_level = min(
        len(LADDER) - 1, max(LADDER.index(condition["help"][1]) + rng.choice((-1, 0, 0)), start_level + 1)
    )
    episode = Episode(
        episode_id=f"E{key}",
        patient=patient,
        discipline=discipline,
        therapist=therapist,
        diagnoses=[_diagnosis(code, patient.side) for code in condition["diagnoses"][discipline]],
        task_ids=task_ids,
        start_level=start_level,
        end_level=end_level,
        frequency=rng.choice((1, 2, 2)) if condition.get("child") else rng.choice((2, 2, 3)),
        plans=[],
        visits=[],
        reports=[],
        missed=[],
    )
    if not _schedule(rng, episode, start, weeks, last):
        return None
    _write_plans(rng, episode, key, weeks)
    _write_reports(rng, episode)
    return episode


def _therapist_for(rng: Random, patient: Patient, discipline: str) -> Person | None:
    able = patient.site.staff(discipline, "therapist")
    if patient.payer_kind in ("medicare", "medicare_advantage"):
        able = [person for person in able if "CF" not in person.credential]
    return rng.choice(able) if able else None


def _diagnosis(code: str, side: str) -> str:
    number = "1" if side == "right" else "2"
    dominant = "1" if side == "right" else "4"
    return code.replace("{n}", number).replace("{d}", dominant)


def _schedule(rng: Random, episode: Episode, start: date, weeks: int, last: date) -> bool:
    """Fill the episode's visits: evaluation, treatments on the patient's weekdays, the last one by the therapist."""
    patient = episode.patient
    hours = rng.sample(HOURS, len(HOURS))
    first = _seat(patient, [episode.therapist], start, hours)
    if first is None:
        return False
    found = [(start, *first)]
    pattern = rng.choice(WEEKDAYS[episode.frequency])
    ends = min(start + timedelta(days=weeks * 7 - 1), last)
    day = start + timedelta(days=1)
    days = []
    while day <= ends:
        in_first_week = day - timedelta(days=day.weekday()) == start - timedelta(days=start.weekday())
        if day.weekday() in pattern and is_open(day) and not (in_first_week and episode.frequency == 1):
            days.append(day)
        day += timedelta(days=1)
    days = _keep_to_frequency(start, days, episode.frequency)
    for number, day in enumerate(days):
        luck = rng.random()
        if luck < 0.09 and number < len(days) - 1:
            episode.missed.append((day, "no_show" if luck < 0.03 else "cancelled", episode.therapist))
            continue
        seat = _seat(patient, _who_treats(rng, episode, day), day, hours)
        if seat is not None:
            found.append((day, *seat))
    found = _without_long_gaps(found)
    if len(found) < 5:
        return False
    final = found[-1]
    if final[1].role != "therapist":
        final = next(
            (each for each in reversed(found) if each[1].role == "therapist" and len(found) > 1), found[0]
        )
        found = found[: found.index(final) + 1]
    if len(found) < 4:
        return False
    for number, (day, clinician, hour) in enumerate(found):
        clinician.taken.add((day, hour))
        patient.taken.add((day, hour))
        episode.visits.append(_visit(rng, episode, number, len(found), day, clinician, hour))
    closed = found[-1][0]
    episode.missed = [each for each in episode.missed if each[0] < closed]
    return True


def _keep_to_frequency(start: date, days: list[date], frequency: int) -> list[date]:
    """No week, Monday to Sunday, holds more visits than planned; the evaluation counts."""
    held: dict[date, int] = {start - timedelta(days=start.weekday()): 1}
    kept = []
    for day in days:
        monday = day - timedelta(days=day.weekday())
        if held.get(monday, 0) < frequency:
            held[monday] = held.get(monday, 0) + 1
            kept.append(day)
    return kept


def _without_long_gaps(found: list[tuple[date, Person, int]]) -> list[tuple[date, Person, int]]:
    """An episode ends before an absence of more than three weeks."""
    for place in range(1, len(found)):
        if (found[place][0] - found[place - 1][0]).days > 21:
            return found[:place]
    return found


def _who_treats(rng: Random, episode: Episode, day: date) -> list[Person]:
    """Who may treat on a day, in order of preference; an assistant only where a therapist is at work."""
    site, discipline = episode.patient.site, episode.discipline
    therapists = _therapists_at_work(episode, day)
    order = [episode.therapist] if episode.therapist in therapists else []
    order += [person for person in therapists if person is not episode.therapist]
    helpers = site.staff(discipline, "assistant") if therapists else []
    if discipline == "SLP" and episode.patient.payer_kind not in ("medicaid", "commercial"):
        helpers = []
    if helpers and rng.random() < 0.42:
        return rng.sample(helpers, len(helpers)) + order
    return order


def _therapists_at_work(episode: Episode, day: date) -> list[Person]:
    """Therapists of the discipline on a day; for Medicare none with a provisional licence."""
    medicare = episode.patient.payer_kind in ("medicare", "medicare_advantage")
    return [
        person
        for person in episode.patient.site.staff(episode.discipline, "therapist")
        if person.works(day) and not (medicare and "CF" in person.credential)
    ]


def _seat(
    patient: Patient, people: Sequence[Person], day: date, hours: Sequence[int]
) -> tuple[Person, int] | None:
    for person in people:
        for hour in hours:
            if person.free(day, hour) and (day, hour) not in patient.taken:
                return person, hour
    return None


def _visit(
    rng: Random, episode: Episode, number: int, count: int, day: date, clinician: Person, hour: int
) -> Visit:
    progress = number / (count - 1)
    kind = "evaluation" if number == 0 else "treatment"
    visit = Visit(
        day=day,
        kind=kind,
        clinician=clinician,
        hour=hour,
        minute=rng.choice((0, 0, 2, 4, 5)),
        minutes=_minutes(rng, episode, kind),
        progress=progress,
    )
    if clinician.role == "assistant":
        visit.supervisor = supervisor_for(episode, day)
        near = episode.patient.site.clocked or rng.random() < 0.5
        # a Medicaid plan wants the therapist on site, and the clinic knows it
        visit.supervision = "on_site" if near or episode.patient.payer_kind == "medicaid" else "available"
    elif kind == "treatment" and rng.random() < 0.05:
        learners = episode.patient.site.staff(episode.discipline, "student")
        if learners and learners[0].free(day, hour):
            visit.student, visit.supervisor, visit.supervision = learners[0], clinician, "in_room"
            learners[0].taken.add((day, hour))
    return visit


def treat_more(rng: Random, episode: Episode, days: Sequence[date]) -> bool:
    """Add treatment by the plan's own therapist on further days, and write the reports anew; False where a day has no room."""
    patient, therapist = episode.patient, episode.therapist
    seats = [_seat(patient, [therapist] if therapist.works(day) else [], day, HOURS) for day in days]
    if not all(seats):
        return False
    for day, seat in zip(days, seats, strict=True):
        before = max(place for place, visit in enumerate(episode.visits) if visit.day < day)
        clinician, hour = seat or (therapist, HOURS[0])
        visit = _visit(rng, episode, before + 1, len(episode.visits), day, clinician, hour)
        visit.plan, visit.progress = episode.visits[before].plan, episode.visits[before].progress
        visit.student = visit.supervisor = visit.supervision = None
        episode.visits.insert(before + 1, visit)
        clinician.taken.add((day, hour))
        patient.taken.add((day, hour))
    episode.reports.clear()
    _write_reports(rng, episode)
    return True


def supervisor_for(episode: Episode, day: date) -> Person:
    """The therapist who supervises on a day: the plan's own, else a colleague at work."""
    if episode.therapist.works(day):
        return episode.therapist
    colleagues = episode.patient.site.staff(episode.discipline, "therapist")
    return next(person for person in colleagues if person.works(day))


def _minutes(rng: Random, episode: Episode, kind: str) -> dict[str, int]:
    """Minutes by code, such that pooling them and rounding each alone give the same units."""
    if kind == "evaluation":
        minutes = {rng.choice(EVALUATIONS[episode.discipline]): rng.randint(32, 46)}
        if episode.discipline != "SLP" and rng.random() < 0.45:
            minutes["97530"] = rng.randint(9, 14)
        return minutes
    if episode.discipline == "SLP":
        return {
            "92526" if "swallow_meal" in episode.task_ids and rng.random() < 0.7 else "92507": rng.randint(
                32, 48
            )
        }
    able = [
        code
        for code in CODES[episode.discipline]
        if code not in conditions()[episode.patient.condition].get("without", ())
    ]
    for _ in range(40):
        minutes = _drawn_minutes(rng, able)
        if units(minutes) == {code: (spent + 7) // 15 for code, spent in minutes.items()}:
            return minutes
    return {"97530": 30}


def _drawn_minutes(rng: Random, codes: Sequence[str]) -> dict[str, int]:
    """Minutes of 97530 and of up to two other codes within an hour; now and then of the others only."""
    minutes = {
        "97530": rng.choice(
            (rng.randint(15, 22), rng.randint(23, 37), rng.randint(23, 37), rng.randint(38, 42))
        )
    }
    room = 54 - minutes["97530"]
    for code in rng.sample(codes, min(len(codes), rng.choice((0, 1, 1, 2)))):
        if room >= 10:
            minutes[code] = rng.randint(9, min(24, room))
            room -= minutes[code]
    if len(minutes) > 1 and rng.random() < 0.1:
        del minutes["97530"]
    return minutes


def units(minutes: dict[str, int]) -> dict[str, int]:
    """Units a code by the 8-minute rule on pooled timed minutes; one for an untimed code.

    Source: Medicare Claims Processing Manual ch. 5 §20.2.
    """
    timed = {code: spent for code, spent in minutes.items() if code not in UNTIMED}
    total = sum(timed.values())
    given = {code: spent // 15 for code, spent in timed.items()}
    left = (0 if total < 8 else (total + 7) // 15) - sum(given.values())
    for code in sorted(timed, key=lambda each: (-(timed[each] % 15), each))[: max(0, left)]:
        given[code] += 1
    return {code: given.get(code, 1) for code in minutes}


def slots(task_id: str, progress: float, rng: Random | None = None) -> dict[str, int]:
    """The numbers of a task at a point of the episode (0 to 1)."""
    values = {}
    for name, (start, end) in (tasks()[task_id].get("scale") or {}).items():
        value = start + (end - start) * progress
        wobble = abs(end - start) * 0.08
        value += rng.uniform(-wobble, wobble) if rng else 0
        values[name] = max(1, round(value))
    return values


LEVEL_WORDS = {
    "max": "maximal assistance",
    "mod": "moderate assistance",
    "min": "minimal assistance",
    "cga": "contact guard assistance",
    "sba": "standby assistance",
    "sup": "supervision",
    "mod_i": "modified independence",
}
SHORT_LEVELS = {
    "max": "max A",
    "mod": "mod A",
    "min": "min A",
    "cga": "CGA",
    "sba": "SBA",
    "sup": "supervision",
    "mod_i": "mod I",
}


def _write_plans(rng: Random, episode: Episode, key: str, weeks: int) -> None:
    """One plan, or two with a recertification where care outlasts twelve weeks; goals by task."""
    first_day, last_day = episode.visits[0].day, episode.visits[-1].day
    style = rng.choice(
        (("STG {}", "LTG {}"), ("STG{}", "LTG{}"), ("STG #{}", "LTG #{}"), ("Goal {}", "LTG {}"))
    )
    span = min(12, max(4, (weeks + 1) // 2 * 2))
    starts, number, previous = first_day, 0, None
    while True:
        number += 1
        plan_id = f"PL{key}{number}"
        reached = _progress_on(episode, starts)
        plan = Plan(
            plan_id=plan_id,
            starts_on=starts,
            weeks=span,
            author=episode.therapist,
            goals=_goals(rng, episode, plan_id, starts, span, style, reached),
            interventions=_planned_codes(episode),
            certified_on=next_open(starts + timedelta(days=rng.randint(2, 16))),
            replaces=previous,
        )
        episode.plans.append(plan)
        if plan.ends_on >= last_day:
            break
        starts, previous = plan.ends_on + timedelta(days=1), plan_id
    for visit in episode.visits:
        visit.plan = next(plan for plan in episode.plans if visit.day <= plan.ends_on)


def _planned_codes(episode: Episode) -> list[str]:
    used = {code for visit in episode.visits for code in visit.minutes if code not in _evaluations()}
    return sorted(used | ({"97530", "97110"} if episode.discipline != "SLP" else {"92507"}))


@cache
def _evaluations() -> frozenset[str]:
    return frozenset(code for codes in EVALUATIONS.values() for code in codes)


def _progress_on(episode: Episode, day: date) -> float:
    return max((visit.progress for visit in episode.visits if visit.day <= day), default=0.0)


def _goals(
    rng: Random,
    episode: Episode,
    plan_id: str,
    starts: date,
    span: int,
    style: tuple[str, str],
    reached: float,
) -> list[Goal]:
    """Two short-term goals on the way, two long-term goals at the end; of the first two or three tasks."""
    goals = []
    middle = reached + (1 - reached) * 0.5
    short, long = style
    wanted = [(short, "short", task, middle, span // 2) for task in episode.task_ids[:2]]
    wanted += [(long, "long", task, 1.0, span) for task in episode.task_ids[:3]]
    counts: dict[str, int] = {}
    for label, term, task_id, progress, weeks in wanted:
        counts[label] = counts.get(label, 0) + 1
        level = episode.level(progress)
        numbers = slots(task_id, progress)
        baseline = episode.level(reached)
        goals.append(
            Goal(
                goal_id=f"G{plan_id[2:]}{len(goals) + 1}",
                label=label.format(counts[label]),
                term=term,
                task=task_id,
                level=level,
                text=goal_text(rng, task_id, numbers, level, weeks),
                baseline=f"{SHORT_LEVELS[baseline]}; {measured(slots(task_id, reached))}",
                target=f"{SHORT_LEVELS[level]}; {measured(numbers)}",
                due_on=starts + timedelta(days=7 * weeks - 1),
                serves=task_id,
            )
        )
    return goals


def goal_text(rng: Random, task_id: str, numbers: dict[str, int], level: str, weeks: int) -> str:
    """A measurable goal: who will do what, at which level, within which time."""
    what = tasks()[task_id]["goal"].format(**numbers)
    help_words = LEVEL_WORDS[level] if rng.random() < 0.5 else SHORT_LEVELS[level]
    who = rng.choice(("Pt will", "Patient will", "Will", "Pt will safely"))
    return f"{who} {what} with {help_words} {rng.choice(('within', 'in'))} {weeks} weeks"


def measured(numbers: dict[str, int]) -> str:
    """The numbers of a task in words, as a goal's baseline or target states them."""
    units_of = {
        "load": "{} lb", "seat": "{} in. seat", "rim": "{} in. rim", "rise": "{} in. step", "steps": "{} steps",
        "feet": "{} ft", "height": "{} in.", "secs": "{} s", "mins": "{} min", "count": "{} items", "right": "score {}",
        "n": "{} reps",
    }  # fmt: skip
    return ", ".join(units_of[name].format(value) for name, value in numbers.items())


def _write_reports(rng: Random, episode: Episode) -> None:
    """Reports by the therapist before any is due, recertifications at a new plan, and the discharge note."""
    days = [visit.day for visit in episode.visits]
    begin = 0
    while True:
        of_plan = sum(visit.plan is episode.visits[begin].plan for visit in episode.visits[begin:])
        left = len(days) - begin
        if left <= REPORT_EVERY and left == of_plan and (days[-1] - days[begin]).days <= REPORT_SPAN:
            break
        count = min(rng.randint(8, REPORT_EVERY), of_plan, left - 1)
        while (days[begin + count - 1] - days[begin]).days > REPORT_SPAN:
            count -= 1
        while count > 1 and not _treat_by_therapist(episode, begin + count - 1):
            count -= 1
        end = begin + count
        kind = "progress_report" if count < of_plan else "recertification"
        _add_report(rng, episode, kind, begin, end - 1)
        begin = end
    _add_report(rng, episode, "discharge", begin, len(days) - 1)


def _treat_by_therapist(episode: Episode, place: int) -> bool:
    """Make a reporting visit the therapist's own; False, and nothing done, where no therapist has room."""
    visit = episode.visits[place]
    if visit.clinician.role == "therapist":
        if visit.student:
            visit.student, visit.supervisor, visit.supervision = None, None, None
        return True
    supervisor = supervisor_for(episode, visit.day)
    colleagues = [each for each in _therapists_at_work(episode, visit.day) if each is not supervisor]
    seat = _seat(episode.patient, [supervisor, *colleagues], visit.day, HOURS)
    if seat is None:
        return False
    visit.clinician, visit.hour = seat
    visit.clinician.taken.add((visit.day, visit.hour))
    episode.patient.taken.add((visit.day, visit.hour))
    visit.supervisor = visit.supervision = None
    return True


def _add_report(rng: Random, episode: Episode, kind: str, begin: int, end: int) -> None:
    first, last = episode.visits[begin], episode.visits[end]
    if last.student:
        last.student = last.supervisor = last.supervision = None
    late = (
        rng.choice((0, 0, 0, 1, 3))
        if episode.patient.payer_kind == "medicare" and kind == "progress_report"
        else 0
    )
    episode.reports.append(
        Report(
            kind=kind,
            period_from=first.day,
            period_to=last.day,
            written_on=last.day + timedelta(days=late),
            author=last.clinician,
            plan=last.plan,
            day_numbers=(begin + 1, end + 1),
            progress=(first.progress, last.progress),
        )
    )
    _close_goals(episode, last.plan, last)


def _close_goals(episode: Episode, plan: Plan, last: Visit) -> None:
    """Goals reached by a report are met on its day; the discharge closes what is still open."""
    final = last is episode.visits[-1]
    for goal in plan.goals:
        if goal.status != "open":
            continue
        reached = LADDER.index(episode.level(last.progress)) >= LADDER.index(goal.level)
        if goal.term == "short" and reached and last.progress >= 0.45:
            goal.status, goal.status_on = "met", last.day
        elif not final and _is_last_of_plan(episode, last):
            # changed before the recertification is signed, and after the last note that cites it
            changed = last.day < plan.ends_on
            goal.status, goal.status_on = (
                ("modified" if changed else "discontinued"),
                last.day + timedelta(days=1),
            )
        elif final:
            goal.status = "met" if reached else "discontinued"
            goal.status_on = last.day + timedelta(days=1)


def _is_last_of_plan(episode: Episode, last: Visit) -> bool:
    return not any(visit.plan is last.plan and visit.day > last.day for visit in episode.visits)
