"""Training: a recipe, one loop, a run folder; begin with `run`."""
