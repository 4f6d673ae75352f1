"""The history before a decision, and what is computed from it."""
