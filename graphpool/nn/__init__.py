"""Modules and how they combine: :mod:`graphpool.nn.modules` and :mod:`graphpool.nn.combinators`."""
