"""How a loaded model is used: requests to a server, files, Spark, monitoring."""
