"""PUT /v1/probe/artifacts/<sha256>: a probe hands in a file that one of its results is about to name.

Its bytes go to the disk as they arrive, so a large one costs no memory; who it is from, and whether there is room, is
asked before the first of them is read. Repeated, it does no harm.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from api.envelope import JSON
from api.errors import Conflict, Malformed, NotFound, Refused, Unavailable
from api.probe_access import ProbeKeys
from api.serving_pools import Pool
from api.serving_requests import Reply, Request
from store.artifact_files import DIGEST, Incoming
from store.artifact_quota import ArtifactQuota
from store.open_dispatches import Holder

PREFIX = "/v1/probe/artifacts/"
METHODS = ("PUT",)
MAX_BYTES = 50 << 20
AT_ONCE = 16
"""Files on their way in at one time; more are told to come back."""
_WRITE_BYTES = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_log = structlog.get_logger(__name__)


class StorageFull(Refused):
    """There is no room for a file, on the disk or in the quota."""

    status = 507


def no_room() -> StorageFull:
    return StorageFull("TRACER_ARTIFACTS_GB is used up by what is kept for a day: nothing may make room for this")


@contextmanager
def on_disk() -> Iterator[None]:
    """StorageFull where the disk is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise StorageFull("The disk that holds the artifacts is full") from None


class ArtifactUploads:
    """Its handler runs on the server's event loop; what touches database or disk, in threads of `pool`."""

    def __init__(self, quota: ArtifactQuota, pool: Pool, keys: ProbeKeys) -> None:
        self.files = quota.files
        self.quota = quota
        self._keys = keys
        self._pool = pool
        self._arriving = 0

    async def put(self, request: Request) -> Reply:
        """Store the file. Conflict when its SHA-256 is another one, StorageFull when it may not stay."""
        holder = await self._holder(request)
        digest = request.path.removeprefix(PREFIX)
        if not DIGEST.fullmatch(digest):
            raise NotFound("The address must end with the SHA-256 of the file: 64 digits 0-9 a-f")
        length = request.announced_length(MAX_BYTES)
        if self._arriving >= AT_ONCE:
            raise Unavailable("Too many files are being sent at once; try again shortly")
        self._arriving += 1
        try:
            if await self._pool.run(self.quota.expect, holder.organization_id, digest):
                async for _ in request.chunks(length):
                    continue  # sent for nothing, and read so that the answer is
            else:
                with on_disk():
                    await self._take(request, holder, digest, length)
        finally:
            self._arriving -= 1
        return Reply(b'{"stored":true}', content_type=JSON, headers={"Cache-Control": "no-store"})

    async def _take(self, request: Request, holder: Holder, digest: str, length: int) -> None:
        with self.quota.reserved(length):
            if not await self._pool.run(self.quota.make_room):
                _log.warning("artifacts.full", probe_id=holder.probe_id, location=holder.location, bytes=length)
                raise no_room()
            incoming = await self._pool.run(self.files.receive)
            try:
                await self._receive(request, incoming, length)
                if await self._pool.run(incoming.finish) != digest:
                    raise Conflict("The SHA-256 of what arrived is another one than the address says")
                await self._pool.run(self.quota.add, holder.organization_id, digest, incoming)
            finally:
                await self._pool.run(incoming.discard)

    async def _receive(self, request: Request, incoming: Incoming, length: int) -> None:
        waiting = bytearray()
        async for chunk in request.chunks(length):
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                await self._pool.run(incoming.write, bytes(waiting))
                waiting.clear()
        if waiting:
            await self._pool.run(incoming.write, bytes(waiting))
        if incoming.size_bytes != length:
            raise Malformed("The body ended before its announced length")

    async def _holder(self, request: Request) -> Holder:
        key = request.bearer()
        remembered = self._keys.remembered(key)
        return remembered if remembered is not None else await self._pool.run(self._keys.holder, key, request.client)
