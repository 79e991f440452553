"""What the pages show, as frames and sentences."""

import json
from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from compliance import formats, risk, rulebook, views
from compliance.audit import VISIT, NotRun, audit
from compliance.checks.rule import catalogue
from compliance.policy import load_policies
from compliance.records.load import load
from tests import clinic
from ui.filters import Filters

pytestmark = pytest.mark.xdist_group("pages")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    records = load(clinic.write(tmp_path_factory.mktemp("clinic")))
    return audit(records, load_policies(), date(2026, 6, 30))


def called(column, key):
    """Ids as they are."""
    return str(key)


def test_filters_keep_parts_and_whole_together(whole):
    view = views.narrowed.narrowed(whole, Filters().apply)
    payers = [views.narrowed.narrowed(whole, Filters(payers=(each,)).apply) for each in clinic.PAYERS]
    total = float(view.shares["share"].sum())
    assert total > 0
    assert sum(float(each.shares["share"].sum()) for each in payers) == pytest.approx(total)
    named = [
        each.valued["payer_id"].drop_nulls().len() for each in payers
    ]  # one without a payer shows under each
    assert sum(named) == view.valued["payer_id"].drop_nulls().len()


def test_visits_count_only_the_findings_let_through(whole):
    view = views.narrowed.narrowed(whole, Filters(rules=("PR-04",)).apply)
    everything = views.narrowed.narrowed(whole, Filters().apply)
    assert view.audit.visits["findings"].sum() < everything.audit.visits["findings"].sum()
    assert set(view.audit.findings["rule"]) <= {"PR-04"}


def dismissed(findings: pl.DataFrame) -> pl.DataFrame:
    """As `review.dismissals` gives them."""
    why = {"reason": "on paper", "person": "ana", "at": "2026-06-01T08:00:00+00:00"}
    return findings.select("finding_id", **{name: pl.lit(value) for name, value in why.items()})


def test_a_dismissed_finding_leaves_every_figure_and_can_be_counted_again(whole):
    everything = views.narrowed.narrowed(whole, Filters().apply)
    gone = everything.valued.filter(
        pl.col("therapist_id") == everything.valued["therapist_id"].drop_nulls()[0]
    )
    told = dismissed(gone)
    view = views.narrowed.narrowed(whole, Filters().apply, dismissed=told)
    for name in ("findings", "visits_with_finding", "dollars"):
        assert risk.summary(view.audit)[name] < risk.summary(everything.audit)[name], name
    assert not set(view.valued["finding_id"]) & set(gone["finding_id"])
    assert not {
        each for ids in views.causes.root_causes(view.valued, view.shares)["ids"] for each in ids
    } & set(gone["finding_id"])
    assert (
        views.narrowed.dismissed_sentence(view)
        == f" {gone.height} findings that reviewers dismissed are left out."
    )
    again = views.narrowed.narrowed(whole, Filters().apply, dismissed=told, counts_dismissed=True)
    assert risk.summary(again.audit) == risk.summary(everything.audit)
    assert again.audit.coverage.equals(everything.audit.coverage)
    assert "dismissed are counted." in views.narrowed.dismissed_sentence(again)
    assert not views.narrowed.dismissed_sentence(everything)


def test_the_units_of_dismissed_findings_count_as_passed(whole):
    view = views.narrowed.narrowed(whole, Filters().apply, dismissed=dismissed(whole.findings))
    before, after = (
        each.coverage.select("passed", "failed", "cannot_tell").sum() for each in (whole, view.audit)
    )
    assert after["failed"].item() == 0
    assert after["passed"].item() == before["passed"].item() + before["failed"].item()
    assert after["cannot_tell"].item() == before["cannot_tell"].item()


