"""/api/traces/:id/artifacts: files that show what an agent's run saw and made (seed 002).

A form with the file stores it; JSON registers one whose bytes come later, as a form with the same content.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flask import Response, request
from pydantic import ValidationError

from api.access import Scope
from api.agent_access import Seen
from api.agent_events import SessionPath
from api.artifact_uploads import no_room, on_disk
from api.dialects import MAX_BODY_BYTES
from api.envelope import JSON, json_response
from api.errors import Conflict, Invalid, TooLarge, Unavailable, UnsupportedMedia, too_large
from api.file_forms import Sent, read_form
from api.json_body import read_json
from api.routes import Routes
from api.schemas.agent_artifacts import MOST_BYTES, ArtifactForm, ArtifactToRegister, KeptArtifact
from api.schemas.bare import BareError
from api.services import services
from model.validation import field_errors
from store.agent_artifacts import (
    NewAgentArtifact,
    OtherwiseRegisteredError,
    artifact_of_session,
    register_artifact,
    tie_artifact,
)
from store.artifact_files import Incoming, storage_path
from store.artifact_tables import AgentArtifact
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.media import ForgedError, Looking, medium_named
from telemetry.agents.stored.sessions import AgentSession

FORM = "multipart/form-data"
_PIECE_BYTES = 1 << 20
_MEANS = {
    413: "The file is larger than 100 MiB, or the JSON than 1 MiB",
    415: "The body is neither a form nor JSON, or the file is of no type that is kept",
}
routes = Routes("Agent artifacts", "Files of a run: screenshots, recordings, what was sent and answered.", BareError)


@routes.post(
    "/api/traces/<agent_session_id>/artifacts", needs=Scope.INGEST, answers=KeptArtifact, status=201,
    errors=(400, 409, 413, 415, 422, 507), means=_MEANS, tokens=True, accepts=ArtifactToRegister, form=ArtifactForm,
)  # fmt: skip
def keep_agent_artifact(path: SessionPath) -> Response:
    """Upload a file of a run, or register one.

    A form (multipart/form-data) with `file`, and `sha256` if it is to be checked, stores the file: at most 100 MiB, of
    the types png, jpeg, webp, json, text, zip, har, webm, by what it holds. JSON registers one, and a form with the
    same content brings it; until then it can't be opened, and after a day without it is forgotten. Of a run the same
    content is one artifact. `storage_path` is where the file lies on the server, and no address.
    """
    seen = Seen()
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = seen.session(session, path.agent_session_id)
    if request.mimetype == FORM:
        return _answer(_uploaded(seen.organization_id, found))
    if request.mimetype != JSON:
        raise UnsupportedMedia(f"Send the file as {FORM}, or JSON that registers it")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise too_large(MAX_BODY_BYTES)
    return _answer(_registered(seen.organization_id, found))


def _answer(kept: AgentArtifact) -> Response:
    shown = {"artifact_id": kept.id, "storage_path": storage_path(kept.organization_id, kept.sha256)}
    return json_response(shown, 201)


def _registered(organization_id: str, found: AgentSession) -> AgentArtifact:
    try:
        sent = ArtifactToRegister.model_validate(read_json(request))
    except ValidationError as error:
        raise Invalid(field_errors(error)) from None
    if sent.size_bytes > MOST_BYTES:
        raise _file_too_large()
    named = _named(sent.content_type)
    if named is None:
        raise UnsupportedMedia("content_type must say what the file is")
    new = NewAgentArtifact(organization_id, found.number, found.project, sent.sha256, named, sent.size_bytes)
    database = services().database
    with database.write(organization_id, Urgency.RESULTS) as session:
        try:
            return register_artifact(session, new, database.now_ms(session))
        except OtherwiseRegisteredError as error:
            raise Conflict(str(error)) from None


def _uploaded(organization_id: str, found: AgentSession) -> AgentArtifact:
    """What is asked before the first byte: who it is from, and whether there is room."""
    quota = services().artifact_quota
    with quota.reserved(request.content_length or 0), on_disk():
        if not quota.make_room():
            raise no_room()
        incoming = quota.files.receive()
        try:
            receiving = _Receiving(incoming)
            sent = read_form(request.stream, request.content_type or "", receiving.begin)
            kind = receiving.kind()
            digest = incoming.finish()
            wanted = sent.fields.get("sha256", "").strip().lower()
            if wanted and wanted != digest:
                raise Invalid({"sha256": [f"is another one than that of the file, {digest}"]})
            kind = (
                _as_registered(organization_id, found, digest, kind, incoming.path) if not sent.content_type else kind
            )
            new = NewAgentArtifact(organization_id, found.number, found.project, digest, kind, incoming.size_bytes)
            quota.add(organization_id, digest, incoming)
        finally:
            incoming.discard()
    return _tied(new)


def _tied(new: NewAgentArtifact) -> AgentArtifact:
    database = services().database
    with database.write(new.organization_id, Urgency.RESULTS) as session:
        try:
            kept = tie_artifact(session, new, database.now_ms(session))
        except OtherwiseRegisteredError as error:
            raise Conflict(str(error)) from None
    if kept is None:
        raise Unavailable("The file had to make room for others at once; send it again")
    return kept


class _Receiving:
    """A file on its way to the disk, looked at as it passes."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._looking = Looking(None)

    def begin(self, sent: Sent) -> Callable[[bytes], None]:
        self._looking = Looking(_named(sent.content_type, sent.filename))
        return self._take

    def kind(self) -> str:
        """Once all of it has come. UnsupportedMedia."""
        try:
            return self._looking.finish()
        except ForgedError as error:
            raise UnsupportedMedia(str(error)) from None

    def _take(self, piece: bytes) -> None:
        if self._incoming.size_bytes + len(piece) > MOST_BYTES:
            raise _file_too_large()
        try:
            self._looking.take(piece)
        except ForgedError as error:
            raise UnsupportedMedia(str(error)) from None
        self._incoming.write(piece)


def _named(content_type: str, filename: str = "") -> str | None:
    try:
        return medium_named(content_type, filename)
    except ForgedError as error:
        raise UnsupportedMedia(str(error)) from None


def _as_registered(organization_id: str, found: AgentSession, digest: str, kind: str, path: Path) -> str:
    """The type of a file that came without one: the registered one, if its bytes are that too."""
    with services().database.read(organization_id) as session:
        known = artifact_of_session(session, found.number, digest)
    if known is None or known.content_type == kind:
        return kind
    looking = Looking(known.content_type)
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                looking.take(piece)
        return looking.finish()
    except ForgedError as error:
        raise UnsupportedMedia(str(error)) from None


def _file_too_large() -> TooLarge:
    return TooLarge(f"The file is larger than {MOST_BYTES >> 20} MiB")
