"""What the note of a planted visit says instead: its parts with one of them spoilt, and nothing else wrong."""

from collections.abc import Callable
from random import Random

from compliance.synth.episodes import SHORT_LEVELS, Episode, Visit, conditions, slots, tasks
from compliance.synth.wording import Pieces

PASSIVE = (
    ("moist heat 12 min, soft tissue mobilization 10 min, passive stretching 8 min", "TC to relax guarding"),
    ("ultrasound 1.0 w/cm2 8 min, cold pack 10 min, IASTM to the tight muscles", "VC for breathing"),
    ("IFC 15 min with hot pack, gr II joint mobs, manual stretching", "VC to relax"),
    ("massage and myofascial release 20 min, PROM by therapist, kinesiotape", "TC to let go of the neck"),
    ("paraffin 10 min, retrograde massage, passive range of motion all joints", "VC to relax"),
)
VAGUE = (
    "therapeutic activities as per plan", "ther act per flow sheet", "skilled therapeutic activities to facilitate functional performance",
    "functional activities as tolerated", "therapeutic activities to improve function and safety", "a variety of functional activities",
)  # fmt: skip
NEUTRAL = ("pain {a}/10 before and {b}/10 after", "RPE {r}", "HR {h}->{i}", "SpO2 {s}%", "fatigue {f}/10")
PLANNED = (
    "Next visit: repeat with CGA and verbal cues.",
    "Plan: same task next time w/ min A and VC for pace.",
    "Next session: SBA, cues for hand placement.",
)
BEFORE = ("Was min A last visit.", "Needed mod A for this last week.", "On {day} this took CGA.")
STUDENT = (
    "{student} led the session, therapist in line of sight while treating another patient.",
    "{student} performed the treatment with line of sight supervision; therapist was with a second patient.",
    "Session led by {student}; therapist nearby, working with another patient.",
)
GRADED = (
    "Progressed to a heavier load today.",
    "Added {task} to the session.",
    "Advanced the task to a lower surface today.",
    "New activity added: {task}.",
)
FREQUENCY = ("Changed frequency to 1x/week from now on.", "Frequency changed to 1x/week, goals modified.")


def spoil(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> Pieces:
    """The parts of the note with the visit's fault in them."""
    fault = SPOILERS.get(visit.fault or "")
    if fault:
        fault(rng, episode, visit, parts)
    return parts


def neutral(rng: Random, count: int = 2) -> list[str]:
    """Responses in numbers, which say nothing of help or activity."""
    pulse = rng.randint(68, 90)
    numbers = {
        "a": rng.randint(2, 5), "b": rng.randint(1, 4), "r": rng.randint(9, 14), "h": pulse, "i": pulse + rng.randint(10, 30),
        "s": rng.randint(91, 97), "f": rng.randint(2, 6),
    }  # fmt: skip
    return [words.format(**numbers) for words in rng.sample(NEUTRAL, count)]


def open_label(visit: Visit) -> str:
    """The label of a goal that is open on the visit's day."""
    return next((f"for {goal.label}" for goal in visit.plan.goals if goal.open_on(visit.day)), "")


def _quiet(parts: Pieces) -> None:
    """Nothing beside the 97530 entry that could speak for it."""
    parts.subjective = parts.history = parts.skill = ""
    parts.plan = "Continue plan of care."


def _do(parts: Pieces, sentence: str, short: str) -> None:
    parts.activities, parts.gists = [sentence], [short]


def _of_task(rng: Random, visit: Visit, parts: Pieces, task_id: str) -> None:
    task, numbers = tasks()[task_id], slots(task_id, visit.progress, rng)
    cue = rng.choice(task["cues"])
    _do(parts, rng.choice(task["did"]).format(**numbers), rng.choice(task["gist"]).format(**numbers))
    parts.cue_long, parts.cue_short = f"verbal cues {cue}", f"VC {cue}"


def _other_task(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    _of_task(rng, visit, parts, visit.detail["task"])
    parts.goal = ""


def _unknown_label(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _other_task(rng, episode, visit, parts)
    parts.goal = f"for {rng.choice(('LTG 7', 'STG 6', 'LTG 9', 'STG 8'))}"


def _closed_goal(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    goal = visit.detail["goal"]
    _quiet(parts)
    _of_task(rng, visit, parts, goal.task)
    parts.goal = f"for {goal.label}"


def _no_help(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    parts.help_long = parts.help_short = parts.cue_long = parts.cue_short = ""
    parts.responses = neutral(rng)
    parts.goal = parts.goal or open_label(visit)


def _help_planned(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _no_help(rng, episode, visit, parts)
    parts.plan = rng.choice(PLANNED)


def _help_before(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _no_help(rng, episode, visit, parts)
    before = episode.visits[episode.visits.index(visit) - 1].day
    parts.history = rng.choice(BEFORE).format(day=f"{before.month}/{before.day}")


def _passive(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    words, cue = rng.choice(PASSIVE)
    _do(parts, f"received {words}", words)
    parts.help_long = parts.help_short = ""
    parts.cue_long, parts.cue_short = f"{cue.replace('TC', 'tactile cues').replace('VC', 'verbal cues')}", cue
    parts.responses, parts.goal = neutral(rng), open_label(visit)


def _exercise(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    pool = conditions()[episode.patient.condition]["exercise"]
    words = ", ".join(rng.sample(pool, min(len(pool), 4)))
    _do(parts, f"performed {words}", words)
    parts.help_long = parts.help_short = ""
    parts.cue_long, parts.cue_short = "verbal cues for form", "VC for form"
    parts.responses, parts.goal = neutral(rng), open_label(visit)


def _vague(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    words = rng.choice(VAGUE)
    _do(parts, f"took part in {words}", f"{words} done")
    level = episode.level(visit.progress, rng)
    parts.help_short = parts.help_long = SHORT_LEVELS[level]
    parts.cue_long, parts.cue_short = "verbal cues", "VC"
    parts.responses, parts.goal = neutral(rng), open_label(visit)


def _no_response(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    _quiet(parts)
    parts.responses = []
    parts.goal = parts.goal or open_label(visit)


def _student(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    parts.closing = (
        f"{rng.choice(STUDENT).format(student=visit.student.signature)} {visit.clinician.signature}"  # type: ignore[union-attr]
    )


def _graded(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    other = rng.choice(episode.task_ids)
    parts.closing = f"{rng.choice(GRADED).format(task=tasks()[other]['name'])} {parts.closing}"


def _frequency(rng: Random, episode: Episode, visit: Visit, parts: Pieces) -> None:
    parts.closing = f"{rng.choice(FREQUENCY)} {parts.closing}"


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
