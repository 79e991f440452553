"""The records as rules see them: standing claim lines, notes, interventions and treatment days with their context.

A rule asks for a table by naming it as an argument. The tables that a payer's policy can speak about
(`claim_lines`, `notes`, `interventions`, `treatment_days`, `plans_of_care`) carry the context that chooses a parameter
(`policy`, `setting`, `state`, `discipline`, and the date of service); so does `therapist_days`, whose policy is the
house's own (`base`), for a day's work has no payer. All others are the records' own.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property

import narwhals as nw

from compliance.checks.terms import DISCIPLINE_MODIFIERS, MINUTES_OF_A_DAY, codes, first, has_code, in_polars
from compliance.policy.remittance_codes import not_denials

CONTEXT = ("policy", "setting", "state", "discipline")
HOUSE = "base"
"""The policy of what no payer pays by itself, such as a therapist's day: its values stand in `base.yaml`."""
EPISODE_GAP = timedelta(days=60)
"""An evaluation after this long without treatment opens a new episode (our reading; no payer states one)."""

VISIT_KINDS = ("evaluation", "reevaluation", "treatment")
REPORT_KINDS = ("progress_report", "recertification", "discharge", "reevaluation")
VOID, REPLACEMENT = "8", "7"
LAST_PAYER = 9
"""Payers are ordered by one digit; nobody has a tenth."""
TABLES_MADE = (
    "treatment_days", "therapist_days", "standing_claims", "amounts",
    "mentions", "goal_links", "note_facts", "goal_facts", "searched", "contact_mentions",
    "note_likeness", "goal_levels", "adjustments", "denials",
    "relative_values", "geography", "unit_limits", "code_pairs",
)  # fmt: skip
"""Tables that the records do not hold: made of them here, by reading the notes (`notes.tables`), and CMS's tables of codes."""


def _first(column: str, *others: str) -> nw.Expr:
    return nw.coalesce(nw.col(column), *(nw.col(other) for other in others))


def _same_patient(whose: str) -> nw.Expr:
    """Whether a row and the one that it names, whose patient is in `whose`, are not known to be of two patients."""
    patient, other = nw.col("patient_id"), nw.col(whose)
    return patient.is_null() | other.is_null() | (patient == other)


