"""Violations on purpose: each spoils one fact of a clean episode, and says in the truth what it broke and why.

A planting takes what nothing else was planted in. Where one fault entails the finding of another rule, that is recorded
too; what two auditors might answer differently is recorded as debatable (it may be found, and need not).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from compliance.synth.calendar import is_open
from compliance.synth.episodes import Episode, Goal, Report, Visit, supervisor_for, treat_more
from compliance.synth.phrases import phrases, tasks
from compliance.synth.staff import Person, Site
from compliance.synth.wording import is_child

MEDICARE = ("medicare", "medicare_advantage")
JUDGED = (*MEDICARE, "medicaid")
"""Payer kinds in whose charts documentation faults are planted: their policies require every element."""
ALLOWED_DAYS, GRACE_DAYS = 10, 7
"""Medicare's interval of progress reports and the days after it: Medicare Benefit Policy Manual ch. 15 §220.3.D."""
USUAL_WEEKLY, LATE_WEEK, FULL_WEEKS = 3, 8, 2
"""Visits a week, beyond which two weeks after the eighth are unusual: this product's own numbers (base policy)."""
AIDE_MINUTES = 16
COSIGNED_AFTER = 41
REEVALUATION = {"PT": "97164", "OT": "97168"}
CHILDREN_FAMILIES = {"play_hand", "school", "playground", "ball"}
PLAIN_TASKS = frozenset(
    [
        "toilet_transfer",
        "tub_transfer",
        "car_transfer",
        "wheelchair_transfer",
        "sliding_board",
        "laundry_carry",
        "grocery_carry",
        "box_lift",
        "overhead_shelf",
        "dressing_upper",
        "dressing_lower",
        "dishes",
        "dog_care",
        "truck_cab",
        "beads",
    ]
)
"""Tasks whose words say nothing of how they went (no score, no time, no *lowered* or *got up*)."""
COMMON_WORDS = frozenset(
    [
        "patient",
        "will",
        "with",
        "within",
        "weeks",
        "from",
        "and",
        "the",
        "for",
        "each",
        "times",
        "time",
        "trial",
        "trials",
        "side",
        "sides",
        "both",
        "without",
        "using",
        "assistance",
        "minimal",
        "contact",
        "guard",
        "standby",
        "supervision",
        "modified",
        "independence",
        "moderate",
        "maximal",
        "safely",
        "hands",
        "hand",
        "level",
        "inch",
        "inches",
        "repetitions",
        "reps",
        "then",
        "that",
        "into",
        "first",
        "down",
        "back",
        "practiced",
        "practice",
    ]
)


@dataclass
class Planted:
    """A row of the truth before its keys are known: a visit, a report, a goal or a plan stands for them."""

    rule: str
    why: str
    episode: Episode
    subject: str = "note"
    visit: Visit | None = None
    report: Report | None = None
    goal: Goal | None = None
    code: str | None = None
    debatable: bool = False


@dataclass
class Planter:
    """Plants into one network of sites; `rows` becomes the truth. Half of the notes' faults are by the `weak`."""

    rng: Random
    sites: list[Site]
    episodes: list[Episode]
    scale: float
    rows: list[Planted] = field(default_factory=list)
    weak: frozenset[str] = frozenset()

    def plant(self) -> list[Planted]:
        """Plant every kind of fault as often as its number at this scale, where a fitting episode is left."""
        treating = [
            site.staff(discipline, "therapist")[0] for site in self.sites[:2] for discipline in ("PT", "OT")
        ]
        self.weak = frozenset(person.therapist_id for person in self.rng.sample(treating, 2))
        for fault, often in FAULTS:
            for number in range(max(1, round(often * self.scale))):
                fault(self, number)
        return self.rows

    def whole(self, fits: Callable[[Episode], bool]) -> list[Episode]:
        """Episodes that fit and in which nothing was planted, in random order."""
        found = [episode for episode in self.episodes if not episode.planted and fits(episode)]
        return self.rng.sample(found, len(found))

    def visits(
        self, fits: Callable[[Episode, Visit], bool], episodes: Callable[[Episode], bool]
    ) -> Iterator[tuple[Episode, Visit]]:
        """Unspoilt treatment visits that fit, none next to a spoilt one, of episodes with nothing worse in them."""
        pool = [each for each in self.episodes if each.planted <= {"note"} and episodes(each)]
        pool = self.rng.sample(pool, len(pool))
        for only_weak in (True, False) if self.rng.random() < 0.5 else (False,):
            for episode in pool:
                places = [
                    n
                    for n, visit in enumerate(episode.visits)
                    if visit.kind == "treatment" and fits(episode, visit)
                ]
                for place in self.rng.sample(places, len(places)):
                    visit = episode.visits[place]
                    if only_weak and visit.clinician.therapist_id not in self.weak:
                        continue
                    if not any(near.fault for near in episode.visits[max(0, place - 1) : place + 2]):
                        yield episode, visit

    def add(self, rule: str, why: str, episode: Episode, **keys: Any) -> None:
        """Record one truth; `keys` are fields of Planted."""
        self.rows.append(Planted(rule, why, episode, **keys))


