"""Evaluations, progress reports, recertifications, discharge notes and missed visits in words."""

from random import Random

from compliance.synth.episodes import LEVEL_WORDS, SHORT_LEVELS, Episode, Goal, Report, Visit, measured, slots
from compliance.synth.phrases import conditions, phrase, tasks
from compliance.synth.wording import condition_words, is_child, pieces, sentence, us, us_long

TITLES = {
    "evaluation": ("INITIAL EVALUATION", "Initial evaluation", "EVALUATION"),
    "reevaluation": ("RE-EVALUATION", "Re-evaluation"),
}
REPORTS = {
    "progress_report": "PROGRESS REPORT",
    "recertification": "RECERTIFICATION AND PROGRESS REPORT",
    "discharge": "DISCHARGE NOTE",
}
GRADES = ("3/5", "3+/5", "4-/5", "4/5", "4+/5")
IMPAIRMENTS = "strength 3/5 to 3+/5; range of motion limited by 25 percent; pain 6/10"


def evaluation_text(rng: Random, episode: Episode, visit: Visit) -> str:
    """An evaluation with history, prior level, deficits, measures, diagnoses, goals and plan."""
    plan = visit.plan
    code = next(code for code in visit.minutes if code != "97530")
    condition, history = condition_words(rng, episode), sentence(phrase(rng, "histories"))
    lines = [
        f"{rng.choice(TITLES[visit.kind])} {code} {visit.minutes[code]} min",
        f"History: {condition}, onset {rng.randint(2, 9)} weeks ago. {history}",
        *_function(rng, episode, visit),
        f"Diagnoses: {', '.join(episode.diagnoses)}. Rehabilitation potential {rng.choice(('good', 'good', 'fair'))}.",
        "Goals:",
        *(f"{goal.label}: {goal.text}." for goal in plan.goals),
        f"Plan: {episode.frequency}x/week for {plan.weeks} weeks, {', '.join(plan.interventions)}.",
    ]
    if "97530" in visit.minutes:
        parts = pieces(rng, episode, visit)
        treated = (
            f"97530 {parts.minutes} min: {'; '.join(parts.gists)}, {parts.help_short}, {parts.cue_short}"
        )
        lines.insert(
            lines.index("Goals:"), f"{treated}, {plan.goals[0].label}. {sentence(', '.join(parts.responses))}"
        )
    lines.append(visit.clinician.signature)
    return "\n".join(lines)


def _function(rng: Random, episode: Episode, visit: Visit) -> list[str]:
    """Prior level, what the patient cannot do, measures; only impairments where that was planted."""
    if episode.impairments_only:
        return [f"Measures: {IMPAIRMENTS}."]
    lacks = "; ".join(tasks()[task]["lack"] for task in episode.task_ids)
    prior = phrase(rng, "prior_child" if is_child(episode) else "prior")
    measures = []
    for name, unit, low, high in conditions()[episode.patient.condition]["measures"]:
        measures.append(measure(name, unit, round(low + (high - low) * visit.progress)))
    level = LEVEL_WORDS[episode.level(visit.progress)]
    help_now = "" if episode.discipline == "SLP" else f" Current level for these tasks: {level}."
    return [
        f"Prior level: {prior}.",
        f"Function now: patient {lacks}.",
        f"Measures: {'; '.join(measures)}.{help_now}",
    ]


def measure(name: str, unit: str, value: int) -> str:
    """A measure with its value: Berg 33/56, TUG 21 s."""
    return f"{name} {value}{unit}" if unit.startswith(("/", "%")) else f"{name} {value} {unit}".rstrip()


def report_text(rng: Random, episode: Episode, report: Report) -> str:
    """A report that holds every element a reviewer asks for, or lacks what was planted."""
    first, last = report.day_numbers
    period = f"{us_long(report.period_from)} - {us_long(report.period_to)}"
    lines = [f"{REPORTS[report.kind]} {period}, treatment days {first}-{last}"]
    named = [goal for goal in report.plan.goals if goal.open_on(report.period_from)]
    lines += [_goal_line(rng, episode, goal, report, place) for place, goal in enumerate(named)]
    lines.append(_measures(episode, report))
    lines.append(_assessment(rng, episode, report))
    lines = _spoilt(rng, report, lines)
    lines.append(f"{report.author.signature} {us_long(report.written_on)}")
    if report.cosigner:
        lines.append(f"Co-signed: {report.cosigner.signature}")
    return "\n".join(lines)


