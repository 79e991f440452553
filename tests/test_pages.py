"""Every page as the app-test harness runs it: with data, with filters, with nothing found, with no data, refused."""

import json
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from compliance import formats, risk
from compliance.audit import Scope, audit
from compliance.policy import load_policies
from compliance.prebill import pre_bill
from compliance.records.load import load
from compliance.reports import Subject, director
from compliance.review import Decision, open_store
from compliance.review.spot_checks import KeptSample, samples
from compliance.risk import weekly
from compliance.sampling.frame import Criteria
from compliance.sampling.spot_check import Asked, bundle_of, spot_check
from tests import clinic
from ui import data, filters, parts, trail

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "overview",
    "worklist",
    "before_billing",
    "therapists",
    "payers",
    "findings",
    "meeting",
    "spot_check",
    "what_if",
    "rules",
    "records",
)
NAMES = [name for name, _, _ in clinic.THERAPISTS.values()]

pytestmark = pytest.mark.xdist_group("pages")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return clinic.write(tmp_path_factory.mktemp("clinic"))


@pytest.fixture
def visit(records, monkeypatch):
    """Call it for a page: `visit("findings", payer="MCR")`; `data` names other records."""
    monkeypatch.delenv("COMPLIANCE_POLICIES", raising=False)

    def open_page(name: str, data: Path = records, **query: str) -> AppTest:
        monkeypatch.setenv("COMPLIANCE_DATA", str(data))
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        if name != "overview":
            app.switch_page(f"pages/{name}.py").run()
        assert not app.exception, [each.message for each in app.exception]
        return app

    return open_page


def text(app: AppTest) -> str:
    """All that the page says, tables included."""
    said = [str(getattr(each, "body", "") or each.proto) for each in app.get("html")]
    said += [
        each.value for kind in (app.markdown, app.caption, app.info, app.warning, app.error) for each in kind
    ]
    said += [str(each.value.to_dict()) for each in app.dataframe]
    said += [str(each.proto) for each in app.get("code")]
    return "\n".join(said)


HOSTILE = "![i](http://e.invalid/t.png) [l](http://e.invalid) www.e.invalid $x^2$ :red[hi] <img src=x>"


def as_markdown(app: AppTest) -> str:
    """All of the page that Streamlit reads as Markdown: sentences, notices, what is written on buttons and beside them."""
    kinds = (
        app.title,
        app.subheader,
        app.markdown,
        app.caption,
        app.info,
        app.warning,
        app.error,
        app.success,
    )
    said = [each.value for kind in kinds for each in kind]
    said += [words for each in app.button for words in (each.label, each.proto.help)]
    return "\n".join(said)


