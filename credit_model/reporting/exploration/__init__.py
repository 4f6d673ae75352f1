"""Exploration: a description of a set of transactions."""
