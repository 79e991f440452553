"""What a note says: the facts of a session, put into words in the voice of the one who writes it.

A note is built from pieces (activity, help, cue, goal, response, minutes, other codes, plan), each with many wordings, and
a voice that orders and joins them. The pieces change with the patient's progress.
"""

from dataclasses import dataclass
from datetime import date
from random import Random

from compliance.synth.episodes import (
    LADDER,
    LEVEL_WORDS,
    SHORT_LEVELS,
    Episode,
    Goal,
    Report,
    Visit,
    conditions,
    measured,
    slots,
    tasks,
)


@dataclass
class Pieces:
    """The parts of a treatment note, each already in words; an empty one is left out."""

    subjective: str
    activities: list[str]
    gists: list[str]
    names: list[str]
    help_long: str
    help_short: str
    cue_long: str
    cue_short: str
    goal: str
    responses: list[str]
    others: list[tuple[str, int, str]]
    minutes: int
    code: str
    history: str
    plan: str
    skill: str
    condition: str
    closing: str


def us(day: date) -> str:
    """A day as therapists write it in a note: 3/04."""
    return f"{day.month}/{day.day:02d}"


# --- pieces -----------------------------------------------------------------------------------------------------

SUBJECTIVE = (
    "slept {n} hours, no new complaints",
    "sore for a day after last session, settled with ice",
    "has been doing the home program {n} times a week",
    "says {lack_short} is still the main trouble at home",
    "arrived on time with family",
    "had a busy weekend and feels tired",
    "pain {a}/10 on arrival",
    "no falls since last session",
    "looking forward to {wish}",
    "took pain medication {n} hours before the session",
    "saw the surgeon, healing on schedule",
    "neighbors came by, was on the feet for {n} hours",
    "feels stiff in the morning for about {m} minutes",
    "family reports less help needed at home",
)
WISHES = (
    "a grandchild's birthday", "going back to church", "the first day back at work", "fishing in May", "cooking for the family",
    "a trip to the coast", "walking the dog again", "the garden", "card night", "driving again",
)  # fmt: skip
QUOTES = (
    "that was easier than I thought", "my legs know it now", "I did it like at home", "getting there", "that one was hard",
    "I can feel it working", "I would not have tried that alone", "it does not scare me now", "I need a minute", "one more",
    "good kind of tired", "I forgot the order for a second", "that felt steady", "my wife will not believe it", "not my best day",
    "less shaky than Monday", "I held my breath again", "it caught a little at the top", "I trust that side more", "finally",
)  # fmt: skip
EXTRA_WORK = {
    "97112": ("tandem stance 3x20 s, foam eyes closed 3x15 s", "single leg stance 4x10 s each side, postural drills at the wall",
              "PNF diagonals 2x8, rhythmic stabilization in sitting", "gaze stabilization 3x30 s, weight shifts on foam"),
    "97140": ("soft tissue mobilization and gr II-III glides", "scar mobilization, joint mobs gr III", "STM to the guarded muscles, gentle distraction",
              "edema massage, passive stretch at end range"),
    "97116": ("gait {feet} ft with attention to step length", "gait training {feet} ft, two turns, cane",
              "walked {feet} ft on level, even cadence", "gait {feet} ft x2 with rolling walker"),
    "97535": ("reviewed energy conservation and reacher use", "adaptive equipment: long shoehorn and sock aid",
              "joint protection for kitchen work, handout given", "home safety check list gone through with family"),
}  # fmt: skip
CUE_KINDS = {
    "max": ("max verbal and tactile cues", "constant cueing", "hand-over-hand at first, mod cues"),
    "mod": ("mod verbal cues", "mod VC and TC", "repeated verbal cues"),
    "min": ("min verbal cues", "{k} verbal cues", "min VC"),
    "cga": ("{k} VC", "verbal cues", "tactile cues"),
    "sba": ("occasional verbal cues", "{k} verbal cues", "min VC"),
    "sup": ("one or two verbal cues", "{k} VC", "occasional VC"),
    "mod_i": ("one verbal cue", "{k} reminder cues", "1 VC"),
}
SKILLS = (
    "Therapist graded the task by height and pace.",
    "Demand graded to keep quality of movement.",
    "Pace set by therapist to keep the pattern clean.",
    "Technique corrected before each set.",
    "Set-up arranged to match the home.",
    "Vitals watched throughout.",
    "Errors analyzed with the patient after each trial.",
    "",
    "",
)
PLANS = (
    "Continue plan of care.",
    "Continue {f}x/week.",
    "Cont POC.",
    "Same focus next session.",
    "Next visit: {other}.",
    "Continue toward goals.",
)
CAREFUL_PLANS = (
    "Continue plan of care.",
    "Continue {f}x/week.",
    "Cont POC.",
    "Same focus next session.",
    "Continue toward goals.",
)