def assert_inert(said: str) -> None:
    unescaped = re.sub(r"\\.", "", said)
    assert not [drawn for drawn in ("![", "](", "http:", "www.", "$", ":red", "<img") if drawn in unescaped]
    assert "\\!\\[i\\]" in said, "it is shown, all the same"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A clinic whose every name would be an image, a link, a formula."""
    folder = clinic.write(tmp_path_factory.mktemp("hostile"))
    for table in ("therapists", "payers", "patients", "clinics"):
        rows = pl.read_csv(folder / f"{table}.csv", infer_schema=False)
        clinic.write_table(
            folder / f"{table}.csv",
            rows.with_columns(pl.col("name").str.replace(",", "") + " " + HOSTILE).to_dicts(),
        )
    return folder


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("overview", {}),
        ("findings", {"therapist": "T1", "payer": "MCR"}),
        ("overview", {"payer": HOSTILE}),
        ("overview", {"from": HOSTILE}),
        ("findings", {"finding": HOSTILE}),
    ],
)
def test_what_names_and_addresses_hold_is_shown_and_not_drawn(visit, hostile, name, query):
    assert_inert(as_markdown(visit(name, data=hostile, **query)))


def test_an_address_asking_for_a_rule_is_shown_and_not_drawn(visit, hostile):
    warned = "".join(each.value for each in visit("rules", data=hostile, code=HOSTILE).warning)
    assert_inert(warned)


@pytest.mark.parametrize("name", ["overview", "records"])
def test_names_of_files_are_shown_and_not_drawn(visit, tmp_path, name):
    said = as_markdown(visit(name, data=tmp_path / "![i](www.e.invalid)"))
    assert_inert(said)


def test_an_upload_that_is_refused_is_shown_and_not_drawn(visit, hostile):
    app = visit("records", data=hostile)
    app.file_uploader(key="records_files").upload(f"{HOSTILE.replace('/', '')}.xyz", b"x,y").run()
    assert app.button(key="records_look").disabled  # there is nothing to look at
    assert_inert(as_markdown(app))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_answers_with_a_sentence_and_a_table(visit, name):
    app = visit(name)
    assert app.title[0].value.lower() == name.replace("_", " ")
    assert 'class="sentence"' in text(app).replace("\\", "")
    assert name in ("overview", "before_billing") or app.dataframe


@pytest.mark.parametrize("name", PAGES)
def test_a_page_works_under_filters(visit, name):
    app = visit(name, payer="MCR", severity="medium", **{"from": "2026-01-10"})
    assert app.title[0].value.lower() == name.replace("_", " ")


@pytest.mark.parametrize("name", ["overview", "payers", "findings"])
def test_nothing_found_is_explained_and_the_filters_can_be_cleared(visit, name):
    app = visit(name, rule="PR-02")
    assert "No findings under these filters" in app.info[0].value
    assert any(each.label == "Clear the filters" for each in app.button)


def test_nothing_checked_is_explained_on_the_therapists_page(visit):
    app = visit("therapists", **{"from": "2027-01-01"})
    assert "No checked visit" in app.info[0].value


@pytest.mark.parametrize("name", PAGES[:-1])
def test_records_without_visits_are_explained(visit, tmp_path, name):
    clinic.write_table(tmp_path / "clinics.csv", [{"clinic_id": "CL1", "name": "Alone"}])
    app = visit(name, data=tmp_path)
    assert "hold no visits and no claim lines" in app.info[0].value


@pytest.mark.parametrize("name", PAGES)
def test_records_that_cannot_be_opened_are_explained(visit, tmp_path, name):
    app = visit(name, data=tmp_path / "nowhere")
    assert app.title[0].value.lower() == name.replace("_", " ")
    said = text(app)
    assert "no such file or folder" in said
    assert "Nothing was changed" in said


def test_refused_rows_are_listed_with_what_was_expected(visit, tmp_path):
    clinic.write(tmp_path, patients=2)
    with (tmp_path / "notes.csv").open("a", encoding="utf-8") as notes:
        notes.write(
            "P000,PT,POC000,T1,N999,CL1,treatment,attended,2026-13-45,30,30,2026-01-05,2026-01-05,words\n"
        )
    app = visit("records", data=tmp_path)
    refused = next(each.value for each in app.dataframe if "Expected" in each.value.columns)
    assert "2026-13-45" in set(refused["Found"])
    assert "1 row refused" in text(app)


def test_files_of_which_nothing_was_read_stand_apart_from_what_cost_no_row(visit, tmp_path):
    clinic.write(tmp_path, patients=2)
    (tmp_path / "fees.csv").write_bytes(b"")
    (tmp_path / "authorizations.pdf").write_bytes(b"PK")
    therapists = (tmp_path / "therapists.csv").read_text(encoding="utf-8")
    (tmp_path / "therapists.csv").write_text(therapists.replace("CL1", "CL9"), encoding="utf-8")
    told = {each.label: each.text[0].value for each in visit("records", data=tmp_path).expander}
    left_out = told.pop("Left out: 2 files or folders of which nothing was read")
    assert "fees.csv" in left_out and "authorizations.pdf" in left_out
    (noticed,) = [said for heading, said in told.items() if heading.startswith("Noticed in what was read")]
    assert "CL9" in noticed and "fees.csv" not in noticed


def test_a_row_refused_for_two_cells_is_one_row(visit, tmp_path):
    clinic.write(tmp_path, patients=2)
    notes = pl.read_csv(tmp_path / "notes.csv", infer_schema=False).to_dicts()
    bad = {"note_id": "N9", "patient_id": "P000", "service_date": "2026-13-45", "signed_on": "never"}
    clinic.write_table(tmp_path / "notes.csv", [*notes, bad])
    said = text(visit("records", data=tmp_path))
    assert "1 row refused" in said and "2 rows refused" not in said


def test_a_shared_link_opens_its_finding_and_an_unknown_one_says_so(visit):
    listed = visit("findings").dataframe[0].value
    assert listed["Rule"].size
    app = visit("findings", finding="PR-01-000000000000")
    assert "not in these records" in app.warning[0].value


def test_a_link_of_a_hundred_thousand_characters_is_quoted_in_short(visit):
    asked = ",".join(f"P{number}" for number in range(20_000))
    for page, query in (
        ("findings", {"finding": asked}),
        ("rules", {"code": asked}),
        ("overview", {"payer": asked}),
    ):
        warned = [each.value for each in visit(page, **query).warning]
        assert warned and sum(map(len, warned)) < 1_000


def test_the_evidence_says_rule_reason_authority_dollars_and_fix(visit):
    said = text(visit("findings", rule="PR-01", severity="medium"))
    for part in (
        "Progress report overdue",
        "Because.",
        "Fix.",
        "at risk",
        "Benefit Policy Manual",
        "since",
        "class='strip'",
    ):
        assert part in said.replace("\\", ""), part


def test_search_narrows_the_list_and_says_when_nothing_matches(visit):
    app = visit("findings")
    app.text_input(key="findings_search").set_value("no such words").run()
    assert "Nothing matches" in app.info[0].value


def test_hidden_names_and_ids_show_nowhere_and_in_no_download(visit, monkeypatch):
    given: list[str] = []
    monkeypatch.setattr(parts, "download", lambda table, *_: given.append(formats.spreadsheet(table)))
    for name in PAGES:
        said = text(visit(name, hide_names="true")) + "".join(given)
        assert not [each for each in (*NAMES, "Person 0") if each in said], name
        assert not re.findall(rf"\b(?:P\d{{3}}|{'|'.join(clinic.THERAPISTS)})\b", said), name


def test_hidden_names_show_in_no_refused_row_and_no_notice(visit, tmp_path):
    clinic.write(tmp_path, patients=2)
    notes = pl.read_csv(tmp_path / "notes.csv", infer_schema=False).to_dicts()
    clinic.write_table(
        tmp_path / "notes.csv", [*notes, {"note_id": "N9", "service_date": "seen by ANA ALVAREZ"}]
    )
    shown, hidden = (
        next(each.value for each in app.dataframe if "Found" in each.value.columns)["Found"].to_list()
        for app in (visit("records", data=tmp_path), visit("records", data=tmp_path, hide_names="true"))
    )
    assert "seen by ANA ALVAREZ" in shown
    assert "seen by Therapist 2" in hidden


def card_with_pictures(facts, hidden):
    """A script that draws the pictures of a finding's facts."""
    from datetime import datetime

    import streamlit as st

    from ui import evidence_pictures, filters

    people = filters.Choices(patients={"PAT-7": "Bo Brandt", "PAT-9": "Cy Chen"})
    st.session_state["filters_names"] = filters.Names(people, hidden=hidden)
    shown = evidence_pictures.draw({"service_date": datetime(2026, 3, 2)}, {"facts": facts})
    st.text(" ".join(sorted(shown)))


