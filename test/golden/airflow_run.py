"""
Runs inside genuine Airflow. `list FILE...`: the DAGs of files, as JSON. `run FILE DAG SEED OUT`:
one `dag.test()`, the end state of the run and of every task instance written to OUT as JSON.
"""

import datetime
import json
import random
import sys
import threading
import time

import cases


def load(file):
    """The DAGs of one file by id, and its import error or None."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=file, include_examples=False)
    errors = [text.strip().splitlines()[-1] for text in bag.import_errors.values()]
    return dict(bag.dags), (errors[0] if errors else None)


def list_files(files):
    """Prints {file: {"dags": [...], "error": text or null}}."""
    found = {}
    for file in files:
        dags, error = load(file)
        found[file] = {"dags": sorted(dags), "error": error}
    json.dump(found, sys.stdout)


def answer_people(stop):
    """Answers human tasks as cases.ANSWERS says, until told to stop."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    while not stop.wait(0.5):
        try:
            with create_session() as session:
                waiting = session.query(HITLDetail, TaskInstance.task_id).join(
                    TaskInstance, TaskInstance.id == HITLDetail.ti_id
                )
                for detail, task_id in waiting.filter(HITLDetail.responded_at.is_(None)):
                    if task_id in cases.ANSWERS:
                        detail.chosen_options, detail.params_input = cases.ANSWERS[task_id]
                        detail.responded_by = {"id": "golden", "name": "golden"}
                        detail.responded_at = datetime.datetime.now(datetime.timezone.utc)
        except Exception as error:  # the store is locked: once more
            print("answer:", error, file=sys.stderr)


def test(dag):
    """Runs a DAG and returns its run."""
    date = datetime.datetime.fromisoformat(cases.LOGICAL_DATE)
    return dag.test(logical_date=date, run_after=date)


def snapshot(dag_id):
    """The states of a DAG's only run, as the store has them now."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        run = session.query(DagRun).filter(DagRun.dag_id == dag_id).first()
        if run is None:
            return {"run": None, "tasks": {}}
        tasks = {}
        for ti in session.query(TaskInstance).filter(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id == run.run_id
        ):
            tasks.setdefault(ti.task_id, {})[str(ti.map_index)] = ti.state and str(ti.state)
        return {"run": str(run.state), "tasks": dict(sorted(tasks.items()))}


def give_up(dag_id, out):
    """At the time limit: what the store has by then, and the end of this process."""
    import os

    time.sleep(cases.TIMEOUT_S)
    found = snapshot(dag_id)
    found["end"] = "time limit"
    write(out, found)
    os._exit(0)


def write(out, found):
    """The result file."""
    with open(out, "w", encoding="utf-8") as file:
        json.dump(found, file)


def run(file, dag_id, seed, out):
    """One DAG, and those that must have run before it."""
    dags, error = load(file)
    if dag_id not in dags:
        write(out, {"run": None, "tasks": {}, "end": f"not loaded: {error}"})
        return
    threading.Thread(target=give_up, args=(dag_id, out), daemon=True).start()
    stop = threading.Event()
    threading.Thread(target=answer_people, args=(stop,), daemon=True).start()
    for before in cases.BEFORE.get(dag_id, ()):
        if before in dags:
            test(dags[before])
    random.seed(int(seed))
    try:
        test(dags[dag_id])
        end = "ended"
    except Exception as error:
        end = f"dag.test() raised {type(error).__name__}: {error}".splitlines()[0][:200]
    stop.set()
    found = snapshot(dag_id)
    found["end"] = end
    write(out, found)


if __name__ == "__main__":
    if sys.argv[1] == "list":
        list_files(sys.argv[2:])
    else:
        run(*sys.argv[2:])
