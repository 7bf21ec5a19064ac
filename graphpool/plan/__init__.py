"""Which work needs the time loop: causality, rates, regions, and the checked plan."""

from graphpool.graph.rates import Rate, infer_rates
from graphpool.plan.checker import check_plan
from graphpool.plan.join import join_loops
from graphpool.plan.once import compute_once
from graphpool.plan.plan import EMITS, HOISTS, Affine, Emit, Hoist, Plan, Region
from graphpool.plan.schedule import make_plan

__all__ = [
    "EMITS",
    "HOISTS",
    "Affine",
    "Emit",
    "Hoist",
    "Plan",
    "Rate",
    "Region",
    "check_plan",
    "compute_once",
    "infer_rates",
    "join_loops",
    "make_plan",
]
