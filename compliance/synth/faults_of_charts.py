"""What is spoilt in charts and the record as a whole: plans and certifications, notes, people, dates."""

from collections.abc import Callable

from compliance.synth.faults_of_changes import poc_06, poc_07
from compliance.synth.faults_of_notes import int_01, int_02, int_03, int_04, int_05, int_06, int_07, int_14
from compliance.synth.faults_of_people import aud_01, int_09, int_10, int_11, int_13
from compliance.synth.faults_of_plans import (
    frq_02,
    frq_03,
    frq_04,
    frq_05,
    poc_01,
    poc_02,
    poc_03,
    poc_04,
    poc_08,
)
from compliance.synth.spoiling import Spoiler

FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [
    (poc_01, 4), (poc_02, 3), (poc_03, 5), (poc_04, 3), (poc_06, 6), (poc_07, 4), (poc_08, 4),
    (frq_02, 4), (frq_03, 4), (frq_04, 3), (frq_05, 2),
    (int_01, 4), (int_02, 3), (int_03, 5), (int_04, 4), (int_05, 4), (int_06, 3), (int_07, 3), (int_09, 4), (int_10, 2),
    (int_11, 3), (int_13, 3), (int_14, 4), (aud_01, 4),
]  # fmt: skip
"""What is planted, and how often in 200 patients."""
