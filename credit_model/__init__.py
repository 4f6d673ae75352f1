"""Raw transactions in, one defensible credit decision per customer out.

Every step between is one MLflow pyfunc model, which stock MLflow tools train, register, serve, containerise and run
on Spark. Start with ``python -m credit_model --help``.
"""

__version__ = "0.1.0"
