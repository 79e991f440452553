"""Claim files that others wrote, counted from their raw segments; joins, mutations, and what is refused."""

import csv
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

import oxedi
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.records.claim_codes import FILING, discipline_and_role
from compliance.records.load import InputError, load, load_files

DATA = Path(__file__).parent / "data/x12"
FILES = sorted(
    file
    for file in DATA.rglob("*")
    if file.is_file() and "LICENSE" not in file.name and file.suffix != ".csv"
)
PROFESSIONAL = [file for file in FILES if "005010X222" in file.read_text("utf-8")]
REMITTANCES = [file for file in FILES if "*005010X221A1~" in file.read_text("utf-8")]
OTHERS = [
    file
    for file in FILES
    if file not in PROFESSIONAL and file not in REMITTANCES and "blue_cross" not in file.name
]
GOLDEN = DATA / "keironstoddart/tests/output"


def name_of(file):
    return file.name


def raw_counts(file):
    """Segments by name, straight from the text."""
    return Counter(re.findall(r"(?:^|[~\n])\s*([A-Z][A-Z0-9]{1,2})(?=\*)", file.read_text("utf-8")))


def height(records, table):
    return records.tables[table].height


def test_the_files_are_those_that_were_counted():
    assert (len(FILES), len(PROFESSIONAL), len(REMITTANCES), len(OTHERS)) == (48, 19, 8, 20)


@pytest.mark.parametrize("file", PROFESSIONAL, ids=name_of)
def test_claims_and_lines_of_each_file(file):
    records, segments = load(file), raw_counts(file)
    assert not records.report.refusals
    assert height(records, "claims") == segments["CLM"]
    assert height(records, "claim_lines") == segments["LX"] == segments["SV1"]
    charged = [float(found) for found in re.findall(r"SV1\*[^*]+\*([\d.]+)", file.read_text("utf-8"))]
    assert records.tables["claim_lines"]["charge"].sum() == pytest.approx(sum(charged))
    assert records.tables["claim_lines"]["service_date"].null_count() == 0
    assert set(records.tables["claim_lines"]["claim_id"]) == set(records.tables["claims"]["claim_id"])


@pytest.mark.parametrize("file", REMITTANCES, ids=name_of)
def test_remittances_of_each_file(file):
    records, segments = load(file), raw_counts(file)
    refused = 1 if file.name == "tertiary-payment.835" else 0  # SVC*HC*24599.00: no procedure code
    assert len(records.report.refusals) == refused
    without_lines = 0 if segments["SVC"] else segments["CLP"]
    beyond_lines = {"managed-care.835": 2, "secondary-payment.835": 1}.get(file.name, 0)
    assert height(records, "remittances") == segments["SVC"] + without_lines + beyond_lines - refused


@pytest.mark.parametrize(
    "file", [file for file in REMITTANCES if file.name != "tertiary-payment.835"], ids=name_of
)
def test_dollars_agree_with_a_library_that_reads_remittances(file):
    paid = float(oxedi.parse(file.read_bytes()).tables["claims"].to_polars()["payment_amount"].sum())
    rows = load(file).tables["remittances"]
    stated = re.findall(r"CLP\*[^*]*\*[^*]*\*[^*]*\*([\d.]+)", file.read_text("utf-8"))
    assert sum(map(float, stated)) == pytest.approx(paid)
    assert rows["paid"].sum() == pytest.approx(paid)


@pytest.mark.parametrize("name", ["blue_cross_nc_sample", "emedny_sample", "united_healthcare_legacy_sample"])
def test_remittances_agree_with_golden_tables(name):
    with (GOLDEN / f"{name}.csv").open(encoding="utf-8") as file:
        golden = list(csv.DictReader(file))
    rows = (
        load(DATA / f"keironstoddart/tests/test_edi_835_files/{name}.txt")
        .tables["remittances"]
        .rows(named=True)
    )
    assert len(rows) == len(golden)
    for row, expected in zip(rows, golden, strict=True):
        assert row["claim_id"] == expected["marker"]
        assert row["paid"] == (float(expected["paid_amount"]) if expected["paid_amount"] else None)
        if expected["allowed_amount"]:
            assert row["allowed"] == float(expected["allowed_amount"])
        said = [f"{expected[f'adj_{n}_group']}-{expected[f'adj_{n}_code']}:{float(expected[f'adj_{n}_amount']):.2f}"
                for n in (0, 1) if expected.get(f"adj_{n}_amount")]  # fmt: skip
        assert set((row["adjustments"] or "").split()) >= set(
            said
        )  # the golden reader takes the first of each CAS
        assert row["remarks"] == (expected.get("rem_0_code") or None)
        assert row["paid_on"].strftime("%Y-%m-%d") == expected["transaction_date"]


