"""Violations on purpose: each spoils one fact of a clean episode, and says in the truth what it broke and why.

A planting takes what nothing else was planted in. Where one fault entails the finding of another rule, that is recorded
too; what two auditors might answer differently is recorded as debatable (it may be found, and need not).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from compliance.synth.episodes import Episode, Goal, Report, Visit, conditions, supervisor_for, tasks
from compliance.synth.staff import Site

MEDICARE = ("medicare", "medicare_advantage")
JUDGED = (*MEDICARE, "medicaid")
"""Payer kinds in whose charts documentation faults are planted: their policies require every element."""
GRACE_DAYS = 7
ALLOWED_DAYS = 10


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
    """Plants into one network of sites; `rows` becomes the truth."""

    rng: Random
    sites: list[Site]
    episodes: list[Episode]
    each: int
    rows: list[Planted] = field(default_factory=list)

    def plant(self) -> list[Planted]:
        """Plant every kind of fault `each` times where a fitting episode is left."""
        for fault in FAULTS:
            for number in range(self.each if fault not in RARE else max(1, self.each // 2)):
                fault(self, number)
        return self.rows

    def shuffled(self, fits: Callable[[Episode], bool]) -> list[Episode]:
        """Episodes that fit and in which nothing was planted, in random order."""
        found = [episode for episode in self.episodes if not episode.planted and fits(episode)]
        return self.rng.sample(found, len(found))

    def visits(
        self, fits: Callable[[Episode, Visit], bool], episodes: Callable[[Episode], bool]
    ) -> Iterator[tuple[Episode, Visit]]:
        """Unspoilt treatment visits that fit, of episodes that were spoilt at most by other visits' notes."""
        pool = [each for each in self.episodes if each.planted <= {"note"} and episodes(each)]
        for episode in self.rng.sample(pool, len(pool)):
            places = [
                n
                for n, visit in enumerate(episode.visits)
                if visit.kind == "treatment" and fits(episode, visit)
            ]
            for place in self.rng.sample(places, len(places)):
                near = episode.visits[max(0, place - 1) : place + 2]
                if not any(visit.fault for visit in near):
                    yield episode, episode.visits[place]

    def add(self, rule: str, why: str, episode: Episode, **keys: object) -> None:
        """Record one truth."""
        self.rows.append(Planted(rule, why, episode, **keys))  # type: ignore[arg-type]


# --- notes ------------------------------------------------------------------------------------------------------


def _plain(episode: Episode, visit: Visit) -> bool:
    """A therapist's or assistant's visit with 97530, by no student, not the last nor one with a report."""
    reported = {report.period_to for report in episode.reports}
    return "97530" in visit.minutes and visit.student is None and visit.day not in reported


def _judged(episode: Episode) -> bool:
    return episode.patient.payer_kind in JUDGED and episode.discipline != "SLP"


def _only_97530(planter: Planter, visit: Visit) -> None:
    visit.minutes = {"97530": planter.rng.choice((25, 26, 28, 30, 33, 24, 38, 40))}


def _spoil_note(
    planter: Planter, rule: str, variants: tuple[tuple[str, str], ...], number: int
) -> tuple[Episode, Visit] | None:
    """Mark a visit's note with a fault that `wording` knows how to write."""
    variant, why = variants[number % len(variants)]
    for episode, visit in planter.visits(_plain, lambda each: _judged(each) and _fits_variant(each, variant)):
        if variant == "closed_goal" and not (goal := _close_a_goal(planter, episode, visit)):
            continue
        if variant in ("other_task", "unknown_label"):
            stranger = foreign_task(planter.rng, episode)
            if stranger is None:
                continue
            visit.detail["task"] = stranger
        if variant == "closed_goal":
            visit.detail["goal"] = goal
        _only_97530(planter, visit)
        visit.fault = variant
        episode.planted.add("note")
        planter.add(rule, why, episode, visit=visit, code="97530")
        return episode, visit
    return None