def test_a_therapists_rate_falls_with_what_was_dismissed_and_peers_limits_with_it(whole):
    before = risk.funnel(whole.visits)
    worst = before.sort("share").row(-1, named=True)
    own = whole.findings.filter(pl.col("therapist_id") == worst["therapist_id"])
    view = views.narrowed.narrowed(whole, Filters().apply, dismissed=dismissed(own))
    same = (pl.col("therapist_id") == worst["therapist_id"]) & (pl.col("discipline") == worst["discipline"])
    after = risk.funnel(view.audit.visits).filter(same).row(0, named=True)
    assert after["of"] == worst["of"] and after["n"] == 0 < worst["n"]
    assert after["centre"] < worst["centre"]
    weeks, were = risk.weekly(view.audit.visits), risk.weekly(whole.visits)
    assert weeks["of"].equals(were["of"])
    assert weeks["centre"][0] == pytest.approx(weeks["n"].sum() / weeks["of"].sum())
    assert weeks["n"].sum() < were["n"].sum()


def test_the_list_shows_what_was_dismissed_at_no_dollars_and_its_sum_is_the_sentences(whole):
    gone = whole.findings.filter(pl.col("rule") == "PR-01")
    view = views.narrowed.narrowed(whole, Filters().apply, dismissed=dismissed(gone))
    listed = views.narrowed.listable(view)
    assert set(listed["finding_id"]) == set(whole.findings["finding_id"])
    assert set(listed.filter(pl.col("standing") == "dismissed")["finding_id"]) == set(gone["finding_id"])
    assert listed["dollars"].sum() == pytest.approx(view.shares["share"].sum())
    worked, shares = views.narrowed.with_dismissed(view)
    assert worked.height == whole.findings.height
    assert worked["dollars"].sum() == pytest.approx(shares["share"].sum())


def test_the_dollars_on_unverified_values_are_those_of_findings_whose_evidence_names_one(whole):
    view = views.narrowed.narrowed(whole, Filters().apply)
    unsure = [
        any(not value["verified"] for value in json.loads(each).get("parameters", {}).values())
        for each in view.valued["evidence"]
    ]
    assert 0 < sum(unsure) < len(unsure)
    assert view.valued.select(views.narrowed.unverified()).to_series().to_list() == unsure
    part = formats.money(view.valued.filter(pl.Series(unsure))["dollars"].sum())
    assert part in views.narrowed.unverified_sentence(view)
    sure = views.narrowed.narrowed(
        whole, lambda rows: rows.filter(~views.narrowed.unverified()) if "evidence" in rows.columns else rows
    )
    assert not views.narrowed.unverified_sentence(sure)


def test_owners_are_of_rules_and_families_that_there_are_and_each_of_one():
    named = [each for names in rulebook.OWNERS.values() for each in names]
    known = set(catalogue()) | {rule.family for rule in catalogue().values()}
    assert set(named) <= known and len(named) == len(set(named))


def test_dismissals_outside_the_filters_are_not_told(whole):
    other = whole.findings.filter(pl.col("payer_id") == "MCD")
    view = views.narrowed.narrowed(whole, Filters(payers=("MCR",)).apply, dismissed=dismissed(other))
    assert not views.narrowed.dismissed_sentence(view)


def test_root_causes_gather_single_notes_by_therapist_and_add_up(whole):
    view = views.narrowed.narrowed(whole, Filters().apply)
    causes = views.causes.root_causes(view.valued, view.shares)
    assert causes["dollars"].sum() == pytest.approx(float(view.shares["share"].sum()))
    assert causes["dollars"].is_sorted(descending=True)
    assert (
        causes.filter(pl.col("subject").is_in(["line", "note", "goal"]))
        .select("rule", "therapist_id")
        .is_unique()
        .all()
    )
    said = views.causes.cause_words(causes.row(0, named=True), called)
    assert said.startswith(catalogue()[causes["rule"][0]].title)


def cause(**cells):
    told = {"rule": "PR-01", "subject": "period", "therapist_id": "T1", "patient_id": "P1", "payer_id": "MCR",
            "service_date": datetime(2026, 3, 4), "findings": 1, "lines": 1}  # fmt: skip
    return told | cells


