"""Classifiers in their served form: plain numbers, without the libraries that fitted them where possible."""
