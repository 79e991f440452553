# ruff: noqa: E501  (rows of Markdown tables are one line each)
"""The data dictionary: every table and column as a page, generated from the models."""

from compliance.records.models import TABLES, Column, Kind, Record, columns

HEAD = """# Records

Generated from `compliance/records/models.py` (`python -m compliance.records.dictionary`); a test fails when it differs.

A clinic's records are a folder (or a zip) of tables, one file a table: `<table>.csv` or `<table>.parquet`, or a folder
`<table>/` of such files; or a workbook with a sheet a table (`docs/inputs.md`). A table that is absent is empty, a column that is absent is unknown, and a check that needs it
is reported as not run. Columns that no table has are kept out and named in the load report. X12 claim files (837
professional and 835, version 5010) may lie beside the tables or stand alone.

**Bold** columns are the key. Every other column may be empty: an empty cell is an unknown fact.

## How cells are read

| cell | written | also read |
| --- | --- | --- |
| date | `2026-03-01` | `03/01/2026` and `3/1/2026 14:05` (month first), `20260301`, `1-Mar-2026`, `Mar 1, 2026`, day numbers of a spreadsheet |
| moment | `2026-03-01T14:05` | as dates, with a time of 24 or 12 hours; a zone is told and set aside: times are the clinic's clock |
| time alone | `14:05` | `2:05 PM`; it falls on the service date of its row or note |
| dollars | `1234.50` | `$1,234.50`, `(12.00)` and `-12.00` for negatives |
| whole number | `12` | `12.0`, `1,200` |
| true or false | `true`, `false` | `yes`, `no`, `1`, `0`, `Y`, `N` |
| list | `GP KX 59` | separated by commas or semicolons |
| choice | `private_practice` | any case, spaces or dashes for `_` |
| key | `00123` | kept as text, leading zeros and all; `="00123"` |

Files may be UTF-8, UTF-16 or Windows-1252 (told in the report), separated by commas, semicolons, tabs or pipes, with
headers in any case. A date such as `25/12/2026` is not guessed at: month first, it is none.

A row with a cell that cannot be read, with more or fewer cells than the header, without its key, or with the key of an
earlier row and other values is refused alone; the load report (`compliance validate`) names file, row, column, what was
found and what was expected. A row equal to an earlier one counts once. Rows that refer to a row that is not there are
loaded and reported.

## Claim files

| from | to |
| --- | --- |
| CLM01 | `claims.claim_id`; a number used again by another payer, patient or frequency becomes `<number>#2` |
| CLM05-3, REF*F8 | `frequency_code`, `original_claim_id` (by the payer's number of an 835 at hand, else the same claim number) |
| BHT04 | `submitted_on` |
| SBR01, SBR09 | `payer_order`, `payers.kind` |
| NM1*85, N4 | `clinics` (id = NPI, name, state), `billing_npi` |
| NM1*IL, NM1*QC, DMG | `patients` (id = member id; of a dependent, member id with name and birth date) |
| REF*G1, of the claim, else of a line | `authorization_id`: the id of the authorization that has this number, else the number |
| NM1*DN, NM1*DK | `referring_npi` |
| NM1*82, PRV*PE | `therapists` (id = NPI), discipline and role from the taxonomy code; without one the billing provider, if a person |
| HI, SV107 | `diagnosis_codes` (ICD-10 with its point), `diagnosis_pointers` |
| LX, SV1, DTP*472 | `claim_lines`; of a range of days the first, units in minutes (MJ) empty, both told |
| CLP, SVC, CAS, AMT*B6, LQ*HE | `remittances`, joined by claim number and by REF*6R or procedure, date and modifiers; without B6, allowed is paid + patient responsibility |
| BPR16, else DTM*405 | `paid_on` |

Other transaction sets (837 institutional and dental, version 4010, 270 to 999) are named and refused; the rest of the
file is read. A broken segment costs its claim. `docs/inputs.md` says what becomes of the rest of a claim file. A table's cells stand where a claim file has the same row; therapists and
clinics that tables know under another id are recognised by NPI.
"""

WORDS = {
    Kind.TEXT: "text",
    Kind.KEY: "key",
    Kind.DATE: "date",
    Kind.MOMENT: "moment",
    Kind.CLOCK: "moment, or time alone",
    Kind.END_OF_DAY: "moment, or date",
    Kind.MONEY: "dollars",
    Kind.DECIMAL: "number",
    Kind.UPPER_BOUND: "number, or range",
    Kind.NUMBER: "whole number",
    Kind.FLAG: "true or false",
    Kind.CODES: "list",
    Kind.LABELS: "list",
    Kind.CODE: "code",
    Kind.CHOICE: "choice",
}


def data_dictionary() -> str:
    """The page of all tables, as Markdown."""
    return "\n".join([HEAD, "## Tables", "", *(_table(model) for model in TABLES.values())])


def _table(model: type[Record]) -> str:
    rows = [_column(column, model) for column in columns(model.table)]
    about = (model.__doc__ or "").strip()
    return "\n".join(
        [
            f"### `{model.table}`",
            "",
            about,
            "",
            "| column | holds | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _column(column: Column, model: type[Record]) -> str:
    name = f"**{column.name}**" if column.name in model.keys else column.name
    holds = WORDS[column.kind]
    if column.choices:
        holds = ", ".join(f"`{choice}`" for choice in column.choices)
    if column.refers_to:
        holds += f" → `{column.refers_to}`"
    return f"| {name} | {holds} | {column.description} |"


if __name__ == "__main__":
    print(data_dictionary(), end="")
