"""The tables of a clinic's records: one model a table, the single source of columns, types, keys and documentation.

A table is a CSV or Parquet file named after it. Every column but the key may be empty; an empty cell is an unknown
fact, never a default, unless its description says what empty means. Dates are days in the clinic's local time, held
as midnight; money is in US dollars; times are the clinic's local clock.

How a column is held (`schema`): text, keys and lists as strings, days and moments as datetimes without a zone, money
and measures as floats, counts and line numbers as integers, flags as booleans. A list is one string whose elements
are separated by one space (`GP KX 59`); an empty list is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, get_args, get_origin

import polars as pl
from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """What the cells of a column are, and so how they are read and held."""

    TEXT = "text"
    KEY = "key"
    DATE = "date"
    MOMENT = "moment"
    CLOCK = "clock time"
    END_OF_DAY = "moment (a date alone is the end of that day)"
    MONEY = "dollars"
    DECIMAL = "number"
    UPPER_BOUND = "number (of a range, the upper bound)"
    NUMBER = "whole number"
    FLAG = "true or false"
    CODES = "list"
    LABELS = "list of labels"
    CODE = "code"
    CHOICE = "choice"


Text = Annotated[str, Kind.TEXT]
"""Free text, kept as written."""
Key = Annotated[str, Kind.KEY]
"""An identifier: text, leading zeros kept."""
Date = Annotated[datetime, Kind.DATE]
"""A day, held as its midnight."""
Moment = Annotated[datetime, Kind.MOMENT]
"""A day with a time of the clinic's clock."""
Clock = Annotated[datetime, Kind.CLOCK]
"""A moment; a time alone (`14:05`) falls on the day of the row (`CLOCK_DAY`)."""
EndOfDay = Annotated[datetime, Kind.END_OF_DAY]
"""A moment; a date alone is 23:59:59 of that day."""
Money = Annotated[float, Kind.MONEY]
"""US dollars."""
Decimal = Annotated[float, Kind.DECIMAL]
"""A measure that may have a fraction."""
UpperBound = Annotated[float, Kind.UPPER_BOUND]
"""A number, or a range (`2-3`) of which the upper bound counts."""
Number = Annotated[int, Kind.NUMBER]
"""A whole number, not negative unless its description says so."""
Flag = Annotated[bool, Kind.FLAG]
"""true or false."""
Codes = Annotated[str, Kind.CODES]
"""A list in one cell, upper case, one space between elements."""
Labels = Annotated[str, Kind.LABELS]
"""A list of goal labels in one cell: `LTG 1, STG 2` is held as `LTG1 STG2`."""
Code = Annotated[str, Kind.CODE]
"""One code, in upper case."""

Setting = Literal[
    "private_practice",
    "rehab_agency",
    "corf",
    "hospital_outpatient",
    "snf_part_b",
    "home_health_part_b",
    "school",
]
Discipline = Literal["PT", "OT", "SLP"]
Role = Literal["therapist", "assistant", "student", "aide"]
PayerKind = Literal[
    "medicare", "medicare_advantage", "medicaid", "commercial", "tricare", "workers_comp", "auto", "self_pay"
]
Supervision = Literal["in_room", "on_site", "virtual", "available", "none"]

POLARS: Mapping[Kind, pl.DataType] = MappingProxyType(
    {
        Kind.TEXT: pl.String(),
        Kind.KEY: pl.String(),
        Kind.CODES: pl.String(),
        Kind.LABELS: pl.String(),
        Kind.CODE: pl.String(),
        Kind.CHOICE: pl.String(),
        Kind.DATE: pl.Datetime("us"),
        Kind.MOMENT: pl.Datetime("us"),
        Kind.CLOCK: pl.Datetime("us"),
        Kind.END_OF_DAY: pl.Datetime("us"),
        Kind.MONEY: pl.Float64(),
        Kind.DECIMAL: pl.Float64(),
        Kind.UPPER_BOUND: pl.Float64(),
        Kind.NUMBER: pl.Int64(),
        Kind.FLAG: pl.Boolean(),
    }
)
"""How each kind of cell is held in a frame."""


class Record(BaseModel):
    """A row of a table. Subclasses name their table, the columns that identify a row, and what columns refer to."""

    # readers ask for the fields alone and type whole columns: no validator is built that nobody calls
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    table: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]
    references: ClassVar[Mapping[str, str]] = MappingProxyType({})
    optional_keys: ClassVar[tuple[str, ...]] = ()
    """Key columns that may be empty in a row."""
    repeats: ClassVar[bool] = False
    """Whether several rows may bear one key and stand together."""