@pytest.mark.parametrize("file", OTHERS, ids=name_of)
def test_other_sets_are_named_and_refused(file):
    with pytest.raises(InputError, match="version 00"):  # alone, it would be checked and found without fault
        load(file)
    records = load_files([("notes.csv", b"note_id\nN1\n"), (file.name, file.read_bytes())])
    assert sum(table.height for table in records.tables.values()) == 1
    (refusal,) = records.report.refusals
    assert re.search(r"(837|835) (institutional|professional|remittance), version 00", refusal.found)


def test_the_whole_folder_loads():
    records = load(DATA)
    assert height(records, "claims") == 16
    assert [r.found for r in records.report.refusals if r.table == "claims"] == [
        "claim CLMNO12345 again, with other content"
    ]
    assert (
        height(records, "remittances") == 28
    )  # 10 + 5 + 3 + 4 + 1 + 3 + 2 of the files, one of them twice there


ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260301*1200*^*00501*000000001*0*P*:~"


def interchange(kind, body, version):
    segments = [f"ST*{kind}*0001*{version}", *body]
    gs = f"GS*{'HC' if kind == '837' else 'HP'}*S*R*20260301*1200*1*X*{version}~"
    return f"{ISA}{gs}{'~'.join(segments)}~SE*{len(segments) + 1}*0001~GE*1*1~IEA*1*000000001~"


def claim(
    number="C1", frequency="1", lines=(), extra=(), payer="MCR", filing="MB", order="P", day="20260302"
):
    body = [
        "BHT*0019*00*1*20260305*1200*CH", "HL*1**20*1", "NM1*85*2*ELM STREET PT*****XX*1999999984", "N3*1 ELM ST",
        "N4*RALEIGH*NC*27601", "HL*2*1*22*0", f"SBR*{order}*18*******{filing}", "NM1*IL*1*DOE*JANE****MI*M001",
        "DMG*D8*19500102*F", f"NM1*PR*2*PAYER*****PI*{payer}", f"CLM*{number}*150***11:B:{frequency}*Y*A*Y*Y", *extra,
        "HI*ABK:M545*ABF:R262", "NM1*DN*1*WELBY*MARCUS****XX*1111111112", "NM1*82*1*ORTIZ*ANA****XX*1222222220",
        "PRV*PE*PXC*225100000X",
    ]  # fmt: skip
    return body + list(lines or [
        "LX*1", "SV1*HC:97110:GP:KX*100*UN*2***1:2", f"DTP*472*D8*{day}", "REF*6R*L1",
        "LX*2", "SV1*HC:97530:GP:59*50*UN*1*12**1", f"DTP*472*D8*{day}", "NM1*82*1*DUNN*CY****XX*1333333332",
        "PRV*PE*PXC*225200000X",
    ])  # fmt: skip


def file_837(*claims):
    return "x.837", interchange("837", [s for body in claims for s in body], "005010X222A1").encode()


def file_835(*body, day="20260320"):
    head = [
        f"BPR*I*1*C*ACH*CCP*01*1*DA*1*1**01*1*DA*1*{day}",
        "TRN*1*1*1",
        "N1*PR*PAYER",
        "N1*PE*ELM STREET PT*XX*1999999984",
        "LX*1",
    ]
    return f"x{day}.835", interchange("835", [*head, *body], "005010X221A1").encode()


CLP_C1 = ("CLP*C1*1*150*100*20*MB*ICN1", "CAS*CO*45*30", "NM1*QC*1*DOE*JANE",
          "SVC*HC:97530:59:GP*50*30**1", "DTM*472*20260302", "CAS*PR*2*10*1*1*5", "LQ*HE*N115",
          "SVC*HC:97112:GP*100*70**2*HC:97110:GP", "DTM*472*20260302", "REF*6R*L1", "AMT*B6*90",
          "CAS*PR*1*20")  # fmt: skip


