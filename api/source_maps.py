"""/v1/sourcemaps: where minified code stands in its sources, uploaded by the build; and which there are."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from api.access import Scope
from api.envelope import json_response
from api.errors import Invalid, Malformed, too_large
from api.events_query import number_of
from api.project_access import Visible, visible
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.releases import SourceMap, SourceMapForm, SourceMapPage, SourceMapQuery
from api.services import services
from model.times import iso
from store.sessions import EVERY_ORGANIZATION
from store.wakeups import wake
from store.write_lock import Urgency
from telemetry.source_maps import BadSourceMapError, map_url, parse
from telemetry.stored.regrouping import regroup
from telemetry.stored.source_map_rows import StoredMap, keep_map, list_maps
from telemetry.stored.storing import TOPIC

MOST_BYTES = 50 << 20
_MOST_CHARACTERS = 200
_MEANS = {400: "A field is missing or wrong, or the file is no source map", 413: "The file is larger than 50 MiB"}
routes = Routes("Source maps", "What makes stack traces of minified code readable.", BareError)


@routes.post(
    "/v1/sourcemaps",
    needs=Scope.INGEST,
    answers=SourceMap,
    status=201,
    errors=(400, 413),
    form=SourceMapForm,
    means=_MEANS,
)
def upload_source_map() -> Response:
    """Upload a source map: a form (multipart/form-data) with `project`, `release`, `url` and the file `sourcemap`.

    `url` is that of the script, or its path, which then is of any host. Frames are mapped when they are read, so events
    that came before are mapped too, and issues that turn out to be one are made one. The file's own name counts for
    nothing.
    """
    project, release, url = (request.form.get(name, "").strip() for name in ("project", "release", "url"))
    sent = request.files.get("sourcemap")
    missing = [name for name, given in (("project", project), ("release", release), ("url", url)) if not given]
    if sent is None or missing:
        names = [*missing, *(["sourcemap"] if sent is None else [])]
        raise Malformed(f"The form (multipart/form-data) lacks {', '.join(names)}")
    if len(release) > _MOST_CHARACTERS or any(character < " " for character in release):
        raise Invalid({"release": [f"must be one line of at most {_MOST_CHARACTERS} characters"]})
    try:
        script = map_url(url)
    except ValueError as error:
        raise Invalid({"url": [str(error)]}) from None
    projects = visible(project)
    content = sent.stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise too_large(MOST_BYTES)
    try:
        parse(content)
    except BadSourceMapError as error:
        raise Malformed(str(error)) from None
    [number] = projects.numbers
    store = services().database.telemetry
    with store.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        kept = keep_map(session, number, release, script, content, store.now_ms(session))
        if regroup(session, number, release, services().source_maps.mapper(number, session)):
            wake(session, TOPIC)  # alerts that are open of what is one now are joined
    return json_response(_shape(kept, projects), 201)


@routes.get("/v1/sourcemaps", needs=Scope.READ, answers=SourceMapPage)
def list_of_source_maps(query: SourceMapQuery) -> Response:
    """List the source maps that are in force, the newest first: one for each file of a release."""
    projects, before = visible(query.project), number_of(query.cursor)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = list_maps(session, projects.numbers, query.release, before=before, limit=query.limit + 1)
    shown = found[: query.limit]
    cursor = str(shown[-1].number) if len(found) > query.limit else None
    return json_response({"source_maps": [_shape(each, projects) for each in shown], "cursor": cursor})


def _shape(kept: StoredMap, projects: Visible) -> dict[str, Any]:
    return {
        "id": f"map_{kept.number:08}",
        "project": projects.slug(kept.project),
        "release": kept.release,
        "url": kept.url,
        "size_bytes": kept.size_bytes,
        "sha256": kept.sha256,
        "created_at": iso(kept.created_ms),
    }
