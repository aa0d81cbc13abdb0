"""A hook and operators of the provider amazon."""
import json
import os
from datetime import datetime

from airflow.sdk import DAG, Variable, task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.s3 import (
    S3CreateBucketOperator,
    S3CreateObjectOperator,
    S3ListOperator,
)


@task
def keep(hook, operator=True):
    with open(os.path.join(Variable.get("folder"), "answers.json"), "w") as file:
        json.dump({"hook": hook, "operator": operator}, file)


@task
def by_hook():
    return S3Hook(aws_conn_id="cloud").read_key("amazon_provider.txt", "harbour") == "cargo"


@task
def one(keys):
    return keys == ["amazon_provider.txt"]


with DAG("amazon_provider", start_date=datetime(2026, 1, 1), schedule=None):
    bucket = S3CreateBucketOperator(task_id="bucket", aws_conn_id="cloud", bucket_name="harbour")
    create = S3CreateObjectOperator(
        task_id="create",
        aws_conn_id="cloud",
        s3_bucket="harbour",
        s3_key="{{ dag.dag_id }}.txt",
        data="cargo",
    )
    listed = S3ListOperator(task_id="listed", aws_conn_id="cloud", bucket="harbour")
    hook = by_hook()
    bucket >> create >> [listed, hook]
    keep(hook=hook, operator=one(listed.output))
