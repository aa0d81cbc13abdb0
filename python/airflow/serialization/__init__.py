"""Airflow's serialization: values as JSON. DAGs are written by tradewind.emit."""
