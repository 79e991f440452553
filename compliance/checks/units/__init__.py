"""Timed units: what minutes support, and what was billed."""
