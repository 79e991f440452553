"""A spot check in sentences: what was drawn and why, what the review came to, and what differs."""

from collections.abc import Sequence
from typing import Any

from compliance.formats import count, listed, money, percent, plural
from compliance.sampling.agreement import AgainstRules, Agreement, Verdict, against_rules, agreement
from compliance.sampling.bundle import Bundle, Difference
from compliance.sampling.conventions import Limit, conventions
from compliance.sampling.draw import ALGORITHM, Sample
from compliance.sampling.estimates import Interval, NoEstimate, Projection, exact_interval
from compliance.sampling.frame import Criteria, Frame
from compliance.sampling.plan import buys
from compliance.sampling.review import CONFIDENCE, Result, review
from compliance.sampling.sizes import none_shows
from compliance.sampling.spot_check import SpotCheck
from compliance.sampling.worksheet import CANNOT_TELL, ERROR, WRONG, Answer

BASIS = {"paid": "paid", "allowed": "allowed", "amount": "as far as known"}
LISTED = 20
OTHERS = {"ratio": "ratio", "mean_per_unit": "mean per unit"}


def drawn_told(check: SpotCheck) -> list[str]:
    """What was drawn, a line each."""
    sample = check.sample
    return [
        *frame_told(check.frame),
        *buys(check.plan),
        *_strata_told(sample),
        f"Seed {sample.design.seed}; drawn by {ALGORITHM}.",
    ]


def frame_told(frame: Frame) -> list[str]:
    """The population, what was left out, and its hash."""
    dollars = money(frame.cents / 100, cents=True)
    lines = [
        f"Frame: {plural(frame.size, frame.criteria.unit)}, {dollars} {BASIS[frame.criteria.dollars]}"
        f"{_criteria_told(frame.criteria)}."
    ]
    if frame.excluded:
        told = [
            f"{plural(each.lines, 'line')} {each.reason} ({money(each.cents / 100, cents=True)})"
            for each in frame.excluded
        ]
        lines.append(f"Left out: {'; '.join(told)}.")
    return [*lines, f"SHA-256 of the frame: {frame.sha256}"]


def _criteria_told(criteria: Criteria) -> str:
    asked = [
        f"{name} {', '.join(values)}"
        for name, values in (
            ("payer", criteria.payers),
            ("therapist", criteria.therapists),
            ("clinic", criteria.clinics),
            ("code", criteria.codes),
        )
        if values
    ]
    asked += [f"from {criteria.since}"] if criteria.since else []
    asked += [f"to {criteria.until}"] if criteria.until else []
    return f"; {'; '.join(asked)}" if asked else ""


def _strata_told(sample: Sample) -> list[str]:
    if len(sample.strata) == 1:
        return []
    how = "by Neyman's allocation" if sample.design.allocation == "neyman" else "in proportion"
    return [f"{len(sample.strata)} strata by {sample.design.strata_by}, {how}:"] + [
        f"  {each.name}: {count(each.drawn)} of {count(each.population)} "
        f"({money(each.cents / 100, cents=True)})"
        for each in sample.strata
    ]


def review_told(bundle: Bundle, answers: Sequence[Answer], second: Sequence[Answer] | None) -> list[str]:
    """Everything that a reviewed sample says, a line each."""
    lines = sample_told(bundle.sample, bundle.unit, bundle.confidence, answers)
    if second is not None:
        lines += reviewers_told(agreement(answers, second))
    return lines + rules_told(against_rules(answers, bundle.verdicts))


def sample_told(sample: Sample, unit: str, confidence: float, answers: Sequence[Answer]) -> list[str]:
    """What a sample with an answer for each unit comes to; `confidence` is that with which it was planned."""
    result = review(sample, answers)
    lines = result_told(result, unit)
    if not result.errors and len(result.strata) == 1 and result.reviewed < result.population:
        lines.insert(2, _none_told(result, confidence))
    return lines


def _none_told(result: Result, confidence: float) -> str:
    """What a simple sample without an error shows, at the confidence that it was planned with."""
    share = percent(none_shows(result.reviewed, confidence, result.population))
    sure = f"{100 * confidence:g} % confident that fewer than {share} of all are"
    untold = result.answers.get("cannot tell", 0)
    if untold == result.reviewed:
        return "None could be told: the sample shows nothing."
    if untold:
        return f"None of those told is wrong; only if the {count(untold)} not told are right too may you be {sure}."
    return f"None is wrong: you may be {sure}."


