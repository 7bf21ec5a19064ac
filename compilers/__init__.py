"""Compilers: from a plan to an artifact, one folder a target. Imported as `graphpool.compilers`."""
