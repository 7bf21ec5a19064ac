"""The modules: one file each."""

from graphpool.nn.modules.exp_syn import ExpSyn, ExpSynJax
from graphpool.nn.modules.lif import LIF, LIFJax
from graphpool.nn.modules.linear import Linear, LinearJax
from graphpool.nn.modules.module import Module
from graphpool.nn.modules.noise import Noise
from graphpool.nn.modules.rate import Rate, RateJax
from graphpool.nn.modules.timed_module import TimedModule, TimedModuleWrapper

__all__ = [
    "LIF",
    "ExpSyn",
    "ExpSynJax",
    "LIFJax",
    "Linear",
    "LinearJax",
    "Module",
    "Noise",
    "Rate",
    "RateJax",
    "TimedModule",
    "TimedModuleWrapper",
]