def _plain(episode: Episode, visit: Visit) -> bool:
    """A visit with 97530, by no student, on no day of a report."""
    return "97530" in visit.minutes and visit.student is None and visit.day not in _reported(episode)


def _reported(episode: Episode) -> set:
    return {report.period_to for report in episode.reports}


def _judged(episode: Episode) -> bool:
    return episode.patient.payer_kind in JUDGED and episode.discipline != "SLP"


def _only_97530(planter: Planter, visit: Visit) -> None:
    visit.minutes = {"97530": planter.rng.choice((24, 25, 26, 28, 30, 33, 38, 40))}


def _spoil_note(
    planter: Planter,
    rule: str,
    fault: str,
    why: str,
    prepare: Callable[[Planter, Episode, Visit], bool] | None = None,
) -> tuple[Episode, Visit] | None:
    """Mark a visit's note with a fault that `faults` knows how to write; `prepare` says whether the visit will do."""
    for episode, visit in planter.visits(_plain, _judged):
        if prepare and not prepare(planter, episode, visit):
            continue
        _only_97530(planter, visit)
        visit.fault = fault
        episode.planted.add("note")
        planter.add(rule, why, episode, visit=visit, code="97530")
        return episode, visit
    return None


def doc_01(planter: Planter, number: int) -> None:
    """97530 toward no open goal."""
    fault, why, prepare = (
        (
            "other_task",
            "The note names no goal, and its activity serves none of the plan's open goals.",
            _take_foreign_task,
        ),
        (
            "unknown_label",
            "The goal that the note names is not in the plan, and its activity serves no other.",
            _take_foreign_task,
        ),
        (
            "closed_goal",
            "The only goal that the note names was discontinued before this visit.",
            _close_a_goal,
        ),
    )[number % 3]
    _spoil_note(planter, "DOC-01", fault, why, prepare)


def _take_foreign_task(planter: Planter, episode: Episode, visit: Visit) -> bool:
    """Choose a task that shares no word of substance and no sphere with any goal of the episode."""
    words = {word for plan in episode.plans for goal in plan.goals for word in _stems(goal.text)}
    served = {goal.serves for plan in episode.plans for goal in plan.goals if goal.serves}
    spheres = {tasks()[task]["sphere"] for task in served}
    akin = {family for task in served for family in tasks()[task].get("akin", ())}
    weighed = any("load" in (tasks()[task].get("scale") or ()) for task in served)
    pool = []
    for name, task in tasks().items():
        family = task["family"]
        if (
            task["sphere"] in spheres | {"speech"}
            or family in akin
            or (weighed and "load" in (task.get("scale") or ()))
        ):
            continue
        if (family in CHILDREN_FAMILIES) != is_child(episode):
            continue
        if not _words_of(name) & words:
            pool.append(name)
    if pool:
        visit.detail["task"] = planter.rng.choice(pool)
    return bool(pool)


def _close_a_goal(planter: Planter, episode: Episode, visit: Visit) -> bool:
    """Discontinue the long-term goal of the third task before the visit, so that naming it links to nothing."""
    if episode.planted or len(episode.task_ids) < 3:
        return False
    third = episode.task_ids[2]
    earlier = [
        report for report in episode.reports if report.period_to < visit.day and report.plan is visit.plan
    ]
    goal = next((each for each in visit.plan.goals if each.serves == third), None)
    if not earlier or goal is None or (goal.status_on and goal.status_on <= visit.day):
        return False
    others = [each for each in visit.plan.goals if each is not goal]
    words = {word for each in others for word in _stems(each.text)}
    if _words_of(third) & words or _akin(third, {each.serves for each in others if each.serves} - {third}):
        return False
    goal.status, goal.status_on = "discontinued", earlier[-1].period_to
    episode.task_ids = episode.task_ids[:2]
    visit.detail["goal"] = goal
    return True


