"""/health: whether Tracer itself works: the database answers, and the scheduler's checkpoint moves."""

from __future__ import annotations

from typing import Literal

import structlog
from flask import Response
from pydantic import ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from api.access import OPEN
from api.envelope import json_response
from api.routes import Routes
from api.schemas.envelope import Shape
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from store.shards import CHECKPOINT_MAX_AGE_MS, oldest_checkpoint_ms

_log = structlog.get_logger(__name__)
routes = Routes("Service", "Tracer about itself.")


class HealthAnswer(Shape):
    """All is well."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "ok"}})

    status: Literal["ok"]


class ImpairedAnswer(Shape):
    """Something is not, and what."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"status": "impaired", "reasons": ["the scheduler has stopped: 14 s behind"]}}
    )

    status: Literal["impaired"]
    reasons: list[str]


@routes.get("/health", needs=OPEN, answers=HealthAnswer, also={503: ImpairedAnswer})
def health() -> Response:
    """Ask whether Tracer works; for load balancers and for whoever watches the watcher."""
    reasons = _reasons()
    answer = json_response({"status": "impaired", "reasons": reasons} if reasons else {"status": "ok"})
    answer.status_code = 503 if reasons else 200
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _reasons() -> list[str]:
    state = services()
    try:
        with state.database.read(EVERY_ORGANIZATION) as session:
            checkpoint_ms = oldest_checkpoint_ms(session)
            now_ms = state.database.now_ms(session)
    except SQLAlchemyError as error:
        _log.error("health.database", error=str(error))
        return ["the database does not answer"]
    if checkpoint_ms is None:
        return ["no scheduler has started"]
    behind_ms = now_ms - checkpoint_ms
    return [f"the scheduler has stopped: {behind_ms // 1000} s behind"] if behind_ms > CHECKPOINT_MAX_AGE_MS else []