def _fits_variant(episode: Episode, variant: str) -> bool:
    return variant != "closed_goal" or (
        len(episode.task_ids) > 2 and not episode.planted and len(episode.reports) > 1
    )


def foreign_task(rng: Random, episode: Episode) -> str | None:
    """A task that shares no word of substance and no family with any goal of the episode."""
    goals = [goal for plan in episode.plans for goal in plan.goals]
    families = {tasks()[task]["family"] for task in episode.task_ids}
    words = {word for goal in goals for word in _stems(goal.text)}
    child = bool(conditions()[episode.patient.condition].get("child"))
    pool = []
    for name, task in tasks().items():
        if task["family"] in families or task["family"] in NOT_97530 or (task["family"] in CHILDREN) != child:
            continue
        said = {word for text in (*task["did"], *task["gist"], task["name"]) for word in _stems(text)}
        if not said & words:
            pool.append(name)
    return rng.choice(sorted(pool)) if pool else None


NOT_97530 = {"speech", "speech_phone", "swallow", "cognition"}
CHILDREN = {"play_hand", "school", "playground", "ball"}
EVERYDAY = set(
    "patient will with within weeks from and the a an of for each times time trial trials side sides both without using assistance "
    "minimal contact guard standby supervision modified independence moderate maximal safely hands hand level two minutes inch inches "
    "repetitions reps then that into one first".split()
)


def _stems(text: str) -> set[str]:
    words = "".join(letter if letter.isalpha() else " " for letter in text.lower()).split()
    return {word[:4] for word in words if len(word) > 3 and word not in EVERYDAY}


def _close_a_goal(planter: Planter, episode: Episode, visit: Visit) -> Goal | None:
    """Discontinue the long-term goal of the third task before the visit, so that naming it links to nothing."""
    earlier = [
        report
        for report in episode.reports
        if report.written_on < visit.day and report.kind == "progress_report"
    ]
    goal = next((each for each in visit.plan.goals if each.task == episode.task_ids[2]), None)
    if not earlier or goal is None or earlier[-1].plan is not visit.plan:
        return None
    others = {word for each in visit.plan.goals if each is not goal for word in _stems(each.text)}
    task = tasks()[episode.task_ids[2]]
    if {word for text in (*task["did"], *task["gist"], task["name"]) for word in _stems(text)} & others:
        return None
    goal.status, goal.status_on = "discontinued", earlier[-1].period_to
    episode.task_ids = episode.task_ids[:2]
    return goal


def doc_01(planter: Planter, number: int) -> None:
    """97530 toward no open goal."""
    _spoil_note(planter, "DOC-01", (
        ("other_task", "The note names no goal, and its activity serves none of the plan's open goals."),
        ("unknown_label", "The goal that the note names is not in the plan, and its activity serves no other."),
        ("closed_goal", "The only goal that the note names was discontinued before this visit."),
    ), number)  # fmt: skip


def doc_02(planter: Planter, number: int) -> None:
    """97530 without help or cueing."""
    _spoil_note(planter, "DOC-02", (
        ("no_help", "The 97530 entry states no assistance and no cueing."),
        ("help_planned", "Assistance and cues stand only in the plan for the next visit."),
        ("help_before", "The only level of assistance is that of an earlier visit."),
    ), number)  # fmt: skip


def doc_03(planter: Planter, number: int) -> None:
    """Passive care under 97530."""
    spoilt = _spoil_note(
        planter,
        "DOC-03",
        (("passive", "Only passive treatment and modalities are described under 97530."),),
        number,
    )
    if spoilt:
        _entails(
            planter,
            spoilt,
            "DOC-05",
            "No functional activity is named where only passive care was given.",
            debatable=True,
        )


def doc_04(planter: Planter, number: int) -> None:
    """Exercise under 97530."""
    spoilt = _spoil_note(
        planter,
        "DOC-04",
        (("exercise", "Only sets and repetitions of exercise are described under 97530."),),
        number,
    )
    if spoilt:
        _entails(
            planter,
            spoilt,
            "DOC-05",
            "No functional activity is named where only exercise was done.",
            debatable=True,
        )


