"""Payer policies: dated, cited values in YAML that inherit from one another; nothing is ever "today's value"."""

from compliance.policy.loader import load_policies
from compliance.policy.models import Parameter, PolicyError, Reference, Row, Value
from compliance.policy.policies import Policies, policy_of

__all__ = ["Parameter", "Policies", "PolicyError", "Reference", "Row", "Value", "load_policies", "policy_of"]
