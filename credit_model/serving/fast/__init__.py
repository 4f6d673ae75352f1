"""One plain decision without tables."""
