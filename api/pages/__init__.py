"""Pages for people, drawn on the server: Jinja2 templates with autoescape, no inline script or style."""