def _akin(task_id: str, others: set[str]) -> bool:
    """Whether a task shares a sphere or things with any of the others."""
    task = tasks()[task_id]
    return any(
        task["sphere"] == other["sphere"]
        or task["family"] in other.get("akin", ())
        or other["family"] in task.get("akin", ())
        for other in (tasks()[name] for name in others)
    )


def _words_of(task_id: str) -> set[str]:
    task = tasks()[task_id]
    return {word for text in (*task["did"], *task["gist"], task["name"]) for word in _stems(text)}


def _stems(text: str) -> set[str]:
    """The first letters, up to four, of a text's words of substance."""
    words = "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()
    return {word[:4] for word in words if len(word) > 2 and word not in COMMON_WORDS}


def doc_02(planter: Planter, number: int) -> None:
    """97530 without help or cueing."""
    fault, why = (
        ("no_help", "The 97530 entry states no assistance and no cueing."),
        ("help_planned", "Assistance and cues stand only in the plan for the next visit."),
        ("help_before", "The only level of assistance is that of an earlier visit."),
    )[number % 3]
    _spoil_note(planter, "DOC-02", fault, why)


def doc_03(planter: Planter, number: int) -> None:
    """Passive care under 97530."""
    spoilt = _spoil_note(
        planter, "DOC-03", "passive", "Only passive treatment and modalities are described under 97530."
    )
    if spoilt:
        episode, visit = spoilt
        why = "No functional activity is named where only passive care was given."
        planter.add("DOC-05", why, episode, visit=visit, code="97530", debatable=True)


def doc_04(planter: Planter, number: int) -> None:
    """Exercise under 97530."""
    spoilt = _spoil_note(
        planter, "DOC-04", "exercise", "Only sets and repetitions of exercise are described under 97530."
    )
    if spoilt:
        episode, visit = spoilt
        why = "No functional activity is named where only exercise was done."
        planter.add("DOC-05", why, episode, visit=visit, code="97530", debatable=True)


def doc_05(planter: Planter, number: int) -> None:
    """No specific activity."""
    _spoil_note(
        planter,
        "DOC-05",
        "vague",
        "The note names no specific activity, only therapeutic activities in general.",
    )


def doc_06(planter: Planter, number: int) -> None:
    """No response."""
    _spoil_note(
        planter,
        "DOC-06",
        "no_response",
        "The note does not say how the patient responded.",
        _take_unmeasured_task,
    )


def _take_unmeasured_task(planter: Planter, episode: Episode, visit: Visit) -> bool:
    """Choose one of the episode's tasks whose words are no response."""
    open_tasks = {goal.serves for goal in visit.plan.goals if goal.open_on(visit.day)}
    able = [task for task in episode.task_ids if task in open_tasks & PLAIN_TASKS]
    if able:
        visit.detail["task"] = able[0]
    return bool(able)


def doc_07(planter: Planter, number: int) -> None:
    """A goal that cannot be measured, beside the others."""
    for episode in planter.whole(_judged)[:1]:
        plan = episode.plans[0]
        words = phrases("vague_goals")[number % len(phrases("vague_goals"))]
        key = f"{plan.goals[-1].goal_id[:-1]}{len(plan.goals) + 1}"
        goal = Goal(key, f"LTG {len(plan.goals)}", "long", None, "", words, "", "", None)
        plan.goals.append(goal)
        episode.planted.add("goal")
        planter.add(
            "DOC-07",
            "The goal states no target, no level of help and no time.",
            episode,
            subject="goal",
            goal=goal,
        )


