"""Supervision of assistants, students and aides: SUP-01 to SUP-07."""
