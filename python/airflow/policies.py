"""Airflow's cluster policies; what runs them: tradewind.policies."""

from __future__ import annotations

from tradewind.policies import (  # noqa: F401
    dag_policy as dag_policy,
    get_airflow_context_vars as get_airflow_context_vars,
    hookimpl as hookimpl,
    pod_mutation_hook as pod_mutation_hook,
    task_instance_mutation_hook as task_instance_mutation_hook,
    task_policy as task_policy,
)
