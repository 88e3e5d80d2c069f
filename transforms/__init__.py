"""Event-heavy work in PySpark: DataFrame in, DataFrame out, one module a job."""
