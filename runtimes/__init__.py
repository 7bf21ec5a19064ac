"""Runtimes: they run artifacts, and have one face whatever the target."""
