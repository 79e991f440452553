"""Compliance checks for outpatient-therapy charts and claims. Nothing below imports Streamlit."""
