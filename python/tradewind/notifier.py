"""BaseNotifier: tells someone; usable wherever a callback is."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from logging import Logger
    from typing import Any

    from jinja2 import Environment


class BaseNotifier:
    """
    A subclass defines notify(context), or async_notify(context), and names in `template_fields`
    the attributes that are rendered before.
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        self.context: Any = {}

    @property
    def log(self) -> Logger:
        """Its logger."""
        return logging.getLogger(f"{type(self).__module__}.{type(self).__name__}")

    def notify(self, context: Any) -> Any:
        """Tells it."""
        raise NotImplementedError(f"{type(self).__name__} does not define notify()")

    async def async_notify(self, context: Any) -> Any:
        """Tells it, as a coroutine."""
        raise NotImplementedError(f"{type(self).__name__} does not define async_notify()")

    def render_template_fields(self, context: Any, jinja_env: Environment | None = None) -> None:
        """Renders the attributes in template_fields, in place."""
        from tradewind.templates import Renderer

        dag = context.get("dag")
        renderer = Renderer(context, dag=dag, task=context.get("task"), env=jinja_env)
        for name in self.template_fields:
            setattr(self, name, renderer.render(getattr(self, name), self.template_ext))

    def __await__(self) -> Any:
        """Awaited, as the callback of a missed deadline may be: tells it."""
        return self.async_notify(self.context).__await__()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As a callback: called with the context."""
        context = args[0] if len(args) == 1 else kwargs.get("context", kwargs)
        self.context = context
        self.render_template_fields(context)
        if type(self).notify is BaseNotifier.notify:
            import asyncio

            if inspect.iscoroutinefunction(type(self).async_notify):
                return asyncio.run(self.async_notify(context))
        return self.notify(context)
