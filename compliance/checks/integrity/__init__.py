"""Integrity of record and claim: notes that match claims, are signed, are their visit's own, and are billed in time."""