class Clinic(Record):
    """A place of service: its state and setting choose the rules that apply."""

    table = "clinics"
    keys = ("clinic_id",)

    clinic_id: Key = Field(description="The clinic.")
    name: Text | None = Field(None, description="What people call it.")
    state: Code | None = Field(
        None, description="Two letters of the state (`NC`); state law and Medicaid hang on it."
    )
    setting: Setting | None = Field(
        None, description="How it is enrolled; supervision and certification rules differ by setting."
    )
    npi: Key | None = Field(None, description="The clinic's (group's) National Provider Identifier.")
    locality: Key | None = Field(
        None,
        description="Medicare's payment locality in the state (`18`); empty = priced at national amounts.",
    )


class Therapist(Record):
    """Somebody who treats: therapist, assistant, student or aide."""

    table = "therapists"
    keys = ("therapist_id",)
    references = MappingProxyType({"clinic_id": "clinics.clinic_id"})

    therapist_id: Key = Field(description="The person; the NPI where an export has only that.")
    name: Text | None = Field(None, description="Name as signed.")
    npi: Key | None = Field(None, description="The person's National Provider Identifier.")
    discipline: Discipline | None = Field(
        None, description="Physical, occupational or speech-language therapy."
    )
    role: Role | None = Field(None, description="What the person may do, and under whose supervision.")
    credential: Text | None = Field(
        None, description="As signed, free text: `DPT`, `PTA`, `OTR/L`, `COTA`, `CCC-SLP`."
    )
    clinic_id: Key | None = Field(None, description="The clinic where the person usually works.")
    license_state: Code | None = Field(None, description="Two letters of the state that licensed the person.")
    license_number: Key | None = Field(None, description="Number of the licence.")
    license_from: Date | None = Field(None, description="First day of the licence.")
    license_expires_on: Date | None = Field(None, description="Last day of the licence.")
    employed_from: Date | None = Field(None, description="First day of employment.")
    employed_to: Date | None = Field(None, description="Last day of employment; empty = still employed.")
    enrolled_on: Date | None = Field(None, description="Day from which the person is enrolled in Medicare.")
    excluded_on: Date | None = Field(
        None, description="Day of a federal health-care exclusion (OIG list), if any."
    )


class Shift(Record):
    """Who was on site, when: the evidence of direct supervision."""

    table = "shifts"
    keys = ("therapist_id", "clinic_id", "starts_at")
    references = MappingProxyType(
        {"therapist_id": "therapists.therapist_id", "clinic_id": "clinics.clinic_id"}
    )

    therapist_id: Key = Field(description="Who was there.")
    clinic_id: Key = Field(description="Where.")
    starts_at: Moment = Field(description="From when.")
    ends_at: Clock | None = Field(None, description="Until when; a time alone is of the day of `starts_at`.")
    kind: Literal["clocked", "scheduled", "leave"] | None = Field(
        None, description="Clocked time, a schedule, or an absence; empty = clocked."
    )


class Payer(Record):
    """Who pays: its kind, or its own policy, chooses the parameters of every rule."""

    table = "payers"
    keys = ("payer_id",)

    payer_id: Key = Field(description="The payer.")
    name: Text | None = Field(None, description="What it is called.")
    kind: PayerKind | None = Field(None, description="What kind of payer it is; picks the built-in policy.")
    policy: Key | None = Field(
        None, description="Id of a payer policy (`aetna`); empty = the policy of its kind."
    )


class Patient(Record):
    """A patient."""

    table = "patients"
    keys = ("patient_id",)
    references = MappingProxyType({"secondary_payer_id": "payers.payer_id"})

    patient_id: Key = Field(description="The patient.")
    name: Text | None = Field(None, description="Name; may be left out.")
    birth_date: Date | None = Field(None, description="Day of birth.")
    sex: Code | None = Field(None, description="As the claim says it: `F`, `M`, `U`.")
    secondary_payer_id: Key | None = Field(None, description="The payer that stands second, if any.")
    last_service_on: Date | None = Field(
        None, description="Last day of service, where the export tells it; retention is counted from it."
    )
    purge_on: Date | None = Field(None, description="Day on which the chart is to be destroyed, if set.")