SESSIONS = "2026-03-02T09:00/2026-03-02T09:30 97530 PAT-7; 2026-03-02T09:15/2026-03-02T09:45 97110 PAT-9"


@pytest.mark.parametrize("hidden", [False, True])
def test_the_time_line_names_patients_only_where_names_are_shown(hidden):
    app = AppTest.from_function(
        card_with_pictures, args=({"sessions": SESSIONS}, hidden), default_timeout=60
    ).run()
    assert not app.exception
    said = " ".join(str(each.proto) for each in app.get("vega_lite_chart")) + text(app)
    assert "15 minutes with 2 patients at once" in said
    assert ("Bo Brandt" in said) != hidden and "PAT-7" not in said
    assert ("Patient 1" in said) == hidden


def test_facts_that_no_picture_shows_stay_facts():
    facts = {
        "sessions": SESSIONS,
        "pair_column_1": "97150",
        "pair_column_2": "97530",
        "modifier_indicator": "0",
        "lost": 2,
    }
    app = AppTest.from_function(card_with_pictures, args=(facts, False), default_timeout=60).run()
    assert "never paid together" in text(app)
    assert "lost" not in app.text[0].value and "sessions" in app.text[0].value


def test_visits_of_each_week_are_drawn_against_the_plan_and_the_days_are_those_beyond_it():
    facts = {"made_of_planned": "2026-03-02=1/1 2026-03-09=2/1", "counted_days": "2026-03-11"}
    app = AppTest.from_function(card_with_pictures, args=(facts, False), default_timeout=60).run()
    assert not app.exception
    assert "1 of 2 full weeks" in str(app.get("vega_lite_chart")[0].proto)
    assert "1 visit beyond the plan, Mar 11, 2026" in text(app)


def test_visits_beyond_a_limit_are_shown_last_and_those_before_are_counted():
    days = [(date(2026, 1, 1) + timedelta(days=number)).isoformat() for number in range(45)]
    facts = {"counted_days": " ".join(days), "limit": 44, "used": 45, "used_elsewhere": 0}
    app = AppTest.from_function(card_with_pictures, args=(facts, False), default_timeout=60).run()
    said = text(app)
    assert "45 visits counted, Jan 1 – Feb 14, 2026; the limit is 44" in said
    assert "5 before" in said and "<b>45</b>" in said and "<b>5</b>" not in said
    assert "beyond the limit" in said and "after it was due" not in said


def test_both_ways_of_counting_are_drawn_where_the_payers_is_not_known():
    facts = {
        "minutes_by_code": "97110=7 97530=15", "billed_by_code": "97110=2 97530=1", "supported_by_code": "97110=0 97530=1",
        "timed_minutes": 22, "units_billed": 3, "units_supported": 1, "unit_method": "unknown",
        "pooled_by_code": "97110=0 97530=1", "midpoint_by_code": "97110=0 97530=1",
    }  # fmt: skip
    app = AppTest.from_function(card_with_pictures, args=(facts, False), default_timeout=60).run()
    assert not app.exception
    drawn = [str(each.proto) for each in app.get("vega_lite_chart")]
    assert (
        len(drawn) == 2 and "By the 8-minute rule" in drawn[0] and "By the midpoint of each code" in drawn[1]
    )
    assert "both known ways are drawn" in text(app)


def test_a_chip_says_what_is_filtered():
    chosen = filters.Filters(severities=("high", "low"), disciplines=("PT",))
    told = parts.filter_words(chosen)
    assert [words for words, _ in told] == ["Discipline: PT", "Severity: ▲ high", "Severity: ● low"]
    assert told[1][1] == {"severity": ["low"]}


def test_names_in_free_text_give_way_to_numbers():
    offered = filters.Choices(therapists={"T1": "Alvarez, Ana"}, patients={"P1": "Bo Brandt"})
    names = filters.Names(offered, hidden=True)
    masked = names.masked("Ana Alvarez saw Bo Brandt (P1); discussed with Alvarez.")
    assert masked == "Therapist 1 saw Patient 1 (Patient 1); discussed with Therapist 1."
    assert filters.Names(offered).masked("Ana Alvarez") == "Ana Alvarez"


def test_a_downloaded_table_runs_no_formula():
    table = pl.DataFrame({"What": ["=1+1", "@x", "-2", "fine"], "At risk": [1.0, -2.0, 3.0, 4.0]})
    with patch("streamlit.download_button") as button:
        parts.download(table, "findings", "findings.csv")
    written = button.call_args.args[1]()
    assert written.splitlines()[1:] == ["'=1+1,1.0", "'@x,-2.0", "'-2,3.0", "fine,4.0"]