def pieces(rng: Random, episode: Episode, visit: Visit) -> Pieces:
    """The parts of a clean treatment note."""
    patient = episode.patient
    code = _main_code(visit)
    chosen = rng.sample(episode.task_ids, min(len(episode.task_ids), rng.choice((1, 1, 2))))
    goals = [goal for task in chosen if (goal := _goal_for(visit, task))]
    numbers = {task: slots(task, visit.progress, rng) for task in chosen}
    level = episode.level(visit.progress, rng)
    cue = rng.choice(tasks()[chosen[0]]["cues"])
    kind = rng.choice(CUE_KINDS[level]).format(k=rng.randint(2, 4))
    assistant = visit.clinician.role == "assistant"
    child = bool(conditions()[patient.condition].get("child"))
    return Pieces(
        subjective=_subjective(rng, episode, chosen[0], child),
        activities=[rng.choice(tasks()[task]["did"]).format(**numbers[task]) for task in chosen],
        gists=[rng.choice(tasks()[task]["gist"]).format(**numbers[task]) for task in chosen],
        names=[tasks()[task]["name"] for task in chosen],
        help_long=_help_long(rng, level),
        help_short=_help_short(rng, level),
        cue_long=f"{_spoken(kind)} {cue}",
        cue_short=f"{kind} {cue}",
        goal=_goal_words(rng, goals, chosen),
        responses=_responses(rng, visit, level, child),
        others=_others(rng, episode, visit, code),
        minutes=visit.minutes.get(code, 0),
        code=code,
        history=_history(rng, episode, visit, level) if visit.progress > 0.15 else "",
        plan=_plan(rng, episode, chosen, assistant),
        skill="" if assistant else rng.choice(SKILLS),
        condition=_condition_words(rng, episode),
        closing=_closing(rng, visit),
    )


def _main_code(visit: Visit) -> str:
    if "97530" in visit.minutes:
        return "97530"
    return max(visit.minutes, key=lambda code: (visit.minutes[code], code))


def _goal_for(visit: Visit, task: str) -> Goal | None:
    """The open goal that a task serves on a day: the short-term one first."""
    return next((goal for goal in visit.plan.goals if goal.task == task and goal.open_on(visit.day)), None)


def _subjective(rng: Random, episode: Episode, task: str, child: bool) -> str:
    lack = tasks()[task]["name"]
    said = rng.choice(SUBJECTIVE).format(
        n=rng.randint(2, 8),
        a=rng.randint(1, 5),
        m=rng.choice((10, 15, 20, 30, 45)),
        lack_short=lack,
        wish=rng.choice(WISHES),
    )
    if child:
        return rng.choice(("mother reports a good week at school", "came in singing, ready to play", "a little shy at the start",
                           f"slept {rng.randint(7, 10)} hours, had breakfast", "grandmother brought the child today"))  # fmt: skip
    return said


