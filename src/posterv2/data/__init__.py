"""Data sets: where pictures lie, what their classes are called, how often each occurs."""
