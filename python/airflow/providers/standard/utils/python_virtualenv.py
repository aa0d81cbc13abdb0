"""The script with which operators of providers run a function elsewhere: in a container, in a pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# What it is called with: the pickled arguments, where the result goes, a file of text arguments (one a line),
# and where an error's text goes.
_SCRIPT = """\
import sys
import {library} as _library

_given = {{"args": [], "kwargs": {{}}}}
if {has_arguments}:
    with open(sys.argv[1], "rb") as _file:
        _given = _library.load(_file)
if {string_args}:
    with open(sys.argv[3]) as _file:
        virtualenv_string_args = [_line.strip() for _line in _file]

{source}

try:
    _result = {name}(*_given["args"], **_given["kwargs"])
except Exception as _error:
    if len(sys.argv) > 4:
        with open(sys.argv[4], "w") as _file:
            _file.write(str(_error))
    raise
if _result is not None:
    with open(sys.argv[2], "wb") as _file:
        _library.dump(_result, _file)
"""


def write_python_script(
    jinja_context: dict[str, Any], filename: str, render_template_as_native_obj: bool = False
) -> None:
    """
    Writes the script. jinja_context (Airflow's name): python_callable_source and python_callable (its
    name), pickling_library, op_args, op_kwargs, string_args_global.
    """
    given = jinja_context
    text = _SCRIPT.format(
        library=given["pickling_library"],
        has_arguments=bool(given.get("op_args") or given.get("op_kwargs")),
        string_args=bool(given.get("string_args_global", True)),
        source=given["python_callable_source"],
        name=given["python_callable"],
    )
    with open(filename, "w", encoding="utf-8") as file:
        file.write(text)