def _help_long(rng: Random, level: str) -> str:
    if level in ("sup", "mod_i"):
        return rng.choice((f"with {LEVEL_WORDS[level]}", f"at {LEVEL_WORDS[level]}"))
    return rng.choice(
        (f"with {LEVEL_WORDS[level]}", f"needing {LEVEL_WORDS[level]}", f"and required {LEVEL_WORDS[level]}")
    )


def _help_short(rng: Random, level: str) -> str:
    if level in ("max", "mod", "min"):
        return rng.choice(
            (
                SHORT_LEVELS[level],
                SHORT_LEVELS[level],
                f"{level}A",
                f"{level} assist",
                f"{SHORT_LEVELS[level]} x1",
            )
        )
    if level == "sup":
        return rng.choice(("supervision", "close supervision", "supervised"))
    return SHORT_LEVELS[level]


def _spoken(cue: str) -> str:
    for short, long in (
        ("VC and TC", "verbal and tactile cues"),
        ("VC", "verbal cues"),
        ("mod ", "moderate "),
        ("min ", "minimal "),
        ("max ", "maximal "),
    ):
        cue = cue.replace(short, long)
    return cue


def _goal_words(rng: Random, goals: list[Goal], chosen: list[str]) -> str:
    """The goal by its label, or left to the activity that says the same as the goal."""
    if not goals or rng.random() < 0.14:
        return ""
    labels = list(dict.fromkeys(goal.label for goal in goals))
    joined = rng.choice((", ", " and ", " & ")).join(labels)
    return rng.choice(
        (
            f"for {joined}",
            f"{joined}",
            f"toward {joined}",
            f"addresses {joined}",
            f"to meet {joined}",
            f"per {joined}",
        )
    )


def _responses(rng: Random, visit: Visit, level: str, child: bool) -> list[str]:
    """How the patient answered, two or three ways; each with today's numbers."""
    before = max(0, round(6 - 4 * visit.progress + rng.uniform(-1, 1)))
    after = max(0, before + rng.choice((-2, -1, -1, 0, 1)))
    pulse = rng.randint(66, 88)
    seconds = rng.randint(24, 60)
    if child:
        pool = [
            f"stayed with the task {rng.randint(4, 12)} minutes before needing a break", "smiled and asked for another turn",
            f"redirected {rng.randint(1, 3)} times", "frustrated once, calmed with a song", f"tired after trial {rng.randint(3, 6)}",
            f"{rng.randint(5, 9)} of 10 tries on target by the end",
        ]  # fmt: skip
        return rng.sample(pool, rng.choice((2, 2, 3)))
    pool = [
        f"pain {before}/10 before and {after}/10 after", f"pain {before}->{after}/10", f"RPE {rng.randint(9, 14)}",
        f"fatigue {rng.randint(2, 6)}/10 with {rng.randint(1, 3)} rest breaks", f"HR {pulse}->{pulse + rng.randint(12, 34)}",
        f"SpO2 {rng.randint(91, 97)}% throughout", f"fastest trial {seconds} s against {seconds + rng.randint(3, 12)} s last time",
        f"fewer cues needed by trial {rng.randint(3, 6)}", "no loss of balance", "one loss of balance, self-corrected",
        f'patient stated "{rng.choice(QUOTES)}"', "no increase in pain", f"tolerated well, {rng.randint(1, 3)} short rests",
        f"quality dropped after trial {rng.randint(4, 7)}", "mild shortness of breath, settled within a minute",
        f"last {rng.randint(2, 4)} trials clean",
    ]  # fmt: skip
    return rng.sample(pool, rng.choice((2, 2, 3)))


def _others(rng: Random, episode: Episode, visit: Visit, code: str) -> list[tuple[str, int, str]]:
    listed = []
    for other, minutes in visit.minutes.items():
        if other == code:
            continue
        if other == "97110":
            pool = conditions()[episode.patient.condition]["exercise"]
            words = ", ".join(rng.sample(pool, min(len(pool), rng.choice((2, 3)))))
        else:
            words = (
                rng.choice(EXTRA_WORK[other]).format(feet=round((60 + 340 * visit.progress) / 10) * 10)
                if other in EXTRA_WORK
                else ""
            )
        listed.append((other, minutes, words))
    return listed


