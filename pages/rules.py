"""Rules."""

from ui import frame

frame.enter()
frame.heading("Rules")
