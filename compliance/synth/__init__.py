"""Realistic synthetic clinics with known planted violations, for demonstration and for measuring the checks."""

from compliance.synth.writing import Summary, write

__all__ = ["Summary", "write"]