def test_a_what_if_is_told_at_once_saved_by_name_opened_again_and_discarded(visit) -> None:
    app = visit("what_if")
    assert "Nothing changes" in text(app)
    app.selectbox(key="what_if_policy").set_value("medicare").run()
    heirs = "What takes this value from there changes too: Medicare Advantage, as Medicare unless the plan says otherwise."
    assert formats.markdown(heirs) in {each.value for each in app.caption}
    value = next(each for each in app.number_input if each.key.endswith("treatment_days_value"))
    assert value.value == 10
    value.set_value(4).run()
    assert "added" in text(app) and "dollars at risk go from" in text(app)
    app.text_input(key="what_if_name").set_value("Letter of July").run()
    app.button(key="what_if_save").click().run()
    app.button(key="what_if_discard").click().run()
    assert "Nothing changes" in text(app) and "Letter of July" in as_markdown(app)
    app.button(key="what_if_open_0").click().run()
    assert "added" in text(app) and "= 4 from" in as_markdown(app)
    app.button(key="what_if_gone_0").click().run()
    assert "Letter of July" not in as_markdown(app)
    assert not app.exception


def test_a_number_that_nobody_typed_changes_nothing(visit) -> None:
    app = visit("what_if")
    app.selectbox(key="what_if_policy").set_value("medicare").run()
    app.selectbox(key="what_if_parameter").set_value("progress_report_calendar_days").run()
    key = "what_if_medicare_progress_report_calendar_days"
    app.checkbox(key=f"{key}_none").uncheck().run()
    assert app.number_input(key=f"{key}_value").value is None
    assert "Nothing changes." in text(app) and not app.exception
    assert app.number_input(key=f"{key}_value").min == 1


