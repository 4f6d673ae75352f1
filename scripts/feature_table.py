"""Print the table of features."""

from credit_model.catalogue import documentation

print(documentation(), end="")
