"""Weights as files for other runtimes: run there and compared with the network before they get their name."""
