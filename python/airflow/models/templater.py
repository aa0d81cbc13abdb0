"""Objects with templates in them."""

from __future__ import annotations

from tradewind.templates import Renderer


class Templater:
    """A class that renders the attributes in template_fields."""

    template_fields = ()
    template_ext = ()

    def render_template(self, content, context, jinja_env=None, seen_oids=None):
        """The content rendered."""
        return Renderer(context, env=jinja_env).render(content)

    def render_template_fields(self, context, jinja_env=None):
        """Renders the attributes, in place."""
        for name in self.template_fields:
            setattr(self, name, self.render_template(getattr(self, name), context, jinja_env))

    def get_template_env(self, dag=None):
        """The Jinja environment."""
        from tradewind.templates import environment

        return environment(dag, None)