def doc_08(planter: Planter, number: int) -> None:
    """An evaluation and plan that name impairments only."""
    for episode in planter.whole(
        lambda each: _judged(each) and len(each.plans) == 1 and "97530" not in each.visits[0].minutes
    )[:1]:
        plan, why = episode.plans[0], "The goal measures an impairment and names no function."
        episode.impairments_only = True
        episode.planted.add("plan")
        for place, goal in enumerate(plan.goals):
            goal.text = phrases("impairment_goals")[place % len(phrases("impairment_goals"))].format(
                weeks=plan.weeks
            )
            goal.task, goal.baseline, goal.target = None, "strength 3+/5", "strength 4+/5"
            planter.add("DOC-07", why, episode, subject="goal", goal=goal, debatable=True)
        why = "Neither the evaluation nor the plan names a functional deficit or a daily activity."
        planter.add("DOC-08", why, episode, subject="plan")
        _may_lack_support(planter, episode)


def doc_09(planter: Planter, number: int) -> None:
    """A line that points to no diagnosis of the plan."""
    for episode, visit in planter.visits(_plain, _judged):
        _only_97530(planter, visit)
        code = ("I10", "E11.9", "E78.5", "K21.9")[number % 4]
        visit.fault, visit.detail["diagnosis"] = "other_diagnosis", code
        episode.planted.add("note")
        why = f"The line points to {code}, which the plan of care does not hold."
        planter.add("DOC-09", why, episode, subject="line", visit=visit, code="97530")
        why = f"A condition ({code}) is treated once that no physician signed for."
        planter.add("POC-06", why, episode, subject="line", visit=visit, code="97530", debatable=True)
        return


def _assisted(episode: Episode, visit: Visit) -> bool:
    return visit.clinician.role == "assistant" and bool(visit.supervisor) and _plain(episode, visit)


def _assisted_medicaid(episode: Episode) -> bool:
    return (
        episode.patient.payer_kind == "medicaid"
        and episode.patient.site.clocked
        and episode.discipline != "SLP"
    )


def sup_01(planter: Planter, number: int) -> None:
    """The level of supervision that the payer asks for is not shown."""
    (_left_early, _nobody_named, _other_discipline, _on_leave)[number % 4](planter)


def _left_early(planter: Planter) -> None:
    for episode, visit in planter.visits(_assisted, _assisted_medicaid):
        day, therapists = visit.day, episode.patient.site.staff(episode.discipline, "therapist")
        if (
            visit.hour < 13
            or _busy_after_noon(episode, visit)
            or any(day in person.closes for person in therapists)
        ):
            continue
        for person in therapists:
            if person.works(day):
                person.closes[day] = 12
        why = "Medicaid requires direct supervision; the supervising therapist had clocked out at noon."
        _supervision_fault(planter, episode, visit, "left_early", why)
        return


def _busy_after_noon(episode: Episode, visit: Visit) -> bool:
    """Whether anyone of the discipline treats in the afternoon, besides this visit."""
    site = episode.patient.site
    for role in ("therapist", "assistant", "student"):
        for person in site.staff(episode.discipline, role):
            slots = {hour for day, hour in person.taken if day == visit.day and hour >= 13}
            if slots - ({visit.hour} if person is visit.clinician else set()):
                return True
    return False


def _nobody_named(planter: Planter) -> None:
    for episode, visit in planter.visits(_assisted, lambda each: each.patient.payer_kind == "medicare"):
        visit.supervisor = None
        _supervision_fault(
            planter,
            episode,
            visit,
            "nobody",
            "An assistant treated and the record names no supervising therapist.",
        )
        return


def _other_discipline(planter: Planter) -> None:
    for episode, visit in planter.visits(_assisted, lambda each: each.patient.payer_kind in MEDICARE):
        other = "OT" if episode.discipline == "PT" else "PT"
        able = [
            person for person in episode.patient.site.staff(other, "therapist") if person.works(visit.day)
        ]
        if able:
            visit.supervisor = able[0]
            _supervision_fault(
                planter,
                episode,
                visit,
                "discipline",
                f"The supervisor named is of another discipline ({other}).",
            )
            return


def _on_leave(planter: Planter) -> None:
    for episode, visit in planter.visits(_assisted, _assisted_medicaid):
        away = [
            person
            for person in episode.patient.site.staff(episode.discipline, "therapist")
            if not person.works(visit.day)
        ]
        if away:
            visit.supervisor = away[0]
            why = "Medicaid requires direct supervision; the supervisor named was on leave that day."
            _supervision_fault(planter, episode, visit, "leave", why)
            return


