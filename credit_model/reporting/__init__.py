"""Pictures, tables and documents for people to read."""
