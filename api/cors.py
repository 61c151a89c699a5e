"""Which paths scripts of any origin may send to: those where a public key is all that counts."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, request

from api.access import OPEN, needs
from api.dialects import CORS, FROM_BROWSERS

_pages = Blueprint("cors", __name__)


@needs(OPEN)
def may_send() -> Response:
    """The answer to a browser that asks before it sends what a page wants."""
    return Response(status=204)


for _path in FROM_BROWSERS:
    _pages.add_url_rule(
        _path, endpoint=f"may_send_to_{_path}".replace("/", "_"), view_func=may_send, methods=["OPTIONS"]
    )


def install(app: Flask) -> None:
    """Answer preflights, and say on every answer there that the page may read it."""
    app.register_blueprint(_pages)

    @app.after_request
    def allow(response: Response) -> Response:
        if request.path in FROM_BROWSERS:
            for name, value in CORS.items():
                response.headers[name] = value
        return response
