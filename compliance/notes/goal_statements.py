"""Where a note repeats what a goal says: words after the goal's label that state the aim, not what was done."""

from compliance.notes.frame import SENTENCE_ENDS, Frame
from compliance.notes.words import Word, number_of

_BEFORE_LABEL = frozenset({"goal", "goals", "–", "•", "("})
_TIME_BEGINS = frozenset({"in", "within", "by", "x", "over"})
_TIME_UNITS = frozenset({"wk", "wks", "week", "weeks", "mo", "month", "months", "visits", "sessions"})
_AIMS = frozenset({"carry", "ascend", "descend", "negotiate", "ambulate", "bathe", "retrieve", "prepare", "return", "perform",
                   "complete", "improve", "increase", "demonstrate", "manage"})  # fmt: skip
"""Verbs in the form that goals have, and that name no activity by themselves, as "sit to stand" or "reach" would."""
_LONGEST = 40
_WORKED = frozenset({"reps", "rep", "sets", "trials", "trial", "tries", "attempts", "today", "now", "pain", "fatigue", "cues",
                     "cue", "vc", "vcs", "tc", "tcs", "rest", "rpe", "lob", "hr", "→", "with", "w/", "while", "working",
                     "practice", "training", "progress", "progressing", "met", "needs", "did", "using", "then"})  # fmt: skip
_LEVELS = frozenset({"cga", "sba", "min", "mod", "max", "mina", "moda", "maxa", "supervision", "supv", "hha", "i", "indep",
                     "independent", "assist", "a", "ind", "dep", "%"})  # fmt: skip


def goal_statement(note: list[Word], around: Frame, first: int, last: int, beside: bool) -> range:
    """The places after the label `first` to `last` that state its goal; none where they may tell what was done.

    A goal is stated where a sentence begins with its label and holds its time ("LTG 2 toilet transfers mod I in 4
    weeks"), or where, `beside` other treatment, a verb as goals use it follows the colon ("LTG 1: carry 10 lb up 12
    steps"). Counts, cues, what was felt and verbs of the past tell of work.
    """
    sentence, begins = around.sentence[first], first
    while begins and around.sentence[begins - 1] == sentence and note[begins - 1].spelling in _BEFORE_LABEL:
        begins -= 1
    if begins and around.sentence[begins - 1] == sentence:
        return range(last, last)
    end = last
    while end < len(note) and around.sentence[end] == sentence and note[end].spelling not in SENTENCE_ENDS:
        end += 1
    said = [word.spelling for word in note[last:end]]
    if len(said) > _LONGEST or _tells_work(said):
        return range(last, last)
    aims = beside and said[:1] == [":"] and len(said) > 1 and said[1] in _AIMS and not _LEVELS & set(said)
    return range(last, end if aims or _bears_time(said) else last)


def _bears_time(said: list[str]) -> bool:
    """Whether a time to come stands there: "in 4 weeks", "within 8 visits"."""
    return any(
        opens in _TIME_BEGINS and number_of(count) is not None and unit in _TIME_UNITS
        for opens, count, unit in zip(said, said[1:], said[2:], strict=False)
    )


def _tells_work(said: list[str]) -> bool:
    """Whether the words count, cue, compare or tell of the past."""
    counted = any(
        (one == "x" and number_of(other) is not None and third not in _TIME_UNITS)
        or (number_of(one) is not None and other == "x")
        for one, other, third in zip(said, [*said[1:], ""], [*said[2:], "", ""], strict=False)
    )
    return counted or any(
        word in _WORKED or (word.endswith("ed") and len(word) > len("need")) for word in said
    )
