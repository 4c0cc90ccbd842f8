"""Weight files: reading the published ones without running them, and our own format."""