class PlanOfCare(Record):
    """A plan of care, a recertification or a changed plan: what was planned, who established and certified it."""

    table = "plans_of_care"
    keys = ("plan_id",)
    references = MappingProxyType(
        {
            "patient_id": "patients.patient_id",
            "therapist_id": "therapists.therapist_id",
            "replaces_plan_id": "plans_of_care.plan_id",
        }
    )

    plan_id: Key = Field(description="The plan.")
    patient_id: Key | None = Field(None, description="Whose plan.")
    discipline: Discipline | None = Field(None, description="The discipline that it plans.")
    evaluated_on: Date | None = Field(None, description="Day of the evaluation that it rests on.")
    established_on: Date | None = Field(
        None, description="Day on which it was established; empty = `evaluated_on`."
    )
    signed_on: Date | None = Field(None, description="Day on which its author signed it.")
    starts_on: Date | None = Field(None, description="First day that it covers.")
    ends_on: Date | None = Field(
        None,
        description="Last day that it covers, inclusive; empty = `starts_on` + min(7 × `weeks`, 90) − 1, "
        "and of the two the earlier wins.",
    )
    visits_per_week: UpperBound | None = Field(
        None, description="Planned visits a week; of a range such as `2-3` the upper bound."
    )
    frequency_steps: Text | None = Field(
        None,
        description="A frequency that changes over the plan, as visits a week x weeks: `3x4 2x4` is three times a week for "
        "four weeks, then twice; it goes before `visits_per_week`.",
    )
    weeks: UpperBound | None = Field(None, description="Planned weeks; of a range the upper bound.")
    visits_total: UpperBound | None = Field(
        None, description="Planned visits, where the duration is given as visits."
    )
    diagnosis_codes: Codes | None = Field(None, description="ICD-10-CM codes.")
    maintenance: Flag | None = Field(
        None, description="Whether the plan maintains function or slows decline rather than restores."
    )
    therapist_id: Key | None = Field(None, description="Who established it.")
    interventions: Codes | None = Field(None, description="Planned CPT codes.")
    amount_per_day: Decimal | None = Field(
        None, description="Planned treatment sessions a day, where the plan states an amount."
    )
    sent_on: Date | None = Field(
        None, description="Day on which it was sent to the physician; only where evidence of sending is kept."
    )
    order_by: Text | None = Field(None, description="Who ordered therapy: NPI, or name with credential.")
    order_discipline: Discipline | None = Field(None, description="The discipline that was ordered.")
    order_signed_on: Date | None = Field(
        None, description="Day of the signed and dated order or referral for therapy that is on file."
    )
    verbal_order_on: Date | None = Field(None, description="Day of a verbal certification or order.")
    certified_on: Date | None = Field(
        None, description="Day on which the physician or NPP certified the plan."
    )
    certified_by: Text | None = Field(None, description="Who certified it: NPI or name.")
    certification_delay_reason: Text | None = Field(
        None, description="Why certification came late, as documented."
    )
    replaces_plan_id: Key | None = Field(
        None, description="The plan before it, where this is a recertification or a changed plan."
    )
    changed_on: Date | None = Field(None, description="Day of a change to the plan.")
    change_signed_by: Text | None = Field(
        None, description="Who signed the change: NPI, or name with credential."
    )


class Goal(Record):
    """A goal of a plan of care."""

    table = "goals"
    keys = ("goal_id",)
    references = MappingProxyType({"plan_id": "plans_of_care.plan_id", "replaces_goal_id": "goals.goal_id"})

    goal_id: Key = Field(description="The goal.")
    plan_id: Key | None = Field(None, description="The plan that sets it.")
    label: Text | None = Field(None, description="What notes call it: `LTG 1`, `STG 2`.")
    term: Literal["short", "long"] | None = Field(None, description="Short-term or long-term.")
    text: Text | None = Field(None, description="The goal in words.")
    baseline: Text | None = Field(
        None, description="Where the patient stood, in words or as a value with its unit."
    )
    target: Text | None = Field(None, description="What is to be reached.")
    due_on: Date | None = Field(None, description="By when.")
    status: Literal["open", "met", "modified", "discontinued"] | None = Field(
        None, description="Its present status."
    )
    status_on: Date | None = Field(None, description="Since when it has that status.")
    replaces_goal_id: Key | None = Field(None, description="The goal that it replaces.")