def _supervision_fault(planter: Planter, episode: Episode, visit: Visit, fault: str, why: str) -> None:
    visit.supervision, visit.fault = None, fault
    episode.planted.add("note")
    planter.add("SUP-01", why, episode, visit=visit, code="97530")
    if fault == "discipline":
        under = "Billed under the plan's therapist, not the supervisor named."
        planter.add("INT-09", under, episode, visit=visit, debatable=True)


def sup_02(planter: Planter, number: int) -> None:
    """A Medicaid note of an assistant without a co-signature, or with a late one."""
    missing = number % 2 == 0
    why = (
        "No therapist co-signed the assistant's note."
        if missing
        else f"The co-signature came {COSIGNED_AFTER} days after the visit."
    )
    for episode, visit in planter.visits(_assisted, _assisted_medicaid):
        visit.fault = "cosign_missing" if missing else "cosign_late"
        episode.planted.add("note")
        planter.add("SUP-02", why, episode, visit=visit, code="97530")
        return


def sup_03(planter: Planter, number: int) -> None:
    """A student led a Medicare session without the therapist directing in the room."""
    for episode, visit in planter.visits(_could_be_led, lambda each: each.patient.payer_kind == "medicare"):
        student = episode.patient.site.staff(episode.discipline, "student")[0]
        student.taken.add((visit.day, visit.hour))
        _only_97530(planter, visit)
        visit.fault = "student_led" if number % 2 == 0 else "student_led_text"
        visit.student, visit.supervisor, visit.supervision = student, visit.clinician, "on_site"
        episode.planted.add("note")
        why = "The student gave the session; the therapist was in line of sight with another patient."
        planter.add("SUP-03", why, episode, subject="line", visit=visit, code="97530")
        return


def _could_be_led(episode: Episode, visit: Visit) -> bool:
    students = episode.patient.site.staff(episode.discipline, "student")
    therapist = visit.clinician.role == "therapist" and _plain(episode, visit)
    return therapist and bool(students) and students[0].free(visit.day, visit.hour)


def sup_04(planter: Planter, number: int) -> None:
    """An aide's minutes within the timed minutes that were billed."""
    alone = number % 2 == 1
    why = (
        "An aide gave the whole service."
        if alone
        else f"Of the 38 minutes billed an aide gave {AIDE_MINUTES}."
    )
    for episode, visit in planter.visits(
        _could_have_aide, lambda each: each.patient.payer_kind in MEDICARE and each.discipline == "PT"
    ):
        visit.minutes = {"97530": 30 if alone else 38}
        visit.fault = "aide_only" if alone else "aide_minutes"
        episode.planted.add("note")
        planter.add("SUP-04", why, episode, subject="line", visit=visit, code="97530")
        return


def _could_have_aide(episode: Episode, visit: Visit) -> bool:
    return (
        visit.clinician.role == "therapist"
        and _plain(episode, visit)
        and bool(episode.patient.site.staff("PT", "aide"))
    )


def sup_05(planter: Planter, number: int) -> None:
    """An assistant changed the treatment without an entry of the therapist."""
    fault = ("new_code", "graded", "new_code", "frequency")[number % 4]
    for episode, visit in planter.visits(
        _between_assistants, lambda each: each.patient.payer_kind in MEDICARE and each.discipline != "SLP"
    ):
        code, why = "97530", "The assistant changed the treatment and no therapist's entry names the change."
        _only_97530(planter, visit)
        if fault == "new_code":
            unplanned = sorted({"97116", "97112", "97535", "97140"} - set(visit.plan.interventions))
            if not unplanned:
                continue
            code = unplanned[0]
            visit.minutes = {"97530": 25, code: 15}
            why = f"The assistant gave {code}, which the plan does not hold, and no therapist's entry authorizes it."
        visit.fault = fault
        episode.planted.add("note")
        planter.add("SUP-05", why, episode, subject="line", visit=visit, code=code)
        return


def _between_assistants(episode: Episode, visit: Visit) -> bool:
    """An assistant's visit after another's, with no visit on the next day."""
    if not _assisted(episode, visit):
        return False
    place = episode.visits.index(visit)
    before, after = episode.visits[place - 1], episode.visits[place + 1 : place + 2]
    quiet = not after or (after[0].day - visit.day).days > 1
    return before.clinician.role == "assistant" and quiet and before.day not in _reported(episode)


