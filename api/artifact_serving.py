"""/artifacts/<link>: one file, for whoever has its link; /artifacts/<id>: on to such a link, for whoever may read it.

What a page under test put into a file is untrusted: no file is ever a document of Tracer's origin. Pictures may be
looked at, all else is downloaded, and a sandbox without origin or scripts is around both. A trace is also read by
Playwright's viewer, a page of another origin.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request, send_file

from api.access import OWN, Caller, Scope, bearer_token, identify, needs
from api.artifact_links import LASTS_MS, PATH, BadLinkError, artifact_of_link, artifact_path
from api.errors import Forbidden, NotFound, Unauthorized
from api.pages.gate import signed_in
from api.services import services
from model.ids import looks_like_id
from store.artifact_files import ArtifactFiles
from store.artifact_tables import Artifact
from store.artifacts import get_artifact
from store.sessions import EVERY_ORGANIZATION

pages = Blueprint("artifacts", __name__)
GONE = "There is no such artifact, or it has made room for newer ones"
_SHOWN = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_SAVED = {"application/zip": "zip", "application/json": "json", "text/plain": "txt"}
"""Anything else is bytes, whatever it calls itself: SVG and HTML among them."""
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Range",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range",
    "Access-Control-Allow-Private-Network": "true",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""The link is the whole key, and no cookie is looked at: a page that has it may read what it opens."""


def _also_for_people(view: Callable[..., Response]) -> Callable[..., Response]:
    """Errors are a page for a browser that was sent here."""
    view.is_file = True  # type: ignore[attr-defined]
    return needs(OWN)(view)


@pages.get(f"{PATH}<link>")
@_also_for_people
def open_artifact(link: str) -> Response:
    """The file."""
    if looks_like_id(link, "art"):
        return _go_to_link(link)
    artifact = _artifact(link)
    path = ArtifactFiles(services().settings.data_dir).path(artifact.organization_id, artifact.sha256)
    shown = artifact.content_type in _SHOWN
    known = {**_SHOWN, **_SAVED}
    kind = artifact.content_type if artifact.content_type in known else "application/octet-stream"
    try:
        response = send_file(
            path.absolute(),
            mimetype=kind,
            as_attachment=not shown,
            download_name=_name(artifact, known.get(kind, "bin")),
            conditional=True,
            etag=False,
        )
    except FileNotFoundError:
        raise NotFound(GONE) from None
    return _guarded(response, artifact)


@pages.route(f"{PATH}<link>", methods=["OPTIONS"])
@_also_for_people
def ask_for_trace(link: str) -> Response:
    """What a browser asks before it reads a trace for a page of another origin."""
    return _guarded(Response(status=204), _artifact(link))


def _artifact(link: str) -> Artifact:
    """What a signed link opens. Forbidden, NotFound."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        try:
            if request.query_string:
                raise BadLinkError("This link was changed: it has no parameters as Tracer makes it")
            artifact_id = artifact_of_link(state.keyring, link, state.database.now_ms(session))
        except BadLinkError as error:
            raise Forbidden(str(error)) from None
        artifact = get_artifact(session, artifact_id)
    if artifact is None:
        raise NotFound(GONE)
    return artifact


def _go_to_link(artifact_id: str) -> Response:
    """A fresh link, for a key or a browser that may read the organization's runs."""
    state, who = services(), _caller()
    if not who.may(Scope.READ):
        raise Forbidden(f"This key does not have the scope {Scope.READ.value!r}")
    with state.database.read(who.organization_id) as session:
        if get_artifact(session, artifact_id) is None:
            raise NotFound(GONE)
        until_ms = state.database.now_ms(session) + LASTS_MS
    response = Response(status=302)
    response.headers["Location"] = artifact_path(state.keyring, artifact_id, until_ms)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _caller() -> Caller:
    if bearer_token() is not None:
        return identify()
    visitor = signed_in()
    if visitor is None:
        raise Unauthorized("This needs an API key, a sign-in, or a link from the list of a run's artifacts")
    return visitor.caller


def _guarded(response: Response, artifact: Artifact) -> Response:
    response.headers.update(_HEADERS)
    response.headers.update(_CORS if artifact.type == "trace" else {"Cross-Origin-Resource-Policy": "same-origin"})
    return response


def _name(artifact: Artifact, ending: str) -> str:
    """`run_…-step-3-screenshot.png`, `run_…-trace.zip`: the step as people count it."""
    step = "" if artifact.step_index is None else f"-step-{artifact.step_index + 1}"
    return f"{artifact.run_id}{step}-{artifact.type}.{'har' if artifact.type == 'har' else ending}"