class GoalMeasure(Record):
    """A measurement of a goal in a note, where the chart stores it; else it is read from the text."""

    table = "goal_measures"
    keys = ("goal_id", "note_id", "name")
    optional_keys = ("name",)
    references = MappingProxyType({"goal_id": "goals.goal_id", "note_id": "notes.note_id"})

    goal_id: Key = Field(description="The goal that was measured.")
    note_id: Key = Field(description="The note that states it.")
    name: Text | None = Field(None, description="What was measured: `knee flexion`, `TUG`.")
    value: Text | None = Field(None, description="The value as written: `95`, `12.4`.")
    unit: Text | None = Field(None, description="Its unit: `deg`, `s`, `ft`, `%`.")
    assist_level: Text | None = Field(
        None, description="Level of assistance: `min assist`, `CGA`, `independent`."
    )


class Note(Record):
    """A note of the chart. One with interventions is a visit, whatever its kind."""

    table = "notes"
    keys = ("note_id",)
    references = MappingProxyType(
        {
            "patient_id": "patients.patient_id",
            "plan_id": "plans_of_care.plan_id",
            "clinic_id": "clinics.clinic_id",
            "amends_note_id": "notes.note_id",
            "therapist_id": "therapists.therapist_id",
            "supervisor_id": "therapists.therapist_id",
            "cosigned_by": "therapists.therapist_id",
        }
    )

    note_id: Key = Field(description="The note.")
    patient_id: Key | None = Field(None, description="Whose note.")
    plan_id: Key | None = Field(None, description="The plan under which it was written.")
    clinic_id: Key | None = Field(None, description="Where treatment took place.")
    kind: (
        Literal[
            "evaluation",
            "reevaluation",
            "treatment",
            "progress_report",
            "recertification",
            "discharge",
            "addendum",
            "missed_visit",
        ]
        | None
    ) = Field(None, description="What the note is.")
    outcome: Literal["attended", "no_show", "cancelled"] | None = Field(
        None, description="Whether the patient came."
    )
    amends_note_id: Key | None = Field(None, description="The note that an addendum amends.")
    service_date: Date | None = Field(None, description="Day of service, or of the report.")
    period_from: Date | None = Field(None, description="First day that a progress report covers.")
    period_to: Date | None = Field(None, description="Last day that a progress report covers.")
    therapist_id: Key | None = Field(None, description="Who wrote and signs it.")
    discipline: Discipline | None = Field(None, description="The discipline of the service.")
    supervisor_id: Key | None = Field(None, description="The supervising therapist that the note names.")
    supervision: Supervision | None = Field(
        None,
        description="How the supervisor was there: in the room, on site, by real-time audio and video (`virtual`), "
        "by phone (`available`), not at all (`none`); empty = not documented.",
    )
    started_at: Clock | None = Field(
        None, description="Start of the session; a time alone is of the service date."
    )
    ended_at: Clock | None = Field(
        None, description="End of the session; a time alone is of the service date."
    )
    timed_minutes: Number | None = Field(None, description="Minutes of timed codes, as the note totals them.")
    total_minutes: Number | None = Field(None, description="All treatment minutes, as the note totals them.")
    written_at: EndOfDay | None = Field(
        None,
        description="When the text was finished; empty = `signed_on`; a date alone is the end of that day.",
    )
    edited_at: Moment | None = Field(
        None, description="When the text was last changed; empty = not since it was finished."
    )
    signed_on: Date | None = Field(None, description="Day of its author's signature.")
    attested_on: Date | None = Field(None, description="Day of a later attestation of the signature.")
    cosigned_by: Key | None = Field(None, description="The therapist who co-signed it.")
    cosigned_on: Date | None = Field(None, description="Day of the co-signature.")
    text: Text | None = Field(None, description="The words of the note.")


class Intervention(Record):
    """A timed or untimed service within a note (the rule book calls it a segment)."""

    table = "interventions"
    keys = ("note_id", "line")
    references = MappingProxyType({"note_id": "notes.note_id", "therapist_id": "therapists.therapist_id"})

    note_id: Key = Field(description="The note that documents it.")
    line: Number = Field(description="Its place in the note, from 1.")
    cpt: Code | None = Field(None, description="CPT or HCPCS code.")
    minutes: Number | None = Field(None, description="Minutes of this service.")
    started_at: Clock | None = Field(None, description="Start; a time alone is of the note's service date.")
    ended_at: Clock | None = Field(None, description="End; a time alone is of the note's service date.")
    therapist_id: Key | None = Field(None, description="Who delivered it; empty = the note's therapist.")
    assistant_minutes: Number | None = Field(
        None,
        description="Of the minutes, those that an assistant gave without the therapist; empty = all where the row's "
        "therapist is an assistant, else 0. Minutes given together are the therapist's.",
    )
    aide_minutes: Number | None = Field(None, description="Of the minutes, those that an aide gave.")
    student_minutes: Number | None = Field(
        None,
        description="Of the minutes, those that a student gave without the therapist directing in the room.",
    )
    mode: Literal["one_on_one", "group", "concurrent", "cotreat"] | None = Field(
        None,
        description="One patient, a group, concurrent patients, or two disciplines together; empty = by code.",
    )
    group_size: Number | None = Field(None, description="Patients in the group.")
    goal_labels: Labels | None = Field(
        None, description="Labels of the goals that it served, spaces within a label left out: `LTG1 STG2`."
    )
    passive: Flag | None = Field(
        None, description="Whether the patient took no active part, as the chart marked it."
    )
    text: Text | None = Field(
        None, description="The words on this service; empty = the note's whole text speaks for each line."
    )