def _history(rng: Random, episode: Episode, visit: Visit, level: str) -> str:
    """What it was before, which is not today's."""
    earlier = LADDER[max(0, LADDER.index(level) - rng.choice((0, 1, 1)))]
    return rng.choice(
        (
            "",
            "",
            "",
            f"Was {SHORT_LEVELS[earlier]} last week.",
            f"Previously {SHORT_LEVELS[earlier]} for this.",
        )
    )


def _plan(rng: Random, episode: Episode, chosen: list[str], assistant: bool) -> str:
    other = rng.choice([task for task in episode.task_ids if task not in chosen] or chosen)
    pool = CAREFUL_PLANS if assistant else PLANS
    return rng.choice(pool).format(f=episode.frequency, other=tasks()[other]["name"])


def _condition_words(rng: Random, episode: Episode) -> str:
    patient = episode.patient
    opposite = "left" if patient.side == "right" else "right"
    side = {"right": "R", "left": "L"}
    words = rng.choice(conditions()[patient.condition]["words"])
    if rng.random() < 0.5:
        return words.format(side=side[patient.side], other=side[opposite])
    return words.format(side=patient.side, other=opposite)


def _closing(rng: Random, visit: Visit) -> str:
    """Who signs, and what a note must say when a student took part."""
    if visit.student and visit.supervisor:
        said = rng.choice((
            "{student} took part; I was in the room directing the entire session, made all clinical decisions and treated no one else.",
            "With {student}: therapist present in room throughout, directing, not engaged with another patient.",
            "{student} assisted hands-on while I directed the session in the room from start to end and made the skilled judgments.",
        ))  # fmt: skip
        return f"{said.format(student=visit.student.signature)} {visit.clinician.signature}"
    return visit.clinician.signature


# --- voices -----------------------------------------------------------------------------------------------------


def note_text(rng: Random, voice: str, parts: Pieces) -> str:
    """The parts in one of eight voices."""
    return VOICES[voice](rng, parts, rng.choice(("Pt", "Pt", "Patient"))).strip()


def _join(*words: str, by: str = " ") -> str:
    return by.join(word for word in words if word)


def _sentence(words: str) -> str:
    words = words.strip()
    if not words:
        return ""
    words = words[0].upper() + words[1:]
    return words if words[-1] in ".!?" else words + "."


def _terse(rng: Random, parts: Pieces, who: str) -> str:
    head = rng.choice(
        (
            f"{parts.code} {parts.minutes} min",
            f"{parts.code} x{parts.minutes} min",
            f"{parts.minutes}' {parts.code}",
        )
    )
    body = _join(
        _join(*parts.gists, by="; "), _join(parts.help_short, parts.cue_short, by=", "), parts.goal, by=". "
    )
    others = [f"{code} {minutes} min: {words}." for code, minutes, words in parts.others]
    first = f"{head}: {body}. {_sentence(_join(*parts.responses, by=', '))}"
    ordered = [*others, first] if rng.random() < 0.3 else [first, *others]
    glue = rng.choice((" ", "\n"))
    return _join(*ordered, _join(parts.history, parts.plan, parts.closing), by=glue)


