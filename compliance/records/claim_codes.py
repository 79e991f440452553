"""Codes of claims that X12 and FHIR share: kinds of payers by claim filing indicator, disciplines by taxonomy, frequencies."""

from collections.abc import Mapping

FILING: Mapping[str, str] = {
    "09": "self_pay",
    "12": "commercial",  # preferred provider organisation
    "13": "commercial",  # point of service
    "14": "commercial",  # exclusive provider organisation
    "15": "commercial",  # indemnity insurance
    "16": "medicare_advantage",  # HMO that bears Medicare risk
    "AM": "auto",
    "BL": "commercial",  # Blue Cross/Blue Shield
    "CH": "tricare",
    "CI": "commercial",
    "HM": "commercial",  # health maintenance organisation
    "MA": "medicare",  # Part A
    "MB": "medicare",  # Part B
    "MC": "medicaid",
    "WC": "workers_comp",
}
"""SBR09, claim filing indicator, to the kind of payer; others (11, 17, DS, FI, LM, OF, TV, VA, ZZ) are none of ours."""

TAXONOMY: Mapping[str, tuple[str, str]] = {
    "2251": ("PT", "therapist"),  # 225100000X, and specialisations such as 2251X0800X
    "2252": ("PT", "assistant"),  # 225200000X
    "225X": ("OT", "therapist"),  # 225X00000X, 225XH1200X …
    "224Z": ("OT", "assistant"),  # 224Z00000X …
    "235Z": ("SLP", "therapist"),  # 235Z00000X
    "2355S0801X": ("SLP", "assistant"),  # 2355A2700X, beside it, assists an audiologist
}
"""NUCC taxonomy codes, whole or by their first four characters, to discipline and role."""

FREQUENCIES = {"1", "7", "8"}
"""CLM05-3: an original (1), its replacement (7), or its void (8)."""


def discipline_and_role(taxonomy: str) -> tuple[str | None, str | None]:
    """Discipline and role that a NUCC taxonomy code names; nulls where it names no therapist."""
    code = taxonomy.upper()
    return TAXONOMY.get(code) or TAXONOMY.get(code[:4]) or (None, None)
