"""From a classifier's margin to the answer."""