def test_a_cause_without_a_patient_is_called_by_its_therapist_and_day_or_by_its_payer():
    day = cause(rule="CON-02", subject="therapist_day", patient_id=None, payer_id=None, lines=0)
    assert views.causes.cause_words(day, called).endswith(": therapist T1, Mar 4, 2026")
    denied = cause(rule="PAY-02", subject="payer", patient_id=None, therapist_id=None)
    assert views.causes.cause_words(denied, called).endswith(": payer MCR, 1 line")


def test_no_two_causes_have_the_same_label():
    later = cause(service_date=datetime(2026, 3, 9))
    said = views.causes.cause_labels(pl.DataFrame([cause(), later, later, cause(patient_id="P2")]), called)
    title = catalogue()["PR-01"].title
    assert said == [
        f"{title}: patient P1, 1 line, Mar 4, 2026",
        f"{title}: patient P1, 1 line, Mar 9, 2026",
        f"{title}: patient P1, 1 line, Mar 9, 2026 (2)",
        f"{title}: patient P2, 1 line",
    ]


def test_nobody_is_asked_to_clear_their_own_licence():
    assert views.causes.owner(cause(rule="INT-10", subject="line"), called) == "Compliance officer"
    for code in ("CON-02", "CON-03", "UNIT-05"):
        assert views.causes.owner(cause(rule=code), called) == "Clinic director"
    assert views.causes.owner(cause(rule="FRQ-02"), called) == "Front desk"
    assert views.causes.owner(cause(rule="MOD-01"), called) == "Billing office"
    assert views.causes.owner(cause(therapist_id=None), called) == "Clinic director"
    assert views.causes.owner(cause(), called) == "T1"


def test_the_interval_of_a_count_is_exact_poisson():
    value, low, high = risk.per_hundred(96, 1240)
    assert (round(value, 1), round(low, 1), round(high, 1)) == (7.7, 6.3, 9.5)
    assert risk.per_hundred(0, 100)[1] == 0.0
    assert risk.per_hundred(1, 0) is None


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([("notes.signed_on", 3), ("shifts", 1)], "2 visits could not be checked in full (4 checks): "
         "day of the note's signature, shifts missing."),
        ([(None, 0)], "Every check on these visits had the facts that it needs."),
    ],
)  # fmt: skip
def test_what_could_not_be_told_names_the_facts(whole, cells, said):
    coverage = pl.DataFrame(cells, schema={"missing": pl.String, "cannot_tell": pl.Int64}, orient="row")
    assert views.overview.unknowns_sentence(replace(whole, coverage=coverage, not_run=()), 2) == said


def test_rules_that_did_not_run_are_said_before_all_else(whole):
    none = pl.DataFrame(schema={"missing": pl.String, "cannot_tell": pl.Int64})
    idle = NotRun("DOC-01", "notes.text is absent", "notes.text"), NotRun("PR-01", "notes is absent", "notes")
    said = views.overview.unknowns_sentence(replace(whole, coverage=none, not_run=idle), 0)
    assert said == (
        f"2 of {len(whole.rules)} rules did not run: text of the note, notes missing. "
        "The others had the facts that they need."
    )


def test_a_chosen_therapist_keeps_the_lines_of_their_visits_and_counts_as_among_all(whole):
    everyone = risk.funnel(whole.visits).drop_nulls("therapist_id")
    for each in everyone.iter_rows(named=True):
        chosen = Filters(therapists=(each["therapist_id"],))
        view = views.narrowed.narrowed(whole, chosen.apply, Filters().apply)
        alone = risk.funnel(view.audit.visits).filter(
            pl.col("discipline") == each["discipline"], pl.col("therapist_id") == each["therapist_id"]
        )
        assert alone.select("n", "of").row(0) == (each["n"], each["of"])
        visits = view.audit.visits.select(VISIT)
        assert view.audit.lines.join(visits, on=VISIT, how="semi").height == (
            whole.lines.join(visits, on=VISIT, how="semi").height
        )