def doc_05(planter: Planter, number: int) -> None:
    """No specific activity."""
    _spoil_note(
        planter,
        "DOC-05",
        (("vague", "The note names no specific activity, only therapeutic activities in general."),),
        number,
    )


def doc_06(planter: Planter, number: int) -> None:
    """No response."""
    _spoil_note(
        planter, "DOC-06", (("no_response", "The note does not say how the patient responded."),), number
    )


def _entails(
    planter: Planter, spoilt: tuple[Episode, Visit], rule: str, why: str, debatable: bool = False
) -> None:
    episode, visit = spoilt
    planter.add(rule, why, episode, visit=visit, code="97530", debatable=debatable)


VAGUE_GOALS = (
    "Improve strength and endurance",
    "Increase function with daily activities",
    "Patient will feel better and be safer",
    "Decrease pain, improve mobility",
)


def doc_07(planter: Planter, number: int) -> None:
    """A goal that cannot be measured, beside the others."""
    for episode in planter.shuffled(_judged):
        plan = episode.plans[0]
        goal = Goal(
            f"{plan.goals[-1].goal_id[:-1]}{len(plan.goals) + 1}",
            f"LTG {len(plan.goals)}",
            "long",
            None,
            "",
            VAGUE_GOALS[number % len(VAGUE_GOALS)],
            "",
            "",
            None,
        )
        last = max(report.period_to for report in episode.reports if report.plan is plan)
        goal.status, goal.status_on = "discontinued", last + timedelta(days=1)
        plan.goals.append(goal)
        episode.planted.add("goal")
        planter.add(
            "DOC-07",
            "The goal states no target, no level of help and no time.",
            episode,
            subject="goal",
            goal=goal,
        )
        return


IMPAIRMENT_GOALS = (
    "Increase strength to 4+/5 in {weeks} weeks",
    "Increase range of motion by 20 degrees in {weeks} weeks",
    "Decrease pain to 2/10 in {weeks} weeks",
    "Endurance score improved by 25 percent in {weeks} weeks",
)


def doc_08(planter: Planter, number: int) -> None:
    """An evaluation and plan that name impairments only."""
    for episode in planter.shuffled(
        lambda each: _judged(each) and len(each.plans) == 1 and "97530" not in each.visits[0].minutes
    ):
        episode.impairments_only = True
        episode.planted.add("plan")
        plan = episode.plans[0]
        for place, goal in enumerate(plan.goals):
            goal.text = IMPAIRMENT_GOALS[place % len(IMPAIRMENT_GOALS)].format(weeks=plan.weeks)
            goal.task_of_note, goal.task = goal.task, None  # type: ignore[attr-defined]
            goal.baseline, goal.target = "strength 3+/5", "strength 4+/5"
            planter.add(
                "DOC-07",
                "The goal measures an impairment and names no function.",
                episode,
                subject="goal",
                goal=goal,
                debatable=True,
            )
        planter.add(
            "DOC-08",
            "Neither the evaluation nor the plan names a functional deficit or a daily activity.",
            episode,
            subject="plan",
        )
        for visit in episode.visits:
            planter.add(
                "DOC-01",
                "The plan's goals name no function that an activity could serve.",
                episode,
                visit=visit,
                code="97530",
                debatable=True,
            )
        return


def doc_09(planter: Planter, number: int) -> None:
    """A line that points to no diagnosis of the plan."""
    for episode, visit in planter.visits(_plain, _judged):
        _only_97530(planter, visit)
        visit.fault = "other_diagnosis"
        visit.detail["diagnosis"] = ("I10", "E11.9", "E78.5", "K21.9")[number % 4]
        episode.planted.add("note")
        planter.add(
            "DOC-09",
            f"The line points to {visit.detail['diagnosis']}, which the plan of care does not hold.",
            episode,
            subject="line",
            visit=visit,
            code="97530",
        )
        return


# --- supervision ------------------------------------------------------------------------------------------------


