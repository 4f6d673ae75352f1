"""What a set of transactions is like."""
