"""
The Python runner (docs/internals/python.md, docs/internals/wire.md): root.py forks a process per
file (file.py), which forks a keeper per attempt (keeper.py), which forks the task (task.py).
"""