def _assisted(episode: Episode, visit: Visit) -> bool:
    return visit.clinician.role == "assistant" and bool(visit.supervisor) and _plain(episode, visit)


def sup_01(planter: Planter, number: int) -> None:
    """The level of supervision that the payer asks for is not shown."""
    (_left_early, _nobody_named, _other_discipline, _on_leave)[number % 4](planter)


def _left_early(planter: Planter) -> None:
    """Medicaid asks for direct supervision; every therapist of the discipline had clocked out."""
    for episode, visit in planter.visits(
        _assisted, lambda each: each.patient.payer_kind == "medicaid" and each.patient.site.clocked
    ):
        site, day = episode.patient.site, visit.day
        therapists = site.staff(episode.discipline, "therapist")
        helpers = site.staff(episode.discipline, "assistant") + site.staff(episode.discipline, "student")
        if visit.hour < 13 or any(
            hour >= 13 for person in therapists for on, hour in person.taken if on == day
        ):
            continue
        if any(
            (on, hour) != (day, visit.hour) and hour >= 13
            for person in helpers
            for on, hour in person.taken
            if on == day
        ):
            continue
        if any(day in person.closes for person in therapists):
            continue
        for person in therapists:
            if person.works(day):
                person.closes[day] = 12
        _supervision_fault(
            planter,
            episode,
            visit,
            "left_early",
            None,
            "Medicaid requires direct supervision; the supervising therapist had clocked out at noon.",
        )
        return


def _nobody_named(planter: Planter) -> None:
    for episode, visit in planter.visits(_assisted, lambda each: each.patient.payer_kind == "medicare"):
        visit.supervisor = None
        _supervision_fault(
            planter,
            episode,
            visit,
            "nobody",
            None,
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
                None,
                f"The supervisor named is of another discipline ({other}).",
            )
            return


def _on_leave(planter: Planter) -> None:
    for episode, visit in planter.visits(
        _assisted, lambda each: each.patient.payer_kind == "medicaid" and each.patient.site.clocked
    ):
        away = [
            person
            for person in episode.patient.site.staff(episode.discipline, "therapist")
            if not person.works(visit.day)
        ]
        if away:
            visit.supervisor = away[0]
            _supervision_fault(
                planter,
                episode,
                visit,
                "leave",
                None,
                "Medicaid requires direct supervision; the supervisor named was on leave that day.",
            )
            return


def _supervision_fault(
    planter: Planter, episode: Episode, visit: Visit, fault: str, supervision: str | None, why: str
) -> None:
    visit.supervision, visit.fault = supervision, fault
    episode.planted.add("note")
    planter.add(
        "SUP-01",
        why,
        episode,
        subject="note",
        visit=visit,
        code=max(visit.minutes, key=lambda code: visit.minutes[code]),
    )


def sup_02(planter: Planter, number: int) -> None:
    """A Medicaid note of an assistant without a co-signature, or with a late one."""
    for episode, visit in planter.visits(_assisted, lambda each: each.patient.payer_kind == "medicaid"):
        visit.fault = "cosign_missing" if number % 2 == 0 else "cosign_late"
        why = (
            "No therapist co-signed the assistant's note."
            if number % 2 == 0
            else "The co-signature came 41 days after the visit."
        )
        episode.planted.add("note")
        planter.add("SUP-02", why, episode, visit=visit, code="97530")
        return


def sup_03(planter: Planter, number: int) -> None:
    """A student led a Medicare session without the therapist directing in the room."""

    def fits(episode: Episode, visit: Visit) -> bool:
        students = episode.patient.site.staff(episode.discipline, "student")
        return (
            visit.clinician.role == "therapist"
            and _plain(episode, visit)
            and bool(students)
            and students[0].free(visit.day, visit.hour)
        )

    for episode, visit in planter.visits(fits, lambda each: each.patient.payer_kind == "medicare"):
        student = episode.patient.site.staff(episode.discipline, "student")[0]
        student.taken.add((visit.day, visit.hour))
        _only_97530(planter, visit)
        visit.fault = "student_led" if number % 2 == 0 else "student_led_text"
        visit.student, visit.supervisor, visit.supervision = student, visit.clinician, "on_site"
        episode.planted.add("note")
        planter.add(
            "SUP-03",
            "The student gave the session; the therapist was in line of sight with another patient.",
            episode,
            subject="line",
            visit=visit,
            code="97530",
        )
        return


