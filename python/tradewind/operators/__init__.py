"""Operators, by the names of Airflow's standard provider."""
