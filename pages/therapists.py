"""Therapists."""

from ui import frame

frame.enter()
frame.heading("Therapists")