def sup_04(planter: Planter, number: int) -> None:
    """An aide's minutes within the timed minutes that were billed."""

    def fits(episode: Episode, visit: Visit) -> bool:
        aides = episode.patient.site.staff("PT", "aide")
        return visit.clinician.role == "therapist" and _plain(episode, visit) and bool(aides)

    for episode, visit in planter.visits(
        fits, lambda each: each.patient.payer_kind in MEDICARE and each.discipline == "PT"
    ):
        visit.minutes = {"97530": 38 if number % 2 == 0 else 30}
        visit.fault = "aide_minutes" if number % 2 == 0 else "aide_only"
        episode.planted.add("note")
        why = (
            "Of the 38 minutes billed an aide gave 16."
            if number % 2 == 0
            else "An aide gave the whole service."
        )
        planter.add("SUP-04", why, episode, subject="line", visit=visit, code="97530")
        if number % 2:
            planter.add(
                "PR-03",
                "No service of the therapist is left in the period.",
                episode,
                subject="period",
                visit=visit,
                code="97530",
                debatable=True,
            )
        return


def sup_05(planter: Planter, number: int) -> None:
    """An assistant changed the treatment without an entry of the therapist."""

    def fits(episode: Episode, visit: Visit) -> bool:
        if not _assisted(episode, visit):
            return False
        place = episode.visits.index(visit)
        before, after = episode.visits[place - 1], episode.visits[place + 1 : place + 2]
        quiet = not after or (after[0].day - visit.day).days > 1
        return (
            before.clinician.role == "assistant"
            and quiet
            and before.day not in {report.period_to for report in episode.reports}
        )

    for episode, visit in planter.visits(
        fits, lambda each: each.patient.payer_kind in MEDICARE and each.discipline != "SLP"
    ):
        variant = ("new_code", "graded", "new_code", "frequency")[number % 4]
        if variant == "new_code":
            unplanned = sorted({"97116", "97112", "97535", "97140"} - set(visit.plan.interventions))
            if not unplanned:
                continue
            visit.minutes = {"97530": 25, unplanned[0]: 15}
            visit.detail["code"] = unplanned[0]
            why = f"The assistant gave {unplanned[0]}, which the plan does not hold, and no therapist's entry authorizes it."
        else:
            _only_97530(planter, visit)
            why = "The assistant changed the treatment and no therapist's entry names the change."
        visit.fault = variant
        episode.planted.add("note")
        planter.add(
            "SUP-05", why, episode, subject="line", visit=visit, code=visit.detail.get("code", "97530")
        )
        return


REEVALUATION = {"PT": "97164", "OT": "97168"}


def sup_06(planter: Planter, number: int) -> None:
    """An assistant evaluated or re-evaluated."""
    initial = number % 2 == 0
    for episode in planter.shuffled(
        lambda each: (
            each.patient.payer_kind in MEDICARE and each.discipline in REEVALUATION and len(each.visits) > 10
        )
    ):
        site = episode.patient.site
        helpers = site.staff(episode.discipline, "assistant")
        if initial:
            visit = episode.visits[0]
            if not helpers or not helpers[0].free(visit.day, visit.hour):
                continue
            visit.clinician, visit.supervisor, visit.supervision = helpers[0], episode.therapist, "on_site"
            visit.minutes = {code: spent for code, spent in visit.minutes.items() if code != "97530"}
            code = next(iter(visit.minutes))
            why = "An assistant performed the evaluation."
        else:
            fitting = [visit for visit in episode.visits[2:-1] if _assisted(episode, visit)]
            if not fitting:
                continue
            visit = fitting[0]
            code = REEVALUATION[episode.discipline]
            visit.kind, visit.minutes = "reevaluation", {code: 24}
            for plan in episode.plans:
                plan.interventions = [*plan.interventions, code]
            why = "An assistant performed the re-evaluation."
        visit.fault = "assistant_evaluates"
        episode.planted.add("evaluation")
        planter.add("SUP-06", why, episode, subject="line", visit=visit, code=code)
        return


