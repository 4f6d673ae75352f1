"""What drives several of the other folders."""
