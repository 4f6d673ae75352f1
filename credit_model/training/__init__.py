"""From labelled decisions to a fitted model."""