def _narrative(rng: Random, parts: Pieces, who: str) -> str:
    opening = f"Seen for {parts.condition}." if not parts.subjective else rng.choice((
        f"Patient, seen for {parts.condition}, {_clause(parts.subjective)}.",
        f"Seen today for {parts.condition}. Patient {_clause(parts.subjective)}.",
        f"Today the patient {_clause(parts.subjective)}.",
    ))  # fmt: skip
    lead = rng.choice((
        f"In therapeutic activities ({parts.code}, {parts.minutes} minutes) the patient",
        f"We spent {parts.minutes} minutes on therapeutic activities ({parts.code}) in which the patient",
        f"For {parts.minutes} minutes of {parts.code} the patient",
    ))  # fmt: skip
    if parts.code != "97530":
        lead = f"In {parts.minutes} minutes of treatment ({parts.code}) the patient"
    helped = _join(parts.help_long, parts.cue_long and f"with {parts.cue_long}", by=" and ")
    act = _sentence(_join(f"{lead} {' and then '.join(parts.activities)}", helped, by=", "))
    others = " ".join(
        rng.choice(
            (
                f"Separately, {minutes} minutes of {code}: {words}.",
                f"{code} was given for {minutes} minutes: {words}.",
            )
        )
        for code, minutes, words in parts.others
    )
    goal = (
        _sentence(rng.choice(("This work is {}", "The task was chosen {}", "Work {}")).format(parts.goal))
        if parts.goal
        else ""
    )
    replies = " ".join(_sentence(reply) for reply in parts.responses)
    return _join(opening, act, goal, parts.skill, parts.history, replies, others, parts.plan, parts.closing)


def _clause(words: str) -> str:
    """A remark as the rest of a sentence whose subject is the patient."""
    verbs = ("says", "has", "had", "arrived", "feels", "took", "saw", "slept", "came")
    if words.split(" ")[0] in verbs:
        return words
    return f"reports {words}"


def _template(rng: Random, parts: Pieces, who: str) -> str:
    title = "Therapeutic Activities" if parts.code == "97530" else "Treatment"
    lines = [
        "DAILY TREATMENT NOTE",
        f"Dx: {parts.condition}",
        f"Subjective: {_sentence(parts.subjective)}" if parts.subjective else "",
        f"{title} ({parts.code}): {parts.minutes} min",
        f"  Activity: {'; '.join(parts.gists)}",
        f"  Assist level: {parts.help_short}" if parts.help_short else "",
        f"  Cues: {parts.cue_short}" if parts.cue_short else "",
        f"  Goal addressed: {_label_only(parts.goal)}" if parts.goal else "",
    ]
    lines += [
        f"{_title(code)} ({code}): {minutes} min\n  {_sentence(words)}"
        for code, minutes, words in parts.others
    ]
    lines += [f"Patient response: {_sentence('; '.join(parts.responses))}" if parts.responses else ""]
    lines += [f"Plan: {parts.plan}", f"Electronically signed: {parts.closing}"]
    return "\n".join(line for line in lines if line)


def _title(code: str) -> str:
    return {"97110": "Therapeutic Exercise", "97112": "Neuromuscular Re-education", "97140": "Manual Therapy", "97116": "Gait Training",
            "97535": "Self-Care/Home Management"}.get(code, "Procedure")  # fmt: skip


def _label_only(goal: str) -> str:
    for lead in ("for ", "toward ", "addresses ", "to meet ", "per "):
        goal = goal.removeprefix(lead)
    return goal


def _dictated(rng: Random, parts: Pieces, who: str) -> str:
    sentences = [
        f"{who.lower() if rng.random() < 0.5 else 'patient'} {_clause(parts.subjective)}"
        if parts.subjective
        else "",
        f"{parts.code} for {parts.minutes} minutes {' then '.join(parts.activities)}",
        _join(f"this was {parts.help_long}" if parts.help_long else "", parts.cue_long, by=" comma "),
        f"this is {parts.goal}" if parts.goal else "",
        " comma ".join(parts.responses),
        *(f"{code} {minutes} minutes {words}" for code, minutes, words in parts.others),
        parts.plan.rstrip("."),
    ]
    return (
        " period ".join(each[0].lower() + each[1:] for each in sentences if each)
        + f" period new line {parts.closing}"
    )