def test_search_reads_sentences_and_keys(whole):
    found = views.narrowed.narrowed(whole, Filters().apply).valued
    one = found["finding_id"][0]
    assert views.findings.listed(found, f" {one.upper()} ")["finding_id"].to_list() == [one]
    assert views.findings.listed(found, "no such words").is_empty()
    order = [
        ("high", "medium", "low", "info").index(each) for each in views.findings.listed(found)["severity"]
    ]
    assert order == sorted(order)


def test_lines_at_risk_add_up_to_the_finding(whole):
    for finding in whole.findings.filter(pl.col("amount_at_risk") > 0).head(5).iter_rows(named=True):
        lines = views.findings.lines_at_risk(finding, whole.lines)
        assert lines["amount"].sum() == pytest.approx(finding["amount_at_risk"])
        assert lines["service_date"].null_count() == 0


def test_sentences_name_who_needs_a_review_and_nothing_else():
    rows = pl.DataFrame({"therapist_id": ["T1", "T2"], "standing": ["outside", "below"]})
    said = views.therapists.sentence(rows, {"T1": "Alvarez, Ana", "T2": "Brandt, Bo"})
    assert (
        said
        == "1 therapist is outside what chance explains and needs a chart review: Alvarez, Ana. 1 below the 99.8 % limit."
    )
    quiet = views.therapists.sentence(rows.with_columns(standing=pl.lit("within")), {})
    assert quiet == "None of 2 therapists is above what chance explains."


def test_a_week_is_monday_to_sunday():
    assert views.weeks.week_of("2026-03-02") == (date(2026, 3, 2), date(2026, 3, 8))


def test_the_catalogue_says_what_ran(whole):
    table = views.rules.catalogue_table(whole)
    assert set(table["rule"]) == set(catalogue())
    assert table["code_of_family"].unique(maintain_order=True).to_list() == list(rulebook.by_family())
    lacking = {lack.rule for lack in whole.not_run}
    assert all(
        ("not run" in here) == (code in lacking) for code, here in table.select("rule", "here").iter_rows()
    )
    assert views.records.not_run_sheet(whole).height == len(lacking)


def test_each_rule_says_why(whole):
    for rule in catalogue().values():
        first, matters = views.findings.why(rule)
        assert first
        assert matters, rule.code


def test_a_day_reads_as_people_write_it():
    from ui import parts

    assert parts.day_words("2026-03-04") == formats.day(datetime(2026, 3, 4))
    assert parts.day_words("2026-03-04T09:30") == "Mar 4, 2026 09:30"
    assert parts.day_words("97530") == "97530"


def test_payers_without_findings_keep_their_row(whole):
    view = views.narrowed.narrowed(whole, Filters().apply)
    every = pl.Series("payer_id", [*clinic.PAYERS, "NEW", None], dtype=pl.String)
    counted = views.severities.by_severity(view.valued, "payer_id", every)
    assert counted.filter(pl.col("payer_id") == "NEW")["dollars"].to_list() == [0.0]
    assert counted["dollars"].sum() == pytest.approx(view.valued["dollars"].sum())
    assert set(counted["payer_id"]) >= set(every)


def test_the_first_paragraph_of_a_rule_is_said_whole():
    first, _ = views.findings.why(catalogue()["PR-01"])
    assert first.endswith("soon after.")


def test_dollars_are_set_against_earlier_days_by_visit():
    days = date(2026, 1, 1), date(2026, 3, 31)
    now, before = {"visits": 100, "dollars": 900.0}, {"visits": 200, "dollars": 2000.0}
    assert views.overview.against(now, before, *days) == "-10.0 % per visit against Jan 1 – Mar 31, 2026"
    assert views.overview.against(before, now, *days) == "+11.1 % per visit against Jan 1 – Mar 31, 2026"
    assert views.overview.against(now, {"visits": 200, "dollars": 0.0}, *days) == "$0 Jan 1 – Mar 31, 2026"
    assert (
        views.overview.against(now, {"visits": 0, "dollars": 0.0}, *days)
        == "no visits to compare, Jan 1 – Mar 31, 2026"
    )


