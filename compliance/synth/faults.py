"""What the note of a planted visit says instead: its parts with one of them spoilt, and nothing else wrong."""

from collections.abc import Callable
from random import Random

from compliance.synth.episodes import SHORT_LEVELS, Episode, Visit, slots
from compliance.synth.phrases import conditions, phrase, phrases, tasks
from compliance.synth.wording import Pieces, neutral_responses, us

UNKNOWN_LABELS = ("LTG 7", "STG 6", "LTG 9", "STG 8")


def spoil(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> Pieces:
    """The parts of the note with the visit's fault in them."""
    fault = SPOILERS.get(visit.fault or "")
    if fault:
        fault(rng, episode, visit, parts)
    return parts


def open_label(visit: Visit) -> str:
    """The label of a goal that is open on the visit's day."""
    return next((goal.label for goal in visit.plan.goals if goal.open_on(visit.day)), "")


def _quiet(parts: Pieces) -> None:
    """Nothing beside the 97530 entry that could speak for it."""
    parts.subjective = parts.history = parts.skill = ""
    parts.plan = "Continue plan of care."


def _do(parts: Pieces, long: str, short: str) -> None:
    parts.activities, parts.gists = [long], [short]


def _of_task(rng: Random, visit: Visit, parts: Pieces, task_id: str) -> None:
    task, numbers = tasks()[task_id], slots(task_id, visit.progress, rng)
    _do(parts, rng.choice(task["did"]).format(**numbers), rng.choice(task["gist"]).format(**numbers))
    parts.cue_long, parts.cue_short = "verbal cues for pace", "VC for pace"


def _other_task(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    _of_task(rng, visit, parts, visit.detail["task"])
    parts.responses, parts.goal = neutral_responses(rng, visit), ""


def _unknown_label(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _other_task(rng, episode, visit, parts)
    parts.goal = rng.choice(UNKNOWN_LABELS)


def _closed_goal(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    goal = visit.detail["goal"]
    _quiet(parts)
    _of_task(rng, visit, parts, goal.task)
    parts.responses, parts.goal = neutral_responses(rng, visit), goal.label


def _no_help(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    parts.help_long = parts.help_short = parts.cue_long = parts.cue_short = ""
    parts.responses = neutral_responses(rng, visit)
    parts.goal = parts.goal or open_label(visit)


def _help_planned(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _no_help(rng, episode, visit, parts)
    parts.plan = phrase(rng, "help_planned")


def _help_before(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _no_help(rng, episode, visit, parts)
    parts.history = phrase(rng, "help_before", day=us(episode.visits[episode.visits.index(visit) - 1].day))


def _passive(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    *given, cue = rng.choice(phrases("passive"))
    _without_task(rng, visit, parts, "received", ", ".join(given), cue)


def _exercise(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    pool = conditions()[episode.patient.condition]["exercise"]
    _without_task(
        rng, visit, parts, "performed", ", ".join(rng.sample(pool, min(len(pool), 4))), "VC for form"
    )


def _without_task(rng: Random, visit: Visit, parts: Pieces, verb: str, words: str, cue: str) -> None:
    _quiet(parts)
    _do(parts, f"{verb} {words}", words)
    parts.help_long = parts.help_short = ""
    parts.cue_long, parts.cue_short = cue.replace("TC", "tactile cues").replace("VC", "verbal cues"), cue
    parts.responses, parts.goal = neutral_responses(rng, visit), open_label(visit)


def _vague(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    words = phrase(rng, "vague")
    _do(parts, f"took part in {words}", f"{words} done")
    level = SHORT_LEVELS[episode.level(visit.progress, rng)]
    parts.help_short, parts.help_long = level, f"with {level}"
    parts.cue_long, parts.cue_short = "verbal cues", "VC"
    parts.responses, parts.goal = neutral_responses(rng, visit), open_label(visit)


def _no_response(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    _of_task(rng, visit, parts, visit.detail["task"])
    parts.responses, parts.goal = [], open_label(visit)


def _student(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    parts.remark = phrase(rng, "student_led", student=visit.student.signature if visit.student else "Student")


def _graded(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    planned = {tasks()[goal.serves]["sphere"] for goal in visit.plan.goals if goal.serves}
    others = [task["name"] for task in tasks().values() if task["sphere"] not in planned | {"speech"}]
    parts.remark = phrase(rng, "graded", task=rng.choice(others))


def _frequency(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    parts.remark = phrase(rng, "frequency")


SPOILERS: dict[str, Callable[[Random, Episode, Visit, Pieces], None]] = {
    "other_task": _other_task,
    "unknown_label": _unknown_label,
    "closed_goal": _closed_goal,
    "no_help": _no_help,
    "help_planned": _help_planned,
    "help_before": _help_before,
    "passive": _passive,
    "exercise": _exercise,
    "vague": _vague,
    "no_response": _no_response,
    "student_led": _student,
    "student_led_text": _student,
    "graded": _graded,
    "frequency": _frequency,
}
