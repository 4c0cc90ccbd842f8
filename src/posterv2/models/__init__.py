"""POSTER V2 (arXiv 2301.12149) as torch modules, one idea a file; begin with `poster`."""