def test_a_rule_shows_the_worst_severity_that_it_gave_here(whole):
    order = ["high", "medium", "low", "info"]
    given = whole.findings.group_by("rule").agg(pl.col("severity"))
    worst = {rule: min(each, key=order.index) for rule, each in given.iter_rows()}
    shown = dict(views.rules.catalogue_table(whole).select("rule", "severity").iter_rows())
    assert any(catalogue()[rule].severity != each for rule, each in worst.items())
    assert shown == {code: worst.get(code, rule.severity) for code, rule in catalogue().items()}


def test_a_missing_fact_names_a_few_rules_and_counts_the_others():
    assert views.records.first_rules("CON-02, CON-03, CON-04, CON-06") == "CON-02, CON-03, CON-04, CON-06"
    assert (
        views.records.first_rules("DOC-02, DOC-03, DOC-04, DOC-05, DOC-06")
        == "DOC-02, DOC-03, DOC-04 and 2 more"
    )


def test_what_a_rule_found_counts_what_is_worth_knowing(whole):
    table = views.rules.catalogue_table(whole)
    real, info = (whole.findings.filter(whole.findings["severity"].is_in(each)).height for each in (
        ["high", "medium", "low"], ["info"],
    ))  # fmt: skip
    assert (table["findings"].sum(), table["info"].sum()) == (real, info)
    assert views.rules.found_words("PR-01", 32, 0) == "32 findings of PR-01"
    assert views.rules.found_words("UNIT-02", 0, 3) == "3 worth knowing of UNIT-02"
    assert views.rules.found_words("PAY-01", 1, 6) == "1 finding and 6 worth knowing of PAY-01"
    assert views.rules.found_words("PR-01", 0, 0) == "0 findings of PR-01"


def test_rules_are_chosen_by_family_and_words(whole):
    table = views.rules.catalogue_table(whole)
    some = views.rules.chosen_rules(table, "UNIT", " MINUTES ")
    assert some.height and set(some["code_of_family"]) == {"UNIT"}
    assert views.rules.chosen_rules(table, None, "").height == table.height
    assert views.rules.chosen_rules(table, "UNIT", "no such words").is_empty()
    assert views.rules.family_counts(table)["PR"].startswith("Progress reports (")


def test_a_rule_is_found_by_its_other_names():
    other = next((name, code) for code, rule in catalogue().items() for name in rule.also)
    assert views.rules.rule_called(other[0].lower()) == other[1]
    assert views.rules.rule_called("PR-01") == "PR-01"
    assert views.rules.rule_called(None) is None


def test_a_crowded_heat_map_shows_families_and_a_small_one_rules(whole):
    families = views.therapists.heat_columns(whole.coverage)
    assert list(families) == [code for code in rulebook.FAMILIES if code in families]
    assert len(families) > 5
    assert views.therapists.heat_columns(whole.coverage.filter(pl.col("rule").str.starts_with("PR-"))) == {}


def test_chance_is_said_of_the_pairs_that_are_judged():
    cells = pl.DataFrame({"state": ["within", "few", "outside"], "expected": [1.0, 1.0, 2.0]})
    assert views.therapists.chance_words(cells).startswith("Of 2 pairs")


def test_every_family_has_a_name_that_fits_beside_a_bar():
    assert max(map(len, views.severities.family_titles().values())) <= 21


def weeks(*mondays_and_visits):
    return pl.DataFrame(
        {"week": [datetime(2026, *day) if len(day) == 2 else datetime(*day) for day, _ in mondays_and_visits],
         "of": [of for _, of in mondays_and_visits]}
    )  # fmt: skip


