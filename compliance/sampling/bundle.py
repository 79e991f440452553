"""The bundle: everything of a spot check in one zip, so that a second person repeats it and compares bytes.

Parts: `plan.json` (criteria, exclusions, plan, design with its seed), `frame.csv`, `draw.csv`, `worksheet.csv` as handed out,
`rules.csv` (what the rules found; not for an auditor who has yet to answer), and after the review `answers.csv`,
`second_answers.csv`, `estimate.json`. `manifest.json` holds versions and the SHA-256 of each part, `README.txt` how to
repeat the draw without this program. The zip is stored, not compressed, with one date, so that its bytes hang on its parts alone.
"""

import csv
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl

from compliance.sampling import SamplingError
from compliance.sampling.agreement import Verdict, against_rules, agreement, read_verdicts, verdicts_text
from compliance.sampling.draw import ALGORITHM, Design, Sample, draw
from compliance.sampling.frame import UNITS, Frame, frame_text, frame_units
from compliance.sampling.plan import Plan
from compliance.sampling.review import CONFIDENCE, Result, review
from compliance.sampling.sheets import cents_of, sheet_text
from compliance.sampling.worksheet import Answer, answers_text, read_answers, worksheet_text

FORMAT = "1"
MANIFEST, PLAN, FRAME, DRAW, WORKSHEET, RULES = (
    "manifest.json", "plan.json", "frame.csv", "draw.csv", "worksheet.csv", "rules.csv",
)  # fmt: skip
ANSWERS, SECOND, ESTIMATE, README = "answers.csv", "second_answers.csv", "estimate.json", "README.txt"
HANDED_OUT = (README, PLAN, FRAME, DRAW, WORKSHEET, RULES)
ORDER = (MANIFEST, *HANDED_OUT, ANSWERS, SECOND, ESTIMATE)
UNUSABLE = (
    ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError, csv.Error, pl.exceptions.PolarsError,
)  # fmt: skip
"""What a part written by somebody else may raise when it is read (SamplingError among them)."""
DAMAGED = (zipfile.BadZipFile, struct.error, EOFError, LookupError, OSError, RuntimeError, ValueError)
"""What a damaged zip may raise; NotImplementedError is a RuntimeError."""
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The date of every member: a zip's first."""
DRAWN = ("order", "unit", "stratum", "rank")
HOW = """\
How to repeat this spot check.

With the program:   compliance sample --verify THIS_FILE
Without it:
1. manifest.json lists the SHA-256 of every part: sha256sum frame.csv plan.json ...
2. frame.csv is the population: one row a unit. A cell that would begin as a formula has one apostrophe before it.
3. plan.json gives the seed, the strata and how many units are drawn of each.
4. For each unit take the SHA-256 of SEED/UNIT, as in:  printf '%s' '7/line#C000004#1' | sha256sum
   Within each stratum sort by it, ascending, and take the first so many. draw.csv holds them with their hashes.
5. estimate.json follows from answers.csv: a unit's overpayment is its dollars less correct_dollars; see plan.json for N.

rules.csv holds what the program's rules found. An auditor should not open it before answering.
"""


@dataclass(frozen=True)
class Made:
    """With what a sample was drawn: the program's version, the digests of policies and records, the day of judging."""

    policies: str
    records: str
    as_of: str
    version: str = ""


@dataclass(frozen=True)
class Bundle:
    """A bundle as read: its parts as bytes, its manifest, and the sample that its frame and plan give."""

    parts: Mapping[str, bytes]
    manifest: Mapping[str, Any]
    sample: Sample

    @property
    def unit(self) -> str:
        """What a unit is."""
        return str(self.plan["criteria"]["unit"])

    @property
    def plan(self) -> dict[str, Any]:
        """The plan's document."""
        return _document(self.parts, PLAN)

    @property
    def confidence(self) -> float:
        """The confidence that the sample was planned with."""
        return float(self.plan["plan"]["confidence"])

    @property
    def verdicts(self) -> list[Verdict]:
        """What the rules found of the drawn units."""
        return read_verdicts(self.parts[RULES].decode())

    @property
    def answers(self) -> list[Answer] | None:
        """The auditor's answers, None before the review."""
        return self._answers(ANSWERS)

    @property
    def second(self) -> list[Answer] | None:
        """The second reviewer's answers."""
        return self._answers(SECOND)

    def _answers(self, name: str) -> list[Answer] | None:
        return read_answers(self.parts[name], self.sample.units, name) if name in self.parts else None


