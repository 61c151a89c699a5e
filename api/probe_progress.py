"""POST /v1/probe/progress: how far journeys have come, for who looks on.

Nothing rests on it, so it waits for nothing: when two such messages are being stored already the next is turned away,
and what it would have said stands in the one after it, or in the result.
"""

from __future__ import annotations

import re

import msgspec
import structlog

from api.errors import Unavailable
from api.evidence_messages import MOST_STEPS, judge_steps
from api.probe_access import ProbeKeys
from api.probe_messages import decoded
from api.serving_pools import Pool
from api.serving_requests import Reply, Request
from model.protocol import ProgressBatch, Refusal, ResultAnswer, RunProgress, StepName
from store.announcements import News, announce
from store.draft_tables import is_draft
from store.fencing import fenced_dispatches
from store.open_dispatches import Holder, ended_among
from store.sessions import EVERY_ORGANIZATION, Database
from store.walk_progress import put_progress
from store.write_lock import Urgency

AT_ONCE = 2
MOST_RUNS = 200
_LARGEST = 2**31 - 1
_LONGEST_MS = 7 * 86_400_000.0
_ID = re.compile(r"[A-Za-z0-9_]{1,40}")
_WORD = re.compile(r"[a-z0-9_]{1,40}")
_batch = msgspec.json.Decoder(ProgressBatch)
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


class WalkReports:
    """Its handler runs on the server's event loop; what touches the database, in threads of `pool`."""

    def __init__(self, database: Database, pool: Pool, keys: ProbeKeys) -> None:
        self._database = database
        self._pool = pool
        self._keys = keys
        self._storing = 0

    async def take(self, request: Request) -> Reply:
        """Keep it and tell the stream; refuses what another probe may say by now."""
        holder = await self._holder(request)
        if self._storing >= AT_ONCE:
            raise Unavailable("Others are being written down; say it again with the next step")
        self._storing += 1
        try:
            answer = await self._pool.run(take_progress, self._database, holder, request.body)
        finally:
            self._storing -= 1
        if answer.refused:
            _log.info("progress.refused", probe_id=holder.probe_id, refused=len(answer.refused))
        return Reply(_encode(answer), headers={"Cache-Control": "no-store"})

    async def _holder(self, request: Request) -> Holder:
        key = request.bearer()
        remembered = self._keys.remembered(key)
        return remembered if remembered is not None else await self._pool.run(self._keys.holder, key, request.client)


def take_progress(database: Database, holder: Holder, body: bytes) -> ResultAnswer:
    """One transaction; the locks are those of results, so that none is stored of a run that has ended meanwhile."""
    walks, refused = _read(body)
    if not walks:
        return ResultAnswer(0, refused)
    kept: list[RunProgress] = []
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        dispatches = fenced_dispatches(session, holder, {walk.dispatch_id for walk in walks.values()})
        over = ended_among(session, list(walks))
        for walk in walks.values():
            dispatch = dispatches.get(walk.dispatch_id)
            if walk.run_id in over:
                reason: str | None = "the run has ended"
            elif dispatch is None:
                reason = "its dispatch is unknown, or was closed long ago"
            else:
                reason = dispatch.refuses(holder, walk.run_id, walk.check_id, walk.token)
            if reason is None:
                kept.append(walk)
            else:
                refused.append(Refusal(walk.run_id, reason))
        put_progress(session, holder, kept, database.now_ms(session))
        news: list[News] = [{"walk": walk.run_id} for walk in kept if not is_draft(walk.check_id)]
        announce(session, holder.organization_id, *news)
    return ResultAnswer(len(kept), refused)


def _read(body: bytes) -> tuple[dict[str, RunProgress], list[Refusal]]:
    """By run id, and a refusal for each that could not be stored. Raises UpgradeRequired, Malformed."""
    walks: dict[str, RunProgress] = {}
    refused: list[Refusal] = []
    for walk in decoded(_batch, body).runs[:MOST_RUNS]:
        try:
            _judge(walk)
        except ValueError as error:
            if _ID.fullmatch(walk.run_id):
                refused.append(Refusal(walk.run_id, f"malformed: {error}"))
        else:
            walks[walk.run_id] = walk
    return walks, refused


def _judge(walk: RunProgress) -> None:
    """ValueError when it could not be stored, or contradicts itself."""
    if not all(_ID.fullmatch(each) for each in (walk.run_id, walk.dispatch_id, walk.check_id)):
        raise ValueError("run_id, dispatch_id or check_id is no id")
    if not (0 <= walk.check_version <= _LARGEST and 1 <= walk.attempt <= _LARGEST):
        raise ValueError("check_version or attempt is out of range")
    if not len(walk.steps) + (walk.under_way is not None) <= walk.total <= MOST_STEPS:
        raise ValueError("total is out of range")
    if not 0 <= walk.elapsed_ms <= _LONGEST_MS:
        raise ValueError("elapsed_ms is out of range")
    steps = judge_steps(walk.steps)
    walk.steps = tuple(msgspec.structs.replace(step, error=None, screenshot=None) for step in steps)
    if walk.under_way is not None:
        if not _WORD.fullmatch(walk.under_way.type):
            raise ValueError("the type of a step is no word")
        name = walk.under_way.name
        walk.under_way = StepName(walk.under_way.type, None if name is None else name.replace("\x00", "")[:200])
