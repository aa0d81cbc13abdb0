"""Questions to people, of each kind."""
from datetime import datetime

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLEntryOperator, HITLOperator
from airflow.sdk import DAG, Param

with DAG("questions", start_date=datetime(2026, 1, 1), schedule=None, tags=["people"]):
    ApprovalOperator(task_id="approve", subject="Publish the <b>report</b>?", body="The numbers of **November** are `final`.\n\n- orders: 1,204\n- refunds: 17")
    HITLOperator(task_id="choose", subject="Which regions go first?", options=["Europe", "Asia", "America"], multiple=True)
    HITLEntryOperator(task_id="enter", subject="What is the budget?", params={"amount": Param(100, type="integer", minimum=1, description="In thousands"), "why": Param("", type="string")})
