"""Synthetic transactions, loans and applications."""
