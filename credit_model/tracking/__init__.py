"""MLflow: its tracking store, its runs and its model registry."""
