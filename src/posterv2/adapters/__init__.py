"""The calls of other libraries, answered by posterv2 in their own shapes: see docs/migrating.md."""
