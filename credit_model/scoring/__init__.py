"""From a classifier's margin to the answer: probability, score, risk level, decision and reasons."""