def result_told(result: Result, unit: str) -> list[str]:
    """What the review came to, a line each."""
    lines = [
        f"Reviewed {count(result.reviewed)} of {plural(result.population, unit)} "
        f"({money(result.sample_cents / 100, cents=True)} of {money(result.frame_cents / 100, cents=True)}).",
        _errors_told(result),
    ]
    if missing := result.answers.get("missing"):
        lines.append(f"{plural(missing, 'record')} missing: counted as wrong in full, and not replaced.")
    if untold := result.answers.get("cannot tell"):
        lines.append(
            f"Were all that could not be told wrong: "
            f"{_at_most(result, untold)}, and {money(result.net_cents_at_most / 100, cents=True)} net."
        )
    lines.append(_net_told(result))
    return [*lines, *_strata_results(result), *_projections_told(result)]


def _at_most(result: Result, untold: int) -> str:
    """The error rate if all that could not be told were wrong, of a simple sample with its exact interval."""
    if len(result.strata) > 1 or result.reviewed == result.population:
        return percent(result.rate_at_most)
    confidence = result.rate.confidence if isinstance(result.rate, Interval) else CONFIDENCE
    return _exact(exact_interval(result.errors + untold, result.reviewed, confidence))


def _errors_told(result: Result) -> str:
    untold = result.answers.get(CANNOT_TELL, 0)
    begins = f"{count(result.errors)} of {count(result.reviewed)} are wrong"
    if untold:
        begins += f", {count(untold)} could not be told and count as right"
    if isinstance(result.rate, NoEstimate):
        return f"{begins}. No interval for all: {result.rate.because}."
    told, exact = result.rate, len(result.strata) == 1
    share = f"{begins}: {percent(told.share)}"
    if result.reviewed == result.population:
        return f"{share} of all, since all were reviewed."
    weighted = "" if exact else " of all, weighted by strata"
    way = "exact" if exact else "normal"
    sure = f"{100 * told.confidence:g} %"
    return (
        f"{share}{weighted} ({sure} interval {percent(told.low)} to {percent(told.high)}, {way}; one-sided {sure} limits: "
        f"at least {percent(told.lower)}, at most {percent(told.upper)})."
    )


def _net_told(result: Result) -> str:
    net, over, under = (
        money(each / 100, cents=True)
        for each in (abs(result.net_cents), result.overpaid_cents, result.underpaid_cents)
    )
    if not result.overpaid_cents and not result.underpaid_cents:
        known = "known to be " if result.answers.get(CANNOT_TELL) else ""
        return f"No dollars are {known}in error in the sample."
    way = "overpaid" if result.net_cents >= 0 else "underpaid"
    rate = "" if result.net_rate is None else f", {percent(abs(result.net_rate))} of its dollars"
    return f"Net error of the sample: {net} {way}{rate} ({over} over, {under} under)."


def _strata_results(result: Result) -> list[str]:
    if len(result.strata) == 1:
        return []
    lines = []
    for each in result.strata:
        rate = f", {_exact(each.rate)}" if each.rate else ""
        lines.append(
            f"  {each.name}: {count(each.errors)} of {count(each.reviewed)} wrong{rate}; "
            f"net {money(each.net_cents / 100, cents=True)}; {plural(each.population, 'unit')} in all"
        )
    return lines


def _exact(rate: Interval) -> str:
    return f"{percent(rate.share)} (exact {100 * rate.confidence:g} % interval {percent(rate.low)} to {percent(rate.high)})"