def _measures(episode: Episode, report: Report) -> str:
    before, after = report.progress
    if episode.impairments_only:
        was_grade, now_grade = GRADES[round(3 * before)], GRADES[round(3 * after) + 1]
        return f"Measures: strength {was_grade} ({us(report.period_from)}) -> {now_grade} ({us(report.period_to)})."
    now = []
    for name, unit, low, high in conditions()[episode.patient.condition]["measures"][:2]:
        was, value = round(low + (high - low) * before), round(low + (high - low) * after)
        earlier = f"{measure(name, unit, was)} ({us(report.period_from)})"
        now.append(f"{earlier} -> {measure('', unit, value).strip()} ({us(report.period_to)})")
    return f"Measures: {'; '.join(now)}."


def _goal_line(rng: Random, episode: Episode, goal: Goal, report: Report, place: int) -> str:
    """A goal with what was and what is; the first compares by an arrow."""
    before, after = report.progress
    since, until = us(report.period_from), us(report.period_to)
    if goal.task is None:
        was, now = GRADES[round(3 * before)], GRADES[round(3 * after) + 1]
        return f"{goal.label} ({goal.text}): {was} -> {now} ({since} -> {until}); {phrase(rng, 'progress_words')}."
    was, now = episode.level(before), episode.level(after)
    numbers_was, numbers_now = (
        measured(slots(goal.task, before)),
        measured(slots(goal.task, after)),
    )
    verdict = _verdict(rng, goal, report, (was, numbers_was) == (now, numbers_now))
    name = tasks()[goal.task]["name"]
    short_was, short_now, long_was, long_now = (
        SHORT_LEVELS[was],
        SHORT_LEVELS[now],
        LEVEL_WORDS[was],
        LEVEL_WORDS[now],
    )
    start = rng.choice((f"{goal.label} ({name})", f"{goal.label} {name}", f"{goal.label}, {name}"))
    compared = (
        f"{short_was} -> {short_now} ({since} -> {until}), {numbers_was} -> {numbers_now}",
        f"was {short_was}, {numbers_was} on {since}; now {short_now}, {numbers_now}",
        f"previously {long_was} ({numbers_was}), currently {long_now} ({numbers_now})",
    )[rng.randrange(3) if place else 0]
    return f"{start}: {compared}. Goal {verdict}."


def _verdict(rng: Random, goal: Goal, report: Report, same: bool) -> str:
    reached = goal.status == "met" and goal.status_on is not None
    if reached and (report.kind == "discharge" or goal.status_on <= report.period_to):
        return "met"
    return phrase(rng, "still_words" if same else "progress_words")


def _assessment(rng: Random, episode: Episode, report: Report) -> str:
    if report.kind == "discharge":
        return phrase(rng, "discharge")
    return (
        f"Assessment: {phrase(rng, 'assessments')}; {phrase(rng, 'skilled_need')}. "
        f"Plan: continue {episode.frequency}x/week for {rng.randint(2, 6)} weeks toward the open goals."
    )


def _spoilt(rng: Random, report: Report, lines: list[str]) -> list[str]:
    """What is left of a report in which something was planted."""
    if report.fault == "empty":
        return [lines[0], phrase(rng, "empty_reports")]
    if report.fault == "one_goal":
        assessed = "Assessment: improving with this task. Plan: continue as scheduled."
        return [*lines[:2], assessed]
    if report.fault == "no_measure":
        named = ", ".join(goal.label for goal in report.plan.goals if goal.open_on(report.period_from))
        return [lines[0], f"{named}: patient is doing better with each of these.", lines[-1]]
    if report.fault == "by_assistant":
        return [*lines[:-1], "Data collected by assistant for this period. Continue as planned."]
    if report.fault == "from_chart":
        return [*lines, "Report written from the chart and the assistant's data."]
    return [*lines, "Report delayed, therapist was away."] if report.fault == "late" else lines
