"""What a session's note has to say, piece by piece: activity, help, cue, goal, response, other codes, plan.

Each piece is drawn from many wordings and holds the session's own numbers, which follow the patient's progress.
`voices` joins the pieces as one therapist or another would write them.
"""

from dataclasses import dataclass, field
from datetime import date
from random import Random

from compliance.synth.episodes import LADDER, LEVEL_WORDS, SHORT_LEVELS, Episode, Goal, Visit, slots
from compliance.synth.phrases import conditions, phrase, phrases, tasks

SPEECH_HELP = {
    "max": "maximal support",
    "mod": "moderate support",
    "min": "minimal support",
    "cga": "minimal support",
    "sba": "occasional support",
    "sup": "supervision",
    "mod_i": "modified independence",
}
"""Help in speech-language pathology is support, not touch."""
SEATED = ("hand_fracture", "rotator_cuff", "brain_injury")
"""Conditions whose treatment says nothing of balance or breath."""
GOAL_UNNAMED = 0.14
ALWAYS_NAMED = frozenset({"mail_turn"})
"""Tasks in so many words that their goal is always cited by its label."""
PLAIN_RESPONSES = frozenset({"pain", "effort", "vitals", "balance", "breath", "score"})
"""Kinds of response that every reader knows; others stand beside one of these."""


@dataclass
class Pieces:
    """The parts of a treatment note, each already in words; an empty one is left out."""

    code: str
    minutes: int
    condition: str
    activities: list[str]
    gists: list[str]
    help_long: str
    help_short: str
    cue_long: str
    cue_short: str
    goal: str
    responses: list[str]
    signature: str
    subjective: str = ""
    others: list[tuple[str, int, str]] = field(default_factory=list)
    history: str = ""
    skill: str = ""
    plan: str = ""
    remark: str = ""


def pieces(rng: Random, episode: Episode, visit: Visit) -> Pieces:
    """The parts of a clean treatment note."""
    code = (
        "97530"
        if "97530" in visit.minutes
        else max(visit.minutes, key=lambda each: (visit.minutes[each], each))
    )
    chosen = _chosen_tasks(rng, episode, code)
    numbers = {task: slots(task, visit.progress, rng) for task in chosen}
    level = episode.level(visit.progress, rng)
    cue_kind = phrase_of_level(rng, level)
    cue = rng.choice(tasks()[chosen[0]]["cues"])
    activities = [rng.choice(tasks()[task]["did"]).format(**numbers[task]) for task in chosen]
    gists = [rng.choice(tasks()[task]["gist"]).format(**numbers[task]) for task in chosen]
    if code not in ("97530", "92507", "92526"):
        words = work_of_code(rng, episode, visit, code)
        activities, gists, cue = [f"did {words}"], [words], "for form"
    speech = episode.discipline == "SLP"
    assistant = visit.clinician.role == "assistant"
    return Pieces(
        code=code,
        minutes=visit.minutes[code],
        condition=condition_words(rng, episode),
        activities=activities,
        gists=gists,
        help_long=f"with {SPEECH_HELP[level]}" if speech else _help_long(rng, level),
        help_short=SPEECH_HELP[level] if speech else _help_short(rng, level),
        cue_long=f"{_spoken(cue_kind)} {cue}",
        cue_short=f"{cue_kind} {cue}",
        goal=goal_words(rng, visit, chosen, always=episode.impairments_only),
        responses=responses(rng, episode, visit),
        signature=visit.clinician.signature,
        subjective=_subjective(rng, episode, chosen[0]),
        others=_others(rng, episode, visit, code),
        history=_history(rng, level) if visit.progress > 0.15 and not speech else "",
        skill="" if assistant or speech or rng.random() < 0.3 else phrase(rng, "skills"),
        plan=_plan(rng, episode, chosen, assistant),
        remark=_student_words(rng, visit),
    )


def _chosen_tasks(rng: Random, episode: Episode, code: str) -> list[str]:
    able = episode.task_ids
    if episode.discipline == "SLP":
        able = [task for task in able if (task == "swallow_meal") == (code == "92526")] or able
    return rng.sample(able, min(len(able), rng.choice((1, 1, 2))))


def phrase_of_level(rng: Random, level: str) -> str:
    """Cues as heavy as the help needed."""
    return rng.choice(phrases("cues")[level]).format(k=rng.randint(2, 4))


def condition_words(rng: Random, episode: Episode) -> str:
    """The condition as therapists abbreviate it, with the side."""
    side = episode.patient.side
    other = "left" if side == "right" else "right"
    words = rng.choice(conditions()[episode.patient.condition]["words"])
    if rng.random() < 0.5:
        return words.format(side=side[0].upper(), other=other[0].upper())
    return words.format(side=side, other=other)


def _subjective(rng: Random, episode: Episode, task: str) -> str:
    kind = (
        "subjective_child"
        if is_child(episode)
        else "subjective_speech"
        if episode.discipline == "SLP"
        else "subjective"
    )
    return phrase(
        rng,
        kind,
        n=rng.randint(2, 8),
        a=rng.randint(1, 5),
        m=rng.choice((10, 15, 20, 30, 45)),
        task=tasks()[task]["name"],
        wish=phrase(rng, "wishes"),
    )


def is_child(episode: Episode) -> bool:
    """Whether the patient is a child in play-based treatment."""
    return bool(conditions()[episode.patient.condition].get("child"))


def _help_long(rng: Random, level: str) -> str:
    words = LEVEL_WORDS[level]
    return rng.choice((f"at {words}", f"with {words}")) if level in ("sup", "mod_i") else f"with {words}"