def test_a_claim_whole():
    records = load_files([file_837(claim(extra=("REF*G1*A77", "NTE*ADD*HELLO")))])
    assert not records.report.refusals
    (row,) = records.tables["claims"].rows(named=True)
    assert row == {
        "claim_id": "C1", "patient_id": "M001", "payer_id": "MCR", "clinic_id": "1999999984",
        "billing_npi": "1999999984",
        "frequency_code": "1", "original_claim_id": None, "authorization_id": "A77", "diagnosis_codes": "M54.5 R26.2",
        "referring_npi": "1111111112", "form": "professional", "bill_type": None, "payer_order": 1,
        "submitted_on": datetime(2026, 3, 5), "received_on": None, "status": "submitted",
    }  # fmt: skip
    first, second = records.tables["claim_lines"].rows(named=True)
    assert (first["cpt"], first["modifiers"], first["units"], first["charge"]) == ("97110", "GP KX", 2, 100.0)
    assert (first["therapist_id"], second["therapist_id"]) == ("1222222220", "1333333332")
    assert (first["place_of_service"], second["place_of_service"]) == ("11", "12")
    assert first["diagnosis_pointers"] == "1 2"
    people = {
        row["therapist_id"]: (row["discipline"], row["role"])
        for row in records.tables["therapists"].rows(named=True)
    }
    assert people == {"1222222220": ("PT", "therapist"), "1333333332": ("PT", "assistant")}
    assert records.tables["payers"]["kind"].to_list() == ["medicare"]
    assert records.tables["clinics"].row(0, named=True)["state"] == "NC"
    assert records.tables["patients"].row(0, named=True)["birth_date"] == datetime(1950, 1, 2)
    assert "1 notes (NTE, CN1)" in records.report.render()


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("225100000X", ("PT", "therapist")), ("2251X0800X", ("PT", "therapist")), ("225200000X", ("PT", "assistant")),
        ("225X00000X", ("OT", "therapist")), ("224Z00000X", ("OT", "assistant")), ("235Z00000X", ("SLP", "therapist")),
        ("2355S0801X", ("SLP", "assistant")), ("2355A2700X", (None, None)), ("208D00000X", (None, None)),
        ("", (None, None)),
    ],
)  # fmt: skip
def test_taxonomy_codes(code, meant):
    assert discipline_and_role(code) == meant


def test_a_filing_indicator_that_names_no_kind_leaves_it_open():
    records = load_files([file_837(claim(filing="ZZ"))])
    assert records.tables["payers"]["kind"].to_list() == [None]
    assert "ZZ" not in FILING and "ZZ" in records.report.render()


def test_remittances_find_their_lines():
    records = load_files([file_835(*CLP_C1), file_837(claim())])
    whole, second, first = (
        records.tables["remittances"].sort("line", descending=True, nulls_last=False).rows(named=True)
    )
    assert (second["line"], second["paid"], second["allowed"], second["patient_responsibility"]) == (
        2,
        30.0,
        45.0,
        15.0,
    )
    assert (
        second["adjustments"] == "PR-2:10.00 PR-1:5.00"
        and second["deductible"] == 5.0
        and second["remarks"] == "N115"
    )
    assert (first["line"], first["allowed"], first["deductible"]) == (1, 90.0, 20.0)
    assert (whole["line"], whole["adjustments"], whole["paid"]) == (None, "CO-45:30.00", 0.0)
    assert first["paid_on"] == datetime(2026, 3, 20)


def test_remittances_find_the_lines_of_tables():
    tables = [
        ("claims.csv", b"claim_id,patient_id\nC1,P1\n"),
        (
            "claim_lines.csv",
            b"claim_id,line,service_date,cpt,modifiers\nC1,7,2026-03-02,97110,GP\nC1,8,2026-03-02,97530,GP 59\n",
        ),
    ]
    records = load_files([*tables, file_835(*CLP_C1)])
    assert sorted(records.tables["remittances"]["line"].drop_nulls()) == [7, 8]


