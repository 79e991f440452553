"""The compliance checks: one folder a family, two files a rule (the rule and its cases)."""
