"""The records of synthetic clinics as rows of the contract's tables."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from compliance.checks.terms import DISCIPLINE_MODIFIERS
from compliance.synth import billing
from compliance.synth.calendar import next_open
from compliance.synth.charting import evaluation_text, report_text
from compliance.synth.episodes import PHYSICIANS, UNTIMED, Episode, Patient, Report, Visit, units
from compliance.synth.faults import spoil
from compliance.synth.phrases import phrase
from compliance.synth.plantings import AIDE_MINUTES, COSIGNED_AFTER, Planted
from compliance.synth.settling import settle
from compliance.synth.staff import PAYERS, Person, Site
from compliance.synth.voices import note_text
from compliance.synth.wording import pieces

COLUMNS: dict[str, tuple[str, ...]] = {
    table: tuple(columns.split())
    for table, columns in {
        "clinics": "clinic_id name state setting npi",
        "therapists": (
            "therapist_id name npi discipline role credential clinic_id license_state license_number "
            "license_from license_expires_on employed_from employed_to enrolled_on excluded_on"
        ),
        "shifts": "therapist_id clinic_id starts_at ends_at kind",
        "payers": "payer_id name kind policy",
        "patients": "patient_id name birth_date sex secondary_payer_id last_service_on purge_on",
        "plans_of_care": (
            "plan_id patient_id discipline evaluated_on established_on signed_on starts_on ends_on "
            "visits_per_week weeks diagnosis_codes maintenance therapist_id interventions sent_on "
            "order_by order_discipline order_signed_on certified_on certified_by "
            "certification_delay_reason replaces_plan_id"
        ),
        "goals": "goal_id plan_id label term text baseline target due_on status status_on replaces_goal_id",
        "notes": (
            "note_id patient_id plan_id clinic_id kind outcome amends_note_id service_date "
            "period_from period_to therapist_id discipline supervisor_id supervision started_at "
            "ended_at timed_minutes total_minutes written_at edited_at signed_on cosigned_by cosigned_on text"
        ),
        "interventions": (
            "note_id line cpt minutes started_at ended_at therapist_id assistant_minutes aide_minutes "
            "student_minutes mode group_size goal_labels"
        ),
        "claims": (
            "claim_id patient_id payer_id clinic_id billing_npi frequency_code authorization_id "
            "diagnosis_codes referring_npi form bill_type payer_order submitted_on received_on status"
        ),
        "claim_lines": (
            "claim_id line service_date cpt modifiers units charge therapist_id diagnosis_pointers "
            "place_of_service note_id"
        ),
        "remittances": (
            "claim_id line paid_on allowed deductible paid patient_responsibility adjustments remarks"
        ),
        "authorizations": (
            "authorization_id patient_id payer_id discipline number cpt visits units visit_rule starts_on "
            "ends_on"
        ),
        "benefits": "patient_id payer_id disciplines starts_on ends_on visits used_elsewhere as_of hard",
        "supervision_contacts": "contact_id date supervisor_id assistant_id patient_id mode minutes text",
        "episodes": (
            "episode_id patient_id discipline clinic_id first_treatment_on discharged_on discharge_reason"
        ),
        "documents": "document_id patient_id plan_id kind dated_on signed_by text",
        "therapy_spend": "patient_id year bucket as_of amount includes_own",
        "stays": "patient_id kind from to",
        "fees": "payer_id cpt from to amount locality",
        "overpayments": (
            "overpayment_id finding_id claim_id line amount identified_on investigation_from "
            "investigation_to returned_on"
        ),
        "truth": (
            "rule claim_id line note_id plan_id goal_id patient_id discipline therapist_id subject debatable why"
        ),
        "rtm": "rtm_id patient_id therapist_id date kind minutes device supervision device_cleared ordered_on",
    }.items()
}
"""The tables that the synthetic clinics export, with the columns they carry (others are absent, as in life)."""

AUTHORIZED = ("commercial", "medicaid", "tricare", "workers_comp")
LIMITED = ("commercial",)
AFTER_HOSPITAL = ("knee_replacement", "stroke", "amputee", "lung_disease", "spinal_cord", "dysphagia")
SPENT_ELSEWHERE = 0.15
ADDENDA = 0.008
CHANGES = ("new_code", "graded", "frequency")
KEPT_YEARS, KEPT_UNTIL_AGE = 10, 25
"""How long our clinics keep a chart: long enough for each payer."""
EDITED = 14
"""Of so many notes one was corrected within minutes of being written."""


def payer_rows() -> list[dict[str, Any]]:
    """The eight payers and what each pays for a code."""
    return [{"payer_id": payer_id, "name": name, "kind": kind} for payer_id, name, kind in PAYERS]


def fee_rows(first: date) -> list[dict[str, Any]]:
    """The fee schedules that the clinics know: one unit of a code, unreduced."""
    return [
        {
            "payer_id": payer_id,
            "cpt": cpt,
            "from": first,
            "amount": round(full * billing.FACTORS[kind], 2),
            "locality": "00",
        }
        for payer_id, _, kind in PAYERS
        if kind not in ("auto", "self_pay")
        for cpt, (full, _, _) in billing.PRICES.items()
        if full
    ]


class Filing:
    """Numbers and files the records of one network after another; `rows` holds what is not yet taken."""

    def __init__(self, rng: Random, first: date, last: date) -> None:
        self.rng = rng
        self.first, self.last = first, last
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.counts: dict[str, int] = defaultdict(int)

    def taken(self) -> dict[str, list[dict[str, Any]]]:
        """What was filed since the last call."""
        rows, self.rows = self.rows, defaultdict(list)
        return rows

    def key(self, letter: str, width: int = 6) -> str:
        """The next key with a letter, leading zeros kept."""
        self.counts[letter] += 1
        return f"{letter}{self.counts[letter]:0{width}d}"

    def site(self, site: Site) -> None:
        """A clinic and its people."""
        self.rows["clinics"].append(
            {
                "clinic_id": site.clinic_id,
                "name": site.name,
                "state": site.state,
                "setting": site.setting,
                "npi": site.npi,
            }
        )
        for person in site.people:
            self.rows["therapists"].append(_therapist_row(person, site))

    def patient(self, patient: Patient, episodes: list[Episode]) -> None:
        """A patient with episodes, plans, notes, claims and remittances."""
        last = max(episode.visits[-1].day for episode in episodes)
        self.rows["patients"].append(
            {
                "patient_id": patient.patient_id,
                "name": patient.name,
                "birth_date": patient.birth_date,
                "sex": patient.sex,
                "secondary_payer_id": "COM"
                if patient.payer_kind == "medicare" and self.rng.random() < 0.3
                else None,
                "last_service_on": last,
                "purge_on": _purge_on(patient, last),
            }
        )
        if patient.payer_kind in LIMITED:
            self._benefit(patient, episodes)
        begun = {table: len(self.rows[table]) for table in ("claims", "claim_lines", "remittances")}
        spend = self._spent_elsewhere(patient)
        self._stay(patient, episodes)
        for episode in episodes:
            authorization = self._authorization(episode) if patient.payer_kind in AUTHORIZED else None
            self._plans(episode)
            self._notes(episode)
            self._contacts(episode)
            self._claims(episode, authorization)
            self.rows["episodes"].append(
                {
                    "episode_id": episode.episode_id, "patient_id": patient.patient_id,
                    "discipline": episode.discipline,
                    "clinic_id": patient.site.clinic_id, "first_treatment_on": episode.visits[0].day,
                    "discharged_on": episode.visits[-1].day, "discharge_reason": episode.discharge_reason,
                }
            )  # fmt: skip

        claims, lines, remittances = (self.rows[table][since:] for table, since in begun.items())
        settle(
            lines,
            {row["claim_id"]: row for row in claims},
            {(row["claim_id"], row["line"]): row for row in remittances},
            spend,
        )

    def truth(self, planted: Iterable[Planted]) -> None:
        """Planted violations under the keys of what they broke."""
        for each in planted:
            visit, report, goal = each.visit, each.report, each.goal
            plan = visit.plan if visit else report.plan if report else each.episode.plans[0]
            line = visit.lines.get(each.code or "", min(visit.lines.values(), default=1)) if visit else None
            names_note = (
                report
                if report is not None and each.subject == "note"
                else (visit if each.subject != "period" else None)
            )
            self.rows["truth"].append(
                {
                    "rule": each.rule,
                    "claim_id": visit.claim_id if visit else None,
                    "line": line,
                    "note_id": names_note.note_id if names_note else None,
                    "plan_id": plan.plan_id if each.subject in ("plan", "period") else None,
                    "goal_id": goal.goal_id if goal else None,
                    "patient_id": each.episode.patient.patient_id,
                    "discipline": each.episode.discipline,
                    "subject": each.subject,
                    "debatable": each.debatable,
                    "why": each.why,
                }
            )

    def _plans(self, episode: Episode) -> None:
        patient, rng = episode.patient, self.rng
        doctor = rng.choice(PHYSICIANS)
        for plan in episode.plans:
            initial = plan.replaces is None
            written = max((v.day for v in episode.visits if v.day < plan.starts_on), default=plan.starts_on)
            self.rows["plans_of_care"].append(
                {
                    "plan_id": plan.plan_id, "patient_id": patient.patient_id, "discipline": episode.discipline,
                    "evaluated_on": episode.visits[0].day, "established_on": written,
                    "signed_on": next_open(written),
                    "starts_on": plan.starts_on, "ends_on": plan.ends_on, "visits_per_week": episode.frequency,
                    "weeks": plan.weeks,
                    "diagnosis_codes": episode.diagnoses, "maintenance": False,
                    "therapist_id": plan.author.therapist_id,
                    "interventions": plan.interventions,
                    "sent_on": written + timedelta(days=rng.randint(0, 2)), "order_by": doctor,
                    "order_discipline": episode.discipline,
                    "order_signed_on": plan.starts_on - timedelta(days=rng.randint(1, 12)) if initial else None,
                    "certified_on": plan.certified_on if initial else _in_time(written, plan.starts_on),
                    "certified_by": doctor, "replaces_plan_id": plan.replaces,
                }
            )  # fmt: skip
            if initial and rng.random() < 0.6:
                self.rows["documents"].append(
                    {
                        "document_id": self.key("D"), "patient_id": patient.patient_id, "plan_id": plan.plan_id,
                        "kind": "referral",
                        "dated_on": plan.starts_on - timedelta(days=3), "signed_by": doctor,
                        "text": f"{episode.discipline} evaluate and treat, {', '.join(episode.diagnoses)}",
                    }
                )  # fmt: skip
            for goal in plan.goals:
                self.rows["goals"].append(
                    {
                        "goal_id": goal.goal_id, "plan_id": plan.plan_id, "label": goal.label, "term": goal.term,
                        "text": goal.text,
                        "baseline": goal.baseline, "target": goal.target, "due_on": goal.due_on, "status": goal.status,
                        "status_on": goal.status_on,
                    }
                )  # fmt: skip

    def _notes(self, episode: Episode) -> None:
        reports = {report.period_to: report for report in episode.reports}
        for visit in episode.visits:
            self._visit_note(episode, visit)
            if visit.day in reports and reports[visit.day].written_on >= visit.day:
                self._report_note(episode, reports[visit.day])
        for day, outcome, person in episode.missed:
            self.rows["notes"].append(
                {
                    "note_id": self.key("N"), "patient_id": episode.patient.patient_id,
                    "plan_id": episode.plans[0].plan_id,
                    "clinic_id": episode.patient.site.clinic_id, "kind": "missed_visit", "outcome": outcome,
                    "service_date": day,
                    "therapist_id": person.therapist_id, "discipline": episode.discipline, "signed_on": day,
                    "text": phrase(self.rng, outcome),
                }
            )  # fmt: skip

    def _visit_note(self, episode: Episode, visit: Visit) -> None:
        rng, clocked = self.rng, episode.patient.site.clocked
        visit.note_id = self.key("N")
        text = self._text(episode, visit)
        begins = datetime.combine(visit.day, time(visit.hour, visit.minute))
        total = sum(visit.minutes.values())
        author = visit.student if visit.fault == "student_led" and visit.student else visit.clinician
        written = begins + timedelta(minutes=total + rng.randint(2, 300))
        cosigner, cosigned_on = self._cosignature(episode, visit, author)
        self.rows["notes"].append(
            {
                "note_id": visit.note_id,
                "patient_id": episode.patient.patient_id,
                "plan_id": visit.plan.plan_id,
                "clinic_id": episode.patient.site.clinic_id,
                "kind": visit.kind,
                "outcome": "attended",
                "service_date": visit.day,
                "therapist_id": author.therapist_id,
                "discipline": episode.discipline,
                "supervisor_id": visit.supervisor.therapist_id if visit.supervisor else None,
                "supervision": visit.supervision,
                "started_at": begins if clocked else None,
                "ended_at": begins + timedelta(minutes=total) if clocked else None,
                "timed_minutes": sum(spent for code, spent in visit.minutes.items() if code not in UNTIMED),
                "total_minutes": total,
                "written_at": written if clocked else visit.day,
                "edited_at": written + timedelta(minutes=9) if hash_of(visit.note_id) % EDITED == 0 else None,
                "signed_on": visit.day,
                "cosigned_by": cosigner.therapist_id if cosigner else None,
                "cosigned_on": cosigned_on,
                "text": text,
            }
        )
        self._interventions(episode, visit, begins if clocked else None)
        if rng.random() < ADDENDA and author.role == "therapist" and not visit.fault:
            self._addendum(episode, visit)

    def _addendum(self, episode: Episode, visit: Visit) -> None:
        """Something added to a note on a later day, under its own date."""
        day = next_open(visit.day + timedelta(days=1))
        self.rows["notes"].append(
            {
                "note_id": self.key("N"),
                "patient_id": episode.patient.patient_id,
                "plan_id": visit.plan.plan_id,
                "clinic_id": episode.patient.site.clinic_id,
                "kind": "addendum",
                "outcome": "attended",
                "amends_note_id": visit.note_id,
                "service_date": visit.day,
                "therapist_id": visit.clinician.therapist_id,
                "discipline": episode.discipline,
                "written_at": day,
                "signed_on": day,
                "text": phrase(self.rng, "addenda"),
            }
        )

    def _text(self, episode: Episode, visit: Visit) -> str:
        if visit.kind in ("evaluation", "reevaluation"):
            return evaluation_text(self.rng, episode, visit)
        parts = spoil(self.rng, episode, visit, pieces(self.rng, episode, visit))
        return note_text(self.rng, visit.clinician.voice, parts)

    def _cosignature(
        self, episode: Episode, visit: Visit, author: Person
    ) -> tuple[Person | None, date | None]:
        """Notes of students always, of assistants for Medicaid and where the site's custom has it."""
        if author.role == "therapist" or visit.supervisor is None or visit.fault == "cosign_missing":
            return None, None
        custom = (
            episode.patient.payer_kind == "medicaid"
            or author.role == "student"
            or episode.patient.site.setting == "hospital_outpatient"
        )
        if not custom:
            return None, None
        cosigner = (
            episode.therapist if visit.fault in ("discipline", "leave", "not_billable") else visit.supervisor
        )
        days = COSIGNED_AFTER if visit.fault == "cosign_late" else self.rng.choice((0, 0, 1, 1, 2))
        return cosigner, next_open(visit.day + timedelta(days=days))

    def _interventions(self, episode: Episode, visit: Visit, begins: datetime | None) -> None:
        labels = [goal.label.replace(" ", "") for goal in visit.plan.goals if goal.open_on(visit.day)][:1]
        if visit.clinician.voice != "template" or visit.fault:
            labels = []
        aides = episode.patient.site.staff("PT", "aide")
        for number, (code, minutes) in enumerate(visit.minutes.items(), start=1):
            deliverer = visit.clinician
            aide_minutes = {"aide_minutes": AIDE_MINUTES, "aide_only": minutes}
            if visit.fault == "student_led" and visit.student:
                deliverer = visit.student
            elif visit.fault == "aide_only" and aides:
                deliverer = aides[0]
            ends = begins + timedelta(minutes=minutes) if begins else None
            self.rows["interventions"].append(
                {
                    "note_id": visit.note_id, "line": number, "cpt": code, "minutes": minutes, "started_at": begins,
                    "ended_at": ends,
                    "therapist_id": deliverer.therapist_id,
                    "assistant_minutes": minutes if deliverer.role == "assistant" else None,
                    "aide_minutes": aide_minutes.get(visit.fault or ""),
                    "student_minutes": minutes if visit.fault == "student_led" else None,
                    "mode": "one_on_one" if code not in UNTIMED else None,
                    "goal_labels": labels if code == "97530" else None,
                }
            )  # fmt: skip
            begins = ends

    def _report_note(self, episode: Episode, report: Report) -> None:
        report.note_id = self.key("N")
        self.rows["notes"].append(
            {
                "note_id": report.note_id, "patient_id": episode.patient.patient_id, "plan_id": report.plan.plan_id,
                "clinic_id": episode.patient.site.clinic_id, "kind": report.kind, "outcome": "attended",
                "service_date": report.written_on,
                "period_from": report.period_from, "period_to": report.period_to,
                "therapist_id": report.author.therapist_id,
                "discipline": episode.discipline, "written_at": report.written_on, "signed_on": report.written_on,
                "cosigned_by": report.cosigner.therapist_id if report.cosigner else None,
                "cosigned_on": next_open(report.written_on + timedelta(days=1)) if report.cosigner else None,
                "text": report_text(self.rng, episode, report),
            }
        )  # fmt: skip

    def _contacts(self, episode: Episode) -> None:
        """A word between therapist and assistant about once a fortnight of assisted care."""
        latest: date | None = None
        changed = {place for place, visit in enumerate(episode.visits) if visit.fault in CHANGES}
        for place, visit in enumerate(episode.visits):
            if changed & {place, place + 1, place - 1}:
                continue
            assisted = visit.clinician.role == "assistant" and visit.supervisor and not visit.fault
            if not assisted or (latest and (visit.day - latest).days < 12):
                continue
            latest = visit.day
            self.rows["supervision_contacts"].append(
                {
                    "contact_id": self.key("S", 5), "date": visit.day, "supervisor_id": visit.supervisor.therapist_id,
                    "assistant_id": visit.clinician.therapist_id, "patient_id": episode.patient.patient_id,
                    "mode": self.rng.choice(("in_person", "in_person", "phone", "chart")),
                    "minutes": self.rng.choice((5, 5, 10, 15)),
                    "text": phrase(self.rng, "contacts"),
                }
            )  # fmt: skip

    def _spent_elsewhere(self, patient: Patient) -> list[dict[str, Any]]:
        """What a Medicare patient's other providers were allowed this year, by bucket: rows of `therapy_spend`."""
        if patient.payer_kind != "medicare" or self.rng.random() >= SPENT_ELSEWHERE:
            return []
        bucket = self.rng.choice(("PT_SLP", "PT_SLP", "OT"))
        row = {
            "patient_id": patient.patient_id,
            "year": self.first.year,
            "bucket": bucket,
            "as_of": self.first,
            "amount": f"{self.rng.randint(90, 1400):.2f}",
            "includes_own": False,
        }
        self.rows["therapy_spend"].append(row)
        return [row]

    def _stay(self, patient: Patient, episodes: list[Episode]) -> None:
        """A hospital stay that ended before therapy began."""
        begun = min(episode.visits[0].day for episode in episodes)
        if patient.condition in AFTER_HOSPITAL and self.rng.random() < 0.4:
            out = begun - timedelta(days=self.rng.randint(3, 20))
            self.rows["stays"].append(
                {
                    "patient_id": patient.patient_id,
                    "kind": "inpatient",
                    "from": out - timedelta(days=self.rng.randint(2, 9)),
                    "to": out,
                }
            )

    def _authorization(self, episode: Episode) -> str:
        authorization_id = self.key("A", 5)
        self.rows["authorizations"].append(
            {
                "authorization_id": authorization_id, "patient_id": episode.patient.patient_id,
                "payer_id": episode.patient.payer_id,
                "discipline": episode.discipline, "number": f"{self.rng.randrange(10**8):08d}",
                "visits": len(episode.visits) + self.rng.randint(0, 6),
                "visit_rule": "day", "starts_on": episode.visits[0].day, "ends_on": episode.plans[-1].ends_on,
            }
        )  # fmt: skip
        return authorization_id

    def _benefit(self, patient: Patient, episodes: list[Episode]) -> None:
        first = min(episode.visits[0].day for episode in episodes).replace(month=1, day=1)
        self.rows["benefits"].append(
            {
                "patient_id": patient.patient_id, "payer_id": patient.payer_id, "disciplines": ["PT", "OT", "SLP"],
                "starts_on": first,
                "ends_on": first.replace(month=12, day=31), "visits": 60 + 10 * len(episodes), "used_elsewhere": 0,
                "as_of": first, "hard": True,
            }
        )  # fmt: skip

    def _claims(self, episode: Episode, authorization: str | None) -> None:
        """A claim a visit in a private practice; a claim a week elsewhere."""
        weekly = episode.patient.site.setting != "private_practice"
        batches: dict[Any, list[Visit]] = defaultdict(list)
        for visit in episode.visits:
            alone = not weekly or visit.fault == "other_diagnosis"
            batches[visit.day if alone else visit.day.isocalendar()[:2]].append(visit)
        for batch in batches.values():
            self._claim(episode, batch, authorization)

    def _claim(self, episode: Episode, visits: list[Visit], authorization: str | None) -> None:
        patient, rng = episode.patient, self.rng
        claim_id = self.key("C")
        form, bill_type, place = billing.FORMS[patient.site.setting]
        submitted = billing.submitted_on(rng, visits[-1].day)
        age = (self.last - visits[-1].day).days
        status = billing.status_of(age)
        codes = list(episode.diagnoses) + ["I10"] * (rng.random() < 0.2 and "I10" not in episode.diagnoses)
        stray = next(
            (visit.detail["diagnosis"] for visit in visits if visit.fault == "other_diagnosis"), None
        )
        if stray and stray not in codes:
            codes.append(stray)
        pointers = (
            " ".join(str(n + 1) for n in range(len(episode.diagnoses)))
            if form == "professional"
            else " ".join(episode.diagnoses)
        )
        self.rows["claims"].append(
            {
                "claim_id": claim_id, "patient_id": patient.patient_id, "payer_id": patient.payer_id,
                "clinic_id": patient.site.clinic_id,
                "billing_npi": patient.site.npi, "frequency_code": "1", "authorization_id": authorization,
                "diagnosis_codes": codes,
                "referring_npi": f"1{(hash_of(episode.episode_id) % 10**9):09d}", "form": form,
                "bill_type": bill_type, "payer_order": 1,
                "submitted_on": None if status == "ready" else submitted,
                "received_on": None if status == "ready" else submitted,
                "status": status,
            }
        )  # fmt: skip
        number = 0
        for visit in visits:
            visit.claim_id = claim_id
            lines = [billing.Line(code, count) for code, count in units(visit.minutes).items() if count]
            for line in lines:
                number += 1
                visit.lines[line.cpt] = number
                points = pointers
                if visit.fault == "other_diagnosis":
                    points = str(codes.index(str(stray)) + 1) if form == "professional" else stray
                self._line(episode, visit, line, (claim_id, number), points, place)
                if status == "paid":
                    self._remittance((claim_id, number), billing.paid_on(rng, submitted))

    def _line(
        self,
        episode: Episode,
        visit: Visit,
        line: billing.Line,
        key: tuple[str, int],
        pointers: str | None,
        place: str,
    ) -> None:
        patient, discipline = episode.patient, episode.discipline
        modifiers = [DISCIPLINE_MODIFIERS[discipline]]
        if (
            visit.clinician.role == "assistant"
            and discipline in billing.ASSISTANT_MODIFIER
            and patient.payer_kind in billing.PAYS_ASSISTANTS_LESS
        ):
            modifiers.append(billing.ASSISTANT_MODIFIER[discipline])
        if (
            patient.payer_kind == "commercial"
            and line.cpt == "97530"
            and "97140" in visit.minutes
            and self.rng.random() < 0.3
        ):
            modifiers.append("59")
        rendering = visit.clinician
        if visit.clinician.role != "therapist" and visit.fault not in ("not_billable", "assistant_evaluates"):
            rendering = visit.supervisor or episode.therapist
        if visit.fault == "discipline":
            rendering = episode.therapist
        self.rows["claim_lines"].append(
            {
                "claim_id": key[0], "line": key[1], "service_date": visit.day, "cpt": line.cpt,
                "modifiers": modifiers, "units": line.units, "charge": None, "therapist_id": rendering.therapist_id,
                "diagnosis_pointers": pointers, "place_of_service": place,
                "note_id": None if patient.site.clinic_id.endswith("2") else visit.note_id,
            }
        )  # fmt: skip

    def _remittance(self, key: tuple[str, int], on: date) -> None:
        """A payer's answer; what it allowed and paid is settled when all lines of the patient are filed."""
        self.rows["remittances"].append(
            {"claim_id": key[0], "line": key[1], "paid_on": on, "deductible": "0.00"}
        )