def test_an_answer_to_no_line_of_the_claim_is_refused():
    records = load_files(
        [file_837(claim()), file_835("CLP*C1*1*150*10*0*MB*I", "SVC*HC:97140:GP*50*10", "DTM*472*20260302")]
    )
    (refusal,) = records.report.refusals
    assert refusal.table == "remittances" and "97140" in refusal.found
    assert height(records, "remittances") == 0


def test_a_reversal_and_its_correction_both_stand_and_a_file_sent_twice_counts_once():
    reversal = ("CLP*C1*22*-150*-100*0*MB*I", "SVC*HC:97110:GP*-100*-100**2", "DTM*472*20260302")
    again = ("CLP*C1*1*150*100*0*MB*I", "SVC*HC:97110:GP*100*100**2", "DTM*472*20260302")
    name, data = file_835(*reversal, *again, *reversal, *again)
    records = load_files([file_837(claim()), (name, data), ("copy.835", data)])
    assert records.tables["remittances"]["paid"].to_list() == [-100.0, 100.0, -100.0, 100.0]
    assert "counts once" in records.report.render()


def test_replacements_secondary_claims_and_copies():
    first, again = claim(), claim()
    replacement = claim(frequency="7", extra=("REF*F8*ICN1",))
    secondary = claim(payer="AETNA", filing="CI", order="S")
    records = load_files([file_837(first, again, replacement, secondary), file_835(*CLP_C1)])
    claims = (
        records.tables["claims"]
        .select("claim_id", "frequency_code", "original_claim_id", "payer_order")
        .rows()
    )
    assert claims == [("C1", "1", None, 1), ("C1#2", "7", "C1", 1), ("C1#3", "1", None, 2)]
    other = load_files([file_837(first, claim(day="20260303"))])
    assert [r.table for r in other.report.refusals] == ["claims"]


def test_tables_and_claim_files_merge():
    tables = [
        (
            "therapists.csv",
            b"therapist_id,npi,discipline,role\nT1,1222222220,PT,therapist\nA1,1333333332,PT,assistant\n",
        ),
        ("claims.csv", b"claim_id,patient_id,status\nC1,P1,paid\n"),
        ("clinics.csv", b"clinic_id,npi,setting\nCL1,1999999984,private_practice\n"),
        ("authorizations.csv", b"authorization_id,number\nAU1,A77\n"),
    ]
    records = load_files([*tables, file_837(claim(extra=("REF*G1*A77",)))])
    assert records.tables["claims"]["authorization_id"].to_list() == ["AU1"]
    assert records.tables["claim_lines"]["therapist_id"].to_list() == ["T1", "A1"]
    assert records.tables["therapists"]["therapist_id"].to_list() == ["T1", "A1"]
    (row,) = records.tables["claims"].rows(named=True)
    assert (row["patient_id"], row["status"], row["payer_id"], row["clinic_id"]) == (
        "P1",
        "paid",
        "MCR",
        "CL1",
    )
    assert records.tables["clinics"].height == 1


def test_one_payer_id_for_several_kinds_of_payer():
    records = load_files(
        [file_837(claim("C1", payer="60054", filing="CI"), claim("C2", payer="60054", filing="16"))]
    )
    kinds = dict(records.tables["payers"].select("payer_id", "kind").rows())
    assert kinds == {"60054": "commercial", "60054-medicare_advantage": "medicare_advantage"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SV1*HC:97110", "SV1*"), ("*UN*2*", "*UN*two*"), ("*UN*2*", "*UN*1.5*"),
        ("DTP*472*D8*20260302", "DTP*472*D8*20261302"),
        ("11:B:1", "11:B:9"), ("CLM*C1*150", "CLM*C1*lots"), ("LX*2", "LX*1"), ("REF*6R", "%%%"),
    ],
)  # fmt: skip
def test_a_broken_segment_costs_its_claim(before, after):
    broken = [segment.replace(before, after, 1) for segment in claim()]
    records = load_files([file_837(claim("C0"), broken, claim("C2"))])
    assert records.tables["claims"]["claim_id"].to_list() == ["C0", "C2"]
    (refusal,) = records.report.refusals
    assert refusal.row is not None
    assert "C1" in refusal.found or after in refusal.found