@dataclass(frozen=True)
class Difference:
    """A part that is not what it should be, and in which way."""

    part: str
    because: str


def program_version() -> str:
    """This program's version."""
    try:
        return version("therapy-compliance")
    except PackageNotFoundError:
        return "unknown"


def made_by(content: bytes) -> str:
    """The version of the program that made a bundle, as its manifest says; `unknown` where it says nothing."""
    try:
        return str(_document(_parts(content, "bundle")[0], MANIFEST)["made_with"]["version"])
    except UNUSABLE:
        return "unknown"


def handed_out(frame: Frame, plan: Plan, sample: Sample, told: Sequence[Verdict], made: Made) -> bytes:
    """The bundle of a sample that is to be reviewed."""
    parts = {
        README: HOW,
        PLAN: _json(plan_document(frame, plan, sample)),
        FRAME: frame.text,
        DRAW: draw_text(sample),
        WORKSHEET: worksheet_text(sample.units),
        RULES: verdicts_text(told),
    }
    return _written({name: text.encode() for name, text in parts.items()}, made)


def plan_document(frame: Frame, plan: Plan, sample: Sample) -> dict[str, Any]:
    """What was asked and how it is drawn, as JSON holds it."""
    return {
        "criteria": frame.criteria.as_dict(),
        "frame": {"units": frame.size, "dollars": frame.cents / 100, "sha256": frame.sha256},
        "excluded": [
            {"reason": each.reason, "lines": each.lines, "dollars": each.cents / 100}
            for each in frame.excluded
        ],
        "plan": plan.as_dict(),
        "design": sample.design.as_dict(),
        "strata": _strata(sample),
    }


def reviewed(
    bundle: Bundle,
    answers: Sequence[Answer],
    second: Sequence[Answer] | None = None,
    confidence: float = CONFIDENCE,
) -> bytes:
    """The bundle with its answers and what they come to."""
    parts = {name: bundle.parts[name] for name in HANDED_OUT}
    parts[ANSWERS] = answers_text(answers).encode()
    if second is not None:
        parts[SECOND] = answers_text(second).encode()
    parts[ESTIMATE] = estimate_text(bundle.sample, bundle.verdicts, answers, second, confidence).encode()
    return _written(parts, Made(**bundle.manifest["made_with"]))


def estimate_text(
    sample: Sample,
    told: Sequence[Verdict],
    answers: Sequence[Answer],
    second: Sequence[Answer] | None,
    confidence: float = CONFIDENCE,
) -> str:
    """The estimate's document."""
    document = {
        "confidence": confidence,
        **estimate_document(review(sample, answers, confidence), told, answers, second),
    }
    return _json(document)


def estimate_document(
    found: Result, told: Sequence[Verdict], answers: Sequence[Answer], second: Sequence[Answer] | None
) -> dict[str, Any]:
    """A result with what reviewers and rules differ in, as JSON holds it."""
    compared = asdict(agreement(answers, second)) if second is not None else None
    if compared and compared["kappa"] is not None:
        compared["kappa"] = round(compared["kappa"], 6)
    return {**found.as_dict(), "reviewers": compared, "against_rules": asdict(against_rules(answers, told))}


def draw_text(sample: Sample) -> str:
    """The draw's file: the drawn units in the order of review, each with the hash that chose it."""
    return sheet_text(DRAWN, sample.units.select(DRAWN).iter_rows())


