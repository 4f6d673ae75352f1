"""Every parameter, once."""
