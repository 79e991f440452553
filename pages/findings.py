"""Findings."""

from ui import frame

frame.enter()
frame.heading("Findings")