def opened(content: bytes, name: str = "bundle") -> Bundle:
    """Read a bundle that verifies. Raises SamplingError where it is none or does not."""
    parts, differences = _compared(content, name)
    if differences:
        first = differences[0]
        raise SamplingError(f"{name}: {first.part} {first.because}; see compliance sample --verify")
    return Bundle(parts, _document(parts, MANIFEST), _drawn_again(parts))


def verify(content: bytes, name: str = "bundle") -> list[Difference]:
    """What of a bundle does not follow from its own frame, plan and answers; nothing where all of it does.

    Raises SamplingError where the file is no bundle at all.
    """
    return _compared(content, name)[1]


def _compared(content: bytes, name: str) -> tuple[dict[str, bytes], list[Difference]]:
    """The parts of a bundle, and what does not hold of them."""
    parts, differences = _parts(content, name)
    hashes = _hashes(parts, differences)
    for part, text in parts.items():
        if part != MANIFEST and hashes and hashes.get(part) != _sha256(text):
            strange = part not in hashes
            because = "is not in the manifest" if strange else "differs from its hash in the manifest"
            differences.append(Difference(part, because))
    gone = [part for part in hashes if part not in parts]
    differences += [Difference(part, "is in the manifest, not in the bundle") for part in gone]
    if all(each.part == MANIFEST for each in differences):
        differences += _not_following(
            parts
        )  # after a part that differs, all that hangs on it would differ too
    if not differences and _zipped(parts) != content:
        differences.append(Difference("the zip around the parts", "is not what this program writes"))
    return parts, differences


def _not_following(parts: Mapping[str, bytes]) -> list[Difference]:
    """Parts that a new draw and a new estimate from the same frame, plan and answers do not give."""
    absent = [Difference(name, "is not in the bundle") for name in HANDED_OUT if name not in parts]
    if absent:
        return absent
    try:
        plan = _document(parts, PLAN)
        units = frame_units(parts[FRAME].decode())
        sample = _drawn_again(parts)
        lacks = _lacking(plan, parts, sample)
    except UNUSABLE as error:
        return [Difference(f"{FRAME} or {PLAN}", f"cannot be drawn from ({error})")]
    wanted = {
        FRAME: frame_text(units),
        DRAW: draw_text(sample),
        WORKSHEET: worksheet_text(sample.units),
    }
    told = lacks + [
        Difference(name, f"is not what seed {sample.design.seed} and the plan give")
        for name, text in wanted.items()
        if text.encode() != parts[name]
    ]
    said = plan.get("frame", {})
    named = {
        "units": units.height,
        "dollars": int(units["cents"].sum()) / 100,
        "sha256": _sha256(parts[FRAME]),
    }
    if said != named:
        told.append(Difference(FRAME, "is not the frame that the plan names"))
    if plan.get("strata") != _strata(sample):
        told.append(Difference(PLAN, "names other strata than the frame gives"))
    if ANSWERS in parts or ESTIMATE in parts:
        told += _estimate_differs(parts, sample)
    return told


def _lacking(plan: Mapping[str, Any], parts: Mapping[str, bytes], sample: Sample) -> list[Difference]:
    """What a reader of the bundle relies on and it does not say."""
    said = []
    if plan["criteria"]["unit"] not in UNITS or not 0 < plan["plan"]["confidence"] < 1:
        said.append(Difference(PLAN, "names no unit or no confidence"))
    if (plan["plan"]["size"], plan["plan"]["population"]) != (sample.design.size, plan["frame"]["units"]):
        said.append(Difference(PLAN, "plans another size, or for another frame, than was drawn"))
    if [each.unit for each in read_verdicts(parts[RULES].decode())] != sample.units["unit"].to_list():
        said.append(Difference(RULES, "is not about the drawn units"))
    return said


