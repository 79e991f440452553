"""What is spoilt in claims: units, modifiers, code pairs, one-on-one time, caps, remote monitoring, payment."""

from collections.abc import Callable

from compliance.synth import (
    faults_of_modifiers,
    faults_of_monitoring,
    faults_of_payment,
    faults_of_sessions,
    faults_of_units,
)
from compliance.synth.spoiling import Spoiler

FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    *faults_of_units.OF_MANY_VISITS,
    *faults_of_monitoring.FAULTS,
    *faults_of_modifiers.OF_A_YEAR,
    *faults_of_payment.FAULTS,
    *faults_of_sessions.FAULTS,
    *faults_of_modifiers.FAULTS,
    *faults_of_units.FAULTS,
]
"""What is planted, and how often in 200 patients; what needs many visits comes first."""
