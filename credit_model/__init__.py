"""Raw transactions to credit decisions."""