def _estimate_differs(parts: Mapping[str, bytes], sample: Sample) -> list[Difference]:
    try:
        told = read_verdicts(parts[RULES].decode())
        confidence = _document(parts, ESTIMATE)["confidence"]
        answers = read_answers(parts[ANSWERS], sample.units, ANSWERS)
        second = read_answers(parts[SECOND], sample.units, SECOND) if SECOND in parts else None
        again = estimate_text(sample, told, answers, second, confidence)
    except UNUSABLE as error:
        return [Difference(f"{ANSWERS} or {ESTIMATE}", f"cannot be estimated from ({error})")]
    if again.encode() != parts[ESTIMATE]:
        return [Difference(ESTIMATE, "is not what the answers give")]
    return []


def _drawn_again(parts: Mapping[str, bytes]) -> Sample:
    design = dict(_document(parts, PLAN)["design"])
    if design.pop("algorithm") != ALGORITHM:
        raise SamplingError(f"expected a draw by {ALGORITHM}")
    design["cuts"] = tuple(cents_of(cut) for cut in design["cuts"])
    return draw(frame_units(parts[FRAME].decode()), Design(**design))


def _strata(sample: Sample) -> list[dict[str, Any]]:
    return [
        {"stratum": each.name, "units": each.population, "dollars": each.cents / 100, "drawn": each.drawn}
        for each in sample.strata
    ]


def _written(parts: Mapping[str, bytes], made: Made) -> bytes:
    """The zip of parts under a manifest of their hashes, which bears a hash of its own."""
    manifest = {
        "format": FORMAT,
        "made_with": {**asdict(made), "version": made.version or program_version()},
        "parts": {name: _sha256(parts[name]) for name in ORDER if name in parts},
    }
    manifest["sha256"] = _sha256(_json(manifest).encode())
    return _zipped({MANIFEST: _json(manifest).encode(), **parts})


def _zipped(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as written:
        for name in (each for each in ORDER if each in parts):
            member = zipfile.ZipInfo(name, BEGINNING)
            member.create_system, member.external_attr = 3, 0o644 << 16
            written.writestr(member, parts[name])
    return buffer.getvalue()


def _parts(content: bytes, name: str) -> tuple[dict[str, bytes], list[Difference]]:
    """The parts of a zip, and those that are damaged. Nothing is unpacked that is not ours and stored as it is."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except DAMAGED as error:
        raise SamplingError(f"{name}: is no bundle of a spot check ({error})") from None
    parts: dict[str, bytes] = {}
    broken: list[Difference] = []
    for member in archive.infolist():
        if member.filename not in ORDER or member.filename in parts:
            broken.append(Difference(member.filename, "is no part of a bundle, or stands twice"))
        elif member.compress_type != zipfile.ZIP_STORED or member.file_size > len(content):
            broken.append(Difference(member.filename, "is compressed (bundles are stored as they are)"))
        else:
            try:
                parts[member.filename] = archive.read(member)
            except DAMAGED as error:
                broken.append(Difference(member.filename, f"is damaged ({error})"))
    if not parts:
        raise SamplingError(f"{name}: is no bundle of a spot check (no part of one is in it)")
    return parts, broken


def _hashes(parts: Mapping[str, bytes], differences: list[Difference]) -> dict[str, str]:
    """The manifest's hashes, where it is whole; else what is wrong with it is added to `differences`."""
    try:
        manifest = _document(parts, MANIFEST)
        own = manifest.pop("sha256")
        hashes = {str(name): str(each) for name, each in manifest["parts"].items()}
        Made(**manifest["made_with"])
        whole = own == _sha256(_json(manifest).encode()) and manifest["format"] == FORMAT
        whole = (
            whole and bool(hashes) and all(isinstance(each, str) for each in manifest["made_with"].values())
        )
    except UNUSABLE:
        whole, hashes = False, {}
    if not whole or _json({**manifest, "sha256": own}).encode() != parts[MANIFEST]:
        if MANIFEST not in {each.part for each in differences}:
            differences.append(Difference(MANIFEST, "is not whole: its own hash differs"))
        return {}
    return hashes


def _document(parts: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return json.loads(parts[name])


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
