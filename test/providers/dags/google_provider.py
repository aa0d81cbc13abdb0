"""A hook and an operator of the provider google."""
import json
import os
from datetime import datetime

from airflow.sdk import DAG, Variable, task
from airflow.providers.google.cloud.hooks.gcs import GCSHook
from airflow.providers.google.cloud.operators.gcs import (
    GCSCreateBucketOperator,
    GCSListObjectsOperator,
)


@task
def keep(hook, operator=True):
    with open(os.path.join(Variable.get("folder"), "answers.json"), "w") as file:
        json.dump({"hook": hook, "operator": operator}, file)


@task
def by_hook():
    hook = GCSHook(gcp_conn_id="store")
    hook.upload("harbour", "google_provider.txt", data="cargo")
    return hook.download("harbour", "google_provider.txt") == b"cargo"


@task
def one(names):
    return names == ["google_provider.txt"]


with DAG(
    "google_provider",
    start_date=datetime(2026, 1, 1),
    schedule=None,
    env={"STORAGE_EMULATOR_HOST": Variable.get("emulator")},
):
    bucket = GCSCreateBucketOperator(
        task_id="bucket", gcp_conn_id="store", bucket_name="harbour", project_id="test"
    )
    listed = GCSListObjectsOperator(task_id="listed", gcp_conn_id="store", bucket="harbour")
    hook = by_hook()
    bucket >> hook >> listed
    keep(hook=hook, operator=one(listed.output))