class ChartTables:
    """Every table that a rule may ask for, built once from the records and kept.

    `records` maps each table of the contract to a Narwhals lazy frame of any engine, typed as
    `records.models.schema` says. `keep` materialises a frame once, so that rules do not rebuild it. `price` adds to
    lines what they should pay (`expected`).
    """

    def __init__(
        self,
        records: dict[str, nw.LazyFrame],
        policy_of: Callable[[str | None, str | None], str | None],
        as_of: datetime,
        keep: Callable[[nw.LazyFrame], nw.LazyFrame] = lambda frame: frame,
        price: Callable[[nw.LazyFrame], nw.LazyFrame] = lambda lines: lines.with_columns(
            expected=nw.lit(None, dtype=nw.Float64)
        ),
    ) -> None:
        self._records = records
        self._policy_of = policy_of
        self._keep = keep
        self._price = price
        self.as_of = as_of

    def __getitem__(self, name: str) -> nw.LazyFrame:
        """The table `name` as rules see it, else as the records hold it."""
        if isinstance(getattr(type(self), name, None), cached_property):
            return getattr(self, name)
        return self._records[name]

    def add(self, readings: Mapping[str, nw.LazyFrame]) -> None:
        """Add tables that were made from these ones: what reading the notes gives."""
        self._records.update(readings)

    @cached_property
    def payers(self) -> nw.LazyFrame:
        """Payers with the policy that judges them: `payers.policy`, else the policy of their kind."""
        payers = self._records["payers"]
        pairs = in_polars(payers.select("kind", "policy").unique())
        chosen = nw.lit(None, dtype=nw.String)
        for kind, named in pairs.iter_rows():
            policy = self._policy_of(kind, named)
            if policy is None:
                continue
            same = _equals("kind", kind) & _equals("policy", named)
            chosen = nw.when(same).then(nw.lit(policy)).otherwise(chosen)
        return self._keep(
            payers.rename({"policy": "named"})
            .with_columns(policy=nw.col("named"))
            .pipe(lambda p: p.with_columns(policy=chosen))
        )

    @cached_property
    def standing_claims(self) -> nw.LazyFrame:
        """Claims that count: voids (8), what they void, and what a later 7 replaced are left out.

        What names a claim of another patient replaces and voids nothing.
        A replacement that was not sent replaces nothing yet: it is left out beside the claim that it is to replace. Of
        several that name one claim the last one sent counts. `biller` is who bills (see `_with_biller`).
        """
        claims = self._records["claims"]
        void = (nw.col("frequency_code") == VOID) | (nw.col("status") == "void")
        payers = self.payers.select("payer_id", "policy", payer_kind="kind")
        clinics = self._records["clinics"].select("clinic_id", "setting", "state", "locality")
        order = nw.col("payer_order")
        submitted = ~nw.col("submitted_on").is_null() | nw.col("status").is_in(
            ["submitted", "paid", "denied"]
        )
        standing = claims.filter(~nw.coalesce(void, nw.lit(False))).join(
            self._superseded(claims), on="claim_id", how="anti"
        )
        return self._keep(
            _with_biller(standing)
            .join(payers, on="payer_id", how="left")
            .join(clinics, on="clinic_id", how="left")
            .with_columns(
                submitted=nw.coalesce(submitted & ~_waiting(), nw.lit(False)),
                payer_order=nw.when(order > LAST_PAYER).then(nw.lit(LAST_PAYER)).otherwise(order),
            )
        )

    @staticmethod
    def _superseded(claims: nw.LazyFrame) -> nw.LazyFrame:
        """Claims that another one replaced or voided, or is yet to be replaced by: claim_id."""
        sent = nw.coalesce(nw.col("submitted_on"), nw.col("received_on"))
        day = nw.coalesce(sent.dt.to_string("%Y-%m-%d"), nw.lit(""))
        renewing = (
            claims.filter(nw.col("frequency_code").is_in([REPLACEMENT, VOID]))
            .filter(nw.col("original_claim_id") != nw.col("claim_id"))
            .join(
                claims.select(original_claim_id="claim_id", whose="patient_id"),
                on="original_claim_id",
                how="left",
            )
            .filter(_same_patient("whose"))
            .select(
                "claim_id",
                "original_claim_id",
                waits=_waiting(),
                day=day,
                rank=nw.concat_str([day, nw.col("claim_id")]),
            )
        )
        originals = claims.select(original_claim_id="claim_id", original_day=day)
        known = renewing.join(originals, on="original_claim_id", how="inner")
        to_be_sent = known.filter(nw.col("waits")).select("claim_id")
        gone = renewing.filter(~nw.col("waits"))
        later = (
            (nw.col("day") == "") | (nw.col("original_day") == "") | (nw.col("day") >= nw.col("original_day"))
        )
        replaced = known.filter(~nw.col("waits") & later).select(claim_id="original_claim_id")
        last = gone.group_by("original_claim_id").agg(last=nw.col("rank").max())
        earlier = (
            gone.join(last, on="original_claim_id")
            .filter(nw.col("rank") != nw.col("last"))
            .select("claim_id")
        )
        return nw.concat([to_be_sent, replaced, earlier], how="vertical").unique()

    @cached_property
    def amounts(self) -> nw.LazyFrame:
        """Allowed dollars a line, what the payer paid of them (`payer_paid`) and what the deductible took (`deducted`), from
        its latest remittance; several of one day add up."""
        remittances = self._records["remittances"]
        by_day = remittances.group_by("claim_id", "line", "paid_on").agg(
            nw.col("allowed").sum(),
            n=nw.col("allowed").count(),
            deducted=nw.col("deductible").sum(),
            deductions=nw.col("deductible").count(),
            payer_paid=nw.col("paid").sum(),
            payments=nw.col("paid").count(),
        )
        latest = by_day.group_by("claim_id", "line").agg(paid_on=nw.col("paid_on").max())
        return (
            by_day.join(latest, on=["claim_id", "line", "paid_on"])
            .filter(nw.col("n") > 0)
            .select(
                "claim_id",
                "line",
                "allowed",
                deducted=nw.when(nw.col("deductions") > 0).then(nw.col("deducted")).otherwise(nw.lit(None)),
                payer_paid=nw.when(nw.col("payments") > 0).then(nw.col("payer_paid")).otherwise(nw.lit(None)),
            )
        )

    @cached_property
    def denials(self) -> nw.LazyFrame:
        """What payers denied: the adjustments of each line's latest remittance that are neither price nor patient's share.

        Claims that were voided or replaced since are among them: the denial happened. Columns of `adjustments`, with the
        line's cpt and units, and the claim's patient, payer and clinic. One of a whole claim has no line and no cpt.
        """
        claims = self._records["claims"].select("claim_id", "patient_id", "payer_id", "clinic_id")
        lines = self._records["claim_lines"].select("claim_id", "line", "cpt", "units", "service_date")
        denied = ~nw.col("carc").is_in(not_denials()) & (nw.col("amount") > 0)
        return self._keep(
            self._placed(
                self._records["adjustments"].filter(denied).join(claims, on="claim_id", how="left")
            ).join(lines, on=["claim_id", "line"], how="left")
        )

    @cached_property
    def overpayments(self) -> nw.LazyFrame:
        """Overpayments with the payer and clinic of their claim.

        The day that chooses a parameter is `identified_on`, the day of the audit where nobody recorded it.
        """
        claims = self._records["claims"].select("claim_id", "patient_id", "payer_id", "clinic_id")
        today = nw.lit(self.as_of).cast(nw.Datetime("us"))
        rows = self._records["overpayments"].join(claims, on="claim_id", how="left")
        return self._keep(
            self._placed(rows).with_columns(service_date=nw.coalesce(nw.col("identified_on"), today))
        )

    def _placed(self, rows: nw.LazyFrame) -> nw.LazyFrame:
        """Add the context of a payer and clinic; the discipline is not known."""
        payers = self.payers.select("payer_id", "policy", payer_kind="kind")
        clinics = self._records["clinics"].select("clinic_id", "setting", "state")
        return (
            rows.join(payers, on="payer_id", how="left")
            .join(clinics, on="clinic_id", how="left")
            .with_columns(discipline=nw.lit(None, dtype=nw.String))
        )

    def _fees(self, lines: nw.LazyFrame) -> nw.LazyFrame:
        """What the payer's fee schedule pays for a line's units: claim_id, line, fee; no row where it says several things."""
        on, place = nw.col("service_date"), nw.col("place")
        here = place.is_null() | nw.col("locality").is_null() | (place == nw.col("locality"))
        fees = self._records["fees"].filter(~nw.col("amount").is_null())
        return (
            lines.select("claim_id", "line", "payer_id", "cpt", "service_date", "units", "locality")
            .join(
                fees.select("payer_id", "cpt", "amount", begins="from", ends="to", place="locality"),
                on=["payer_id", "cpt"],
                how="inner",
            )
            .filter((nw.col("begins") <= on) & (nw.col("ends").is_null() | (nw.col("ends") >= on)))
            .filter(here)
            .with_columns(fee=nw.col("amount") * nw.col("units"))
            .group_by("claim_id", "line")
            .agg(fee=nw.col("fee").min(), most=nw.col("fee").max())
            .filter(nw.col("fee") == nw.col("most"))
            .select("claim_id", "line", "fee")
        )

    @cached_property
    def _line_context(self) -> nw.LazyFrame:
        """Standing lines with who, when, discipline and dollars, before their note is found."""
        claims = self.standing_claims.select(
            "claim_id", "patient_id", "payer_id", "payer_kind", "policy", "clinic_id", "setting", "state",
            "submitted", "submitted_on", "status", "payer_order", "referring_npi", "biller", "locality", "form",
            "frequency_code", "authorization_id", claim_diagnosis_codes="diagnosis_codes",
        )  # fmt: skip
        therapists = self._records["therapists"].select(
            "therapist_id",
            rendering_role="role",
            rendering_credential="credential",
            rendering_discipline="discipline",
        )
        by_modifier = (
            (discipline, has_code("modifiers", code)) for discipline, code in DISCIPLINE_MODIFIERS.items()
        )
        lines = self._records["claim_lines"].join(claims, on="claim_id", how="inner")
        return self._keep(
            lines.join(therapists, on="therapist_id", how="left")
            .join(self.amounts, on=["claim_id", "line"], how="left")
            .join(self._fees(lines), on=["claim_id", "line"], how="left")
            .with_columns(modifier_discipline=first(*by_modifier))
        )

    def _with_amount(self, lines: nw.LazyFrame) -> nw.LazyFrame:
        """Add `amount` and its `amount_basis`: the first known of what was allowed, the payer's fee, the expected, the charge.

        The payer's fee is what a unit pays before reductions: where the payer reduces further units of the day, it is
        reduced as the schedule's price is, and no more than the charge is paid.
        """
        in_full = nw.col("units") * (nw.col("unit_price") + nw.col("first_unit_more"))
        share = nw.when((in_full > 0) & (nw.col("worth") > 0)).then(nw.col("worth") / in_full)
        reduced = nw.col("fee") * nw.coalesce(share, nw.lit(1.0))
        dollars = {
            "allowed": nw.col("allowed"),
            "fee schedule": nw.when(reduced > nw.col("charge")).then(nw.col("charge")).otherwise(reduced),
            "Medicare fee schedule": nw.col("expected"),
            "charge": nw.col("charge"),
        }
        basis = nw.lit("unknown")
        for name, known in reversed(dollars.items()):
            basis = nw.when(~known.is_null()).then(nw.lit(name)).otherwise(basis)
        amount = nw.coalesce(*dollars.values(), nw.lit(0.0))
        return self._price(lines).with_columns(amount=amount, amount_basis=basis)

    @cached_property
    def _bare_notes(self) -> nw.LazyFrame:
        """Notes with their author and whether they are a visit; no payer yet.

        A plan, or a note that is amended, of another patient is not named: the chart's key was mistyped. A note without a
        patient is of the patient whose claim names it.
        """
        authors = self._records["therapists"].select(
            "therapist_id", author="name", author_role="role", author_credential="credential",
            author_discipline="discipline", author_clinic_id="clinic_id",
        )  # fmt: skip
        treated = self._records["interventions"].select("note_id").unique().with_columns(treated=nw.lit(True))
        plans = self._records["plans_of_care"].select(
            "plan_id", plan_discipline="discipline", planned_for="patient_id"
        )
        amended = self._records["notes"].select(amends_note_id="note_id", amended_of="patient_id")
        # A comparison with null is null on one engine and false on another: null is asked for by name.
        unsaid = nw.col("outcome").is_null()
        attended = (unsaid | (nw.col("outcome") == "attended")) & (nw.col("kind") != "missed_visit")
        return self._keep(
            self._records["notes"]
            .join(self._noted_patients, on="note_id", how="left")
            .with_columns(patient_id=_first("patient_id", "claimed_of"))
            .drop("claimed_of")
            .join(authors, on="therapist_id", how="left")
            .join(treated, on="note_id", how="left")
            .join(plans, on="plan_id", how="left")
            .join(amended, on="amends_note_id", how="left")
            .with_columns(
                plan_id=nw.when(_same_patient("planned_for")).then(nw.col("plan_id")),
                plan_discipline=nw.when(_same_patient("planned_for")).then(nw.col("plan_discipline")),
                amends_note_id=nw.when(_same_patient("amended_of")).then(nw.col("amends_note_id")),
            )
            .drop("planned_for", "amended_of")
            .with_columns(
                discipline=_first("discipline", "plan_discipline", "author_discipline"),
                attended=nw.coalesce(attended, nw.lit(True)).cast(nw.Boolean),
                treated=nw.coalesce(nw.col("treated"), nw.lit(False)).cast(nw.Boolean),
            )
            .with_columns(
                is_visit=nw.col("attended")
                & (nw.col("treated") | nw.coalesce(nw.col("kind").is_in(VISIT_KINDS), nw.lit(False))),
            )
        )

    @cached_property
    def _noted_patients(self) -> nw.LazyFrame:
        """The patient of the lines that name a note, where they are of one: note_id, claimed_of."""
        named = self._line_context.filter(~nw.col("note_id").is_null() & ~nw.col("patient_id").is_null())
        return (
            named.group_by("note_id")
            .agg(claimed_of=nw.col("patient_id").min(), last=nw.col("patient_id").max())
            .filter(nw.col("claimed_of") == nw.col("last"))
            .select("note_id", "claimed_of")
        )

    @cached_property
    def claim_lines(self) -> nw.LazyFrame:
        """Standing lines, each with its claim's payer and clinic, its note, discipline, episode and `amount`.

        `note_id` is the line's own, if not of another patient, else the visit note of the same patient, date and
        discipline (one that holds the code comes first). A line whose claim names no patient is of the patient of the note
        that it names. `amount` is allowed dollars, else the payer's fee, else what the
        Medicare fee schedule pays where the payer follows it (`expected`), else the charge (`amount_basis` says which).
        `resubmitted` marks a denied line whose service was billed again: what counts units takes `terms.billed_once`.
        """
        named = self._bare_notes.select("note_id", noted_of="patient_id")
        lines = (
            self._line_context.join(named, on="note_id", how="left")
            .with_columns(
                patient_id=_first("patient_id", "noted_of"),
                line_discipline=_first("modifier_discipline", "rendering_discipline"),
                note_id=nw.when(_same_patient("noted_of")).then(nw.col("note_id")),
            )
            .drop("noted_of")
        )
        visits = self._bare_notes.filter(nw.col("is_visit")).select(
            "patient_id", "service_date", candidate="note_id", note_discipline="discipline"
        )
        holds = self._records["interventions"].select(candidate="note_id", cpt="cpt").unique()
        holds = holds.with_columns(holds=nw.lit("0"))
        found = (
            lines.filter(nw.col("note_id").is_null())
            .select("claim_id", "line", "patient_id", "service_date", "cpt", "line_discipline")
            .join(visits, on=["patient_id", "service_date"], how="inner")
            .filter(
                nw.col("line_discipline").is_null()
                | nw.col("note_discipline").is_null()
                | (nw.col("line_discipline") == nw.col("note_discipline"))
            )
            .join(holds, on=["candidate", "cpt"], how="left")
            .with_columns(
                rank=nw.concat_str([nw.coalesce(nw.col("holds"), nw.lit("1")), nw.col("candidate")])
            )
            .group_by("claim_id", "line")
            .agg(rank=nw.col("rank").min())
            .select("claim_id", "line", found=nw.col("rank").str.slice(1))
        )
        notes = self._bare_notes.select(
            "note_id", "plan_id", note_discipline="discipline", note_therapist_id="therapist_id"
        )
        joined = (
            lines.join(found, on=["claim_id", "line"], how="left")
            .with_columns(note_id=_first("note_id", "found"))
            .join(notes, on="note_id", how="left")
            .with_columns(
                discipline=_first("modifier_discipline", "note_discipline", "rendering_discipline"),
            )
        )
        placed = self._keep(self._with_plan(self._keep(joined), ("claim_id", "line")))
        return self._keep(self._resubmitted(self._keep(self._with_amount(placed))))

    @staticmethod
    def _resubmitted(lines: nw.LazyFrame) -> nw.LazyFrame:
        """Add `resubmitted`: the line was denied, and the same service stands on another claim that was not."""
        service = ["patient_id", "payer_id", "service_date", "cpt", "modifiers", "units"]
        denied = nw.coalesce(nw.col("status") == "denied", nw.lit(False)) | nw.coalesce(
            nw.col("allowed") == 0, nw.lit(False)
        )
        answered = lines.filter(~denied).select(*service).unique().with_columns(answered=nw.lit(1))
        again = denied & ~nw.col("answered").is_null()
        return lines.join(answered, on=service, how="left").with_columns(resubmitted=again).drop("answered")

    @cached_property
    def notes(self) -> nw.LazyFrame:
        """Notes with author, plan, payer and clinic; `is_visit` marks treatment, `treated` that interventions exist.

        The payer is that of the visit's claim; of an unbilled visit, of the patient's nearest claim in time.
        """
        notes = self._with_plan(self._bare_notes, ("note_id",))
        payers = self._payer_of(notes)
        clinics = self._records["clinics"].select("clinic_id", "setting", "state")
        return self._keep(
            notes.join(payers, on="note_id", how="left")
            .with_columns(clinic_id=_first("clinic_id", "claim_clinic_id", "author_clinic_id"))
            .join(clinics, on="clinic_id", how="left")
            .with_columns(submitted=nw.coalesce(nw.col("submitted"), nw.lit(False)))
        )

    @cached_property
    def interventions(self) -> nw.LazyFrame:
        """Interventions with their note's context, who delivered them, and the claim line that bills them.

        `assistant_alone`, minutes that an assistant gave without the therapist: as recorded, else all the minutes
        where the row's therapist is an assistant, else 0.
        """
        notes = self.notes.select(
            "note_id", "service_date", "patient_id", "discipline", "plan_id", "kind", "supervisor_id", "supervision",
            "payer_id", "payer_kind", "policy", "clinic_id", "setting", "state", "submitted", "is_visit", "attended",
            "author_role", "cosigned_by", "cosigned_on", note_therapist_id="therapist_id", note_started_at="started_at",
            note_ended_at="ended_at", has_text=~nw.col("text").is_null(),
        )  # fmt: skip
        deliverers = self._records["therapists"].select(
            deliverer_id="therapist_id", deliverer="name", deliverer_role="role", deliverer_credential="credential",
        )  # fmt: skip
        billed = (
            self.claim_lines.filter(~nw.col("note_id").is_null())
            .with_columns(
                billing=nw.concat_str([nw.col("claim_id"), nw.lit("|"), nw.col("line").cast(nw.String)])
            )
            .group_by("note_id", "cpt")
            .agg(billing=nw.col("billing").min())
        )
        keyed = self.claim_lines.select(
            "claim_id",
            claim_line="line",
            billing=nw.concat_str([nw.col("claim_id"), nw.lit("|"), nw.col("line").cast(nw.String)]),
        )
        alone = nw.when(nw.col("deliverer_role") == "assistant").then(nw.col("minutes")).otherwise(nw.lit(0))
        return self._keep(
            self._records["interventions"]
            .join(notes, on="note_id", how="inner")
            .with_columns(deliverer_id=_first("therapist_id", "note_therapist_id"))
            .join(deliverers, on="deliverer_id", how="left")
            .join(billed, on=["note_id", "cpt"], how="left")
            .join(keyed, on="billing", how="left")
            .with_columns(assistant_alone=nw.coalesce(nw.col("assistant_minutes"), alone))
        )

    @cached_property
    def treatment_days(self) -> nw.LazyFrame:
        """One row a patient, discipline and day with treatment, evaluation or re-evaluation, numbered in its episode.

        Visits and standing claim lines both make a day; several sessions of a day are one. `evaluation` marks a day
        with an evaluation, `uncoded` one of which only lines without a code tell. `treatment_day` counts from 1 at the
        episode's first day. The payer is the day's primary one, the therapist who wrote the note, else who is on the line.
        """
        key = ["patient_id", "discipline", "service_date"]
        place = ("payer_id", "clinic_id")
        evaluating = nw.coalesce(nw.col("kind") == "evaluation", nw.lit(False))
        noted = self.notes.filter(nw.col("is_visit")).select(
            *key, *place, author_id="therapist_id", biller_id=nw.lit(None, dtype=nw.String),
            payer_order=nw.lit(1, dtype=nw.Int64), evaluation=evaluating, uncoded=nw.lit(0, dtype=nw.Int64),
        )  # fmt: skip
        monitoring = nw.coalesce(nw.col("cpt").is_in(codes("monitoring")), nw.lit(False))
        billed = self.claim_lines.filter(~monitoring).select(
            *key, *place, author_id=nw.lit(None, dtype=nw.String), biller_id="therapist_id",
            payer_order=nw.coalesce(nw.col("payer_order"), nw.lit(1)).cast(nw.Int64),
            evaluation=nw.coalesce(nw.col("cpt").is_in(codes("evaluation")), nw.lit(False)),
            uncoded=nw.col("cpt").is_null().cast(nw.Int64),
        )  # fmt: skip
        sessions = (
            nw.concat([noted, billed], how="vertical")
            .filter(~nw.any_horizontal(*(nw.col(name).is_null() for name in key), ignore_nulls=True))
            .with_columns(
                evaluation=nw.col("evaluation").cast(nw.Int64),
                payer=nw.concat_str([nw.col("payer_order").cast(nw.String), nw.col("payer_id")]),
            )
        )
        days = sessions.group_by(key).agg(
            nw.col("payer").min(),
            nw.col("clinic_id").min(),
            nw.col("author_id").min(),
            nw.col("biller_id").min(),
            nw.col("uncoded").min(),
            evaluation=nw.col("evaluation").max(),
        )
        payers = self.payers.select("payer_id", "policy", payer_kind="kind")
        clinics = self._records["clinics"].select("clinic_id", "setting", "state")
        told = (
            days.with_columns(
                payer_id=nw.col("payer").str.slice(1),
                therapist_id=_first("author_id", "biller_id"),
                evaluation=nw.col("evaluation") > 0,
                uncoded=nw.col("uncoded") > 0,
            )
            .join(payers, on="payer_id", how="left")
            .join(clinics, on="clinic_id", how="left")
            .drop("payer", "author_id", "biller_id")
        )
        return self._keep(self._numbered(told))

    @cached_property
    def therapist_days(self) -> nw.LazyFrame:
        """One row a person and day on which that person wrote a visit's note, delivered a service or is on a line.

        Columns: therapist_id, service_date, provider (name), role, discipline, clinic_id (where the person usually
        works), setting, state, payer_id (none) and policy (`base`, whoever pays: see `HOUSE`).
        """
        whose = (
            self.notes.filter(nw.col("is_visit")).select("therapist_id", "service_date"),
            self.interventions.filter(nw.col("attended")).select("service_date", therapist_id="deliverer_id"),
            self.claim_lines.select("therapist_id", "service_date"),
        )
        days = nw.concat([each.select("therapist_id", "service_date") for each in whose], how="vertical")
        people = self._records["therapists"].select(
            "therapist_id", "role", "discipline", "clinic_id", provider="name"
        )
        clinics = self._records["clinics"].select("clinic_id", "setting", "state")
        return self._keep(
            days.filter(~nw.col("therapist_id").is_null() & ~nw.col("service_date").is_null())
            .unique()
            .join(people, on="therapist_id", how="left")
            .join(clinics, on="clinic_id", how="left")
            .with_columns(policy=nw.lit(HOUSE), payer_id=nw.lit(None, dtype=nw.String))
        )

    def _numbered(self, days: nw.LazyFrame) -> nw.LazyFrame:
        """Number episodes and their treatment days; an episode opens as `_opens` says."""
        patient = ("patient_id", "discipline")
        days = days.with_columns(
            previous=nw.col("service_date").shift(1).over(*patient, order_by="service_date")
        )
        discharges = (
            self._bare_notes.filter(nw.col("kind") == "discharge")
            .select(*patient, discharged=nw.col("service_date"))
            .unique()
        )
        closed = (
            days.join(discharges, on=list(patient), how="inner")
            .filter(
                (nw.col("discharged") >= nw.col("previous"))
                & (nw.col("discharged") <= nw.col("service_date"))
            )
            .select(*patient, "service_date", closed=nw.lit(1))
            .unique()
        )
        given = (
            self._records["episodes"]
            .select(*patient, service_date="first_treatment_on")
            .filter(~nw.col("service_date").is_null())
            .unique()
            .with_columns(given=nw.lit(1))
        )
        on = [*patient, "service_date"]
        after = nw.col("service_date") > nw.col("previous") + EPISODE_GAP
        opens = (nw.col("evaluation") & (after | ~nw.col("closed").is_null())) | ~nw.col("given").is_null()
        return (
            days.join(closed, on=on, how="left")
            .join(given, on=on, how="left")
            .with_columns(
                opens=nw.coalesce(opens & ~nw.col("previous").is_null(), nw.lit(False)).cast(nw.Int64)
            )
            .with_columns(episode=nw.col("opens").cum_sum().over(*patient, order_by="service_date") + 1)
            .with_columns(one=nw.lit(1))
            .with_columns(
                treatment_day=nw.col("one").cum_sum().over(*patient, "episode", order_by="service_date"),
            )
            .drop("closed", "given", "opens", "one", "previous")
        )

    @cached_property
    def plans_of_care(self) -> nw.LazyFrame:
        """Plans with the payer and clinic of the patient's nearest claim to the plan's start.

        Where a therapist of the records signed or ordered, by key or NPI, or the plan's author by name, `certified_by`,
        `order_by` and `change_signed_by` say who that is: `Ann Moss, DPT (PT)`.
        """
        plans = self._records["plans_of_care"].with_columns(
            service_date=_first("starts_on", "established_on", "evaluated_on"),
        )
        for column in ("certified_by", "order_by", "change_signed_by"):
            plans = self._with_therapist_named(plans, column)
        payers = self._payer_of(plans.with_columns(note_id=nw.col("plan_id"))).rename({"note_id": "plan_id"})
        clinics = self._records["clinics"].select("clinic_id", "setting", "state")
        return self._keep(
            plans.join(payers, on="plan_id", how="left")
            .with_columns(clinic_id=nw.col("claim_clinic_id"))
            .join(clinics, on="clinic_id", how="left")
        )

    def _with_therapist_named(self, plans: nw.LazyFrame, column: str) -> nw.LazyFrame:
        """Plans whose `column` names a therapist of the records by name and credential, whatever names the therapist there."""
        people = self._records["therapists"].with_columns(said=_person())
        by_key = people.select("said", signer="therapist_id")
        by_npi = people.filter(~nw.col("npi").is_null()).select("said", signer="npi")
        signers = nw.concat([by_key, by_npi], how="vertical").group_by("signer").agg(nw.col("said").min())
        authors = people.select("therapist_id", author="name", author_said="said")
        own = nw.when(nw.col(column) == nw.col("author")).then(nw.col("author_said"))
        return (
            plans.join(signers.rename({"signer": column}), on=column, how="left")
            .join(authors, on="therapist_id", how="left")
            .with_columns(nw.coalesce(nw.col("said"), own, nw.col(column)).alias(column))
            .drop("said", "author", "author_said")
        )

    def _with_plan(self, rows: nw.LazyFrame, key: tuple[str, ...]) -> nw.LazyFrame:
        """Fill an empty `plan_id` with the latest plan of the patient and discipline begun by the service date."""
        plans = self._records["plans_of_care"].select(
            "patient_id", "discipline", candidate="plan_id",
            began=_first("starts_on", "established_on", "evaluated_on"),
        )  # fmt: skip
        open_rows = rows.filter(nw.col("plan_id").is_null()).select(
            *key, "patient_id", "discipline", "service_date"
        )
        begun = open_rows.join(plans, on=["patient_id", "discipline"]).filter(
            nw.col("began") <= nw.col("service_date")
        )
        latest = begun.group_by(*key).agg(began=nw.col("began").max())
        chosen = (
            begun.join(latest, on=[*key, "began"]).group_by(*key).agg(candidate=nw.col("candidate").max())
        )
        return (
            rows.join(chosen, on=list(key), how="left")
            .with_columns(plan_id=_first("plan_id", "candidate"))
            .drop("candidate")
        )

    def _payer_of(self, rows: nw.LazyFrame) -> nw.LazyFrame:
        """The payer of each note (or plan): of its own claim, else of the patient's nearest claim in time.

        Returns note_id, payer_id, payer_kind, policy, claim_clinic_id, submitted (only of its own claim).
        """
        claimed = self.claim_lines.select(
            "patient_id", "payer_id", "payer_order", "service_date", "note_id",
            claim_clinic_id="clinic_id", claim_discipline="discipline", submitted="submitted",
        )  # fmt: skip
        own = self._nearest_claim(
            rows.select("note_id")
            .join(claimed.filter(~nw.col("note_id").is_null()), on="note_id")
            .with_columns(distance=nw.lit(0))
        )
        rest = rows.select("note_id", "patient_id", on="service_date", wanted="discipline").join(
            own.select("note_id"), on="note_id", how="anti"
        )
        days = claimed.select(
            "patient_id", "payer_id", "payer_order", "service_date", "claim_clinic_id", "claim_discipline"
        ).unique()
        near = rest.join(days, on="patient_id").with_columns(
            distance=(nw.col("on") - nw.col("service_date")).dt.total_minutes().abs() // MINUTES_OF_A_DAY,
            submitted=nw.lit(False),
        )
        chosen = nw.concat([own, self._nearest_claim(near)], how="vertical")
        payers = self.payers.select("payer_id", "policy", payer_kind="kind")
        return chosen.join(payers, on="payer_id", how="left")

    @staticmethod
    def _nearest_claim(candidates: nw.LazyFrame) -> nw.LazyFrame:
        """Of each note's candidate claims, the nearest in time, the primary payer's first."""
        order = nw.coalesce(nw.col("payer_order").cast(nw.String), nw.lit("1"))
        ranked = candidates.filter(~nw.col("payer_id").is_null()).with_columns(
            rank=nw.concat_str([(nw.col("distance") + 1_000_000).cast(nw.String), order, nw.col("payer_id")])
        )
        first = ranked.group_by("note_id").agg(rank=nw.col("rank").min())
        return (
            ranked.join(first, on=["note_id", "rank"])
            .with_columns(submitted=nw.col("submitted").cast(nw.Int64))
            .group_by("note_id", "payer_id")
            .agg(claim_clinic_id=nw.col("claim_clinic_id").min(), submitted=nw.col("submitted").max())
            .with_columns(submitted=nw.col("submitted") > 0)
        )


