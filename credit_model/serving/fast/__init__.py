"""A fast path for a request of one decision, without tables."""