def sup_06(planter: Planter, number: int) -> None:
    """An assistant evaluated or re-evaluated."""
    (_evaluated_by_assistant if number % 2 == 0 else _reevaluated_by_assistant)(planter)


def _could_be_evaluated(episode: Episode) -> bool:
    return (
        episode.patient.payer_kind in MEDICARE
        and episode.discipline in REEVALUATION
        and len(episode.visits) > 10
    )


def _evaluated_by_assistant(planter: Planter) -> None:
    for episode in planter.whole(_could_be_evaluated):
        visit = episode.visits[0]
        helpers = [
            each
            for each in episode.patient.site.staff(episode.discipline, "assistant")
            if each.free(visit.day, visit.hour)
        ]
        if helpers:
            _hand_over(visit, helpers[0], episode.therapist)
            visit.minutes.pop("97530", None)
            _assistant_evaluates(planter, episode, visit, "An assistant performed the evaluation.")
            return


def _reevaluated_by_assistant(planter: Planter) -> None:
    for episode in planter.whole(_could_be_evaluated):
        fitting = [visit for visit in episode.visits[2:-1] if _assisted(episode, visit)]
        if fitting:
            visit, code = fitting[0], REEVALUATION[episode.discipline]
            visit.kind, visit.minutes = "reevaluation", {code: 24}
            for plan in episode.plans:
                plan.interventions = [*plan.interventions, code]
            _assistant_evaluates(planter, episode, visit, "An assistant performed the re-evaluation.")
            return


def _assistant_evaluates(planter: Planter, episode: Episode, visit: Visit, why: str) -> None:
    visit.fault = "assistant_evaluates"
    episode.planted.add("evaluation")
    planter.add("SUP-06", why, episode, subject="line", visit=visit, code=next(iter(visit.minutes)))


def _hand_over(visit: Visit, person: Person, supervisor: Person | None) -> None:
    """Give a visit to somebody else."""
    person.taken.add((visit.day, visit.hour))
    visit.clinician, visit.student = person, None
    visit.supervisor, visit.supervision = supervisor, "on_site" if supervisor else None


def sup_07(planter: Planter, number: int) -> None:
    """Speech therapy for Medicare by an assistant or by a therapist with a provisional licence."""
    by_assistant = number % 2 == 0
    who = (
        "speech-language pathology assistant"
        if by_assistant
        else "clinical fellow with a provisional licence"
    )
    why = f"A {who} treated a Medicare patient."
    for episode in planter.whole(
        lambda each: (
            each.discipline == "SLP" and each.patient.payer_kind in MEDICARE and each.patient.site.clocked
        )
    ):
        site = episode.patient.site
        people = (
            site.staff("SLP", "assistant")
            if by_assistant
            else [each for each in site.staff("SLP", "therapist") if "CF" in each.credential]
        )
        able = [
            visit
            for visit in episode.visits[1:-1]
            if visit.day not in _reported(episode) and people and people[0].free(visit.day, visit.hour)
        ]
        if able:
            _hand_over(able[0], people[0], supervisor_for(episode, able[0].day) if by_assistant else None)
            able[0].fault = "not_billable"
            episode.planted.add("other")
            planter.add(
                "SUP-07", why, episode, subject="line", visit=able[0], code=next(iter(able[0].minutes))
            )
            return


def _long_enough(episode: Episode, days: int, reports: int = 1) -> bool:
    medicare = episode.patient.payer_kind in MEDICARE
    return (
        medicare
        and len(episode.visits) >= days
        and len(episode.plans) == 1
        and len(episode.reports) >= reports
    )


def pr_01(planter: Planter, number: int) -> None:
    """A progress report that came late, or never."""
    for episode in planter.whole(lambda each: _long_enough(each, 14, 2)):
        if number % 2 == 0:
            due = episode.visits[ALLOWED_DAYS - 1].day
            written = due + timedelta(days=GRACE_DAYS + 3 + number)
            if episode.visits[-1].day <= written:
                continue
            _delay_report(episode, due, written)
        else:
            episode.reports, episode.discharge_reason = [], "unexpected"
        if episode.discipline != "SLP":
            _may_lack_support(planter, episode)
        episode.planted.add("report")
        _record_periods(planter, episode)
        return