def _in_time(written: date, starts_on: date) -> date:
    """The day on which a recertification is signed: soon, and before the former plan has ended."""
    return min(written + timedelta(days=3), starts_on - timedelta(days=1))


def _purge_on(patient: Patient, last: date) -> date:
    """The first of January from which a chart may be destroyed: of the payer who wants it longest, of a child later."""
    return date(max(last.year + KEPT_YEARS, patient.birth_date.year + KEPT_UNTIL_AGE) + 1, 1, 1)


def hash_of(words: str) -> int:
    """A number from a text, the same in every run."""
    value = 7
    for letter in words:
        value = (value * 131 + ord(letter)) % (10**12 + 39)
    return value


def _therapist_row(person: Person, site: Site) -> dict[str, Any]:
    licensed = bool(person.licence)
    return {
        "therapist_id": person.therapist_id, "name": person.name,
        "npi": person.npi if person.role == "therapist" else None,
        "discipline": person.discipline, "role": person.role, "credential": person.credential,
        "clinic_id": person.clinic_id,
        "license_state": site.state if licensed else None, "license_number": person.licence or None,
        "license_from": person.licence_from if licensed else None,
        "license_expires_on": person.licence_to if licensed else None,
        "employed_from": person.employed_from, "enrolled_on": person.enrolled_on,
    }  # fmt: skip
