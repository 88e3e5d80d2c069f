"""The dbt project on Spark: the models of DuckDB, translated when they run. Nothing is imported here."""