def judged(*months_and_counts):
    """Weeks as `risk.weekly` gives them of visits: (month, day), with a finding, checked."""
    visits = [
        {"service_date": datetime(2026, *day), "checked": True, "findings": int(number < n)}
        for day, n, of in months_and_counts
        for number in range(of)
    ]
    return lambda until: risk.weekly(pl.DataFrame(visits), baseline_until=until)


def test_better_says_both_sides_and_what_each_rate_rests_on():
    three_months = [((month, day), 10, 50) for month in (1, 2, 3) for day in (5, 12, 19)]
    since = [((4, 6), 0, 50), ((4, 13), 30, 50), ((4, 20), 28, 50), ((5, 4), 1, 1), ((5, 11), 1, 1)]
    told = views.weeks.better_sentence(judged(*three_months, *since)(date(2026, 4, 1)), date(2026, 4, 1))
    assert told.startswith(
        "20.0 % (90 of 450; 16.6–23.9) before, 38.7 % (58 of 150; 31.2–46.7) since: 1 of 3 weeks below"
    )
    assert told.endswith(
        "1 week beyond what chance explains, on the better side and 2 weeks beyond what chance explains, on the worse side"
    )


def test_a_baseline_of_no_week_is_no_baseline():
    weeks_of = judged(((4, 6), 5, 50), ((4, 13), 5, 50), ((4, 20), 5, 50))
    told = views.weeks.better_sentence(weeks_of(date(2026, 1, 1)), date(2026, 1, 1))
    assert told == "No week lies before Jan 1, 2026: nothing to compare with"


def test_who_lies_below_the_lower_limit_is_not_called_within_expected_variation():
    rows = pl.DataFrame(
        {"therapist_id": ["T1", "T2", "T3"], "discipline": ["PT"] * 3, "n": [90, 10, 0], "of": [100, 100, 400],
         "standing": ["outside", "within", "below"]}
    )  # fmt: skip
    names = {"T1": "Ana", "T2": "Ben", "T3": "Cy"}
    assert views.therapists.help_sentence(rows, names) == (
        "Ana (PT, 90 of 100 visits) needs a chart review. The others: 1 within expected variation and 1 below the 99.8 % limit "
        "(see whether the checks had their facts)."
    )
    near = rows.with_columns(standing=pl.Series(["near", "within", "within"]))
    assert views.therapists.help_sentence(near, names) == (
        "Nobody: 2 within expected variation and 1 beyond the 95 % limit."
    ), "the words of the funnel's marks"
    assert (
        views.therapists.help_sentence(rows[:1], names) == "Ana (PT, 90 of 100 visits) needs a chart review."
    )


def test_a_payers_rates_have_their_counts_and_their_interval(whole):
    table = views.payers.rated(views.narrowed.narrowed(whole, Filters().apply))
    row, shown = table.row(0, named=True), views.payers.sheet(table).row(0, named=True)
    assert f"({row['per_100_low']:.1f}–{row['per_100_high']:.1f})" in shown["Findings per 100 claims"]
    judged = row["passed"] + row["failed"] + row["cannot_tell"]
    assert shown["Checks that cannot tell"].endswith(f"({row['cannot_tell']:,} of {judged:,})")


def test_the_worklist_says_dollars_by_standing_and_what_is_old():
    at = "2026-06-25T08:00:00.000+00:00"
    work = pl.DataFrame(
        {"finding_id": ["A", "B", "C", "D"], "status": ["open", "open", "asked", "confirmed"],
         "dollars": [10.0, 20.0, 0.0, 70.0], "at": [None, None, at, at]}
    )  # fmt: skip
    first = ["2026-05-31", "2026-06-01", "2026-06-30", "2026-06-23"]
    seen = pl.DataFrame(
        {"finding_id": ["A", "B", "C", "D"], "first": [f"{day}T08:00:00.000+00:00" for day in first]}
    )
    assert views.worklist.standing_sentence(work, seen, date(2026, 7, 1)) == (
        "2 open ($30), 1 asked ($0), 1 confirmed ($70); older than 30 days: 33.3 % (1 of 3; 6.1–79.2) of those to decide; "
        "decided after 2.0 days in the median (of 1)."
    )
    assert views.worklist.standing_sentence(work.clear(), seen, date(2026, 7, 1)) == "No finding."
    left_out = work.with_columns(status=pl.col("status").replace("confirmed", "dismissed"))
    told = views.worklist.standing_sentence(left_out, seen, date(2026, 7, 1))
    assert (
        "1 dismissed ($70) (a line that a dismissed finding has in common with another counts in both)"
        in told
    )


