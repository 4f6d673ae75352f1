"""The doors of a loaded model."""
