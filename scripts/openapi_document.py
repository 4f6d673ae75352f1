"""Print the OpenAPI document of a model that reads the balance and has no attributes of the application."""

from credit_model.reporting.openapi import published

print(published(), end="")
