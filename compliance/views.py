"""What the pages show, as frames: root causes, families, the overview's sentence, what an export lacks.

Pure: an audit and its filtered parts in, Polars frames and plain sentences out. `compliance.risk` holds the statistics.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import polars as pl
from scipy.special import gammaincinv

from compliance import formats, risk
from compliance.audit import LINE_ITEMS, VISIT, Audit, counted, without
from compliance.chart_theme import SEVERITIES, SEVERITY_SIGNS
from compliance.charts import STANDING_WORDS
from compliance.checks.rule import Rule, catalogue
from compliance.findings import FINDING_SCHEMA
from compliance.missing_facts import in_words
from compliance.prebill import released_untold
from compliance.records.load import LoadReport, Notice
from compliance.review.worklist import SINGLE, gathered
from compliance.rulebook import FAMILIES, by_family, owner_of
from compliance.whatif import Difference

REAL = pl.col("severity") != "info"
Called = Callable[[str, str | None], str]
"""What the id of a column (`therapist_id`) is called on screen or paper."""
SUBJECT_WORDS = {
    "line": "line", "note": "note", "plan": "plan of care", "goal": "goal", "claim": "claim",
    "authorization": "authorization", "patient_day": "patient day", "patient_month": "patient month",
    "period": "report period", "therapist_day": "therapist day", "therapist": "therapist", "payer": "payer",
}  # fmt: skip
SHORT_FAMILIES = {
    "POC": "Plan of care", "SUP": "Supervision", "MOD": "Modifiers, threshold", "DOC": "Documentation, goals",
    "CON": "One-on-one, groups", "FRQ": "Frequency and limits", "RTM": "Remote monitoring", "INT": "Record and claim",
    "PAY": "Payment, denials", "AUD": "Overpayments",
}  # fmt: skip
"""Names of families that fit beside a bar; others are named as in the rule book."""
NONE_DISMISSED = pl.DataFrame(schema=dict.fromkeys(("finding_id", "reason", "person", "at"), pl.String))
CROWDED = 20
"""More columns than these are no picture any more: a heat map then shows families."""


@dataclass(frozen=True)
class Narrowed:
    """An audit under the page's filters: `audit` holds only what they let through, `shares` its dollars.

    `dismissed` are the findings let through that reviewers dismissed, with reason, person and at; all else leaves them out,
    unless `counts_dismissed`.
    """

    audit: Audit
    shares: pl.DataFrame
    valued: pl.DataFrame
    dismissed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FINDING_SCHEMA))
    counts_dismissed: bool = False


def narrowed(
    whole: Audit,
    apply: Any,
    apply_to_lines: Any | None = None,
    dismissed: pl.DataFrame | None = None,
    counts_dismissed: bool = False,
    leave_out: Callable[[Audit, Sequence[str]], Audit] = without,
) -> Narrowed:
    """The audit under filters. `apply` takes a frame and returns the rows let through.

    Visits count only the findings let through, and dollars are attributed among them. `apply_to_lines` (as `apply`,
    but for the therapists) lets through the lines of which those of the visits stay: claims often name the
    supervisor, or nobody, where an assistant treated. `dismissed` is `review.dismissals`: these findings are left out,
    or told apart and counted all the same. `leave_out` is `audit.without`, or remembers what it made.
    """
    told = NONE_DISMISSED if dismissed is None else dismissed
    left_out = apply(whole.findings.join(told, on="finding_id", maintain_order="left"))
    if not counts_dismissed:
        whole = leave_out(whole, told["finding_id"].to_list())
    found = apply(whole.findings)
    visits = apply(whole.visits)
    coverage = apply(whole.coverage)
    lines = apply(whole.lines)
    if apply_to_lines is not None:
        of_visits = apply_to_lines(whole.lines).join(
            visits.select(VISIT), on=VISIT, how="semi", maintain_order="left"
        )
        lines = pl.concat([lines, of_visits]).unique(["claim_id", "line"], maintain_order=True)
    touched = whole.touched.join(found.select("finding_id"), on="finding_id", how="semi")
    visits = counted(visits, touched)
    shares = risk.at_risk(found, whole.lines)
    audit = replace(whole, findings=found, visits=visits, lines=lines, coverage=coverage, touched=touched)
    return Narrowed(audit, shares, risk.with_dollars(found, shares), left_out, counts_dismissed)


def dismissed_sentence(view: Narrowed) -> str:
    """Whether findings that reviewers dismissed are in the figures, for the end of a page's sentence; nothing of none."""
    return dismissed_words(view.dismissed.height, view.counts_dismissed)


def dismissed_words(number: int, counted: bool) -> str:
    """` 12 findings that reviewers dismissed are left out.`, or are counted; nothing of none."""
    if not number:
        return ""
    verb = "is" if number == 1 else "are"
    return f" {formats.plural(number, 'finding')} that reviewers dismissed {verb} {'counted' if counted else 'left out'}."


def unverified() -> pl.Expr:
    """Whether a finding rests on a value of a policy that nobody has held against its source, as its evidence says."""
    # a quotation mark within a note's words has a backslash before it, so that no note says this
    return pl.col("evidence").str.contains('"verified": false', literal=True)


def unverified_sentence(view: Narrowed) -> str:
    """How much of the dollars at risk rests on unverified values; nothing where none do."""
    whole = float(view.valued["dollars"].sum())
    part = float(view.valued.filter(unverified())["dollars"].sum())
    if formats.money(part) == formats.money(0.0):
        return ""
    told = (
        f"All of the {formats.money(whole)}"
        if part == whole
        else f"{formats.money(part)} of the {formats.money(whole)}"
    )
    return f"{told} at risk rests on a value that nobody has verified yet or that is a default of ours."


def reviewed_in_part(view: Narrowed, what: str) -> str:
    """A warning to compare `what` (weeks, therapists) with care where dismissed findings are left out; nothing of none.

    Reviewers do not look at everything alike: what they have not seen yet still holds findings that they would dismiss.
    """
    if view.dismissed.is_empty() or view.counts_dismissed:
        return ""
    return f" Dismissed findings left only the {what} that reviewers have looked at; the others may still hold some."


