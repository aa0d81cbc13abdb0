"""Objects with templates in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.templates import Renderer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tradewind.dags import DAG


class Templater:
    """A class that renders the attributes in template_fields."""

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def render_template(
        self, content: Any, context: Any, jinja_env: Any = None, seen_oids: Any = None
    ) -> Any:
        """The content rendered."""
        return Renderer(context, env=jinja_env).render(content)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Renders the attributes, in place."""
        for name in self.template_fields:
            setattr(self, name, self.render_template(getattr(self, name), context, jinja_env))

    def get_template_env(self, dag: DAG | None = None) -> Any:
        """The Jinja environment."""
        from tradewind.templates import environment

        return environment(dag, None)