def _soap(rng: Random, parts: Pieces, who: str) -> str:
    done = _join(_join(*parts.gists, by="; "), _join(parts.help_short, parts.cue_short, by=", "), by=". ")
    others = _join(*(f"{code} {minutes} min: {words}." for code, minutes, words in parts.others))
    replies = list(parts.responses)
    last = replies.pop() if len(replies) > 1 else ""
    return "\n".join(
        line
        for line in (
            f"S: {_sentence(who + ' ' + _clause(parts.subjective))}" if parts.subjective else "",
            f"O: {parts.code} ({parts.minutes} min) {done}. {_sentence(', '.join(replies))}{' ' + others if others else ''}",
            "A: " + _join(_sentence(last), parts.history, _sentence(_progress_to(rng, parts.goal))),
            f"P: {parts.plan} {parts.closing}",
        )
        if line and line != "A: "
    )


def _progress_to(rng: Random, goal: str) -> str:
    label = _label_only(goal)
    return (
        rng.choice((f"progressing toward {label}", f"on track for {label}", f"working on {label}"))
        if label
        else ""
    )


def _bullets(rng: Random, parts: Pieces, who: str) -> str:
    mark = rng.choice(("-", "•", "*"))
    lines = [
        f"{parts.code} - {parts.minutes} min",
        *parts.gists,
        _join(parts.help_short, parts.cue_short, by="; "),
        f"Goal: {_label_only(parts.goal)}" if parts.goal else "",
        *parts.responses,
    ]
    lines += [f"{code} - {minutes} min: {words}" for code, minutes, words in parts.others]
    lines += [parts.plan.rstrip("."), parts.closing]
    return "\n".join(f"{mark} {line}" for line in lines if line)


def _caps(rng: Random, parts: Pieces, who: str) -> str:
    body = _join(
        f"{parts.code} {parts.minutes} MIN.",
        _sentence(_join(*parts.activities, by=", then ")),
        _sentence(_join(parts.help_short, parts.cue_short, by=", ")),
        _sentence(parts.goal),
        *(_sentence(reply) for reply in parts.responses),
        parts.history,
    )
    others = _join(*(f"{code} {minutes} MIN: {words}." for code, minutes, words in parts.others))
    return _join(f"{body}\n{others}" if others else body, parts.plan, parts.closing).upper()


def _running(rng: Random, parts: Pieces, who: str) -> str:
    pieces_of_it = [
        f"{who.lower()} {_clause(parts.subjective)}" if parts.subjective else "",
        rng.choice(("today {who} ", "we did it like this: {who} ", "{who} ")).format(who="pt")
        + " and ".join(parts.activities),
        rng.choice(("{}", "that was {}", "all {}")).format(
            _join(parts.help_short, parts.cue_short, by=" and ")
        )
        if parts.help_short or parts.cue_short
        else "",
        f"this {parts.goal}"
        if parts.goal.startswith("addresses")
        else (f"it is {parts.goal}" if parts.goal else ""),
        *parts.responses,
    ]
    others = [f"{code} {minutes} min {words}" for code, minutes, words in parts.others]
    return (
        ", ".join(each for each in pieces_of_it if each)
        + f" -- {parts.code} {parts.minutes} min"
        + "".join(f"; {each}" for each in others)
        + f". {parts.plan} {parts.closing}"
    )


VOICES = {
    "terse": _terse, "narrative": _narrative, "template": _template, "dictated": _dictated, "soap": _soap, "bullets": _bullets,
    "caps": _caps, "running": _running,
}  # fmt: skip


# --- evaluations and reports ---------------------------------------------------------------------------------------