def _delay_report(episode: Episode, due, written) -> None:
    """The first report covers ten treatment days and is written late; the second begins where it ends."""
    report, following = episode.reports[:2]
    report.period_to, report.written_on, report.fault = due, written, "late"
    report.day_numbers = (1, ALLOWED_DAYS)
    following.period_from = episode.visits[ALLOWED_DAYS].day
    following.day_numbers = (ALLOWED_DAYS + 1, following.day_numbers[1])


def _may_lack_support(planter: Planter, episode: Episode) -> None:
    """Without reports that measure function, ten visits of 97530 may pass without supportive data."""
    why = "No report measures a function; whether the treatment notes do may be debated."
    planter.add("PR-05", why, episode, subject="period", visit=episode.visits[-1], debatable=True)


def _record_periods(planter: Planter, episode: Episode) -> None:
    """Say which periods are late or missing."""
    for at_risk, why, certain in overdue(episode):
        visit = episode.visits[min(at_risk, len(episode.visits) - 1)]
        planter.add("PR-01", why, episode, subject="period", visit=visit, debatable=not certain)


def frq_06(planter: Planter, number: int) -> None:
    """More visits a week than is usual, in weeks late in an episode; its plan says so many, and its reports are in time."""
    for episode in planter.whole(lambda each: each.frequency == USUAL_WEEKLY and len(each.plans) == 1):
        days = _days_of_fuller_weeks(episode)
        if days and treat_more(planter.rng, episode, days):
            episode.frequency = USUAL_WEEKLY + 1
            episode.planted.add("intensity")
            why = f"In {FULL_WEEKS} weeks after week {LATE_WEEK} the patient came {USUAL_WEEKLY + 1} times."
            planter.add("FRQ-06", why, episode, subject="period", visit=episode.visits[0])
            return


