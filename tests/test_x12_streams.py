"""Claim files in chunks of any size, of any length and however damaged: the same rows, all told, within bounds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.records import x12_stream
from compliance.records.load import InputError, load, load_files
from tests.test_x12 import CLP_C1, DATA, FILES, ISA, WHOLE_837, claim, file_835, file_837, name_of

NOTES = ("notes.csv", b"note_id\nN1\n")


def told(records):
    return (records.fingerprint, [str(each) for each in records.report.refusals],
            [str(each) for each in records.report.notices])  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 60, 1_000])
@pytest.mark.parametrize("file", FILES[::5], ids=name_of)
def test_chunks_of_any_size_give_the_same(file, size, monkeypatch):
    whole = told(load_files([NOTES, (file.name, file.read_bytes())]))
    monkeypatch.setattr(x12_stream, "CHUNK", size)
    assert told(load_files([NOTES, (file.name, file.read_bytes())])) == whole


@pytest.mark.parametrize("size", [3, 400, 2_600])
def test_interchanges_with_delimiters_of_their_own_in_chunks(size, monkeypatch):
    monkeypatch.setattr(x12_stream, "CHUNK", size)
    first = file_837(claim("C1", extra=("NTE*ADD*LISA*ISA MEETS",)))[1].decode()
    second = file_837(claim("C2"))[1].decode().translate(str.maketrans("*~:", "|!>"))
    third = file_835(*CLP_C1)[1].decode().replace("~", "\r\n")
    records = load_files([("all.x12", (first + second + "\n" + third).encode())])
    assert not records.report.refusals
    assert records.tables["claims"]["claim_id"].to_list() == ["C1", "C2"]
    assert records.tables["remittances"].height == 3


def test_bytes_of_another_encoding_cost_nothing_but_themselves():
    text = file_837(claim("C1"))[1].replace(b"DOE*JANE", "DÖE*ZOË".encode() + b"*\xc9VA")
    records = load_files([("x.837", text)])
    assert records.tables["patients"]["name"].to_list() == ["ZOË ÉVA DÖE"]
    assert "1 byte is not UTF-8" in records.report.render()


def test_a_file_without_any_terminator_is_refused_and_held_in_bounds():
    endless = ISA[:-1] + "|" + "CLM*C1*5***11:B:1" * 400_000
    report = load_files([NOTES, ("endless.837", endless.encode())]).report
    assert report.parts_refused == 1


LOADS = """
import resource, sys
from pathlib import Path
from compliance.records.load import load
records = load(Path(sys.argv[1]))
print(records.tables["claims"].height, records.tables["claim_lines"].height, records.tables["remittances"].height,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def loaded_alone(file):
    """Claims, lines and remittances of a file, and the most MB that a process of its own held."""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(file)], cwd=root, capture_output=True, text=True, check=True
    )
    return [int(each) for each in done.stdout.split()]


def test_a_long_file_is_not_held_in_memory(tmp_path):
    body = "~".join(claim("@@@"))
    header, detail = body[: body.index("HL*2")], body[body.index("HL*2") :]
    few, many = tmp_path / "few.837", tmp_path / "many.837"
    for file, count in ((few, 10), (many, 30_000)):
        with file.open("w") as out:
            out.write(ISA + "GS*HC*S*R*20260301*1200*1*X*005010X222A1~ST*837*1*005010X222A1~" + header)
            out.writelines(
                detail.replace("@@@", f"C{n}").replace("M001", f"M{n % 5_000}") + "~" for n in range(count)
            )
            out.write("SE*1*1~GE*1*1~IEA*1*1~")
    at_least, held = loaded_alone(few)[3], loaded_alone(many)
    megabytes = many.stat().st_size / 2**20
    assert held[:2] == [30_000, 60_000] and megabytes > 12
    assert (
        held[3] - at_least < 9 * megabytes
    )  # rows as columns and one batch of them; it had been 35 times the file