class Claim(Record):
    """A claim for a patient to a payer."""

    table = "claims"
    keys = ("claim_id",)
    references = MappingProxyType(
        {
            "patient_id": "patients.patient_id",
            "payer_id": "payers.payer_id",
            "clinic_id": "clinics.clinic_id",
            "original_claim_id": "claims.claim_id",
            "authorization_id": "authorizations.authorization_id",
        }
    )

    claim_id: Key = Field(description="The claim (patient control number).")
    patient_id: Key | None = Field(None, description="Whose treatment.")
    payer_id: Key | None = Field(None, description="The payer that it goes to.")
    clinic_id: Key | None = Field(None, description="The clinic that bills.")
    billing_npi: Key | None = Field(None, description="NPI of the billing provider.")
    frequency_code: Literal["1", "7", "8"] | None = Field(
        None, description="`1` original, `7` replacement, `8` void."
    )
    original_claim_id: Key | None = Field(None, description="The claim that a replacement or void refers to.")
    authorization_id: Key | None = Field(None, description="The authorization that it names.")
    diagnosis_codes: Codes | None = Field(None, description="ICD-10-CM codes, in the order of the claim.")
    referring_npi: Key | None = Field(None, description="NPI of the ordering or referring provider.")
    form: Literal["professional", "institutional"] | None = Field(
        None, description="Professional (1500, 837P) or institutional (UB-04, 837I); empty = by setting."
    )
    bill_type: Key | None = Field(None, description="Type of bill of an institutional claim: `0341`.")
    payer_order: Number | None = Field(None, description="1 where the payer stands first, 2 where second.")
    submitted_on: Date | None = Field(None, description="Day of submission; empty = not yet submitted.")
    received_on: Date | None = Field(None, description="Day on which the payer received it.")
    status: Literal["draft", "ready", "submitted", "paid", "denied", "void"] | None = Field(
        None, description="Where the claim stands."
    )


class ClaimLine(Record):
    """A service line of a claim."""

    table = "claim_lines"
    keys = ("claim_id", "line")
    references = MappingProxyType(
        {
            "claim_id": "claims.claim_id",
            "therapist_id": "therapists.therapist_id",
            "note_id": "notes.note_id",
        }
    )

    claim_id: Key = Field(description="The claim.")
    line: Number = Field(description="Its number on the claim, from 1.")
    service_date: Date | None = Field(None, description="Day of service.")
    cpt: Code | None = Field(None, description="CPT or HCPCS code.")
    modifiers: Codes | None = Field(None, description="Modifiers in the order billed: `GP KX 59`.")
    units: Number | None = Field(None, description="Units billed.")
    charge: Money | None = Field(None, description="Charge of the whole line.")
    therapist_id: Key | None = Field(None, description="The rendering therapist.")
    diagnosis_pointers: Codes | None = Field(
        None, description="ICD-10-CM codes, or positions (from 1, or letters from `A`) in the claim's codes."
    )
    abn_on: Date | None = Field(None, description="Day of an Advance Beneficiary Notice for this service.")
    place_of_service: Key | None = Field(
        None, description="CMS place of service, two digits: `11`, `12`, `22`."
    )
    note_id: Key | None = Field(
        None, description="The note that documents it; empty = matched by patient, date and discipline."
    )


