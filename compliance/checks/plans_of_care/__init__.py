"""Rules on the plan of care: established, complete, certified, in force, followed (42 CFR 410.61, 424.24)."""