def _projections_told(result: Result) -> list[str]:
    told = result.projections["difference"]
    if isinstance(told, NoEstimate):
        return [f"No projection of dollars: {told.because}."]
    if result.reviewed == result.population:
        return ["All were reviewed: the net error is the whole, and nothing is projected."]
    precision = (
        "" if told.precision is None else f", ± {percent(told.precision)} at {100 * told.confidence:g} %"
    )
    lines = [
        f"Projected overpayment of the frame: {_money(told.point)}{precision} "
        f"(difference estimator, {told.quantiles}; interval {_money(told.low)} to {_money(told.high)}).",
    ]
    for name, cents in (("two_sided", told.low), ("one_sided", told.lower)):
        limit = conventions().limit(name)
        lines.append(f"  {_limit_told(limit)}: {_money(cents)}{_unverified(limit)}")
    if not told.standard_error:
        lines.append(
            "  All reviewed units of a stratum differ by the same dollars: limits without width say nothing of the others."
            if len(result.strata) > 1
            else "  All reviewed units differ by the same dollars: limits without width say nothing of the others."
        )
    if told.low < 0:
        lines.append("  A lower limit below zero shows no overpayment with that confidence.")
    beside = [
        f"{said} {_money(each.point)} (lower limits {_money(each.low)}, {_money(each.lower)})"
        for name, said in OTHERS.items()
        if isinstance(each := result.projections[name], Projection)
    ]
    lines.append(f"  Other estimators: {'; '.join(beside)}.")
    lines += [
        f"  {each.says}: this sample has {count(result.reviewed)}."
        for each in conventions().least_units
        if result.reviewed < each.units
    ]
    return lines


def _limit_told(limit: Limit) -> str:
    return f"{limit.used_by}, {limit.says}"


def _unverified(limit: Limit) -> str:
    return "" if limit.verified is True else " (convention unverified)"


def _money(cents: float) -> str:
    return money(round(cents / 100, 2) + 0.0, cents=True)


def reviewers_told(told: Agreement) -> list[str]:
    """How far two reviewers agree, and where they do not."""
    kappa = (
        "Cohen's kappa has no value: both gave one and the same answer throughout"
        if told.kappa is None
        else f"Cohen's kappa {told.kappa:.2f}"
    )
    lines = [
        f"Two reviewers agree on {count(told.same)} of {count(told.units)}; {kappa}. The first one's answers are estimated."
    ]
    return (
        lines
        + [f"  {unit}: {one}, {two}" for unit, one, two in _first(told.differing)]
        + _rest(told.differing)
    )


def rules_told(told: AgainstRules) -> list[str]:
    """Where the auditor and the rules differ."""
    lines = [
        f"Against the rules: {count(told.both)} wrong and {count(told.neither)} ok by both; "
        f"{count(len(told.missed))} wrong that the rules missed, {count(len(told.false_alarms))} ok that they flagged; "
        f"{count(told.untold)} that one of them could not tell."
    ]
    for name, units in (("missed", told.missed), ("flagged", told.false_alarms)):
        lines += [f"  {name}: {unit}" for unit in _first(units)] + _rest(units)
    return lines


def compared_told(answer: Answer, verdict: Verdict) -> str:
    """An auditor's answer beside the rules' verdict, in one sentence."""
    rules = f" ({listed(verdict.rules)})" if verdict.rules else ""
    if CANNOT_TELL in (answer.answer, verdict.verdict):
        who = "You" if answer.answer == CANNOT_TELL else "The rules"
        return f"{who} could not tell: nothing to compare. The rules' verdict: {verdict.verdict}{rules}."
    wrong, flagged = answer.answer in WRONG, verdict.verdict == ERROR
    if wrong and flagged:
        return f"You and the rules agree that it is wrong{rules}."
    if wrong:
        return "You found an error that the rules did not: missed by the rules."
    return (
        f"You found it right and the rules did not{rules}: a false alarm, if you are right."
        if flagged
        else "You and the rules agree that it is right."
    )


def verified_told(differences: Sequence[Difference], made_by: str, here: str) -> list[str]:
    """What verifying a bundle found."""
    if not differences:
        lines = [
            "The bundle is whole: hashes, draw, worksheet and estimate follow from its frame, plan and answers."
        ]
    else:
        lines = ["The bundle does not hold:", *(f"  {each.part} {each.because}" for each in differences)]
    if made_by != here:
        lines.append(f"It was made by version {made_by}; this is version {here}.")
    return lines


def _first(each: Sequence[Any]) -> Sequence[Any]:
    return each[:LISTED]


def _rest(each: Sequence[object]) -> list[str]:
    return [f"  … and {len(each) - LISTED:,} more"] if len(each) > LISTED else []