class Remittance(Record):
    """What a payer answered to a claim line. Of several the latest stands; several of one day add up."""

    table = "remittances"
    keys = ("claim_id", "line", "paid_on")
    optional_keys = ("line",)
    repeats = True
    references = MappingProxyType({"claim_id": "claims.claim_id"})

    claim_id: Key = Field(description="The claim.")
    line: Number | None = Field(
        None, description="The line; empty = the payer answered to the claim as a whole."
    )
    paid_on: Date = Field(description="Day of the payment or denial.")
    allowed: Money | None = Field(None, description="Allowed amount of the line.")
    deductible: Money | None = Field(None, description="Of the allowed amount, the patient's deductible.")
    paid: Money | None = Field(None, description="Paid by this payer; negative where money was taken back.")
    patient_responsibility: Money | None = Field(None, description="Owed by the patient.")
    adjustments: Codes | None = Field(
        None, description="`GROUP-CARC:amount` in dollars, as `CO-50:96.20 PR-2:18.10`."
    )
    remarks: Codes | None = Field(None, description="Remittance advice remark codes (RARC): `N115 M25`.")


class Authorization(Record):
    """A payer's leave to treat: visits or units, within dates."""

    table = "authorizations"
    keys = ("authorization_id",)
    references = MappingProxyType({"patient_id": "patients.patient_id", "payer_id": "payers.payer_id"})

    authorization_id: Key = Field(description="The authorization.")
    patient_id: Key | None = Field(None, description="For whom.")
    payer_id: Key | None = Field(None, description="By whom.")
    discipline: Discipline | None = Field(None, description="For which discipline; empty = any.")
    number: Key | None = Field(None, description="The payer's number, as it stands on claims.")
    cpt: Codes | None = Field(None, description="Codes that it covers; empty = any.")
    visits: Number | None = Field(None, description="Visits granted.")
    units: Number | None = Field(None, description="Units granted.")
    visits_used: Number | None = Field(None, description="Visits used before these records.")
    units_used: Number | None = Field(None, description="Units used before these records.")
    used_as_of: Date | None = Field(None, description="Day up to which `visits_used` and `units_used` count.")
    visit_rule: Literal["day", "line"] | None = Field(
        None, description="What the payer counts as a visit: a treatment day, or each line."
    )
    starts_on: Date | None = Field(None, description="First day.")
    ends_on: Date | None = Field(None, description="Last day, inclusive.")


class Benefit(Record):
    """A patient's benefit limit with a payer, for one or several disciplines together."""

    table = "benefits"
    keys = ("patient_id", "payer_id", "disciplines", "starts_on")
    references = MappingProxyType({"patient_id": "patients.patient_id", "payer_id": "payers.payer_id"})

    patient_id: Key = Field(description="The patient.")
    payer_id: Key = Field(description="The payer.")
    disciplines: Codes = Field(description="Disciplines under one combined limit: `PT SLP`.")
    starts_on: Date = Field(description="First day of the benefit period.")
    ends_on: Date | None = Field(None, description="Last day of the benefit period.")
    visits: Number | None = Field(None, description="Visits in the period.")
    amount: Money | None = Field(None, description="Dollars in the period.")
    used_elsewhere: Decimal | None = Field(
        None,
        description="Already used with other providers: visits, or dollars where the limit is an amount.",
    )
    as_of: Date | None = Field(None, description="Day of which `used_elsewhere` speaks.")
    hard: Flag | None = Field(None, description="Whether no exception beyond the limit is possible.")


class SupervisionContact(Record):
    """A contact between a supervising therapist and an assistant over a patient."""

    table = "supervision_contacts"
    keys = ("contact_id",)
    references = MappingProxyType(
        {
            "supervisor_id": "therapists.therapist_id",
            "assistant_id": "therapists.therapist_id",
            "patient_id": "patients.patient_id",
        }
    )

    contact_id: Key = Field(description="The contact.")
    date: Date | None = Field(None, description="Day of the contact.")
    supervisor_id: Key | None = Field(None, description="The supervising therapist.")
    assistant_id: Key | None = Field(None, description="The assistant.")
    patient_id: Key | None = Field(None, description="The patient whom it concerned.")
    mode: Literal["in_person", "virtual", "phone", "chart"] | None = Field(
        None, description="In person, by video, by phone, or a review of the chart."
    )
    minutes: Number | None = Field(None, description="How long.")
    text: Text | None = Field(None, description="What was discussed.")


