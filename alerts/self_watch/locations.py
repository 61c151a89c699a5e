"""A location that had a probe and has none any more is one notice, whatever runs there; never an alert of its checks.

Who is being replaced is not gone: only after GONE_MS without any probe, of which the API was there to hear from them.
A probe that said goodbye counts as gone like one that died: nobody else would say that the location is not watched.
"""

from __future__ import annotations

from collections.abc import Iterable

from alerts.self_watch.watching import Trouble, View, Watch, still
from model.notices import NoticeKind
from model.times import spoken
from store.checks import active_at
from store.probes import Presence, presences
from store.service_clock import service

GONE_MS = 30_000
"""With the lease that has to run out first and the pace of looking, owners know within 45 s."""
_NAMED = 3


def _look(view: View) -> Iterable[Trouble] | None:
    presence = service(view.session)
    if not presence.serving(view.now_ms):
        return None
    places = presences(view.session, view.now_ms)
    troubles = list(_forgotten(view, places))
    for place in places:
        gone_ms = view.now_ms - max(place.last_ms, presence.serving_since_ms)
        known = view.knows(place.organization_id, NoticeKind.LOCATION_OFFLINE, place.location)
        if place.online or (gone_ms < GONE_MS and not known):
            continue
        names = active_at(view.session, place.organization_id, place.location)
        if names or place.registered:
            troubles.append(_trouble(place, names))
    return troubles


def _forgotten(view: View, places: list[Presence]) -> Iterable[Trouble]:
    """Probes that were deleted are forgotten after a while: as long as checks run there, the notice stays."""
    remembered = {(place.organization_id, place.location) for place in places}
    for notice in view.known:
        place = (notice.organization_id, notice.subject)
        if place not in remembered and active_at(view.session, *place):
            yield still(notice)


def _trouble(place: Presence, names: list[str]) -> Trouble:
    given_up = (
        f"Start one again (tracer probe --location {place.location}), or delete the probe if it is not coming back."
    )
    return Trouble(
        place.organization_id,
        NoticeKind.LOCATION_OFFLINE,
        place.location,
        "high" if names else "low",
        f"No probe of the location {place.location} has been online since {spoken(place.last_ms)}. "
        f"{_checks(names)} {given_up}",
    )


def _checks(names: list[str]) -> str:
    if not names:
        return "No check runs there."
    more = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{len(names)} {'check is' if len(names) == 1 else 'checks are'} not measured there: {listed}."


WATCH = Watch((NoticeKind.LOCATION_OFFLINE,), _look)
