"""Commands that combine training, reporting and tracking."""