def evaluation_text(rng: Random, episode: Episode, visit: Visit) -> str:
    """An evaluation with history, prior level, deficits, measures, goals and plan."""
    plan, patient = visit.plan, episode.patient
    lacks = [tasks()[task]["lack"] for task in episode.task_ids]
    measures = "; ".join(
        _measure(name, unit, low) for name, unit, low, _ in conditions()[patient.condition]["measures"]
    )
    goals = "\n".join(f"{goal.label}: {goal.text}." for goal in plan.goals)
    function = "" if episode.impairments_only else f"Function now: patient {'; '.join(lacks)}.\n"
    prior = "" if episode.impairments_only else f"Prior level: {rng.choice(PRIOR)}.\n"
    level = LEVEL_WORDS[episode.level(0)]
    treated = ""
    if "97530" in visit.minutes:
        parts = pieces(rng, episode, visit)
        treated = (
            f"\n97530 {visit.minutes['97530']} min: {'; '.join(parts.gists)}, {parts.help_short}, {parts.cue_short}, {plan.goals[0].label}. "
            + _sentence(", ".join(parts.responses))
        )
    tail = "" if episode.impairments_only else f" Current level for these tasks: {level}."
    code = next(code for code in visit.minutes if code != "97530")
    return (
        f"{rng.choice(('INITIAL EVALUATION', 'Initial evaluation', 'EVALUATION'))} {code} {visit.minutes[code]} min\n"
        f"History: {_condition_words(rng, episode)}, onset {rng.randint(2, 9)} weeks ago. {_sentence(rng.choice(HISTORIES))}\n"
        f"{prior}{function}Measures: {measures}.{tail}\n"
        f"Diagnoses: {', '.join(episode.diagnoses)}. Rehabilitation potential {rng.choice(('good', 'good', 'fair'))}.\n"
        f"Goals:\n{goals}\n"
        f"Plan: {episode.frequency}x/week for {plan.weeks} weeks, {', '.join(plan.interventions)}.{treated}\n{visit.clinician.signature}"
    )


PRIOR = (
    "lived alone and did all housework", "independent with walking and self-care, drove", "lived with spouse, no equipment",
    "worked full time on the feet", "managed stairs and shopping alone", "needed no help with daily tasks", "active, gardened daily",
)  # fmt: skip
HISTORIES = (
    "hypertension, otherwise well", "diabetes type 2, controlled", "atrial fibrillation, anticoagulated", "no relevant history",
    "osteoporosis", "mild hearing loss", "asthma, inhaler at hand", "lives on the second floor without lift",
)  # fmt: skip


def _measure(name: str, unit: str, value: float) -> str:
    return f"{name} {value}{unit}" if unit.startswith(("/", "%")) else f"{name} {value} {unit}".rstrip()


def report_text(rng: Random, episode: Episode, report: Report) -> str:
    """A progress report, recertification or discharge note that holds every element a reviewer asks for."""
    title = {
        "progress_report": "PROGRESS REPORT",
        "recertification": "RECERTIFICATION AND PROGRESS REPORT",
        "discharge": "DISCHARGE NOTE",
    }[report.kind]
    before, after = report.progress
    lines = [
        f"{title} {_long(report.period_from)} - {_long(report.period_to)}, treatment days {report.day_numbers[0]}-{report.day_numbers[1]}"
    ]
    for goal in report.plan.goals:
        if goal.open_on(report.period_from):
            lines.append(_goal_line(rng, episode, goal, report, before, after))
    now = []
    for name, unit, low, high in conditions()[episode.patient.condition]["measures"][:2]:
        was, value = round(low + (high - low) * before), round(low + (high - low) * after)
        now.append(
            f"{_measure(name, unit, was)} ({us(report.period_from)}) -> {_measure(name, unit, value)} ({us(report.period_to)})"
        )
    lines.append(f"Measures: {'; '.join(now)}.")
    lines.append(_assessment(rng, episode, report))
    if report.fault:
        lines = _spoilt(rng, report, lines)
    lines.append(f"{report.author.signature} {_long(report.written_on)}")
    if report.cosigner:
        lines.append(f"Co-signed: {report.cosigner.signature}")
    return "\n".join(lines)