def sup_07(planter: Planter, number: int) -> None:
    """Speech therapy for Medicare by an assistant or by a therapist with a provisional licence."""
    for episode in planter.shuffled(
        lambda each: (
            each.discipline == "SLP" and each.patient.payer_kind in MEDICARE and each.patient.site.clocked
        )
    ):
        site = episode.patient.site
        people = (
            site.staff("SLP", "assistant")
            if number % 2 == 0
            else [each for each in site.staff("SLP", "therapist") if "CF" in each.credential]
        )
        reported = {report.period_to for report in episode.reports}
        for visit in episode.visits[1:-1]:
            if people and visit.day not in reported and people[0].free(visit.day, visit.hour):
                visit.clinician = people[0]
                people[0].taken.add((visit.day, visit.hour))
                if number % 2 == 0:
                    visit.supervisor, visit.supervision = episode.therapist, "on_site"
                visit.fault = "not_billable"
                episode.planted.add("note_of_other")
                why = (
                    "A speech-language pathology assistant treated a Medicare patient."
                    if number % 2 == 0
                    else "A clinical fellow with a provisional licence treated a Medicare patient."
                )
                planter.add(
                    "SUP-07", why, episode, subject="line", visit=visit, code=next(iter(visit.minutes))
                )
                return


# --- reports ----------------------------------------------------------------------------------------------------


def _long_enough(episode: Episode, days: int) -> bool:
    return episode.patient.payer_kind in MEDICARE and len(episode.visits) >= days and len(episode.plans) == 1


def pr_01(planter: Planter, number: int) -> None:
    """A progress report that came late, or never."""
    for episode in planter.shuffled(lambda each: _long_enough(each, 14)):
        if number % 2 == 0:
            report = episode.reports[0]
            places = [visit.day for visit in episode.visits]
            due = places[ALLOWED_DAYS - 1]
            written = due + timedelta(days=GRACE_DAYS + 3 + number)
            if len(episode.reports) < 2 or episode.visits[-1].day < written:
                continue
            report.period_to, report.written_on, report.fault = due, written, "late"
            report.day_numbers = (1, ALLOWED_DAYS)
            _end_of_life(episode, report)
        else:
            episode.reports = []
            episode.discharge_reason = "unexpected"
        episode.planted.add("report")
        _record_periods(planter, episode)
        return


def _end_of_life(episode: Episode, report: Report) -> None:
    """The report after a moved one begins where it ends."""
    following = episode.reports[1]
    later = [visit.day for visit in episode.visits if visit.day > report.period_to]
    following.period_from = later[0]


def _record_periods(planter: Planter, episode: Episode) -> None:
    """Say which periods are late or missing, by the manual's algorithm over the episode's own days and reports."""
    for first_at_risk, why, certain in overdue(episode):
        visit = episode.visits[min(first_at_risk, len(episode.visits) - 1)]
        planter.add("PR-01", why, episode, subject="period", visit=visit, debatable=not certain)


