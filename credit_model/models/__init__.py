"""Classifiers in their served form."""
