"""`python -m compliance` is the `compliance` command."""

from compliance.cli import main

main()