def mutated(data, text, terminator):
    """A text with some of its segments dropped, cut, swapped, repeated or overwritten, or its delimiters changed."""
    segments = text.split(terminator)
    for _ in range(data.draw(st.integers(1, 4))):
        place, other = (data.draw(st.integers(0, len(segments) - 1)) for _ in range(2))
        match data.draw(
            st.sampled_from(["drop", "cut", "swap", "twice", "noise", "nul", "huge", "elements"])
        ):
            case "drop":
                del segments[place]
            case "cut":
                segments = [*segments[:place], segments[place][: other % (len(segments[place]) + 1)]]
            case "swap":
                segments[place], segments[other] = segments[other], segments[place]
            case "twice":
                segments.insert(place, segments[other])
            case "noise":
                segments[place] = data.draw(st.text(max_size=12)) + segments[place][2:]
            case "nul":
                segments[place] = segments[place].replace("*", "*\0\udcff", 1)
            case "huge":
                segments[place] += data.draw(st.sampled_from(["9", "é", "*", ":"])) * 150_000
            case "elements":
                parts = segments[place].split("*")
                parts[other % len(parts)] = data.draw(
                    st.sampled_from(["", "-", "²", "1e9", "NaN", "99999999", "A:B:C"])
                )
                segments[place] = "*".join(parts)
        if not segments:
            break
    return terminator.join(segments).encode("utf-8", "surrogateescape")


QUICK = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_gives_records_and_reasons(file, data):
    text = file.read_bytes().decode("utf-8", "replace")
    given = mutated(data, text, "~")
    if data.draw(st.booleans()):
        given = given.translate(
            bytes.maketrans(b"*~:", data.draw(st.sampled_from([b"|!>", b"*\n:", b"~*:", b"\xa6~:"])))
        )
    try:
        report = load_files([(file.name, given)]).report
    except InputError:
        return
    assert all(
        table.rows_read == table.rows_loaded + table.rows_refused + table.rows_repeated
        for table in report.tables
    )
    assert all(len(each.found or "") <= 200 for each in report.refusals)


def claims_told(report):
    """Claims that a report accounts for: loaded, refused, repeated, in sets that are refused, hidden in other segments."""
    rows = {table.table: table for table in report.tables}
    told = rows["claims"].rows_read if "claims" in rows else 0
    for notice in report.notices:
        if found := re.search(r"the refused set at segment \d+ holds ([\d,]+) claims?", notice.message):
            told += int(found[1].replace(",", ""))
    for refusal in report.refusals:
        if found := re.search(r"^([\d,]+) claims? \(CLM or CLP\)", refusal.found or ""):
            told += int(found[1].replace(",", ""))
    return told


BODIES = [file_837(*(claim(f"C{n}") for n in range(4)))[1].decode(), WHOLE_837]


@QUICK
@given(st.sampled_from(BODIES), st.data())
def test_every_claim_of_a_damaged_file_is_loaded_refused_or_repeated(text, data):
    envelope = 2 if data.draw(st.booleans()) else 3
    head, body = text.split("~")[:envelope], text.split("~")[envelope:]
    given = "~".join(head).encode() + b"~" + mutated(data, "~".join(body), "~")
    segments = [each.strip() for each in given.decode("utf-8", "replace").replace("\0", "").split("~")]
    claims = sum(each.partition("*")[0] == "CLM" for each in segments)
    if any(each.startswith(("ISA", "GS*", "IEA")) for each in segments[2:-3]) or not any(
        each.startswith("ST*837*0001*005010X222") for each in segments
    ):
        return
    report = load_files([NOTES, ("x.837", given)]).report
    assert claims_told(report) == claims


def test_the_folder_of_all_files_accounts_for_every_claim():
    report = load(DATA).report
    claims = sum(len(re.findall(r"(?:^|[~\n])\s*CLM\*", file.read_text("utf-8"))) for file in FILES)
    assert claims_told(report) == claims