def overdue(episode: Episode) -> Iterator[tuple[int, str, bool]]:
    """Late and missing periods: position of the first visit at risk, why, and whether it is beyond doubt.

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
        covered = max(place for place, day in enumerate(days) if day <= report.period_to)
        first = min(covered, due) + 1


def pr_02(planter: Planter, number: int) -> None:
    """Reports by an assistant, co-signed."""
    for episode in planter.shuffled(
        lambda each: _long_enough(each, 12) and len(each.reports) > 1 and each.discipline != "SLP"
    ):
        helpers = episode.patient.site.staff(episode.discipline, "assistant")
        if not helpers:
            continue
        for report in episode.reports:
            report.cosigner, report.author, report.fault = report.author, helpers[0], "by_assistant"
            last = report is episode.reports[-1]
            planter.add(
                "PR-02",
                f"{helpers[0].credential} wrote the report; a therapist only co-signed it.",
                episode,
                report=report,
                debatable=last,
            )
        episode.planted.add("report")
        _record_periods(planter, episode)
        return


def pr_03(planter: Planter, number: int) -> None:
    """A whole period by assistants, its report written from the chart."""
    for episode in planter.shuffled(
        lambda each: _long_enough(each, 16) and len(each.reports) > 2 and each.discipline != "SLP"
    ):
        helpers = episode.patient.site.staff(episode.discipline, "assistant")
        report = episode.reports[1]
        inside = [visit for visit in episode.visits if report.period_from <= visit.day <= report.period_to]
        seats = {
            id(visit): next(
                (each for each in helpers if each is visit.clinician or each.free(visit.day, visit.hour)),
                None,
            )
            for visit in inside
        }
        if not all(seats.values()) or len(inside) < 4:
            continue
        for visit in inside:
            helper = seats[id(visit)]
            helper.taken.add((visit.day, visit.hour))  # type: ignore[union-attr]
            visit.clinician, visit.student = helper, None  # type: ignore[assignment]
            visit.supervisor, visit.supervision = supervisor_for(episode, visit.day), "on_site"
        report.fault = "from_chart"
        episode.planted.add("report")
        planter.add(
            "PR-03",
            "Assistants gave every visit of the period; the therapist wrote the report from the chart.",
            episode,
            subject="period",
            visit=inside[0],
            report=report,
        )
        return


def pr_04(planter: Planter, number: int) -> None:
    """A report that lacks what a report must hold."""
    variants = (
        ("empty", "The report names no goal, no measure and no assessment."),
        ("one_goal", "The report speaks of one of the open goals only."),
        ("no_measure", "The report gives no earlier value to compare with."),
    )
    fault, why = variants[number % len(variants)]
    for episode in planter.shuffled(lambda each: _long_enough(each, 12) and len(each.reports) > 1):
        report = episode.reports[0]
        report.fault = fault
        episode.planted.add("report")
        planter.add("PR-04", why, episode, report=report)
        return


def pr_05(planter: Planter, number: int) -> None:
    """Twelve visits of 97530 whose notes never say what was lost, done or helped with."""
    for episode in planter.shuffled(lambda each: _long_enough(each, 14) and each.discipline != "SLP"):
        episode.visits[0].minutes.pop("97530", None)
        episode.reports = []
        episode.discharge_reason = "unexpected"
        for visit in episode.visits[1:]:
            visit.minutes = {"97530": planter.rng.choice((25, 26, 28, 30, 33))}
            visit.student, visit.fault = None, "vague"
            if visit.clinician.role == "therapist":
                visit.supervisor = visit.supervision = None
            planter.add("DOC-05", "The note names no specific activity.", episode, visit=visit, code="97530")
        at_risk = episode.visits[min(11, len(episode.visits) - 1)]
        planter.add(
            "PR-05",
            "Ten visits of 97530 passed without an entry of function lost, activity done and help given.",
            episode,
            subject="line",
            visit=at_risk,
            code="97530",
        )
        for visit in episode.visits[12:]:
            planter.add(
                "PR-05",
                "Still without supportive data for 97530.",
                episode,
                subject="line",
                visit=visit,
                code="97530",
                debatable=True,
            )
        episode.planted.add("report")
        _record_periods(planter, episode)
        return


FAULTS: tuple[Callable[[Planter, int], None], ...] = (
    pr_03, pr_05, pr_01, pr_02, pr_04, sup_06, sup_07, doc_08, doc_07, sup_01, sup_02, sup_03, sup_05, sup_04,
    doc_01, doc_02, doc_03, doc_04, doc_05, doc_06, doc_09,
)  # fmt: skip
RARE: tuple[Callable[[Planter, int], None], ...] = ()