def test_a_file_cut_off_loses_its_last_claim_only():
    name, data = file_837(claim("C0"), claim("C1"))
    records = load_files([(name, data[: data.rindex(b"LX*2")])])
    assert records.tables["claims"]["claim_id"].to_list() == ["C0"]
    assert "cut off" in records.report.render()


def test_a_file_cut_off_between_two_sets_says_that_sets_may_be_lost():
    name, data = file_837(claim("C1"))
    whole, cut = (load_files([(name, text)]) for text in (data, data[: data.rindex(b"GE*1")]))
    said = "the interchange at segment 1 has no IEA: the file may be cut off, and sets that came after lost"
    assert said not in whole.report.render() and said in cut.report.render()
    assert cut.tables["claims"].height == 1


WHOLE_837 = file_837(claim("C1"), claim("C2"))[1].decode()
BODY = len(ISA)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (re.sub(r"ST\*837[^~]*~", "", WHOLE_837), "no transaction set"),
        (WHOLE_837[:BODY] + WHOLE_837[BODY:].replace("~", "\n"), "segments ended by '~'"),
        (WHOLE_837[:BODY] + WHOLE_837[BODY:].replace("*", "|"), "elements parted by '*'"),
        (WHOLE_837[:BODY], "no transaction set"),
        (WHOLE_837[: BODY - 1], "an ISA segment of 16 elements"),
        (interchange("837", [], "005010X222A1"), "no claim and no remittance"),
    ],
)
def test_a_claim_file_without_a_set_is_refused_by_name(text, said):
    with pytest.raises(InputError, match=re.escape(said)) as alone:
        load_files([("lost.837", text.encode())])
    assert "lost.837" in str(alone.value)
    beside = load_files([("lost.837", text.encode()), file_837(claim("C9"))]).report
    assert "lost.837" in beside.render()
    assert [r.file for r in beside.refusals] == (["lost.837"] if "no claim" not in said else [])


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (WHOLE_837.replace("~ST*837", "~CLM*C0*5***11:B:1~ST*837"), ["CLM*C0*5***11:B:1"]),
        (WHOLE_837.replace("~GE*", "~CLP*C0*1*5*5~GE*"), ["CLP*C0*1*5*5"]),
        (WHOLE_837.replace("~CLM*C2", "~CLP*C0*1*5*5~CLM*C2"), ["CLP*C0*1*5*5"]),
        (WHOLE_837.replace("~CLM*C2", "\nCLM*C2"), ["1 claim (CLM or CLP) within other segments"]),
    ],
)
def test_claims_outside_a_set_are_refused(text, refused):
    report = load_files([("x.837", text.encode())]).report
    assert [r.found for r in report.refusals] == refused


def test_a_set_that_breaks_off_before_its_first_claim_is_refused():
    cut = WHOLE_837[: WHOLE_837.index("CLM*C1")]
    report = load_files([("cut.837", cut.encode()), file_837(claim("C9"))]).report
    assert [(r.file, r.found[:6]) for r in report.refusals] == [("cut.837", "ST*837")]


def test_an_interchange_without_a_set_is_refused_beside_one_with():
    other = WHOLE_837[:BODY] + WHOLE_837[BODY:].replace("*", "|")
    records = load_files([("x.837", (WHOLE_837 + "\n" + other).encode())])
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2"]
    (refusal,) = records.report.refusals
    assert "no transaction set" in refusal.found


def test_nul_after_each_segment_hides_nothing():
    records = load_files([("x.837", WHOLE_837.replace("~", "~\0").encode())])
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2"]
    assert "NUL characters were left out" in records.report.render()


@pytest.mark.parametrize("count", ["²", "9" * 5_000, "٣"])
def test_counts_that_are_no_digits_are_told(count):
    text = re.sub(r"SE\*\d+", f"SE*{count}", WHOLE_837).replace("LX*2", f"LX*{count}")
    report = load_files([("x.837", text.encode())]).report
    assert "segments; " in report.render()


