"""Small helpers of Airflow that DAG files and providers call."""

from __future__ import annotations

import itertools
import re
from functools import reduce
from typing import TYPE_CHECKING

from tradewind.baseoperator import ID_LENGTH_MAX, check_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, NoReturn

    from tradewind.hints import T

KEY_REGEX = re.compile(r"^[\w.-]+$")
GROUP_KEY_REGEX = re.compile(r"^[\w-]+$")
CAMELCASE_TO_SNAKE_CASE_REGEX = re.compile(r"(?!^)([A-Z]+)")


def validate_key(k: str, max_length: int = ID_LENGTH_MAX) -> None:
    """ValueError or TypeError if the text is no id."""
    check_id("the key", k)
    if len(k) > max_length:
        raise ValueError(f"the key {k[:40]!r}... is longer than {max_length} characters")


def is_container(obj: Any) -> bool:
    """True if it can be iterated and is no text."""
    return hasattr(obj, "__iter__") and not isinstance(obj, str)


def chunks(items: Sequence[T], chunk_size: int) -> Iterator[Sequence[T]]:
    """Pieces of a list, of at most chunk_size. ValueError if that is not positive."""
    if chunk_size <= 0:
        raise ValueError("Chunk size must be a positive integer")
    for start in range(0, len(items), chunk_size):
        yield items[start : start + chunk_size]


def as_flattened_list(iterable: Iterable[Iterable[T]]) -> list[T]:
    """The items of the items."""
    return [e for i in iterable for e in i]


def partition(pred: Callable[[T], bool], iterable: Iterable[T]) -> tuple[Iterable[T], Iterable[T]]:
    """What does not satisfy, and what does."""
    first, second = itertools.tee(iterable)
    return itertools.filterfalse(pred, first), filter(pred, second)


def reduce_in_chunks(
    fn: Callable[[Any, Any], Any], iterable: Sequence[Any], initializer: Any, chunk_size: int = 0
) -> Any:
    """reduce over chunks of a list."""
    if not iterable:
        return initializer
    return reduce(fn, chunks(iterable, chunk_size or len(iterable)), initializer)


def convert_camel_to_snake(camel_str: str) -> str:
    """CamelCase as snake_case."""
    return CAMELCASE_TO_SNAKE_CASE_REGEX.sub(r"_\1", camel_str).lower()


def merge_dicts(dict1: dict[str, Any], dict2: dict[str, Any]) -> dict[str, Any]:
    """A new dict: dict2 over dict1, dicts within merged likewise."""
    merged = dict(dict1)
    for key, value in dict2.items():
        if key in merged and isinstance(merged[key], dict) and isinstance(value, dict):
            value = merge_dicts(merged[key], value)
        merged[key] = value
    return merged


def _given(value: Any) -> bool:
    from tradewind.types import NOTSET

    return value is not NOTSET and bool(value)


def exactly_one(*args: Any) -> bool:
    """True if one of them is true. ValueError if given a list."""
    if any(isinstance(a, (list, tuple)) for a in args) and len(args) == 1:
        raise ValueError("Not supported for iterable args")
    return sum(map(_given, args)) == 1


def at_most_one(*args: Any) -> bool:
    """True if none or one of them is true."""
    return sum(map(_given, args)) <= 1


def prune_dict(val: Any, mode: str = "strict") -> Any:
    """
    Without None (strict), or without all that is false (truthy), at any depth. ValueError for
    another mode.
    """
    if mode not in ("strict", "truthy"):
        raise ValueError("allowable values for `mode` include 'truthy' and 'strict'")

    def empty(value: Any) -> bool:
        return value is None if mode == "strict" else not value

    if isinstance(val, dict):
        items = {key: prune_dict(v, mode) if is_container(v) else v for key, v in val.items()}
        return {key: v for key, v in items.items() if not empty(v)}
    if isinstance(val, list):
        several = [prune_dict(v, mode) if is_container(v) else v for v in val]
        return [v for v in several if not empty(v)]
    return val


def render_template_to_string(template: Any, context: Any) -> str:
    """A Jinja template rendered with the context."""
    return template.render(**dict(context))


def build_airflow_url_with_query(query: dict[str, Any]) -> NoReturn:
    """Not supported: there is no page to link to."""
    raise NotImplementedError("Tradewind has no web page of runs yet")


def build_airflow_dagrun_url(dag_id: str, run_id: str) -> NoReturn:
    """The same."""
    raise NotImplementedError("Tradewind has no web page of runs yet")