def _days_of_fuller_weeks(episode: Episode) -> list[date]:
    """Days that would make late weeks of an episode, counted from its first day, fuller than is usual; none where they cannot."""
    first, last = episode.visits[0].day, episode.visits[-1].day
    treated = {visit.day for visit in episode.visits}
    spared = treated | {day for day, *_ in episode.missed}
    added: list[date] = []
    fuller = 0
    for week in range(LATE_WEEK, (last - first).days // 7):
        days = [first + timedelta(days=7 * week + place) for place in range(7)]
        free = [day for day in days if is_open(day) and day not in spared and _room(day, treated | {*added})]
        wanted = USUAL_WEEKLY + 1 - len(treated.intersection(days))
        if fuller < FULL_WEEKS and 0 <= wanted <= min(1, len(free)):  # one more visit a week, at most
            added += free[:wanted]
            fuller += 1
    return added if fuller >= FULL_WEEKS else []


def _room(day: date, treated: set[date]) -> bool:
    """Whether the calendar week of a day holds no more visits than were usual, so that one more is as planned."""
    monday = day - timedelta(days=day.weekday())
    return sum(monday <= each < monday + timedelta(days=7) for each in treated) <= USUAL_WEEKLY


def overdue(episode: Episode) -> Iterator[tuple[int, str, bool]]:
    """Late and missing periods: position of the first visit at risk, why, and whether beyond doubt.

    The manual's algorithm over the episode's own days and reports.

    Source: Medicare Benefit Policy Manual ch. 15 §220.3.D.
    """
    days = [visit.day for visit in episode.visits]
    waiting = sorted(
        (report for report in episode.reports if report.author.role == "therapist"),
        key=lambda each: each.period_to,
    )
    first = 0
    while first < len(days):
        due = first + ALLOWED_DAYS - 1
        report = next((each for each in waiting if each.period_to >= days[first]), None)
        if due >= len(days):
            if report is None:
                yield len(days) - 1, "Treatment stopped and no discharge note closes the last period.", False
                return
            waiting.remove(report)
            first = _covered(days, report) + 1
            continue
        deadline = days[due] + timedelta(days=GRACE_DAYS)
        if report is None:
            yield due + 1, f"No therapist's report covers treatment days {first + 1} to {due + 1}.", True
            first = due + 1
            continue
        waiting.remove(report)
        if report.written_on > deadline:
            yield (
                due + 1,
                f"The report due on {days[due]} was written on {report.written_on}, after {deadline}.",
                True,
            )
        first = min(_covered(days, report), due) + 1


def _covered(days: Iterable, report: Report) -> int:
    return max(place for place, day in enumerate(days) if day <= report.period_to)


def pr_02(planter: Planter, number: int) -> None:
    """Reports by an assistant, co-signed."""
    for episode in planter.whole(lambda each: _long_enough(each, 12, 2) and each.discipline != "SLP"):
        helpers = episode.patient.site.staff(episode.discipline, "assistant")
        if not helpers:
            continue
        for report in episode.reports:
            report.cosigner, report.author, report.fault = report.author, helpers[0], "by_assistant"
            why = f"{helpers[0].credential} wrote the report; a therapist only co-signed it."
            planter.add("PR-02", why, episode, report=report, debatable=report is episode.reports[-1])
        episode.planted.add("report")
        _record_periods(planter, episode)
        return


def pr_03(planter: Planter, number: int) -> None:
    """A whole period by assistants, its report written from the chart."""
    for episode in planter.whole(lambda each: _long_enough(each, 16, 3) and each.discipline != "SLP"):
        report = episode.reports[1]
        inside = [visit for visit in episode.visits if report.period_from <= visit.day <= report.period_to]
        helpers = episode.patient.site.staff(episode.discipline, "assistant")
        seats = [
            next(
                (each for each in helpers if each is visit.clinician or each.free(visit.day, visit.hour)),
                None,
            )
            for visit in inside
        ]
        if not all(seats) or len(inside) < 4:
            continue
        for visit, helper in zip(inside, seats, strict=True):
            if helper:
                _hand_over(visit, helper, supervisor_for(episode, visit.day))
        report.fault = "from_chart"
        episode.planted.add("report")
        why = "Assistants gave every visit of the period; the therapist wrote the report from the chart."
        planter.add("PR-03", why, episode, subject="period", visit=inside[0], report=report)
        return


def pr_04(planter: Planter, number: int) -> None:
    """A report that lacks what a report must hold."""
    fault, why = (
        ("empty", "The report names no goal, no measure and no assessment."),
        ("one_goal", "The report speaks of one of the open goals only."),
        ("no_measure", "The report gives no earlier value to compare with."),
    )[number % 3]
    for episode in planter.whole(lambda each: _long_enough(each, 12, 2))[:1]:
        report = episode.reports[0]
        report.fault = fault
        episode.planted.add("report")
        planter.add("PR-04", why, episode, report=report)
        if episode.discipline != "SLP":
            _may_lack_support(planter, episode)


def pr_05(planter: Planter, number: int) -> None:
    """A dozen visits of 97530 whose notes say neither what was lost nor what was done."""
    for episode in planter.whole(lambda each: _long_enough(each, 14) and each.discipline != "SLP")[:1]:
        episode.visits[0].minutes.pop("97530", None)
        episode.reports, episode.discharge_reason = [], "unexpected"
        for visit in episode.visits[1:]:
            visit.minutes = {"97530": planter.rng.choice((25, 26, 28, 30, 33))}
            visit.fault = "vague"
            if visit.student:
                visit.student = visit.supervisor = visit.supervision = None
            planter.add("DOC-05", "The note names no specific activity.", episode, visit=visit, code="97530")
        why = "Ten visits of 97530 passed without an entry of function lost, activity done and help given."
        planter.add("PR-05", why, episode, subject="period", visit=episode.visits[11], code="97530")
        episode.planted.add("report")
        _record_periods(planter, episode)


FAULTS: tuple[tuple[Callable[[Planter, int], None], int], ...] = (
    (pr_03, 4), (pr_05, 4), (pr_02, 4), (pr_01, 6), (pr_04, 6), (sup_06, 4), (sup_07, 4), (doc_08, 4), (doc_07, 6),
    (sup_01, 8), (sup_02, 6), (sup_03, 6), (sup_05, 8), (sup_04, 6), (doc_01, 9), (doc_02, 9), (doc_03, 6), (doc_04, 6),
    (doc_05, 6), (doc_06, 7), (doc_09, 6), (frq_06, 2),
)  # fmt: skip
"""What is planted, and how often in 200 patients; what needs a whole episode comes first."""