def test_a_saved_what_if_of_a_policy_that_is_gone_says_so(visit, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COMPLIANCE_REVIEW", f"sqlite:///{tmp_path / 'review.db'}")
    kept = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    row = "\n- {from: 2026-01-01, value: 5, source: what-if, note: n}\n"
    for text in ("", f"id: gone\nprogress_report_treatment_days:{row}", f"id: medicare\ngone:{row}"):
        kept.save_overlay("../x", text, "=1+1")
        app = visit("what_if")
        app.button(key="what_if_open_0").click().run()
        assert not app.exception and "does not fit the policies of today" in app.warning[0].value
    kept.close()


def group(app: AppTest, key: str):
    """The first segmented control whose key begins so."""
    return next(each for each in app.get("button_group") if (each.key or "").startswith(key))


@pytest.fixture
def reviewed(visit, tmp_path, monkeypatch):
    """A kept sample of four lines, of which the first chart is open; a database of its own."""
    monkeypatch.setenv("COMPLIANCE_REVIEW", f"sqlite:///{tmp_path / 'review.db'}")
    monkeypatch.setattr("ui.data.signed_in", lambda: False)  # the harness is always signed in

    def kept(**query: str) -> AppTest:
        app = visit("spot_check", **query)
        app.selectbox(key="spot_purpose").set_value("size").run()
        app.number_input(key="spot_size").set_value(4).run()
        app.number_input(key="spot_seed").set_value(7).run()
        app.text_input(key="spot_name").set_value("First half").run()
        return app.button(key="spot_keep").click().run()

    return kept


def answer(app: AppTest, said: str) -> None:
    """Answer the chart on screen, and turn to the next where there is one."""
    group(app, "spot_answer").set_value(said).run()
    app.button(key="spot_save").click().run()
    assert not app.exception, [each.message for each in app.exception]


def answer_all(app: AppTest, answers: Sequence[str]) -> None:
    """Answer one chart after the other; what the rules found stands beside each only once it is answered."""
    for place, said in enumerate(answers, start=1):
        assert "What the rules found is shown once you have answered." in text(app)
        answer(app, said)
        assert "What the rules found" not in text(app) and "Answered in" in text(app)
        if place < len(answers):
            app.button(key="spot_step_1").click().run()


def test_a_sample_is_answered_chart_by_chart_and_the_rules_speak_only_afterwards(reviewed, tmp_path) -> None:
    app = reviewed()
    assert "4 of 336 lines" in text(app) and "<mark" not in text(app)
    answer_all(app, ("ok", "missing", "cannot tell", "ok"))
    group(app, "spot_page").set_value("result").run()
    told = text(app)
    for part in (
        "1 of 4 are wrong",
        "1 record missing",
        "1 could not be told",
        "too few to project",
        "Against the rules",
    ):
        assert part in told, part
    app.text_input(key="spot_reviewer").set_value("Second").run()
    assert "Against the rules" not in text(app), "a second reviewer sees nobody's answers before their own"
    group(app, "spot_page").set_value("charts").run()
    answer_all(app, ("ok",) * 4)
    group(app, "spot_page").set_value("result").run()
    assert "Two reviewers agree on 2 of 4" in text(app)
    trail = open_store(f"sqlite:///{tmp_path / 'review.db'}").trail()
    counted = dict(trail.group_by("action").len().iter_rows())
    assert counted["sample drawn"] == 1 and counted["sample answer"] == 8 and counted["chart viewed"] >= 8


def test_a_sample_of_other_records_is_refused_and_its_answers_stay(reviewed, tmp_path, monkeypatch) -> None:
    app = reviewed()
    answer(app, "ok")
    store = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    row = samples(store, store.acts("sample drawn")["detail"].str.json_path_match("$.source")[0]).row(
        0, named=True
    )
    sample = KeptSample(
        "Of then", row["source"], "0" * 64, json.loads(row["criteria"]), json.loads(row["asked"])
    )
    app.selectbox(key="spot_sample").set_value("").run()
    store.note("ana", "sample drawn", "ffffffffffff", {"name": "Of then", "source": row["source"], "frame": sample.frame,
                                                       "criteria": sample.criteria, "asked": sample.asked})  # fmt: skip
    app.run()
    app.selectbox(key="spot_sample").set_value("ffffffffffff").run()
    assert "give another frame" in app.info[0].value and not app.exception
    assert app.title[0].value == "Spot check" and "was drawn from other records" in text(app)
    app.file_uploader(key="spot_bundle_ffffffffffff").upload("notes.zip", b"no bundle").run()
    assert "is no bundle" in app.info[-1].value and not app.exception


def test_a_review_goes_on_from_its_bundle_where_the_records_have_changed(
    reviewed, visit, records, tmp_path
) -> None:
    app = reviewed()
    answer(app, "ok")
    store = open_store(f"sqlite:///{tmp_path / 'review.db'}")
    row = samples(store, str(records.resolve())).row(0, named=True)
    held, policies = load(records), load_policies()
    judged = audit(held, policies, date(2026, 7, 1))
    criteria, asked = Criteria.of(json.loads(row["criteria"])), Asked.of(json.loads(row["asked"]))
    content = bundle_of(
        spot_check(judged.lines, held.tables["remittances"], criteria, asked), held, policies, judged
    )
    changed = clinic.write(tmp_path / "changed", visits=15)
    detail = {**{name: row[name] for name in ("name", "frame")}, "source": str(changed.resolve()),
              "criteria": json.loads(row["criteria"]), "asked": json.loads(row["asked"])}  # fmt: skip
    store.note("ana", "sample drawn", row["sample_id"], {**detail, "name": "Moved"})
    app = visit("spot_check", data=changed, sample=row["sample_id"])
    assert "give another frame" in app.info[0].value
    app.file_uploader(key=f"spot_bundle_{row['sample_id']}").upload("spot.zip", content).run()
    assert "4 of 336 lines" in text(app) and "1 of 4 answered" in str(
        [each.proto for each in app.get("progress")]
    )
    assert not app.exception


def test_names_are_hidden_in_chart_list_and_result_of_a_spot_check(reviewed) -> None:
    app = reviewed(hide_names="true")
    answer(app, "ok")
    for step in ("charts", "result", "sample"):
        group(app, "spot_page").set_value(step).run()
        drawn = (
            text(app) + as_markdown(app) + " ".join(str(each.proto) for each in app.get("vega_lite_chart"))
        )
        assert not [each for each in (*NAMES, "Person 0") if each in drawn], step


def test_another_sample_can_be_drawn_after_one_is_kept_and_a_link_to_none_says_so(reviewed, visit) -> None:
    app = reviewed()
    app.selectbox(key="spot_sample").set_value("").run()
    assert app.selectbox(key="spot_purpose").value == "discovery"
    app = visit("spot_check", sample=HOSTILE)
    assert app.selectbox(key="spot_sample").value == ""
    assert "not among those kept" in app.warning[0].value
    assert_inert(as_markdown(app))


def test_a_frame_that_is_empty_is_explained(visit) -> None:
    app = visit("spot_check")
    app.selectbox(key="spot_dollars").set_value("paid").run()
    assert "frame is empty" in app.info[0].value and not app.exception


def test_without_review_data_a_sample_stays_in_the_session_and_the_page_says_so(visit, monkeypatch) -> None:
    monkeypatch.setenv("COMPLIANCE_REVIEW", "off")
    app = visit("spot_check")
    assert "stay in this session" in text(app)
    app.text_input(key="spot_name").set_value("Mine").run()
    app.button(key="spot_keep").click().run()
    answer(app, "ok")
    assert "Mine" in text(app)


def test_a_link_to_the_rules_bears_family_search_and_day(visit):
    app = visit("rules", family="NCCI", search="pair", on="2025-03-01", code="NCCI-02")
    assert {each.partition("-")[0] for each in app.dataframe[0].value["Rule"]} == {"NCCI"}
    assert app.text_input(key="rules_search").value == "pair"
    assert str(app.date_input(key="rules_on").value) == "2025-03-01"
    assert any(each.value.startswith("# NCCI-02") for each in app.markdown)


def test_the_rules_page_opens_the_one_rule_that_is_filtered(visit):
    app = visit("rules", rule="UNIT-02")
    assert any(each.value.startswith("# UNIT-02") for each in app.markdown)


def test_the_rules_page_says_the_parameters_of_every_payer(visit):
    said = text(visit("rules", code="PR-01"))
    for part in (
        "Progress report treatment days",
        "10 treatment days",
        "TRICARE",
        "unverified",
        "no such rule",
    ):
        assert part in said, part
    assert "progress_report_treatment_days" not in said


def test_a_link_with_a_day_that_is_none_shows_today(visit):
    app = visit("rules", on="soon", family="NONE")
    assert app.date_input(key="rules_on").value
    assert app.dataframe[0].value["Rule"].size > 50


def note_of_a_card(code):
    """A script that shows a note as the card of a finding of the rule does."""
    from datetime import datetime

    import streamlit as st

    from compliance.checks.rule import catalogue
    from ui import data, evidence

    data.note = lambda note_id: {
        "note_id": note_id, "patient_id": "P1", "therapist_id": "T1", "service_date": datetime(2026, 3, 2),
        "signed_on": datetime(2026, 3, 2), "text": "97530: carried laundry up 12 steps with CGA.",
    }  # fmt: skip
    st.html(evidence._note("N1", [], catalogue()[code]))


@pytest.mark.parametrize(("code", "reads"), [("DOC-05", True), ("MOD-01", False)])
def test_words_are_marked_only_where_the_rule_reads_notes(code, reads):
    with patch("ui.data.note"):
        said = text(AppTest.from_function(note_of_a_card, args=(code,), default_timeout=60).run())
    assert "carried laundry" in said.replace("<", " <") or reads
    assert ("<mark" in said) == ("Marked:" in said) == reads


def test_before_billing_says_what_the_command_says_of_unsent_claims(visit, tmp_path) -> None:
    folder = clinic.write(tmp_path)
    claims = pl.read_csv(folder / "claims.csv", infer_schema=False)
    clinic.write_table(
        folder / "claims.csv",
        claims.with_columns(status=pl.lit("ready"), submitted_on=pl.lit(None, dtype=pl.String)).to_dicts(),
    )
    said = text(visit("before_billing", data=folder))
    told = audit(load(folder), load_policies(), date.today(), scope=Scope(unsubmitted=True))
    held = [row for row in pre_bill(told) if row["decision"] == "hold"]
    assert f"hold {len(held):,}" in said and len(held) > 0
    assert f"release {claims.height - len(held):,}" in said
    assert "--unsubmitted" in said


def test_a_filter_without_unsent_claims_does_not_say_that_every_claim_was_sent(visit, tmp_path) -> None:
    folder = clinic.write(tmp_path)
    claims = pl.read_csv(folder / "claims.csv", infer_schema=False)
    waits = pl.when(pl.col("payer_id") == "MCD").then(pl.lit("ready")).otherwise(pl.lit("submitted"))
    clinic.write_table(
        folder / "claims.csv",
        claims.with_columns(status=waits, submitted_on=pl.lit(None, dtype=pl.String)).to_dicts(),
    )
    waiting = claims.filter(pl.col("payer_id") == "MCD").height
    said = text(visit("before_billing", data=folder, payer="MCR"))
    assert f"No claim under these filters waits to be billed; {waiting} do in all." in said


@pytest.fixture
def own_review(tmp_path, monkeypatch):
    """Review data of the test's own: what it dismisses no other test misses."""
    monkeypatch.setenv("COMPLIANCE_REVIEW", f"sqlite:///{tmp_path / 'review.db'}")
    return open_store()


@pytest.fixture
def dismissed(own_review, records):
    """All of a therapist's findings, dismissed; with the audit that found them."""
    whole = audit(load(records), load_policies(), date.today())
    real = whole.findings.filter(pl.col("severity") != "info")
    found = real.filter(
        pl.col("therapist_id") == real.filter(pl.col("rule") == "PR-01")["therapist_id"].sort()[0]
    )
    own_review.decide(found.to_dicts(), Decision("dismissed", "Documented elsewhere"), "ana")
    return whole, found


@pytest.mark.parametrize("name", ["overview", "therapists", "payers", "findings", "meeting"])
def test_figures_leave_out_what_was_dismissed_say_so_and_a_link_counts_it_again(
    visit, dismissed, name
) -> None:
    number = formats.plural(dismissed[1].height, "finding")
    told = text(visit(name))
    assert re.search(rf"{number} that reviewers dismissed (is|are) left out", told)
    again = visit(name, count_dismissed="true")
    assert re.search(rf"{number} that reviewers dismissed (is|are) counted", text(again))
    assert sentence(again).partition(number)[0] != sentence(visit(name)).partition(number)[0]


def test_rules_say_how_many_findings_that_were_dismissed_they_leave_out(visit, dismissed) -> None:
    number = formats.plural(dismissed[1].height, "finding")
    assert re.search(rf"{number} that reviewers dismissed (is|are) left out", text(visit("rules")))


def sentence(app: AppTest) -> str:
    """The page's sentence."""
    return "".join(re.findall('class="sentence">(.*?)</p>', text(app).replace("\\", "")))


def test_dollars_and_a_therapists_rate_fall_with_a_dismissal(visit, dismissed) -> None:
    whole, found = dismissed
    before = risk.summary(whole)["dollars"]
    app = visit("overview")
    assert app.metric[0].value != formats.money(before)
    assert visit("overview", count_dismissed="true").metric[0].value == formats.money(before)
    who = found["therapist_id"][0]
    rows = {row["therapist_id"]: row for row in risk.funnel(whole.visits).iter_rows(named=True)}
    of_whole = formats.rate(rows[who]["n"], rows[who]["of"]).split(" (")[1].rstrip(")")
    told = [visit("therapists", therapist=who, **more) for more in ({}, {"count_dismissed": "true"})]
    rates = [
        next(each.value for each in app.dataframe if "Visits with a finding" in each.value.columns).iloc[0][
            "Visits with a finding"
        ]
        for app in told
    ]
    assert of_whole in rates[1] and of_whole not in rates[0]


def test_the_list_and_the_worklist_show_what_was_dismissed(visit, dismissed) -> None:
    whole, found = dismissed
    listed = visit("findings").dataframe[0].value
    assert len(listed) == whole.findings.height
    assert (listed["Standing"] == "dismissed").sum() == found.height
    assert not listed["At risk"][listed["Standing"] == "dismissed"].any()
    app = visit("worklist")
    app.selectbox(key="worklist_status").set_value("dismissed").run()
    assert any(
        each.value["Findings"].sum() == found.height
        for each in app.dataframe
        if "Reopened" in each.value.columns
    )


def test_a_link_to_the_worklist_shows_the_receiver_the_same_choices(visit, own_review) -> None:
    app = visit("worklist", worklist_by="Rule", worklist_order="Findings")
    assert any("Reopened" in each.value.columns for each in app.dataframe)
    assert app.segmented_control(key="worklist_by").value == "rule"
    assert app.segmented_control(key="worklist_order").value == "findings"
    app = visit("worklist", worklist_status="Waived")
    assert "No finding is waived here" in text(app)


def test_a_dismissal_changes_no_frame_of_a_spot_check(visit, own_review, records) -> None:
    def frame() -> list[str]:
        return re.findall(
            "SHA-256 of the frame: `[0-9a-f]+|[0-9]+ of [0-9]+ lines", text(visit("spot_check"))
        )

    before = frame()
    found = audit(load(records), load_policies(), date.today()).findings
    own_review.decide(found.to_dicts(), Decision("dismissed", "Documented elsewhere"), "ana")
    assert frame() == before and len(before) > 1


def test_payers_says_that_findings_without_a_payer_stay_under_a_choice_of_payers(visit) -> None:
    said = "A choice of payers keeps the findings that name none"
    for query, there in (({"payer": "MCR"}, True), ({}, False)):
        app = visit("payers", **query)
        unnamed = "none named" in set(app.dataframe[-1].value["Payer"])
        assert any(said in each.value for each in app.caption) == (there and unnamed)


def test_the_overview_says_what_rests_on_unverified_values_and_leads_to_its_findings(visit) -> None:
    app = visit("overview")
    assert any(
        "at risk rests on a value that nobody has verified yet or that is a default of ours" in each.value
        for each in app.caption
    )
    app.button(key="overview_unverified_findings").click().run()
    assert not app.exception and app.title[0].value == "Findings"
    assert app.toggle(key="unverified").value
    resting = next(each.value for each in app.caption if "rest on an unverified value" in each.value)
    assert re.search(r"rest on an unverified value\\?: .*\$[\d\\,]+ of .*\$[\d\\,]+", resting)
    some = len(app.dataframe[0].value)
    app.toggle(key="unverified").set_value(False).run()
    assert 0 < some < len(app.dataframe[0].value)
    assert len(visit("findings", unverified="true").dataframe[0].value) == some


def test_without_a_dismissal_there_is_no_switch(visit, own_review) -> None:
    app = visit("overview", count_dismissed="true")
    assert not [each for each in app.toggle if each.key == "count_dismissed"]
    assert "dismissed" not in sentence(app)


def test_a_finding_is_decided_on_its_card_and_its_history_told(visit, own_review) -> None:
    app = visit("findings")
    app.button(key="evidence_decide").click().run()
    status = next(each for each in app.button_group if each.key.startswith("decide_"))
    status.set_value("dismissed").run()
    next(each for each in app.text_area if each.key.startswith("decide_")).set_value(
        "Minutes are on paper"
    ).run()
    offered = next(each for each in app.button if each.label.startswith("Dismiss:"))
    assert offered.disabled and "choose a reason" in offered.label  # none is chosen for whoever dismisses
    next(each for each in app.selectbox if (each.key or "").endswith("_why")).set_value("Other").run()
    next(each for each in app.button if each.label.startswith("Dismiss:")).click().run()
    assert not app.error and "Decide (dismissed)" in app.button(key="evidence_decide").label
    app.button(key="evidence_decide").click().run()
    assert any("Minutes are on paper" in each.value for each in app.caption)


def test_a_waiver_ends_on_no_day_that_is_past(visit) -> None:
    app = visit("findings")
    app.button(key="evidence_decide").click().run()
    group(app, "decide_").set_value("waived").run()
    until = next(each for each in app.date_input if (each.key or "").endswith("_until"))
    assert until.min == date.today() < until.value


def test_the_report_is_made_on_a_click_and_its_download_is_in_the_trail(visit) -> None:
    app = visit("overview", payer="MCR")
    assert formats.markdown("Only: Payer: Medicare B") in text(app)
    assert not app.get("download_button")[-1].proto.label.startswith("Download compliance")
    app.button(key="report_make_xlsx").click().run()
    assert not app.exception
    given = app.get("download_button")
    assert any(each.proto.label == f"Download compliance_{date.today().isoformat()}.xlsx" for each in given)
    with patch.object(data, "person", lambda: "ana"):
        trail.exported("compliance.xlsx")
    store = data.store()
    assert store
    last = store.trail().sort("entry").row(-1, named=True)
    assert (last["person"], last["action"], last["subject"]) == ("ana", "export", "compliance.xlsx")


def test_a_chart_that_is_viewed_is_in_the_trail_once_a_session(visit) -> None:
    store = data.store()
    assert store
    before = store.trail().height
    app = visit("findings")
    app.run()
    viewed = store.trail().filter(pl.col("entry") > before)
    assert viewed["action"].to_list() == ["chart viewed"] and viewed["subject"][0]


def test_the_meeting_shows_the_figures_that_the_printed_page_shows(visit, records) -> None:
    app = visit("meeting")
    whole = audit(load(records), load_policies(), date.today())
    told = Subject.of(whole, load(records), load_policies(), Scope(), hide_names=True)
    assert [(each.label, each.value, each.delta) for each in app.metric][:4] == [
        (tile["label"], tile["value"], tile["note"]) for tile in director.tiles(told)
    ]
    assert told.run.run_id in text(app)
    assert not [name for name in NAMES if name in text(app) + as_markdown(app)]


def test_hidden_names_stay_hidden_in_a_meeting_that_had_shown_them(visit) -> None:
    app = visit("meeting")
    app.toggle(key="meeting_names").set_value(True).run()
    assert [name for name in NAMES if name in text(app) + as_markdown(app)]
    app = visit("meeting", hide_names="true")
    app.session_state["meeting_names"] = True
    app.run()
    assert app.toggle(key="meeting_names").disabled
    assert not [name for name in NAMES if name in text(app) + as_markdown(app)]


def test_under_a_rule_what_cannot_be_told_is_counted_in_checks(visit, records) -> None:
    whole = audit(load(records), load_policies(), date.today())
    untold = whole.coverage.group_by("rule").agg(pl.col("cannot_tell").sum()).sort("cannot_tell", "rule")
    chosen = [whole.findings["rule"][0], untold["rule"][-1]]
    checks = untold.filter(pl.col("rule").is_in(chosen))["cannot_tell"].sum()
    assert checks
    shown = {each.label: each.value for each in visit("overview", rule=",".join(chosen)).metric}
    assert shown["Cannot tell"] == formats.plural(checks, "check")
    everything = {each.label: each.value for each in visit("overview").metric}
    assert everything["Cannot tell"] == formats.plural(int(whole.visits["cannot_tell"].sum()), "visit")


def test_the_meeting_and_the_printed_page_share_their_baseline(visit, records, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COMPLIANCE_REVIEW", f"sqlite:///{tmp_path / 'review.db'}")
    whole = audit(load(records), load_policies(), date.today())
    first = weekly(whole.visits)["week"].dt.date().to_list()[2]
    open_store().mark(first, "Training", "ana")
    app = visit("meeting")
    store, names = open_store(), {"hide_names": True}
    told = Subject.of(
        whole, load(records), load_policies(), Scope(), **names, marks=store.marks(), head=store.head()
    )
    sentence = director.page(told)["weeks"]["sentence"]
    assert " before, " in sentence and formats.markdown(sentence) in as_markdown(app)


def test_a_report_with_names_is_not_given_on_a_page_that_hides_them(visit) -> None:
    app = visit("overview")
    app.button(key="report_make_xlsx").click().run()
    assert "Download compliance" in "".join(each.proto.label for each in app.get("download_button"))
    app.switch_page("pages/meeting.py").run()
    assert not app.exception
    assert "Download compliance" not in "".join(each.proto.label for each in app.get("download_button"))


def test_an_empty_worklist_says_so_once_and_shows_no_grid(visit) -> None:
    app = visit("worklist")
    app.selectbox(key="worklist_change").set_value("reopened").run()
    assert "No finding is reopened and open here" in app.info[0].value
    assert not [each for each in app.dataframe if "What" in each.value.columns]
    assert not any("Choose one or more rows" in each.value for each in app.caption)


def test_where_no_dollars_are_at_risk_the_worklist_and_the_payers_count_findings(visit) -> None:
    app = visit("worklist", severity="low")
    assert any("the bars count findings" in each.value for each in app.caption)
    held = next(each.value for each in app.dataframe if "Held with those above" in each.value.columns)
    assert held["Held with those above"].max() == pytest.approx(1)
    for name in ("payers", "meeting"):
        drawn = " ".join(str(each.proto) for each in visit(name, severity="low").get("vega_lite_chart"))
        assert (
            "Findings by payer: none puts dollars at risk" in drawn
            and "Dollars at risk by payer" not in drawn
        )


def test_the_worklist_leads_to_the_evidence(visit, monkeypatch) -> None:
    drawn = parts.sheet

    def first_chosen(table: pl.DataFrame, told: str, **more):
        event = drawn(table, told, **more)
        return {"selection": {"rows": [0]}} if more.get("key", "").startswith("worklist_rows") else event

    monkeypatch.setattr(parts, "sheet", first_chosen)
    app = visit("worklist")
    assert any("chosen" in each.value for each in app.markdown)
    app.button(key="worklist_open").click().run()
    assert not app.exception and app.title[0].value == "Findings"
    assert app.query_params["finding"]


def test_dates_without_a_visit_are_said_and_nothing_is_drawn(visit) -> None:
    app = visit("overview", **{"from": "2030-01-01", "to": "2030-02-01"})
    assert "No visit and no claim lies under these filters" in text(app)
    assert not app.dataframe and not app.metric
    assert not any("What to fix first" in each.value for each in app.markdown)


def test_where_no_dollars_are_at_risk_the_bars_count_findings(visit) -> None:
    app = visit("overview", severity="low")
    families = next(each.value for each in app.dataframe if "Family" in each.value.columns)
    assert not families["Dollars"].any() and families["Findings"].all()


def test_under_a_clinic_only_its_therapists_stand(visit) -> None:
    app = visit("therapists", clinic="CL2")
    told = next(each.value for each in app.dataframe if "Visits with a finding" in each.value.columns)
    idle = told[told["Visits with a finding"].str.contains("none checked") & (told["Findings"] == 0)]
    assert len(told) and idle.empty and "–" not in set(told["Therapist"])
