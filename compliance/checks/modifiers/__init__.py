"""Modifiers of claim lines: the plan's discipline, and KX above the yearly threshold."""
