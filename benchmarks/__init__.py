"""Measurements of speed and memory; never asserted in tests."""
