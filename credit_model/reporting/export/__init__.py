"""A model for other programs: the scorecard as SQL, and what its features mean."""
