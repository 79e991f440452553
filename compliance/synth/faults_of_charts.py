"""What is spoilt in charts and the record as a whole: plans and certifications, frequency, signatures, people, dates."""

from collections.abc import Callable

from compliance.synth.spoiling import Spoiler


def poc_03(spoiler: Spoiler, number: int) -> None:
    """A first plan that no physician certified."""
    for visit in spoiler.visits(
        lambda each: each.payer_kind == "medicare" and not each.plan["replaces_plan_id"]
    ):
        visit.plan.update(
            certified_on=None, certified_by=None, order_signed_on=None, order_by=None, sent_on=None
        )
        spoiler.take(visit, whole=True)
        spoiler.add("POC-03", "No physician certified the plan.", visit, subject="plan", plan=True)
        return


FAULTS: list[tuple[Callable[[Spoiler, int], None], int]] = [(poc_03, 3)]
"""What is planted, and how often in 200 patients."""
