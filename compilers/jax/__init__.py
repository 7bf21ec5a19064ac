"""The JAX target: one jit-compiled program a plan, and the same plan as a pure, differentiable function."""
