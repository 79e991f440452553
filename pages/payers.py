"""Payers."""

from ui import frame

frame.enter()
frame.heading("Payers")