def _spoilt(rng: Random, report: Report, lines: list[str]) -> list[str]:
    """What is left of a report in which something was planted."""
    if report.fault == "empty":
        return [
            lines[0],
            rng.choice(
                (
                    "Continue POC, tolerating well.",
                    "Pt doing well, cont as planned.",
                    "Same plan, good participation.",
                )
            ),
        ]
    if report.fault == "one_goal":
        return [*lines[:2], *lines[-2:]]
    if report.fault == "no_measure":
        named = ", ".join(goal.label for goal in report.plan.goals if goal.open_on(report.period_from))
        return [lines[0], f"{named}: patient is improving with each of these.", lines[-1]]
    if report.fault == "by_assistant":
        return [*lines[:-1], "Data collected by assistant for this period. Continue as planned."]
    if report.fault == "from_chart":
        return [*lines, "Report written from the chart and the assistant's data."]
    return [*lines, "Report delayed, therapist away."] if report.fault == "late" else lines


def _long(day: date) -> str:
    return f"{day.month:02d}/{day.day:02d}/{day.year}"


def _goal_line(rng: Random, episode: Episode, goal: Goal, report: Report, before: float, after: float) -> str:
    if goal.task is None:
        grades = ("3/5", "3+/5", "4-/5", "4/5", "4+/5")
        was, now = grades[round(3 * before)], grades[round(3 * after) + 1]
        return f"{goal.label} ({goal.text}): {was} on {us(report.period_from)}, now {now}; {rng.choice(('improving', 'some progress', 'progressing'))}."
    was, now = episode.level(before), episode.level(after)
    numbers_was, numbers_now = (
        measured(goal.task, slots(goal.task, before)),
        measured(goal.task, slots(goal.task, after)),
    )
    met = goal.status == "met" and goal.status_on is not None and goal.status_on <= report.period_to
    verdict = (
        "met" if met else rng.choice(("progressing", "improved, not yet met", "making progress", "on track"))
    )
    name = tasks()[goal.task]["name"]
    return rng.choice((
        f"{goal.label} ({name}): was {SHORT_LEVELS[was]}, {numbers_was} on {us(report.period_from)}; now {SHORT_LEVELS[now]}, {numbers_now}. Goal {verdict}.",
        f"{goal.label} {name}: {SHORT_LEVELS[was]} -> {SHORT_LEVELS[now]} ({us(report.period_from)} -> {us(report.period_to)}), {numbers_was} -> {numbers_now}; {verdict}.",
        f"{goal.label}, {name}: previously {LEVEL_WORDS[was]} ({numbers_was}), currently {LEVEL_WORDS[now]} ({numbers_now}), {verdict}.",
    ))  # fmt: skip


def _assessment(rng: Random, episode: Episode, report: Report) -> str:
    if report.kind == "discharge":
        return rng.choice((
            "Assessment: improved toward each goal as listed; skilled care no longer needed. Plan: discharge to home program.",
            "Assessment: patient made good progress and manages daily tasks as above. Plan: discharged today with home exercise program.",
            "Assessment: gains hold over the last two weeks. Plan: discharge, follow up with physician as needed.",
        ))  # fmt: skip
    skill = rng.choice((
        "skilled therapy remains necessary to grade the tasks and to correct unsafe technique",
        "needs the skills of a therapist for safe practice at a higher demand",
        "continued skilled care is justified by steady gains and remaining risk at home",
        "therapist's judgment is needed to set the load and watch the response",
    ))  # fmt: skip
    pace = rng.choice(
        (
            "steady progress toward all goals",
            "good progress in this period",
            "slower progress than hoped but improving",
        )
    )
    return f"Assessment: {pace}; {skill}. Plan: continue {episode.frequency}x/week for {rng.randint(2, 6)} weeks toward the open goals."


def missed_text(rng: Random, outcome: str) -> str:
    """A line for a visit that did not take place."""
    if outcome == "no_show":
        return rng.choice(
            (
                "No show, no call. Message left.",
                "Did not arrive; called, no answer.",
                "No show. Will try again tomorrow.",
            )
        )
    return rng.choice((
        "Cancelled by patient, not feeling well.", "Cancelled: ride fell through.", "Family cancelled due to weather.",
        "Cancelled, physician appointment.", "Patient cancelled this morning, will return next scheduled day.",
    ))  # fmt: skip
