"""The parameters of the commands, each defined once."""
