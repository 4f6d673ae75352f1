"""Print the table of features."""

from credit_model.features.catalogue import documentation

print(documentation(), end="")
