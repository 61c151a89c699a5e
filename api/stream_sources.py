"""What there is to listen to: an organization's runs and alerts, or a project's events that a query is true of.

A source is read from a number on, and the same source, asked from the same number, says the same: a listener who comes
back with the number of its last message misses nothing and hears nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from api.stream_messages import agent_message, event_message, messages
from api.telemetry_shapes import shapes_of_events
from store.announcements import stream_topic
from store.news import newest_numbers, told_after
from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.agents.stored.appending import agent_topic
from telemetry.agents.stored.replaying import events_after as agent_events_after
from telemetry.agents.stored.replaying import newest_stream_seqs
from telemetry.queries import Term
from telemetry.stored.head import read_head
from telemetry.stored.reading import events_after
from telemetry.stored.source_map_rows import SourceMaps
from telemetry.stored.storing import TOPIC

PIECE_EVENTS = 200
PIECE_BYTES = 1 << 18
"""Events of one reading; one that is larger comes alone."""


@dataclass(frozen=True)
class News:
    """What one reading brought, and how far it goes."""

    messages: list[tuple[int, bytes]]
    last: int
    more: bool

    def after(self, seen: int) -> bytes:
        return b"".join(message for seq, message in self.messages if seq > seen)


class Source(Protocol):
    """Equal when it is the same to listen to."""

    def __hash__(self) -> int: ...

    def subscribe(self, database: Database, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` when there may be something new, until the returned function is called."""

    def read(self, database: Database, seen: int) -> News:
        """What came after the number `seen`, oldest first."""


@dataclass(frozen=True)
class OrganizationNews:
    """`projects`: ids of those whose alerts are told; None: all."""

    organization_id: str
    projects: frozenset[str] | None = None

    def subscribe(self, database: Database, wake: Callable[[], None]) -> Callable[[], None]:
        return database.wakeups.subscribe(stream_topic(self.organization_id), wake)

    def read(self, database: Database, seen: int) -> News:
        with database.read(EVERY_ORGANIZATION) as session:
            reading = told_after(session, self.organization_id, seen)
        return News(messages(reading, seen, self.projects), reading.last, reading.more)


@dataclass(frozen=True)
class ProjectEvents:
    """`slug`: what the project is called in what is said. `source_maps`: by which frames are mapped."""

    project: int
    slug: str
    terms: tuple[Term, ...]
    source_maps: SourceMaps = field(compare=False)

    def subscribe(self, database: Database, wake: Callable[[], None]) -> Callable[[], None]:
        return database.telemetry.wakeups.subscribe(TOPIC, wake)

    def read(self, database: Database, seen: int) -> News:
        store = database.telemetry
        with store.read(EVERY_ORGANIZATION) as session:
            head = read_head(session).events
            found, more = events_after(
                session, self.project, self.terms, store.now_ms(session), after=seen, upto=head, most_bytes=PIECE_BYTES
            )
        shapes = shapes_of_events(found, {self.project: self.slug}, self.source_maps)
        told = [(event.seq, event_message(event.seq, shape)) for event, shape in zip(found, shapes, strict=True)]
        return News(told, found[-1].seq if more else max(seen, head), more)


@dataclass(frozen=True)
class AgentEvents:
    """What agents of an organization do. `projects`: ids by the numbers of those that are told of; None in `only`: of
    all, and of none too. `session_id`: of this run alone."""

    organization_id: str
    only: frozenset[int] | None
    session_id: str | None
    projects: Mapping[int, str] = field(compare=False)

    def subscribe(self, database: Database, wake: Callable[[], None]) -> Callable[[], None]:
        return database.telemetry.wakeups.subscribe(agent_topic(self.organization_id), wake)

    def read(self, database: Database, seen: int) -> News:
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            head = newest_stream_seqs(session, [self.organization_id]).get(self.organization_id, 0)
            found = agent_events_after(
                session, self.organization_id, seen, upto=head, limit=PIECE_EVENTS,
                projects=None if self.only is None else sorted(self.only), session_id=self.session_id,
            )  # fmt: skip
        told = [(each.event.stream_seq, agent_message(each, self.projects.get(each.project or 0))) for each in found]
        more = len(found) == PIECE_EVENTS
        return News(told, found[-1].event.stream_seq if more else max(seen, head), more)


def newest(database: Database, sources: Iterable[Source]) -> dict[Source, int]:
    """A number for each of these up to which there may be something: one question for all of a kind."""
    heads: dict[Source, int] = {}
    organizations = [source for source in sources if isinstance(source, OrganizationNews)]
    if organizations:
        with database.read(EVERY_ORGANIZATION) as session:
            known = newest_numbers(session, {source.organization_id for source in organizations})
        heads |= {source: known.get(source.organization_id, 0) for source in organizations}
    projects = [source for source in sources if isinstance(source, ProjectEvents)]
    if projects:
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            head = read_head(session).events
        heads |= dict.fromkeys(projects, head)
    agents = [source for source in sources if isinstance(source, AgentEvents)]
    if agents:
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            known = newest_stream_seqs(session, sorted({source.organization_id for source in agents}))
        heads |= {source: known.get(source.organization_id, 0) for source in agents}
    return heads