def test_a_few_visits_long_before_the_others_are_left_to_the_table():
    few = weeks(((2025, 5, 19), 1), ((2025, 5, 26), 2), ((1, 5), 50), ((1, 12), 60))
    shown, said = views.weeks.weeks_shown(few)
    assert shown["of"].to_list() == [50, 60]
    assert said.startswith("3 earlier visits (weeks of May 19 – May 26, 2025)")
    one = weeks(((2025, 5, 19), 1), ((1, 5), 50))
    assert views.weeks.weeks_shown(one)[1].startswith("1 earlier visit (week of May 19, 2025)")
    many = weeks(((2025, 5, 19), 30), ((1, 5), 50), ((1, 12), 60))
    assert views.weeks.weeks_shown(many)[0].height == 3
    near = weeks(((1, 5), 1), ((2, 2), 60))
    assert views.weeks.weeks_shown(near)[0].height == 2
    assert views.weeks.weeks_shown(near.head(0))[1] == ""


def test_why_a_rule_matters_is_a_plain_sentence():
    for rule in catalogue().values():
        assert not [each for told in views.findings.why(rule) for each in "*`" if each in told], rule.code
    assert "“improve strength”" in views.findings.why(catalogue()["DOC-07"])[1]


def test_a_payer_that_nobody_names_is_called_so_and_has_no_rate(whole):
    table = views.payers.rated(views.narrowed.narrowed(whole, Filters().apply)).head(1)
    nobody = table.with_columns(
        payer_id=pl.lit("–"), per_100=pl.lit(None, pl.Float64), of=pl.lit(0, pl.Int64)
    )
    sheet = views.payers.sheet(nobody)
    assert sheet["Payer"].to_list() == ["none named"]
    assert sheet["Findings per 100 claims"].to_list() == ["–"]


def test_the_table_of_stacked_bars_stands_in_their_order_without_what_they_do_not_draw():
    bars = pl.DataFrame(
        [("PR", "medium", 10.0, 1), ("PR", "info", 0.0, 4), ("POC", "low", 0.0, 2), ("POC", "medium", 8.0, 1),
         ("POC", "high", 5.0, 1)],
        schema=["family", "severity", "dollars", "findings"], orient="row",
    )  # fmt: skip
    told = views.severities.sheet(bars, "family")
    assert told.select("family", "severity").rows() == [("POC", "high"), ("POC", "medium"), ("PR", "medium")]
    free = bars.with_columns(dollars=pl.lit(0.0))
    assert views.severities.drawn_by(free) == "findings"
    assert views.severities.sheet(free, "family").height == bars.height


def test_a_span_of_one_day_is_that_day():
    assert formats.span(date(2025, 5, 19), date(2025, 5, 19)) == "May 19, 2025"


def test_without_dollars_the_payer_with_the_most_findings_is_named_and_none_without_findings():
    table = pl.DataFrame(
        {"payer_id": ["A", "B"], "dollars": [0.0, 0.0], "findings": [1, 3], "claims": [20, 30]}
    )
    assert views.payers.sentence(table, 0.0, {"B": "Blue"}) == (
        "No dollars are at risk; Blue has 3 findings among 30 claims."
    )
    bare = table.with_columns(findings=pl.lit(0))
    assert views.payers.sentence(bare, 0.0, {}) == "No dollars are at risk."
