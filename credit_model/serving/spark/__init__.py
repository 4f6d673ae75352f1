"""Tables of Spark in and out."""