def _help_short(rng: Random, level: str) -> str:
    short = SHORT_LEVELS[level]
    if level in ("max", "mod", "min"):
        return rng.choice((short, short, f"{level}A", f"{level} assist", f"{short} x1"))
    return rng.choice(("supervision", "close supervision", "supervised")) if level == "sup" else short


def _spoken(cue: str) -> str:
    pairs = (
        ("VC and TC", "verbal and tactile cues"),
        ("VC", "verbal cues"),
        ("mod ", "moderate "),
        ("min ", "minimal "),
        ("max ", "maximal "),
    )
    for short, long in pairs:
        cue = cue.replace(short, long)
    return cue


def goal_for(visit: Visit, task: str) -> Goal | None:
    """The open goal that a task serves on a day: the short-term one first."""
    return next((goal for goal in visit.plan.goals if goal.serves == task and goal.open_on(visit.day)), None)


def goal_words(rng: Random, visit: Visit, chosen: list[str], always: bool = False) -> str:
    """The goals' labels, or nothing, where the activity says the same as the goal."""
    goals = [goal for task in chosen if (goal := goal_for(visit, task))]
    always = always or bool(ALWAYS_NAMED & set(chosen))
    if not goals or (not always and rng.random() < GOAL_UNNAMED):
        return ""
    return rng.choice((", ", " and ", " & ")).join(dict.fromkeys(goal.label for goal in goals))


def responses(rng: Random, episode: Episode, visit: Visit) -> list[str]:
    """How the patient answered, in two or three ways that do not gainsay each other."""
    kind = (
        "responses_child"
        if is_child(episode)
        else "responses_speech"
        if episode.discipline == "SLP"
        else "responses"
    )
    ways = dict(phrases(kind))
    if episode.patient.condition in SEATED:
        ways = {name: words for name, words in ways.items() if name not in ("balance", "breath", "vitals")}
    if visit.progress == 0:
        ways.pop("compare", None)
    plain = sorted(set(ways) & PLAIN_RESPONSES)
    first = rng.sample(plain, 1) if plain else []
    chosen = first + rng.sample(sorted(set(ways) - set(first)), rng.choice((1, 1, 2)) if first else 2)
    return [rng.choice(ways[name]).format(**_reply_numbers(rng, visit)) for name in chosen]


def neutral_responses(rng: Random, visit: Visit) -> list[str]:
    """Two responses in bare numbers, which say nothing of help or activity."""
    return [words.format(**_reply_numbers(rng, visit)) for words in rng.sample(phrases("neutral"), 2)]


def _reply_numbers(rng: Random, visit: Visit) -> dict[str, object]:
    before = max(1, round(6 - 4 * visit.progress + rng.uniform(-1, 1)))
    pulse, seconds = rng.randint(66, 88), rng.randint(24, 60)
    return {
        "a": before,
        "b": max(0, before + rng.choice((-2, -1, -1, 0, 1))),
        "rpe": rng.randint(9, 14),
        "f": rng.randint(2, 6),
        "rests": rng.choice((2, 2, 3)),
        "h": pulse,
        "i": pulse + rng.randint(12, 34),
        "s": rng.randint(91, 97),
        "t": seconds,
        "u": seconds + rng.randint(3, 12),
        "k": rng.randint(3, 7),
        "m": rng.choice((10, 15, 20)),
        "n": rng.randint(4, 12),
        "quote": phrase(rng, "quotes"),
    }


def work_of_code(rng: Random, episode: Episode, visit: Visit, code: str) -> str:
    """What was done under a code other than 97530."""
    if code == "97110":
        pool = conditions()[episode.patient.condition]["exercise"]
        return ", ".join(rng.sample(pool, min(len(pool), rng.choice((2, 3)))))
    pool = conditions()[episode.patient.condition].get("neuro") if code == "97112" else None
    return rng.choice(pool or phrases("other_codes")[code]).format(
        feet=round((60 + 340 * visit.progress) / 10) * 10
    )


def _others(rng: Random, episode: Episode, visit: Visit, code: str) -> list[tuple[str, int, str]]:
    known = {"97110", *phrases("other_codes")} - {code}
    return [
        (each, minutes, work_of_code(rng, episode, visit, each))
        for each, minutes in visit.minutes.items()
        if each in known
    ]


def _history(rng: Random, level: str) -> str:
    """What it was before, which is not today's."""
    earlier = SHORT_LEVELS[LADDER[max(0, LADDER.index(level) - rng.choice((0, 1, 1)))]]
    return rng.choice(("", "", "", f"Was {earlier} last week.", f"Previously {earlier} for this."))


def _plan(rng: Random, episode: Episode, chosen: list[str], assistant: bool) -> str:
    other = rng.choice([task for task in episode.task_ids if task not in chosen] or chosen)
    return phrase(
        rng, "plans_assistant" if assistant else "plans", f=episode.frequency, other=tasks()[other]["name"]
    )


def _student_words(rng: Random, visit: Visit) -> str:
    """What a note must say when a student took part."""
    return phrase(rng, "student_in_room", student=visit.student.signature) if visit.student else ""


def us(day: date) -> str:
    """A day as therapists write it in a note: 3/04."""
    return f"{day.month}/{day.day:02d}"


def us_long(day: date) -> str:
    """A day in full: 03/04/2026."""
    return f"{day.month:02d}/{day.day:02d}/{day.year}"


def sentence(words: str) -> str:
    """Words with a capital and a full stop; nothing stays nothing."""
    words = words.strip()
    if not words:
        return ""
    words = words[0].upper() + words[1:]
    return words if words[-1] in ".!?" else f"{words}."
