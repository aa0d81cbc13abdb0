"""HttpSensor: the engine's `wait_http`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tradewind.exceptions import AirflowException
from tradewind.sensors.base import BaseSensorOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from tradewind.context import Context


class HttpSensor(BaseSensorOperator):
    """
    Waits until a URL answers with a status below 400. `endpoint` is a whole URL, or a path on the
    connection http_conn_id (AIRFLOW_CONN_<ID> in the environment). With response_check(response)
    the function decides, and Python asks instead of the engine. expect_status (a code or several;
    200 where the engine asks) and expect_text (text that the answer has) are this program's own.
    """

    template_fields: Collection[str] = ("endpoint", "request_params", "headers", "expect_text")

    def __init__(
        self,
        *,
        endpoint: str,
        http_conn_id: str = "http_default",
        method: str = "GET",
        request_params: Mapping[str, Any] | None = None,
        request_kwargs: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        response_error_codes_allowlist: Collection[str] | None = None,
        response_check: Callable[..., Any] | None = None,
        extra_options: Mapping[str, Any] | None = None,
        deferrable: bool = False,
        expect_status: Any = None,
        expect_text: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.expect_status, self.expect_text = expect_status, expect_text
        self.endpoint, self.http_conn_id, self.method = endpoint, http_conn_id, method
        self.request_params, self.request_kwargs = request_params or {}, request_kwargs or {}
        self.headers = dict(headers or {})
        self.response_error_codes_allowlist = response_error_codes_allowlist or ("404",)
        self.response_check, self.extra_options = response_check, extra_options or {}
        self.deferrable = deferrable

    def url(self) -> str:
        """The whole URL. AirflowException if the connection is not defined."""
        endpoint = str(self.endpoint)
        if "://" in endpoint:
            return endpoint
        base = os.environ.get(f"AIRFLOW_CONN_{self.http_conn_id.upper()}")
        if base is None:
            raise AirflowException(
                f"connection {self.http_conn_id!r} is not defined"
                f" (AIRFLOW_CONN_{self.http_conn_id.upper()})"
            )
        return base.rstrip("/") + "/" + endpoint.lstrip("/")

    def poke(self, context: Context) -> Any:
        import urllib.error
        import urllib.parse
        import urllib.request

        url = self.url()
        if self.request_params:
            url += ("&" if "?" in url else "?") + urllib.parse.urlencode(self.request_params)
        request = urllib.request.Request(url, headers=self.headers, method=self.method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                response = Response(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            if self.expect_status is not None and error.code in _codes(self.expect_status):
                return self._has_text(error.read())
            if str(error.code) in self.response_error_codes_allowlist:
                return False
            raise AirflowException(f"{url} answered {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise AirflowException(f"{url}: {error.reason}") from None
        if self.expect_status is not None and response.status_code not in _codes(
            self.expect_status
        ):
            return False
        if not self._has_text(response.content):
            return False
        if self.response_check is None:
            return True
        from tradewind.operators.python import call_with_context

        return call_with_context(self.response_check, [response], {}, context)

    def _has_text(self, content: Any) -> bool:
        return self.expect_text is None or str(self.expect_text) in content.decode(
            "utf-8", errors="replace"
        )


def _codes(value: Any) -> Any:
    return value if isinstance(value, (list, tuple, set)) else [value]


class Response:
    """What response_check is given: the part of requests.Response that checks use."""

    def __init__(self, status_code: int, headers: dict[str, str], content: bytes) -> None:
        self.status_code, self.headers, self.content = status_code, headers, content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body's JSON value."""
        import json

        return json.loads(self.content)
