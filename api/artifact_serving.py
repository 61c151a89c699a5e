"""/artifacts/<link>: one file, for whoever has its link; /artifacts/<id>: on to such a link, for whoever may read it.

What a page under test put into a file is untrusted: no file is ever a document of Tracer's origin. Pictures may be
looked at, all else is downloaded, and a sandbox without origin or scripts is around both. A trace is also read by
Playwright's viewer, a page of another origin.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request, send_file
from sqlalchemy.orm import Session

from api.access import OWN, Caller, Scope, bearer_token, identify_bearer, needs
from api.artifact_holders import Shown, holder_of, is_open_to, may_still_read
from api.artifact_links import LASTS_MS, PATH, BadLinkError, artifact_of_link, artifact_path
from api.errors import Forbidden, NotFound, Unauthorized
from api.pages.gate import signed_in
from api.services import services
from store.agent_artifacts import get_agent_artifact
from store.artifact_files import ArtifactFiles
from store.artifact_tables import AgentArtifact, Artifact
from store.artifacts import get_artifact
from store.sessions import EVERY_ORGANIZATION

pages = Blueprint("artifacts", __name__)
GONE = "There is no such artifact, or it has made room for newer ones"
NOT_COME = "This artifact was registered, and its file has not been uploaded"
_SHOWN = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_SAVED = {
    "application/zip": "zip", "application/json": "json", "text/plain": "txt", "video/webm": "webm",
    "application/har+json": "har",
}  # fmt: skip
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
    if link.startswith("art_") and "." not in link:
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


def _artifact(link: str) -> Shown:
    """What a signed link opens. Forbidden, NotFound."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        try:
            if request.query_string:
                raise BadLinkError("This link was changed: it has no parameters as Tracer makes it")
            opened = artifact_of_link(state.keyring, link, now_ms)
        except BadLinkError as error:
            raise Forbidden(str(error)) from None
        artifact = _found(session, opened.artifact_id)
    if opened.holder is not None:
        with state.database.read(artifact.organization_id) as session:
            if not may_still_read(session, artifact, opened.holder, now_ms):
                raise Forbidden("This link was made for somebody who may not read this any more")
    return artifact


def _found(session: Session, artifact_id: str) -> Shown:
    """Of a journey's run or an agent's. NotFound."""
    found = get_artifact(session, artifact_id) or get_agent_artifact(session, artifact_id)
    if found is None:
        raise NotFound(GONE)
    if isinstance(found, AgentArtifact) and found.file_id is None:
        raise NotFound(NOT_COME)
    return found


def _go_to_link(artifact_id: str) -> Response:
    """A fresh link, for a key, a token or a browser that may read the organization's runs, and as long as it may."""
    state, who = services(), _caller()
    if not who.may(Scope.READ):
        raise who.lacks(Scope.READ)
    with state.database.read(who.organization_id) as session:
        artifact = _found(session, artifact_id)
        if not is_open_to(session, artifact, who.projects):
            raise Forbidden("This key is not for the project of this artifact")
        until_ms = state.database.now_ms(session) + LASTS_MS
    if who.until_ms is not None:
        until_ms = min(until_ms, who.until_ms)
    response = Response(status=302)
    response.headers["Location"] = artifact_path(state.keyring, artifact_id, until_ms, holder_of(who))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _caller() -> Caller:
    if bearer_token() is not None:
        return identify_bearer()
    visitor = signed_in()
    if visitor is None:
        raise Unauthorized("This needs an API key, a sign-in, or a link from the list of a run's artifacts")
    return visitor.caller


def _guarded(response: Response, artifact: Shown) -> Response:
    response.headers.update(_HEADERS)
    is_trace = isinstance(artifact, Artifact) and artifact.type == "trace"
    response.headers.update(_CORS if is_trace else {"Cross-Origin-Resource-Policy": "same-origin"})
    return response


def _name(artifact: Shown, ending: str) -> str:
    """`run_…-step-3-screenshot.png`, `run_…-trace.zip`, `run_….har`: the step as people count it; `art_….webm`."""
    if isinstance(artifact, AgentArtifact):
        return f"{artifact.id}.{ending}"
    if artifact.type == "har":
        return f"{artifact.run_id}.har"
    step = "" if artifact.step_index is None else f"-step-{artifact.step_index + 1}"
    return f"{artifact.run_id}{step}-{artifact.type}.{ending}"
