"""Networks of other frameworks, through NIR, the neuromorphic intermediate representation."""

from graphpool.nir.describing import Description, describe
from graphpool.nir.importing import NirNetwork, from_nir
from graphpool.nir.semantics import OPTIONS, PRESETS, Semantics

__all__ = ["OPTIONS", "PRESETS", "Description", "NirNetwork", "Semantics", "describe", "from_nir"]