class Episode(Record):
    """An episode of treatment, for records that start in its middle."""

    table = "episodes"
    keys = ("episode_id",)
    references = MappingProxyType({"patient_id": "patients.patient_id", "clinic_id": "clinics.clinic_id"})

    episode_id: Key = Field(description="The episode.")
    patient_id: Key | None = Field(None, description="The patient.")
    discipline: Discipline | None = Field(None, description="The discipline.")
    clinic_id: Key | None = Field(None, description="The clinic.")
    first_treatment_on: Date | None = Field(None, description="Day of the first treatment.")
    discharged_on: Date | None = Field(None, description="Day of discharge.")
    discharge_reason: Literal["planned", "unexpected", "transferred"] | None = Field(
        None, description="How it ended."
    )
    evaluated_elsewhere_on: Date | None = Field(
        None, description="Day of the evaluation, where another provider did it."
    )


class Enrolment(Record):
    """A therapist's enrolment (credentialing) with a payer."""

    table = "enrolments"
    keys = ("therapist_id", "payer_id", "from")
    references = MappingProxyType({"therapist_id": "therapists.therapist_id", "payer_id": "payers.payer_id"})

    therapist_id: Key = Field(description="The therapist.")
    payer_id: Key = Field(description="The payer.")
    from_: Date = Field(alias="from", description="First day.")
    to: Date | None = Field(None, description="Last day, inclusive; empty = still enrolled.")


class Document(Record):
    """A document on file: a referral, an outcome measure, an ABN."""

    table = "documents"
    keys = ("document_id",)
    references = MappingProxyType({"patient_id": "patients.patient_id", "plan_id": "plans_of_care.plan_id"})

    document_id: Key = Field(description="The document.")
    patient_id: Key | None = Field(None, description="Whose.")
    plan_id: Key | None = Field(None, description="The plan that it belongs to, if any.")
    kind: (
        Literal["referral", "outcome_measure", "standardized_test", "prior_function", "abn", "other"] | None
    ) = Field(None, description="What it is.")
    dated_on: Date | None = Field(None, description="Its date.")
    signed_by: Text | None = Field(None, description="Who signed it: NPI, or name with credential.")
    text: Text | None = Field(None, description="Its words, where kept.")


class Fee(Record):
    """What a payer pays for a code, where the clinic knows it."""

    table = "fees"
    keys = ("payer_id", "cpt", "from", "locality")
    optional_keys = ("locality",)
    references = MappingProxyType({"payer_id": "payers.payer_id"})

    payer_id: Key = Field(description="The payer.")
    cpt: Code = Field(description="CPT or HCPCS code.")
    from_: Date = Field(alias="from", description="First day.")
    to: Date | None = Field(None, description="Last day, inclusive; empty = still in force.")
    amount: Money | None = Field(None, description="Dollars a unit, before reductions.")
    locality: Key | None = Field(None, description="Payment locality, where the fee hangs on it.")


class TherapySpend(Record):
    """Therapy dollars that count towards a Medicare threshold, spent at other providers."""

    table = "therapy_spend"
    keys = ("patient_id", "year", "bucket", "as_of")
    references = MappingProxyType({"patient_id": "patients.patient_id"})

    patient_id: Key = Field(description="The patient.")
    year: Number = Field(description="Calendar year.")
    bucket: Literal["PT_SLP", "OT"] = Field(description="PT and SLP together, or OT.")
    as_of: Date = Field(
        description="Day of which the amount speaks; the latest on or before the service date counts."
    )
    amount: Money | None = Field(None, description="Allowed dollars.")
    includes_own: Flag | None = Field(
        None, description="Whether the amount includes this clinic's own services; empty = no."
    )


class Stay(Record):
    """A stay that changes who pays: inpatient, SNF Part A, home health, hospice; or the patient's death."""

    table = "stays"
    keys = ("patient_id", "kind", "from")
    references = MappingProxyType({"patient_id": "patients.patient_id"})

    patient_id: Key = Field(description="The patient.")
    kind: Literal["inpatient", "snf_part_a", "home_health", "hospice", "deceased"] = Field(
        description="What kind of stay; `deceased` from the day of death."
    )
    from_: Date = Field(alias="from", description="First day, which counts.")
    to: Date | None = Field(
        None,
        description="Day of discharge, which does not count; empty = not recorded, or still there: it cannot be told.",
    )


class Overpayment(Record):
    """An overpayment that was identified: when, and when it went back."""

    table = "overpayments"
    keys = ("overpayment_id",)
    references = MappingProxyType({"claim_id": "claims.claim_id"})

    overpayment_id: Key = Field(description="The overpayment.")
    finding_id: Key | None = Field(None, description="The finding that showed it, if any.")
    claim_id: Key | None = Field(None, description="The claim.")
    line: Number | None = Field(None, description="The line of the claim; empty = the whole claim.")
    amount: Money | None = Field(None, description="Dollars to return.")
    identified_on: Date | None = Field(None, description="Day on which it was identified.")
    investigation_from: Date | None = Field(
        None, description="First day of a timely, good-faith investigation."
    )
    investigation_to: Date | None = Field(None, description="Its last day.")
    returned_on: Date | None = Field(None, description="Day on which the money was returned.")


