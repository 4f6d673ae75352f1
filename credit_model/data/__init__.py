"""What comes in: transactions, decisions, outcomes; cells, times, files."""