@pytest.mark.parametrize(
    ("before", "after"), [("HI*", "HI*ABF:" + "M" * 200_000 + "*"), ("CLM*C2", "CLM*" + "C" * 200_000)]
)
def test_a_segment_too_long_to_be_read_whole_costs_its_claim(before, after):
    text = after.join(WHOLE_837.rsplit(before, 1))
    records = load_files([("x.837", text.encode())])
    assert records.tables["claims"]["claim_id"].to_list() == ["C1"]
    (refusal,) = records.report.refusals
    assert "100,000 characters" in refusal.expected
    assert len(refusal.found) <= 160


def test_a_remittance_segment_too_long_costs_its_answer():
    name, data = file_835("CLP*C1*1*150*100*20*MB*ICN1", "LQ*HE*" + "N" * 200_000, "CLP*C2*1*5*5*0*MB*I")
    records = load_files([(name, data)])
    assert records.tables["remittances"]["claim_id"].to_list() == ["C2"]
    assert "100,000 characters" in records.report.refusals[0].expected


def test_many_interchanges_with_their_own_delimiters():
    name, data = file_837(claim("C1"))
    other = file_837(claim("C2"))[1].decode().translate(str.maketrans("*~:", "|!>"))
    lined = file_837(claim("C3"))[1].decode().replace("~", "\r\n")
    records = load_files([(name, data + b"\r\n" + other.encode() + b"\n" + lined.encode())])
    assert not records.report.refusals
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2", "C3"]
    assert records.tables["claim_lines"]["modifiers"].to_list() == ["GP KX", "GP 59"] * 3


def test_wrong_counts_are_told():
    name, data = file_837(claim())
    told = load_files(
        [(name, re.sub(rb"SE\*\d+", b"SE*99", data).replace(b"GE*1*", b"GE*5*"))]
    ).report.render()
    assert "says 99 segments" in told and "says 5 transaction sets" in told


def test_a_zip_of_claim_files_and_tables(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("era/one.edi", file_835(*CLP_C1)[1])
        archive.writestr("claims/two.edi", file_837(claim())[1])
        archive.writestr("notes.csv", "note_id\nN1\n")
    records = load(tmp_path / "all.zip")
    assert {name for name, table in records.tables.items() if table.height} >= {
        "claims",
        "remittances",
        "notes",
    }


WHOLE = [file_837(claim("C1"), claim("C2"))[1].decode(), file_835(*CLP_C1)[1].decode()]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_mutated_files_load_or_are_refused(text, data):
    segments = text.split("~")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(segments) - 1))
        match data.draw(st.sampled_from(["drop", "cut", "swap", "noise", "twice"])):
            case "drop":
                del segments[place]
            case "cut":
                segments = segments[: place + 1]
            case "swap":
                segments[place], segments[0] = segments[0], segments[place]
            case "twice":
                segments.insert(place, segments[place])
            case "noise":
                segments[place] = data.draw(st.text(max_size=12)) + segments[place][2:]
        if not segments:
            return
    try:
        records = load_files([("x.837", "~".join(segments).encode())])
    except InputError:
        return
    lines = records.tables["claim_lines"].join(records.tables["claims"], on="claim_id", how="anti")
    assert lines.height == 0
    known = {"97110": 100.0, "97530": 50.0}
    for cpt, charge in records.tables["claim_lines"].select("cpt", "charge").rows():
        assert cpt not in known or isinstance(charge, float)


def test_no_patient_is_carried_over_where_a_subscriber_is_missing():
    orphan = [segment for segment in claim("C2") if not segment.startswith(("NM1*IL", "DMG"))]
    records = load_files([file_837(claim("C1"), orphan)])
    assert records.tables["claims"].filter(pl.col("claim_id") == "C2")["patient_id"].to_list() == [None]


def test_groups_sets_and_kinds_of_sets_in_one_interchange():
    """Two groups of two sets; one set is institutional, and is refused by name with the number of its claims."""

    def group(number, *sets):
        return f"GS*HC*S*R*20260301*1200*{number}*X*005010X222A1~{''.join(sets)}GE*{len(sets)}*{number}~"

    def one(number, body, version="005010X222A1"):
        return f"ST*837*{number}*{version}~{'~'.join(body)}~SE*{len(body) + 2}*{number}~"

    institutional = [segment.replace("SV1*HC:", "SV2*0420*HC:") for segment in claim("I1")]
    text = "".join([ISA, group(1, one(1, claim("C1")), one(2, institutional, "005010X223A3")),
                    group(2, one(1, claim("C2")), one(2, claim("C3"))), "IEA*2*000000001~"])  # fmt: skip
    report = (records := load_files([("x.837", text.encode())])).report
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2", "C3"]
    assert [refusal.found for refusal in report.refusals] == ["837 institutional, version 005010X223A3"]
    assert "holds 1 claim" in report.render() and "3 claims, 6 lines in 3 sets" in report.render()
    assert "says" not in report.render()  # all counts of SE, GE and IEA fit


