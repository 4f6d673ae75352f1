"""Python for people: models, trainings and explorations as objects, from frames of pandas or Polars, or paths of files."""
