"""Evaluation: how often a classifier is right, as a whole and class by class."""