def test_dependents_and_the_subscriber_after_them():
    subscriber = claim("C1")
    child = ["HL*3*2*23*0", "PAT*19", "NM1*QC*1*DOE*TIM", "DMG*D8*20180203*M", *claim("C2")[10:]]
    other = ["HL*4*1*22*0", "SBR*P*18*******MB", "NM1*IL*1*ROE*ANN****MI*M002", *claim("C3")[9:]]
    tables = load_files([file_837(subscriber, child, other)]).tables
    patients = dict(tables["claims"].select("claim_id", "patient_id").iter_rows())
    assert patients == {"C1": "M001", "C2": "M001-TIM_DOE-20180203", "C3": "M002"}
    (tim,) = tables["patients"].filter(pl.col("name") == "TIM DOE").rows(named=True)
    assert (tim["birth_date"], tim["sex"]) == (datetime(2018, 2, 3), "M")


def test_minutes_ranges_of_days_and_authorizations_of_lines():
    body = [
        segment.replace("*UN*2*", "*MJ*30*").replace("472*D8*20260302", "472*RD8*20260302-20260304")
        for segment in claim()
    ]
    body.insert(body.index("REF*6R*L1"), "REF*G1*A88")
    records = load_files([file_837(body)])
    said = records.report.render()
    assert records.tables["claim_lines"]["units"].to_list() == [None, 1]
    assert records.tables["claims"]["authorization_id"].to_list() == ["A88"]
    assert records.tables["claim_lines"]["service_date"].unique().to_list() == [datetime(2026, 3, 2)]
    assert "1 lines are billed in minutes (MJ)" in said and "2 lines cover several days" in said


def test_other_payers_payments_are_counted_and_the_second_payer_is_kept():
    other = ["SBR*S*18*******CI", "CAS*CO*45*30", "AMT*D*70", "OI***Y***Y", "NM1*IL*1*DOE*JANE****MI*M001",
             "NM1*PR*2*AETNA*****PI*60054"]  # fmt: skip
    body = claim()
    body[body.index("LX*1") : body.index("LX*1")] = other
    body += ["SVD*60054*20*HC:97530**1", "CAS*PR*2*5"]
    records = load_files([file_837(body)])
    said = records.report.render()
    assert records.tables["patients"]["secondary_payer_id"].to_list() == ["60054"]
    assert "1 further payers of claims are named" in said
    assert all(each in said for each in ("CAS 2", "SVD 1", "AMT*D 1", "OI 1"))
    assert records.tables["claim_lines"]["charge"].to_list() == [100.0, 50.0]


def test_provider_adjustments_are_told_with_their_sums():
    records = load_files(
        [
            file_837(claim()),
            file_835(*CLP_C1, "PLB*1999999984*20261231*WO:A*20.5*72:B*-3", "PLB*1*20261231*WO*1"),
        ]
    )
    assert (
        "3 provider adjustments (PLB) belong to no claim and in no table: WO 21.50, 72 -3.00"
        in records.report.render()
    )


def test_split_and_bundled_lines():
    split = ("CLP*C1*1*150*90*0*MB*I", "SVC*HC:97110:GP*60*50**1", "DTM*472*20260302", "REF*6R*L1",
             "SVC*HC:97110:GP*40*40**1", "DTM*472*20260302", "REF*6R*L1",
             "SVC*HC:97112*50*0**1*HC:97530:GP:59", "DTM*472*20260302", "CAS*CO*97*50")  # fmt: skip
    rows = load_files([file_837(claim()), file_835(*split)]).tables["remittances"]
    assert rows.select("line", "paid").rows() == [(1, 50.0), (1, 40.0), (2, 0.0)]