def listable(view: Narrowed) -> pl.DataFrame:
    """All findings under the filters with `dollars`, those left out at none; `standing` where any was dismissed."""
    if view.dismissed.is_empty():
        return view.valued
    left_out = view.dismissed.with_columns(dollars=pl.lit(0.0)).select(view.valued.columns)
    every = view.valued if view.counts_dismissed else pl.concat([view.valued, left_out])
    gone = pl.col("finding_id").is_in(view.dismissed["finding_id"].implode())
    return every.with_columns(standing=pl.when(gone).then(pl.lit("dismissed")).otherwise(pl.lit("")))


def with_dismissed(view: Narrowed) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All findings under the filters with `dollars`, and their shares of lines: those left out share among themselves."""
    if view.counts_dismissed:
        return view.valued, view.shares
    shares = risk.at_risk(view.dismissed, view.audit.lines)
    left_out = risk.with_dollars(view.dismissed, shares).select(view.valued.columns)
    return pl.concat([view.valued, left_out]), pl.concat([view.shares, shares])


def overview_sentence(figures: Mapping[str, float]) -> str:
    """What was loaded and what was found, in one sentence with the numbers in it."""
    return (
        f"{formats.plural(int(figures['visits']), 'visit')} on {formats.plural(int(figures['claims']), 'claim')}: "
        f"{formats.plural(int(figures['findings']), 'finding')} on "
        f"{formats.plural(int(figures['claims_hit']), 'claim')}, "
        f"{formats.money(figures['dollars'])} at risk{worth_knowing(figures)}."
    )


def worth_knowing(figures: Mapping[str, float]) -> str:
    """`; 7 more worth knowing; 81 values of payers to look up`: findings of severity info, which no other figure counts."""
    return formats.worth_knowing(int(figures["info"]), int(figures["unread"]))


def unknowns_sentence(result: Audit, visits: int) -> str:
    """What could not be told, and the facts that were missing most often; before it, the rules that did not run."""
    told = result.coverage.group_by("missing").agg(pl.col("cannot_tell").sum()).drop_nulls("missing")
    told = told.filter(pl.col("cannot_tell") > 0)
    idle = _not_run_sentence(result)
    if told.is_empty():
        if result.visits.is_empty() and result.lines.is_empty():
            return "No visit or claim was checked under these filters."
        had = "Every check on these visits had the facts that it needs."
        return f"{idle} The others had the facts that they need." if idle else had
    top = told.sort(["cannot_tell", "missing"], descending=[True, False]).head(3)
    facts = ", ".join(in_words(fact) for fact in top["missing"])
    more = " and others" if told.height > top.height else ""
    checks = formats.plural(int(told["cannot_tell"].sum()), "check")
    if not visits:
        return f"{idle} {checks} could not be told: {facts}{more} missing.".strip()
    partly = formats.plural(visits, "visit")
    return f"{idle} {partly} could not be checked in full ({checks}): {facts}{more} missing.".strip()


def _not_run_sentence(result: Audit) -> str:
    """`14 of 21 rules did not run: text of the note missing.`, or nothing."""
    if not result.not_run:
        return ""
    lacks = list(dict.fromkeys(in_words(lack.lacks) for lack in result.not_run))
    more = " and others" if len(lacks) > _LACKS_SHOWN else ""
    of = len(result.rules)
    return (
        f"{len(result.not_run)} of {of} rules did not run: {', '.join(lacks[:_LACKS_SHOWN])}{more} missing."
    )


_LACKS_SHOWN = 3


def against(now: Mapping[str, float], before: Mapping[str, float], since: date, until: date) -> str:
    """How dollars at risk per visit changed against earlier days: `-12.4 % per visit against Jan 1 – Mar 31, 2026`.

    By visit, for two periods seldom hold as many. The sign comes first: the tile draws its arrow from it.
    """
    days = formats.span(since, until)
    if not (now["visits"] and before["visits"]):
        return f"no visits to compare, {days}"
    was, is_now = before["dollars"] / before["visits"], now["dollars"] / now["visits"]
    if not was:
        return f"{formats.money(before['dollars'])} {days}"
    change = is_now / was - 1
    sign = "-" if change < 0 else "+"
    return f"{sign}{formats.percent(abs(change))} per visit against {days}"


def per_hundred(n: int, of: int) -> tuple[float, float, float] | None:
    """Findings per 100 with their exact 95 % Poisson interval (one visit can have several); None of nothing."""
    if not of:
        return None
    # a quantile of chi-square with 2k degrees of freedom is twice one of the gamma distribution of shape k
    low = float(gammaincinv(n, 0.025)) if n else 0.0
    return 100 * n / of, 100 * low / of, 100 * float(gammaincinv(n + 1, 0.975)) / of


def root_causes(valued: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """What to fix first: one row a cause, by dollars, then by findings.

    One unsigned plan or one overdue report is one cause, however many lines it puts at risk; findings of single
    lines and notes are gathered by rule and therapist. Columns: as `gathered`, and finding_id (of the largest).
    """
    work = valued.filter(REAL).with_columns(change=pl.lit("same"))
    return gathered(work, shares, "cause", "dollars").with_columns(finding_id=pl.col("ids").list.first())


def by_severity(valued: pl.DataFrame, key: str, every: pl.Series | None = None) -> pl.DataFrame:
    """Dollars (each line once) and findings per `key` and severity; key may be `family` (the rule's, its code).

    Keys of `every` without a finding get a row of zeros, so that charts side by side have the same rows.
    """
    if key == "family":
        valued = valued.with_columns(family=pl.col("rule").str.split("-").list.first())
    counted = valued.group_by(key, "severity").agg(
        dollars=pl.col("dollars").sum(), findings=pl.len().cast(pl.Int64)
    )
    if every is not None:
        without = every.filter(~every.is_in(counted[key].implode(), nulls_equal=True)).to_frame(key)
        nothing = without.with_columns(
            severity=pl.lit("medium"), dollars=pl.lit(0.0), findings=pl.lit(0, pl.Int64)
        )
        counted = pl.concat([counted, nothing])
    return counted.sort(key, "severity")


def drawn_by(severities: pl.DataFrame) -> str:
    """What bars of `by_severity` measure: `dollars`, or `findings` where none puts dollars at risk."""
    return "dollars" if float(severities["dollars"].sum()) else "findings"


def payers_title(severities: pl.DataFrame) -> str:
    """What bars of `by_severity` by payer measure."""
    dollars = drawn_by(severities) == "dollars"
    return "Dollars at risk by payer" if dollars else "Findings by payer: none puts dollars at risk"


def severity_sheet(severities: pl.DataFrame, key: str) -> pl.DataFrame:
    """What bars of `by_severity` draw, in their order: the longest bar first, in it the worst severity first."""
    value = drawn_by(severities)
    place = pl.col("severity").replace_strict({each: at for at, each in enumerate(SEVERITIES)})
    return severities.filter(pl.col(value) > 0).sort(
        pl.col(value).sum().over(key), key, place, descending=[True, False, False]
    )


def family_titles() -> dict[str, str]:
    """Families of rules by their code, in words that fit beside a bar."""
    return FAMILIES | SHORT_FAMILIES


def families_title(families: pl.DataFrame) -> str:
    """What the bars by family say."""
    sums = families.group_by("family").agg(pl.col("dollars", "findings").sum())
    top = sums.sort(["dollars", "findings", "family"], descending=[True, True, False]).row(0, named=True)
    name = family_titles().get(top["family"], top["family"])
    return f"{name}: most at risk" if top["dollars"] else f"{name}: most findings, no dollars"


def weeks_title(weeks: pl.DataFrame) -> str:
    """What the p-chart says: how many complete weeks lie outside its limits."""
    if weeks.is_empty():
        return "No checked visit in any week"
    complete = weeks.filter(~pl.col("incomplete"))
    above = complete.filter(pl.col("standing") == "outside").height
    below = complete.filter(pl.col("standing") == "below").height
    if not above and not below:
        return "No week is outside what chance explains"
    low = formats.count(below) if above else formats.plural(below, "week")
    told = [f"{formats.plural(above, 'week')} above" if above else "", f"{low} below" if below else ""]
    return f"{' and '.join(filter(None, told))} what chance explains"


def better_sentence(weeks: pl.DataFrame, baseline_until: date | None) -> str:
    """Whether weeks since the baseline lie below it: counts of weeks, never a trend read into noise."""
    complete = weeks.filter(~pl.col("incomplete"))
    began = pl.col("week").dt.date() < baseline_until if baseline_until else pl.lit(True)
    before, after = weeks.filter(began), complete.filter(~began)
    if baseline_until is None or after.is_empty():
        return weeks_title(weeks)
    if before.is_empty():
        return f"No week lies before {formats.day(baseline_until)}: nothing to compare with"
    below = after.filter(pl.col("share") < pl.col("centre")).height
    told = f"{below} of {formats.plural(after.height, 'week')} below the baseline"
    return f"{_of_weeks(before)} before, {_of_weeks(after)} since: {told}, {_beyond(after)}"


def _of_weeks(weeks: pl.DataFrame) -> str:
    """The rate of weeks together, with n, N and its interval."""
    told = risk.rate(int(weeks["n"].sum()), int(weeks["of"].sum()))
    return formats.rate(told.n, told.of, told.low, told.high)


def _beyond(weeks: pl.DataFrame) -> str:
    """How many weeks lie outside the limits, on either side."""
    sides = {"better": "below", "worse": "outside"}
    counts = {side: weeks.filter(pl.col("standing") == stands).height for side, stands in sides.items()}
    told = [
        f"{formats.plural(number, 'week')} beyond what chance explains, on the {side} side"
        for side, number in counts.items()
        if number
    ]
    return formats.listed(told) or "no week beyond what chance explains"


def help_sentence(rows: pl.DataFrame, names: Mapping[str, str]) -> str:
    """Who needs a chart review, and where all others stand; `rows` as `risk.funnel` gives them."""
    outside = rows.filter(pl.col("standing") == "outside")
    others = rows.join(outside, on="therapist_id", how="anti")
    told = [
        f"{formats.count(number)} {words}"
        for standing, words in STANDING_OF_OTHERS.items()
        if (number := others.filter(pl.col("standing") == standing)["therapist_id"].n_unique())
    ]
    rest = f"{formats.listed(told)}." if told else ""
    if outside.is_empty():
        return f"Nobody: {rest}"
    who = "; ".join(
        f"{names[row['therapist_id']]} ({row['discipline']}, {row['n']:,} of {row['of']:,} visits)"
        for row in outside.iter_rows(named=True)
    )
    verb = "needs" if outside["therapist_id"].n_unique() == 1 else "need"
    return f"{who} {verb} a chart review." + (f" The others: {rest}" if rest else "")


STANDING_OF_OTHERS = {standing: STANDING_WORDS[standing] for standing in ("within", "near", "below")}
STANDING_OF_OTHERS["below"] += " (see whether the checks had their facts)"
"""Where a therapist stands who needs no chart review, in the words of the funnel's legend."""


def weeks_shown(weeks: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The weeks that the p-chart draws, and what it leaves to its table: a few visits that a long pause parts from the rest.

    `weeks` as `risk.weekly`. A few: fewer than one in twenty; long: more than eight weeks without a visit.
    """
    if weeks.height < 2:
        return weeks, ""
    ordered = weeks.sort("week")
    pauses = ordered.filter(pl.col("week").diff() > pl.duration(weeks=LONG_PAUSE))["week"]
    for begins in reversed(pauses.to_list()):
        before = ordered.filter(pl.col("week") < begins)
        if float(before["of"].sum()) < FEW_VISITS * float(ordered["of"].sum()):
            visits = formats.plural(int(before["of"].sum()), "earlier visit")
            span = formats.span(before["week"].to_list()[0], before["week"].to_list()[-1])
            of = "week of" if before.height == 1 else "weeks of"
            return ordered.filter(pl.col("week") >= begins), f"{visits} ({of} {span}) only in the table"
    return ordered, ""


LONG_PAUSE, FEW_VISITS = 8, 0.05


def cause_labels(causes: pl.DataFrame, called: Called) -> list[str]:
    """Root causes in words, no two alike: those that would be bear the day of service, and then a number.

    `causes` has rule, subject, therapist_id, patient_id, payer_id, service_date, findings and lines.
    """
    rows = causes.to_dicts()
    words = [cause_words(row, called) for row in rows]
    alike = Counter(words)
    for place, row in enumerate(rows):
        if alike[words[place]] > 1 and row["findings"] == 1 and row["service_date"]:
            words[place] += f", {formats.day(row['service_date'])}"
    seen: Counter[str] = Counter()
    for place, said in enumerate(words):
        seen[said] += 1
        words[place] += f" ({seen[said]})" if seen[said] > 1 else ""
    return words


def cause_words(cause: Mapping[str, Any], called: Called) -> str:
    """A root cause as one line: the rule's title, whose, and how much hangs on it."""
    title, subject = catalogue()[cause["rule"]].title, cause["subject"]
    gathers = cause["findings"] > 1 or subject in SINGLE
    of_therapist = gathers or subject in ("therapist", "therapist_day")
    whose = "therapist" if of_therapist else "payer" if subject == "payer" else "patient"
    who = _called(whose, called(f"{whose}_id", cause[f"{whose}_id"]))
    if gathers:
        return f"{title}: {who}, {formats.plural(int(cause['findings']), SUBJECT_WORDS[subject])}"
    when = f", {formats.day(cause['service_date'])}" if subject == "therapist_day" else ""
    return f"{title}: {who}{when}" + (
        f", {formats.plural(int(cause['lines']), 'line')}" if cause["lines"] else ""
    )


def owner(cause: Mapping[str, Any], called: Called) -> str:
    """Who puts a root cause right, by its rule; what nobody is named for is the clinic director's to hand on."""
    if role := owner_of(cause["rule"]):
        return role
    return called("therapist_id", cause["therapist_id"]) if cause["therapist_id"] else "Clinic director"


def _called(what: str, name: str) -> str:
    """`therapist Ana Ortiz`; a number in a name's place says what it is already: `Therapist 20`."""
    return name if name.casefold().startswith(f"{what} ") else f"{what} {name}"


def catalogue_table(result: Audit) -> pl.DataFrame:
    """The catalogue as run here, by family: rule, title, code_of_family, family, severity, unit, the counts, findings, here."""
    lacks = {lack.rule: lack.because for lack in result.not_run}
    counts = result.coverage.group_by("rule").agg(
        pl.col("passed", "failed", "cannot_tell", "not_applicable").sum()
    )
    found = result.findings.group_by("rule").agg(findings=REAL.sum())
    rows = [
        {
            "rule": rule.code,
            "title": rule.title,
            "code_of_family": rule.family,
            "family": FAMILIES.get(rule.family, rule.family),
            "severity": rule.severity,
            "unit": rule.unit,
            "here": _ran_here(rule.code, lacks, result.rules),
        }
        for rules in by_family().values()
        for rule in rules
    ]
    numbers = ("passed", "failed", "cannot_tell", "not_applicable", "findings")
    return (
        pl.DataFrame(rows)
        .join(counts, on="rule", how="left", maintain_order="left")
        .join(found, on="rule", how="left", maintain_order="left")
        .with_columns(pl.col(numbers).fill_null(0))
    )


def rule_called(name: str | None) -> str | None:
    """The code of the rule that goes by a name: its code, or another that it is also called by; None of nothing."""
    named = {other: code for code, rule in catalogue().items() for other in (*rule.also, code)}
    return named.get((name or "").upper())


def chosen_rules(table: pl.DataFrame, family: str | None, search: str) -> pl.DataFrame:
    """The rules of a family (its code; None: all) whose code, title or unit holds `search`; `table` as `catalogue_table`."""
    text = pl.concat_str("rule", "title", "unit", "family", separator=" ").str.to_lowercase()
    of_family = pl.lit(True) if family is None else pl.col("code_of_family") == family
    return table.filter(of_family, text.str.contains(search.strip().lower(), literal=True))


def family_counts(table: pl.DataFrame) -> dict[str, str]:
    """Families by their code, named with the number of their rules: `Progress reports (5)`."""
    counted = table.group_by("code_of_family", "family", maintain_order=True).len()
    return {code: f"{name} ({number})" for code, name, number in counted.iter_rows()}


def heat_columns(coverage: pl.DataFrame) -> dict[str, str]:
    """What the heat map can be narrowed to: families with a judged rule, by code, named; none where all rules fit."""
    rules = coverage["rule"].unique()
    if len(rules) <= CROWDED:
        return {}
    judged = {rule.partition("-")[0] for rule in rules}
    return {code: f"{code} {name}" for code, name in FAMILIES.items() if code in judged}


def chance_words(cells: pl.DataFrame) -> str:
    """How many cells of a heat map would stand out by chance alone: those judged, at the outer limit's tail."""
    judged = cells.filter(~pl.col("state").is_in(["few", "cannot_tell"]) & (pl.col("expected") > 0)).height
    return (
        f"Of {formats.plural(judged, 'pair')} of therapist and rule with enough units, at most "
        f"{judged * risk.OUTER:.1f} would be expected to bear ▲ by chance alone."
    )


def _ran_here(code: str, lacks: Mapping[str, str], ran: Sequence[str]) -> str:
    if code in lacks:
        return f"not run: {lacks[code]}"
    return "ran" if code in ran else "not run here"


def payer_table(view: Narrowed) -> pl.DataFrame:
    """The risk table per payer, with findings per 100 claims and the share of checks that could not be told."""
    table = risk.risk_table(view.audit, "payer")
    checks = pl.col("passed") + pl.col("failed") + pl.col("cannot_tell")
    rates = [per_hundred(int(n), int(of)) for n, of in table.select("findings", "claims").iter_rows()]
    return table.with_columns(
        pl.Series("per_100", [each and each[0] for each in rates], dtype=pl.Float64),
        pl.Series("per_100_low", [each and each[1] for each in rates], dtype=pl.Float64),
        pl.Series("per_100_high", [each and each[2] for each in rates], dtype=pl.Float64),
        cannot_tell_share=pl.when(checks > 0).then(pl.col("cannot_tell") / checks),
    )


def per_100_words(payer: Mapping[str, Any]) -> str:
    """`7.7 (6.3–9.5)`: a payer's findings per 100 claims with their exact interval; a row of `payer_table`."""
    if payer["per_100"] is None:
        return formats.NOTHING
    return f"{payer['per_100']:.1f} ({payer['per_100_low']:.1f}–{payer['per_100_high']:.1f})"


def untold_words(payer: Mapping[str, Any]) -> str:
    """`12.4 % (31 of 250)`: the share of a payer's checks that could not be told; a row of `payer_table`."""
    if payer["cannot_tell_share"] is None:
        return formats.NOTHING
    judged = int(payer["passed"] + payer["failed"] + payer["cannot_tell"])
    return formats.rate(int(payer["cannot_tell"]), judged)


def others_on(finding: Mapping[str, Any], findings: pl.DataFrame) -> list[tuple[str, str]]:
    """Other findings on the same claim line or note: (finding_id, rule)."""
    same = pl.lit(False)
    if finding["claim_id"] is not None and finding["line"] is not None:
        same = same | ((pl.col("claim_id") == finding["claim_id"]) & (pl.col("line") == finding["line"]))
    if finding["note_id"] is not None:
        same = same | (pl.col("note_id") == finding["note_id"])
    others = findings.filter(same.fill_null(False) & (pl.col("finding_id") != finding["finding_id"]))
    return list(others.select("finding_id", "rule").iter_rows())


def listed(found: pl.DataFrame, search: str = "", said: pl.Series | None = None) -> pl.DataFrame:
    """Findings as the list shows them: by severity, then dollars, values to look up last; only those that hold `search`.

    `said`: the messages as they stand on screen, where names are hidden.
    """
    if search:
        fields = pl.concat_str(
            pl.lit(said) if said is not None else pl.col("message"),
            "claim_id",
            "note_id",
            "plan_id",
            "rule",
            "finding_id",
            separator=" ",
            ignore_nulls=True,
        )
        found = found.filter(fields.str.to_lowercase().str.contains(search.strip().lower(), literal=True))
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    return found.sort(
        pl.col("severity").replace_strict(order, return_dtype=pl.Int8), risk.unread(), "dollars", "service_date",
        "finding_id", descending=[False, False, True, False, False],
    )  # fmt: skip


def findings_sheet(found: pl.DataFrame) -> pl.DataFrame:
    """Findings with the headings that people read; ids and sentences as given, `Dismissed: ` before those that are."""
    decided = "standing" in found.columns
    return found.select(
        pl.col("severity").replace_strict(signed_severities()).alias("Severity"),
        pl.col("rule").alias("Rule"),
        pl.col("service_date").cast(pl.Date).alias("Service"),
        pl.col("dollars").round(2).alias("At risk"),
        (pl.concat_str(_prefix(), "message") if decided else pl.col("message")).alias("What was found"),
        pl.col("therapist_id").alias("Therapist"),
        pl.col("patient_id").alias("Patient"),
        pl.col("payer_id").alias("Payer"),
        pl.col("claim_id").alias("Claim"),
        pl.col("line").alias("Line"),
        pl.col("note_id").alias("Note"),
        *([pl.col("standing").alias("Standing")] if decided else []),
    )


def _prefix() -> pl.Expr:
    """What stands before a sentence: a column of its own would leave a narrow list no room for it."""
    return pl.when(pl.col("standing") == "dismissed").then(pl.lit("Dismissed: ")).otherwise(pl.lit(""))


def signed_severities() -> dict[str, str]:
    """Severities with their sign: `▲ high`."""
    return {severity: f"{SEVERITY_SIGNS[severity]} {severity}" for severity in SEVERITIES}


def rate_words(table: pl.DataFrame) -> pl.Series:
    """`12.4 % (31 of 250; 8.9–17.0)` for each row of a table with n, of, share_low and share_high."""
    rows = table.select("n", "of", "share_low", "share_high").iter_rows()
    return pl.Series([formats.rate(n, of, low, high) for n, of, low, high in rows], dtype=pl.String)


def therapists_here(result: Audit) -> pl.Expr:
    """Whether a row's therapist has a visit, a line or a finding under the filters; nobody's row stands for findings alone.

    What is judged of a therapist wherever they work passes every filter of clinics, payers and days, and tells nothing of it.
    """
    found = result.findings.filter(pl.col("clinic_id").is_not_null())
    ids = pl.concat([result.visits["therapist_id"], result.lines["therapist_id"], found["therapist_id"]])
    whose = pl.col("therapist_id")
    nobody = whose.is_null() & pl.lit(found["therapist_id"].null_count() > 0)
    return nobody | whose.is_in(ids.drop_nulls().unique().to_list())


def therapist_sheet(table: pl.DataFrame) -> pl.DataFrame:
    """The risk table of therapists with the headings that people read."""
    return table.select(
        pl.col("therapist_id").replace(formats.NOTHING, "none named").alias("Therapist"),
        rate_words(table).alias("Visits with a finding"),
        pl.col("findings").alias("Findings"),
        pl.col("high").alias("▲ high"), pl.col("medium").alias("◆ medium"), pl.col("low").alias("● low"),
        pl.col("dollars").round(2).alias("At risk"),
        pl.col("cannot_tell").alias("Checks that cannot tell"),
    )  # fmt: skip


def payer_sheet(table: pl.DataFrame) -> pl.DataFrame:
    """The table of payers with the headings that people read."""
    unknown = pl.Series([untold_words(row) for row in table.iter_rows(named=True)], dtype=pl.String)
    per_100 = pl.Series([per_100_words(row) for row in table.iter_rows(named=True)], dtype=pl.String)
    return table.select(
        pl.col("payer_id").replace(formats.NOTHING, "none named").alias("Payer"),
        pl.col("dollars").round(2).alias("At risk"),
        pl.col("findings").alias("Findings"),
        pl.col("claims").alias("Claims"),
        per_100.alias("Findings per 100 claims"),
        rate_words(table).alias("Visits with a finding"),
        unknown.alias("Checks that cannot tell"),
    )  # fmt: skip


def therapist_sentence(rows: pl.DataFrame, names: Mapping[str, str]) -> str:
    """Who is outside what chance explains; `rows` as `risk.funnel` gives them."""
    outside = rows.filter(pl.col("standing") == "outside")
    below = rows.filter(pl.col("standing") == "below").height
    low = f" {below} below the 99.8 % limit." if below else ""
    if outside.is_empty():
        number = rows["therapist_id"].n_unique()
        if number == 1:
            return "The one therapist is within what chance explains." + low
        return f"None of {number} therapists is above what chance explains.{low}"
    who = "; ".join(names[each] for each in outside["therapist_id"])
    verb = (
        "is outside what chance explains and needs"
        if outside.height == 1
        else "are outside what chance explains and need"
    )
    return f"{formats.plural(outside.height, 'therapist')} {verb} a chart review: {who}.{low}"


def pairs_title(cells: pl.DataFrame, what: str = "rule") -> str:
    """What the heat map says; `what` its columns are: rule or family."""
    high = cells.filter(pl.col("state") == "outside").height
    if not high:
        return f"No pair of therapist and {what} is above what chance explains"
    verb = "is" if high == 1 else "are"
    return f"{formats.plural(high, 'pair')} of therapist and {what} {verb} above what chance explains"


def payer_sentence(table: pl.DataFrame, dollars: float, names: Mapping[str, str]) -> str:
    """Which payer holds most of the dollars at risk; `table` as `payer_table` gives it."""
    most = table if dollars else table.sort("findings", descending=True, maintain_order=True)
    first = most.row(0, named=True)
    name = names.get(first["payer_id"], "No payer named")
    found = formats.plural(int(first["findings"]), "finding")
    among = f"{found} among {formats.plural(int(first['claims']), 'claim')}"
    if not dollars:
        return (
            f"No dollars are at risk; {name} has {among}." if first["findings"] else "No dollars are at risk."
        )
    return f"{name} holds {formats.money(first['dollars'])} of the {formats.money(dollars)} at risk: {among}."


def worklist_sentence(
    counted: Mapping[str, int], work: pl.DataFrame, before: Mapping[str, Any] | None
) -> str:
    """What is open, and what changed since the run that it is compared with."""
    still = work.filter(pl.col("status").is_in(["open", "asked"]))
    dollars = formats.money(float(still["dollars"].sum()))
    told = f"{formats.plural(still.height, 'finding')} to decide, {dollars} at risk"
    if counted.get("overdue"):
        told += f", {formats.plural(counted['overdue'], 'answer')} overdue"
    if before is None:
        return f"{told}. This is the first run of these records that was kept."
    new, reopened, fixed = (counted.get(name, 0) for name in ("new", "reopened", "fixed"))
    when = formats.day(date.fromisoformat(before["at"][:10]))
    return f"{told}. Since {when}: {new:,} new, {reopened:,} reopened, {fixed:,} fixed."


STANDINGS = ("open", "asked", "confirmed", "dismissed", "waived")
OLD_DAYS = 30


def standing_sentence(work: pl.DataFrame, seen: pl.DataFrame, on: date) -> str:
    """Dollars by how findings stand, how many of those to decide are old, and how long decided ones took.

    `work` is `worklist.with_standing`, `seen` `Store.first_seen`. Ages count from the first kept run that showed a finding.
    """
    counted = {row["status"]: row for row in work.group_by("status").agg(
        n=pl.len(), dollars=pl.col("dollars").sum()).iter_rows(named=True)}  # fmt: skip
    told = [
        f"{formats.count(row['n'])} {status} ({formats.money(row['dollars'])})"
        for status in STANDINGS
        if (row := counted.get(status))
    ]
    aged = work.join(seen.select("finding_id", "first"), on="finding_id").with_columns(
        begun=pl.col("first").str.to_datetime(time_zone="UTC"),
        ended=pl.col("at").str.to_datetime(time_zone="UTC"),
    )
    waiting = aged.filter(pl.col("status").is_in(["open", "asked"]))
    old = waiting.filter(pl.col("begun").dt.date() < on - timedelta(days=OLD_DAYS)).height
    share = risk.rate(old, waiting.height)
    age = formats.rate(old, waiting.height, share.low, share.high)
    took = aged.filter(pl.col("status").is_in(["confirmed", "dismissed"]), pl.col("ended") >= pl.col("begun"))
    days = took.select((pl.col("ended") - pl.col("begun")).dt.total_seconds().median() / 86_400).item()
    parts = [
        ", ".join(told) or "No finding",
        f"older than {OLD_DAYS} days: {age} of those to decide" if waiting.height else "",
        ""
        if days is None
        else f"decided after {days:.1f} days in the median (of {formats.count(took.height)})",
    ]
    return f"{'; '.join(filter(None, parts))}."


def worklist_sheet(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of `worklist.gathered` with headings; `label` says what each is."""
    return rows.select(
        What="label", **{"At risk": pl.col("dollars").round(2)}, Findings="findings", New="new", Reopened="reopened",
        Lines="lines",
    )  # fmt: skip


def pareto_sheet(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, dollars first, with what each and those above it hold of the whole."""
    return worklist_sheet(rows).select(
        "At risk", "Findings", rows["cumulative"].alias("Held with those above"), "What", "Lines"
    )


def standing_words(row: Mapping[str, Any]) -> str:
    """How a finding stands: `waived until Sep 1, 2026`, `asked Cy by Jul 8, 2026 (answer overdue)`."""
    until = (
        f" until {formats.day(row['expires_on'])}" if row["expires_on"] and row["status"] == "waived" else ""
    )
    who = f" {row['assignee']} by {formats.day(row['due_on'])}" if row["status"] == "asked" else ""
    note = f" ({row['note']})" if row["note"] else ""
    talk = f", {formats.plural(row['comments'], 'comment')}" if row["comments"] else ""
    return f"{row['status']}{until}{who}{note}{talk}"


def clocks_sentence(running: pl.DataFrame, owed: float) -> str:
    """How much was confirmed as overpaid (`clocks.owed`: each line once), and which day comes first."""
    first = running.row(0, named=True)
    dollars = formats.money(owed)
    days = first["days_left"]
    left = f"{formats.plural(days, 'day')} left" if days >= 0 else f"{formats.plural(-days, 'day')} ago"
    return (
        f"{formats.plural(running.height, 'confirmed overpayment')}, {dollars} that payers paid: the first is to be returned by "
        f"{formats.day(first['due_on'])} ({left}). While it is investigated in good faith the clock may stand still."
    )


def clocks_sheet(running: pl.DataFrame) -> pl.DataFrame:
    """The running clocks with headings."""
    return running.select(
        **{"Return by": "due_on", "Days left": "days_left", "If investigated, at latest": "latest_on"},
        **{"Identified": "identified_on", "Paid by the payer": pl.col("dollars").round(2)},
        Payer="payer_id", Rule="rule", Claim="claim_id", Found="message",
    )  # fmt: skip


def gone_sheet(gone: pl.DataFrame) -> pl.DataFrame:
    """Findings of an earlier run that are no longer there, with headings."""
    return gone.select(
        Since=pl.col("change").replace({"unseen": "not judged again"}), Rule="rule",
        Service=pl.col("service_date").cast(pl.Date), Amount=pl.col("amount").round(2), Found="message",
        Therapist="therapist_id", Patient="patient_id", Payer="payer_id", Claim="claim_id",
    )  # fmt: skip


def health_sheet(rows: pl.DataFrame) -> pl.DataFrame:
    """Rules' health (`review.health.rule_health`) with headings; rates with n, N and interval, a dash where none was decided."""
    words = [
        formats.rate(row["confirmed"], row["decided"], row["share_low"], row["share_high"])
        if row["decided"]
        else formats.NOTHING
        for row in rows.iter_rows(named=True)
    ]
    return rows.select(
        Rule=pl.col("rule"),
        Title=pl.col("rule").replace_strict(
            {code: rule.title for code, rule in catalogue().items()}, default=""
        ),
        Findings="findings",
        Confirmed=pl.Series(words, dtype=pl.String),
        Judged="judged",
        **{"Cannot tell": "cannot_tell", "Days to clear, median": pl.col("days_to_clear").round(1)},
    )


def rule_named(code: str) -> str:
    """A rule by its code and title."""
    return f"{code} {catalogue()[code].title}"


def billing_sentence(
    claims: Sequence[Mapping[str, Any]],
    fixes: pl.DataFrame,
    first: tuple[int, float],
    top: int,
    in_all: int = 0,
) -> str:
    """How much is held and released of what is not sent yet, and what the first fixes would release.

    `in_all` claims wait whatever the filters.
    """
    if not claims and in_all:
        others = f"{formats.count(in_all)} {'does' if in_all == 1 else 'do'} in all"
        return f"No claim under these filters waits to be billed; {others}."
    if not claims:
        return "Every claim of these records was sent: nothing waits to be billed."
    held = [claim for claim in claims if claim["decision"] == "hold"]
    whole = formats.money(sum(claim["amount"] for claim in claims))
    told = f"{formats.plural(len(claims), 'unsent claim')}, {whole}: "
    unsure = released_untold(claims)
    partly = f", {formats.count(unsure)} of them not checked in full" if unsure else ""
    if not held:
        return f"{told}release all of them{partly}."
    dollars = formats.money(sum(claim["amount"] for claim in held))
    told += f"hold {formats.count(len(held))} ({dollars}), release {formats.count(len(claims) - len(held))}{partly}."
    number = min(top, fixes.height)
    these = "Fixing the first one" if number == 1 else f"Fixing the first {number}"
    return f"{told} {these} releases {formats.plural(first[0], 'claim')}, {formats.money(first[1])}."


def fixes_sheet(fixes: pl.DataFrame, words: Sequence[str], due: date) -> pl.DataFrame:
    """The fixes with headings: what, what each releases, whose it is, by when, and how; the longest last, a screen may cut it."""
    return fixes.select(
        pl.col("severity").replace_strict(signed_severities()).alias("Severity"),
        What=pl.Series(words, dtype=pl.String),
        Releases=pl.col("released").round(2),
        Claims="claims",
        Held=pl.col("held").round(2),
        Owner=pl.col("owner"),
        Due=pl.coalesce("due_on", pl.lit(due)),
        Fix="fix",
    )


def next_friday(today: date) -> date:
    """The Friday of this week, or of the next one on a Saturday or Sunday: when a clinic's week of claims goes out."""
    return today + timedelta(days=(4 - today.weekday()) % 7)


def what_if_sentence(told: Difference) -> str:
    """What a what-if does, in one sentence with its numbers."""
    before, after = formats.money(told.dollars_before), formats.money(told.dollars_after)
    found = (
        f"{formats.plural(told.added.height, 'finding')} added, {formats.count(told.removed.height)} removed"
    )
    if told.moved:
        found += f", {formats.count(len(told.moved))} with other dollars or words"
    unknown = told.told[1] - told.told[0]
    if unknown:
        found += (
            f", {formats.plural(abs(unknown), 'check')} {'more' if unknown > 0 else 'fewer'} that cannot tell"
        )
    change = told.dollars_after - told.dollars_before
    if abs(change) < 0.005:
        return f"{found}; dollars at risk stay at {before}."
    sign = "+" if change > 0 else "−"
    return f"{found}; dollars at risk go from {before} to {after} ({sign}{formats.money(abs(change))})."


def what_if_sheet(told: Difference, lines: pl.DataFrame) -> pl.DataFrame:
    """The largest changes, a line each: claim, line, code, service, payer_id, therapist_id, before, after, change, rules."""
    return told.largest.join(
        lines.select("claim_id", "line", "cpt", "service_date", "payer_id", "therapist_id"),
        on=["claim_id", "line"],
        how="left",
        maintain_order="left",
    ).select(
        Claim="claim_id", Line="line", Code="cpt", Service="service_date", payer_id="payer_id",
        therapist_id="therapist_id", Before="before", After="after", Change="change", Rules="rules",
    )  # fmt: skip


def week_of(monday: str) -> tuple[date, date]:
    """The first and the last day of the week of a Monday, `2026-03-02`."""
    first = date.fromisoformat(monday)
    return first, first + timedelta(days=6)


def catalogue_sheet(table: pl.DataFrame) -> pl.DataFrame:
    """The catalogue with the headings that people read; `table` as `catalogue_table` gives it."""
    return table.select(
        pl.col("rule").alias("Rule"),
        pl.col("title").alias("Title"),
        pl.col("severity").replace_strict(signed_severities()).alias("Severity"),
        pl.col("findings").alias("Findings"),
        pl.col("here").alias("Here"),
        pl.col("passed").alias("Passed"),
        pl.col("failed").alias("Failed"),
        pl.col("cannot_tell").alias("Cannot tell"),
        pl.col("not_applicable").alias("Does not apply"),
        pl.col("unit").alias("Judged once a"),
        pl.col("family").alias("Family"),
    )


def lines_at_risk(finding: Mapping[str, Any], lines: pl.DataFrame) -> pl.DataFrame:
    """Every line that a finding puts at risk: claim_id, line, service_date, cpt, units, amount, amount_basis."""
    named = pl.Series("item", [finding["lines"]], dtype=pl.String).str.json_decode(LINE_ITEMS)
    items = named.to_frame().explode("item").unnest("item").drop_nulls("claim_id")
    facts = lines.select("claim_id", "line", "service_date", "cpt", "units", "amount_basis")
    return items.join(facts, on=["claim_id", "line"], how="left", maintain_order="left")


def why(rule: Rule) -> tuple[str, str]:
    """The rule's own sentence and the first paragraph of why it matters, from its page."""
    first, _, body = rule.page.partition("\n\n")
    _, _, after = body.partition("## Why it matters")
    paragraph = after.strip().partition("\n\n")[0]
    return _plain(first), _plain(paragraph)


EMPHASIS = re.compile(r"\*([^*]+)\*|`([^`]+)`")


def _plain(markdown: str) -> str:
    """A paragraph of a rule's page as a plain sentence in one line: what is quoted stands between quotation marks."""
    return " ".join(EMPHASIS.sub(lambda found: f"“{found[1] or found[2]}”", markdown).split())


def loaded_sheet(report: LoadReport) -> pl.DataFrame:
    """What was loaded, one row a table."""
    return pl.DataFrame(
        [
            {"Table": each.table.replace("_", " "), "Rows loaded": each.rows_loaded, "Refused": each.rows_refused,
             "Repeated": each.rows_repeated, "Columns that the export lacks": _columns(each.absent_columns),
             "Columns not known": _columns(each.unknown_columns), "Files": ", ".join(each.files)}
            for each in report.tables if each.files
        ],
        schema_overrides={"Rows loaded": pl.Int64},
    )  # fmt: skip


def _columns(names: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


def refused_sheet(report: LoadReport) -> pl.DataFrame:
    """What was refused: where, what was found, what would have been right."""
    heads = ("File", "Row", "Table", "Column", "Found", "Expected")
    rows = [(r.file, r.row, r.table, r.called, r.found, r.expected) for r in report.refusals]
    return pl.DataFrame(rows, schema=dict.fromkeys(heads, pl.String) | {"Row": pl.Int64}, orient="row")


def noticed(report: LoadReport) -> list[tuple[str, list[Notice]]]:
    """What was noticed, by what became of it, each with its heading: files left out, and what was read all the same."""
    unread = report.left_out
    read = [notice for notice in report.notices if notice not in unread]
    files = formats.plural(len(unread), "file or folder", "files or folders")
    parted = [
        (f"Left out: {files} of which nothing was read", unread),
        (f"Noticed in what was read ({len(read):,})", read),
    ]
    return [(heading, notices) for heading, notices in parted if notices]


def not_run_sheet(result: Audit) -> pl.DataFrame:
    """The rules that could not run, the table or column that they lack, and why, where a layout says so."""
    titles = catalogue()
    rows = [
        (lack.rule, titles[lack.rule].title, in_words(lack.lacks), lack.lacks, lack.why or "")
        for lack in result.not_run
    ]
    sheet = pl.DataFrame(
        rows,
        schema=dict.fromkeys(("Rule", "Title", "Lacks", "In the records", "Why"), pl.String),
        orient="row",
    )
    return sheet if any(lack.why for lack in result.not_run) else sheet.drop("Why")


def unknown_sheet(coverage: pl.DataFrame) -> pl.DataFrame:
    """The facts that were missing, the checks that could therefore not be told, their rules, and the column of the records."""
    told = coverage.filter(pl.col("cannot_tell") > 0).with_columns(pl.col("missing").fill_null("not stated"))
    facts = told.group_by("missing").agg(
        pl.col("cannot_tell").sum(), rules=pl.col("rule").unique().sort().str.join(", ")
    )
    facts = facts.sort(["cannot_tell", "missing"], descending=[True, False])
    return facts.select(
        pl.Series([in_words(each) for each in facts["missing"]], dtype=pl.String).alias("Missing fact"),
        pl.col("cannot_tell").alias("Checks"),
        pl.col("rules").alias("Rules"),
        pl.col("missing").alias("In the records"),
    )


def checks_made(coverage: pl.DataFrame) -> int:
    """How many checks were answered: passed, failed, or could not be told."""
    return int(coverage.select(pl.sum_horizontal(pl.col("passed", "failed", "cannot_tell").sum())).item())


def records_sentence(report: LoadReport) -> str:
    """What was loaded and what was refused, in one sentence."""
    rows = sum(each.rows_loaded for each in report.tables)
    present = sum(1 for each in report.tables if each.files)
    told = formats.refused(report) or "no row"
    return f"{formats.plural(rows, 'row')} loaded from {formats.plural(present, 'table')}; {told} refused."
