"""Eight voices: terse, narrative, templated, dictated, SOAP, bullets, all capitals, and one long running sentence."""

from collections.abc import Callable, Iterable
from random import Random

from compliance.synth.wording import Pieces, sentence

TITLES = {
    "97530": "Therapeutic Activities",
    "97110": "Therapeutic Exercise",
    "97112": "Neuromuscular Re-education",
    "97140": "Manual Therapy",
    "97116": "Gait Training",
    "97535": "Self-Care/Home Management",
    "92507": "Speech Treatment",
    "92526": "Swallowing Treatment",
}


def note_text(rng: Random, voice: str, parts: Pieces) -> str:
    """The parts of a note in one of the voices."""
    return VOICES[voice](rng, parts).strip()


def _join(*words: str, by: str = " ") -> str:
    return by.join(word for word in words if word)


def _sentences(words: Iterable[str]) -> str:
    return _join(*(sentence(each) for each in words))


def _help(parts: Pieces, by: str = ", ") -> str:
    return _join(parts.help_short, parts.cue_short, by=by)


def _end(parts: Pieces) -> str:
    return _join(parts.history, parts.remark, parts.plan, parts.signature)


def _terse(rng: Random, parts: Pieces) -> str:
    head = rng.choice(
        (
            f"{parts.code} {parts.minutes} min",
            f"{parts.code} x{parts.minutes} min",
            f"{parts.minutes}' {parts.code}",
        )
    )
    goal = parts.goal and rng.choice((parts.goal, f"for {parts.goal}", f"-> {parts.goal}"))
    replies = sentence(", ".join(parts.responses))
    body = _join(_join("; ".join(parts.gists), _help(parts), goal, by=". ") + ".", replies)
    others = [f"{code} {minutes} min: {words}." for code, minutes, words in parts.others]
    first = f"{head}: {body}"
    ordered = [*others, first] if rng.random() < 0.3 else [first, *others]
    return _join(*ordered, _end(parts), by=rng.choice((" ", "\n")))


def _narrative(rng: Random, parts: Pieces) -> str:
    opening = f"Seen for {parts.condition}."
    if parts.subjective:
        opening = rng.choice((
            f"Seen for {parts.condition}. Patient {parts.subjective}.",
            f"Patient, seen for {parts.condition}, {parts.subjective}.",
            f"Today the patient {parts.subjective}.",
        ))  # fmt: skip
    title = TITLES[parts.code].lower()
    lead = rng.choice((
        f"In {title} ({parts.code}, {parts.minutes} minutes) the patient",
        f"We spent {parts.minutes} minutes on {title} ({parts.code}) in which the patient",
        f"For {parts.minutes} minutes of {title} ({parts.code}) the patient",
    ))  # fmt: skip
    helped = _join(parts.help_long, parts.cue_long and f"with {parts.cue_long}", by=" and ")
    done = sentence(_join(f"{lead} {' and then '.join(parts.activities)}", helped, by=", "))
    goal = parts.goal and rng.choice(
        (
            f"This work is toward {parts.goal}.",
            f"The task was chosen for {parts.goal}.",
            f"Addresses {parts.goal}.",
        )
    )
    others = _join(*(
        rng.choice(("Separately, {} minutes of {}: {}.", "Also {} minutes of {}: {}.")).format(minutes, code, words)
        for code, minutes, words in parts.others
    ))  # fmt: skip
    return _join(
        opening,
        done,
        goal,
        parts.skill,
        _sentences(parts.responses),
        parts.history,
        others,
        parts.remark,
        parts.plan,
        parts.signature,
    )


def _template(rng: Random, parts: Pieces) -> str:
    lines = [
        "DAILY TREATMENT NOTE",
        f"Dx: {parts.condition}",
        parts.subjective and f"Subjective: Patient {parts.subjective}.",
        f"{TITLES[parts.code]} ({parts.code}): {parts.minutes} min",
        f"  Activity: {'; '.join(parts.gists)}",
        parts.help_short and f"  Assist level: {parts.help_short}",
        parts.cue_short and f"  Cues: {parts.cue_short}",
        parts.goal and f"  Goal addressed: {parts.goal}",
        f"Patient response: {sentence('; '.join(parts.responses))}" if parts.responses else "",
        *(
            f"{TITLES[code]} ({code}): {minutes} min\n  {sentence(words)}"
            for code, minutes, words in parts.others
        ),
        parts.history and f"Comparison: {parts.history}",
        parts.remark and f"Comment: {parts.remark}",
        f"Plan: {parts.plan.removeprefix('Plan: ')}",
        f"Electronically signed: {parts.signature}",
    ]
    return _join(*lines, by="\n")


