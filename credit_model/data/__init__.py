"""Input data: transactions, decisions and outcomes, and how their cells, times and files are read."""