class RemoteMonitoring(Record):
    """An event of remote therapeutic monitoring."""

    table = "rtm"
    keys = ("rtm_id",)
    references = MappingProxyType(
        {"patient_id": "patients.patient_id", "therapist_id": "therapists.therapist_id"}
    )

    rtm_id: Key = Field(description="The event.")
    patient_id: Key | None = Field(None, description="The patient.")
    therapist_id: Key | None = Field(None, description="Who did it.")
    date: Date | None = Field(None, description="Day of the event.")
    kind: Literal["setup", "device_data", "management", "interactive_contact"] | None = Field(
        None, description="Set-up and education, a day of data, management time, or a live contact."
    )
    minutes: Number | None = Field(
        None, description="Minutes; those of `interactive_contact` count in the month's total."
    )
    device: Literal["musculoskeletal", "respiratory", "cbt"] | None = Field(
        None, description="What the device monitors."
    )
    supervision: Supervision | None = Field(None, description="How a supervisor was there, where needed.")
    device_cleared: Flag | None = Field(None, description="Whether the device is one as the FDA defines it.")
    ordered_on: Date | None = Field(None, description="Day of the order.")


TABLES: Mapping[str, type[Record]] = MappingProxyType(
    {
        model.table: model
        for model in (
            Clinic,
            Therapist,
            Shift,
            Payer,
            Patient,
            PlanOfCare,
            Goal,
            GoalMeasure,
            Note,
            Intervention,
            Claim,
            ClaimLine,
            Remittance,
            Authorization,
            Benefit,
            SupervisionContact,
            Episode,
            Enrolment,
            Document,
            Fee,
            TherapySpend,
            Stay,
            Overpayment,
            RemoteMonitoring,
        )
    }
)
"""Every table by name, in the order of the data dictionary."""

CLOCK_DAY: Mapping[str, str] = MappingProxyType(
    {
        "notes.started_at": "service_date",
        "notes.ended_at": "service_date",
        "shifts.ends_at": "starts_at",
    }
)
"""The column of the same row whose day a time alone belongs to; interventions take the service date of their note."""


@dataclass(frozen=True)
class Column:
    """A column as the readers and the dictionary need it."""

    table: str
    name: str
    kind: Kind
    choices: tuple[str, ...]
    required: bool
    description: str
    refers_to: str | None

    @property
    def held_as(self) -> pl.DataType:
        """The type of the column in a frame."""
        return POLARS[self.kind]


@cache
def columns(table: str) -> tuple[Column, ...]:
    """The columns of a table in order. Raises KeyError for a table that the records do not have."""
    model = TABLES[table]
    described = []
    for attribute, field in model.model_fields.items():
        name = field.alias or attribute
        kind, choices = _kind(field.annotation, tuple(field.metadata))
        described.append(
            Column(
                table=table,
                name=name,
                kind=kind,
                choices=choices,
                required=name in model.keys and name not in model.optional_keys,
                description=field.description or "",
                refers_to=model.references.get(name),
            )
        )
    return tuple(described)


def _kind(annotation: object, metadata: tuple[object, ...]) -> tuple[Kind, tuple[str, ...]]:
    """What an annotation such as `Date`, `Date | None` or `Literal["PT", "OT"] | None` says of its cells."""
    for said in metadata:
        if isinstance(said, Kind):
            return said, ()
    if get_origin(annotation) is Literal:
        return Kind.CHOICE, tuple(str(choice) for choice in get_args(annotation))
    for part in get_args(annotation):
        if part is not type(None):
            return _kind(part, tuple(getattr(part, "__metadata__", ())))
    raise TypeError(f"{annotation!r} is no kind of cell")


@cache
def schema(table: str) -> Mapping[str, pl.DataType]:
    """The columns of a table and how each is held in a frame, in order."""
    return MappingProxyType({column.name: column.held_as for column in columns(table)})


@cache
def empty(table: str) -> pl.DataFrame:
    """The table without rows: every column, typed."""
    return pl.DataFrame(schema=dict(schema(table)))


def empty_tables() -> dict[str, pl.DataFrame]:
    """Every table without rows."""
    return {name: empty(name) for name in TABLES}