def _dictated(rng: Random, parts: Pieces) -> str:
    said = [
        f"{parts.code} for {parts.minutes} minutes patient {' then '.join(parts.activities)}",
        _join(parts.help_long and f"this was {parts.help_long}", parts.cue_long, by=" comma "),
        " comma ".join(parts.responses),
        parts.goal and rng.choice((f"this is for {parts.goal}", f"goal addressed {parts.goal}")),
        *(f"{code} {minutes} minutes {words}" for code, minutes, words in parts.others),
        parts.history.rstrip("."),
        parts.remark.rstrip("."),
        parts.plan.rstrip("."),
    ]
    spoken = ". ".join(each[0].lower() + each[1:] for each in said if each)
    return f"{spoken}. new line {parts.signature}"


def _soap(rng: Random, parts: Pieces) -> str:
    who = rng.choice(("Pt", "Patient"))
    done = _join("; ".join(parts.gists), _help(parts), by=". ")
    others = _join(*(f"{code} {minutes} min: {words}." for code, minutes, words in parts.others))
    replies = list(parts.responses)
    last = replies.pop() if len(replies) > 1 else ""
    goal = parts.goal and rng.choice(
        (f"Progressing toward {parts.goal}.", f"On track for {parts.goal}.", f"Working on {parts.goal}.")
    )
    assessed = _join(sentence(last), parts.history, goal, parts.remark)
    lines: list[str] = [
        parts.subjective and f"S: {who} {parts.subjective}.",
        _join(f"O: {parts.code} ({parts.minutes} min) {done}.", sentence(", ".join(replies)), others),
        assessed and f"A: {assessed}",
        f"P: {_join(parts.plan, parts.signature)}",
    ]
    return _join(*lines, by="\n")


def _bullets(rng: Random, parts: Pieces) -> str:
    mark = rng.choice(("-", "•", "*"))
    lines = [
        f"{parts.code} - {parts.minutes} min",
        *parts.gists,
        _help(parts, by="; "),
        parts.goal and f"Goal: {parts.goal}",
        *parts.responses,
        *(f"{code} - {minutes} min: {words}" for code, minutes, words in parts.others),
        parts.history,
        parts.remark,
        parts.plan,
        parts.signature,
    ]
    return "\n".join(f"{mark} {line}" for line in lines if line)


def _caps(rng: Random, parts: Pieces) -> str:
    goal = parts.goal and rng.choice((f"FOR {parts.goal}.", f"{parts.goal}.", f"GOAL: {parts.goal}."))
    body = _join(
        f"{parts.code} {parts.minutes} MIN.",
        sentence(", then ".join(parts.activities)),
        sentence(_help(parts)),
        goal,
        _sentences(parts.responses),
        parts.history,
    )
    others = _join(*(f"{code} {minutes} MIN: {words}." for code, minutes, words in parts.others))
    tail = _join(parts.remark, parts.plan, parts.signature)
    return _join(body, others, tail, by=rng.choice(("\n", " "))).upper()


def _running(rng: Random, parts: Pieces) -> str:
    opening = rng.choice(("today pt ", "we did it like this: pt ", "pt "))
    said = [
        opening + " and ".join(parts.activities),
        _help(parts, by=" and ")
        and rng.choice(("{}", "that was {}", "all {}")).format(_help(parts, by=" and ")),
        parts.goal and rng.choice((f"it is for {parts.goal}", f"working on {parts.goal}")),
        *parts.responses,
    ]
    others = [f"{code} {minutes} min {words}" for code, minutes, words in parts.others]
    first = f"{', '.join(each for each in said if each)} -- {parts.code} {parts.minutes} min"
    told = parts.subjective and f"pt {parts.subjective}."
    return _join(*(sentence(each) for each in others), told, f"{first}.", _end(parts))


VOICES: dict[str, Callable[[Random, Pieces], str]] = {
    "terse": _terse,
    "narrative": _narrative,
    "template": _template,
    "dictated": _dictated,
    "soap": _soap,
    "bullets": _bullets,
    "caps": _caps,
    "running": _running,
}
