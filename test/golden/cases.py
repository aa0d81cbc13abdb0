"""
What the example DAGs of Airflow need beside their file, for the recording and for the comparison
alike.
"""

# Every run has this logical date: a Monday.
LOGICAL_DATE = "2026-01-05T00:00:00+00:00"
TIMEOUT_S = 120

# DAGs that must have run before, at the same logical date: theirs are the states that sensors read.
BEFORE = {
    "example_external_task_marker_child": ["example_external_task_marker_parent"],
    "example_external_task": ["child_dag"],
    "example_trigger_controller_dag": ["example_trigger_target_dag"],
}

# Tasks whose state is drawn by chance in the file itself: recorded with several seeds, and compared
# with all that was seen.
SEEDS = {
    "example_branch_operator": [0, 1, 2, 3],
    "example_branch_python_operator_decorator": [0, 1, 2, 3],
}

# Answers that a person would give, by task.
ANSWERS = {
    "wait_for_input": (["OK"], {"information": "text"}),
    "wait_for_option": (["option 1"], {}),
    "wait_for_multiple_options": (["option 4", "option 6"], {}),
    "valid_input_and_options": (["Approve"], {}),
    "choose_a_branch_to_run": (["task_1"], {}),
}

# Recorded in a home that knows their own file alone, as the comparison's: another example gives their
# asset's URI another name, and Airflow refuses tasks with an asset of which there are two.
ALONE = {"read_asset_event", "read_asset_event_from_classic"}

# Where `dag.test()` is no measure: it runs one task at a time in one process, without a scheduler.
NOT_REPRESENTATIVE = {
    "example_sensors": "a sensor in mode poke blocks the tasks that it waits for",
    "example_asset_with_watchers": "the watcher's trigger is not started; the task alone runs",
    "example_external_task": "the sensor waits inline before the run that it waits for is triggered",
}

# Recordings that are no measure, whatever they say: `dag.test()` loses task instances of its own
# ("Task Instance not found") and fails what comes after, or the hour of the run decides.
LOST = "`dag.test()` loses task instances of its own, so that tasks fail there which have no fault"
UNTRUSTED = {
    "example_branch_operator": LOST,
    "example_branch_python_operator_decorator": LOST,
    "example_branch_datetime_operator_2": "the time of day decides: equal if recorded in the same part of the day",
}

# Files that need a package index at run time: never run in a network of their own.
NEEDS_INDEX = {
    "tutorial_taskflow_api_virtualenv",
    "example_python_decorator",
    "example_python_operator",
    "example_branch_operator",
    "example_branch_python_operator_decorator",
}
