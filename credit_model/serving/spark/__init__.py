"""Scoring, and computing features, on Spark."""
