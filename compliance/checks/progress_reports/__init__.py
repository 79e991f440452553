"""Progress reports: PR-01 to PR-05."""