def _person() -> nw.Expr:
    """A therapist by name, credential and discipline, as far as they are known: `Ann Moss, DPT (PT)`."""
    credential = nw.concat_str([nw.lit(", "), nw.col("credential")])
    discipline = nw.concat_str([nw.lit(" ("), nw.col("discipline"), nw.lit(")")])
    nothing = nw.lit("")
    parts = [
        _first("name", "therapist_id"),
        nw.coalesce(credential, nothing),
        nw.coalesce(discipline, nothing),
    ]
    return nw.concat_str(parts)


def _with_biller(claims: nw.LazyFrame) -> nw.LazyFrame:
    """Add `biller`, who bills: the billing NPI; where blank the only one of the clinic's other claims, else the clinic."""
    of_clinic = (
        claims.filter(~nw.col("billing_npi").is_null() & ~nw.col("clinic_id").is_null())
        .group_by("clinic_id")
        .agg(only=nw.col("billing_npi").min(), last=nw.col("billing_npi").max())
        .filter(nw.col("only") == nw.col("last"))
        .select("clinic_id", "only")
    )
    biller = nw.coalesce(nw.col("billing_npi"), nw.col("only"), nw.col("clinic_id"), nw.lit(""))
    return claims.join(of_clinic, on="clinic_id", how="left").with_columns(biller=biller).drop("only")


def _waiting() -> nw.Expr:
    """Whether a claim says that it was not sent yet."""
    return nw.coalesce(nw.col("status").is_in(["draft", "ready"]), nw.lit(False))


def _equals(column: str, value: str | None) -> nw.Expr:
    return nw.col(column).is_null() if value is None else nw.coalesce(nw.col(column) == value, nw.lit(False))
