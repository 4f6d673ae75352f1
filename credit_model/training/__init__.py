"""Training: labels, observation dates, splits, features, fitting, comparison and evaluation of a model."""
