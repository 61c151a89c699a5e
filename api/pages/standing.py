"""How a check stands, as the answer that heads its page: state, since when, and why it is not well."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from api.pages.words import counted, listed, milliseconds
from model.health import Health, Verdict, health
from model.heartbeat import LOCATION
from model.outcome import RunStatus
from store.runs import Entry
from store.tables import Check, Gap, LocationState

_WORDS = {
    Health.UP: "Up", Health.DEGRADED: "Slow", Health.DOWN: "Down", Health.UNKNOWN: "Not measured",
    Health.PAUSED: "Paused", Health.MAINTENANCE: "In maintenance",
}  # fmt: skip


@dataclass(frozen=True)
class Here:
    """A check at one location. `css`: up, degraded, down, unknown; `since_ms`: since when that verdict holds. `why`:
    what its last failure said, also when that counts no more."""

    location: str
    css: str
    word: str
    since_ms: int | None
    at_ms: int | None
    run_id: str | None
    duration_ms: float | None
    why: str

    @property
    def lost(self) -> bool:
        """Whether it was down when it was last measured, and is not measured now."""
        return self.css == "unknown" and bool(self.why)


@dataclass(frozen=True)
class Answer:
    """`sentence` follows the check's name; `since_ms` is when it began, None when that is not known; `why` stands
    below. `css`: of its mark; that of up only where nothing was down when it was last measured."""

    health: Health
    word: str
    sentence: str
    since_ms: int | None
    why: str
    places: Sequence[Here]
    css: str


def answer(
    check: Check,
    states: Sequence[LocationState],
    lately: Sequence[Entry],
    online: Collection[str],
    now_ms: int,
    *,
    maintenance: Sequence[str],
) -> Answer:
    """`states`: measured location states; `lately`: its newest runs and gaps; `online`: locations that a probe serves;
    `maintenance`: names of the windows that hold now."""
    names = [LOCATION] if check.kind == "heartbeat" else list(check.locations)
    known = {state.location: state for state in states}
    places = [_here(name, known.get(name), now_ms) for name in names]
    verdicts = [
        Verdict(state.status == RunStatus.FAILED, state.degraded, state.fresh_until_ms or 0)
        for name in names
        if (state := known.get(name)) is not None
    ]
    now = health(verdicts, now_ms=now_ms, paused=check.status == "paused", maintenance=bool(maintenance))
    word, (sentence, since_ms, why) = _WORDS[now], _said(now, check, places, lately, online, maintenance)
    if now is Health.DEGRADED and any(place.css == "down" for place in places):
        word = "Partly down"
    if now is Health.UP and any(place.lost for place in places):
        return Answer(now, "Up in part", sentence, since_ms, why, places, "unknown")
    return Answer(now, word, sentence, since_ms, why, places, now)


def _said(
    now: Health, check: Check, places: Sequence[Here], lately: Sequence[Entry], online: Collection[str],
    maintenance: Sequence[str],
) -> tuple[str, int | None, str]:  # fmt: skip
    down = [place for place in places if place.css == "down"]
    slow = [place for place in places if place.css == "degraded"]
    fresh = [place for place in places if place.css != "unknown"]
    if now is Health.PAUSED:
        return "is paused", check.updated_ms, "Nothing is measured, and nobody is told, until it is resumed."
    if now is Health.MAINTENANCE:
        return "is in maintenance", None, f"Runs go on, nobody is told: {listed(list(maintenance))}."
    if now is Health.UNKNOWN:
        return _unknown(check, places, lately, online)
    if now is Health.DOWN or (now is Health.DEGRADED and down):
        since_ms = min((place.since_ms for place in down if place.since_ms is not None), default=None)
        where = ""
        if check.kind != "heartbeat" and len(fresh) > 1:
            where = f" from {listed([place.location for place in down])}" if len(down) < len(fresh) else " everywhere"
        return f"is down{where}", since_ms, down[0].why
    if now is Health.DEGRADED:
        since_ms = min((place.since_ms for place in slow if place.since_ms is not None), default=None)
        limit = check.definition.get("degraded_ms")
        took = ", ".join(f"{milliseconds(place.duration_ms)} from {place.location}" for place in slow)
        return "is slow", since_ms, f"{took}{f'; slow is more than {milliseconds(limit)}' if limit else ''}."
    since = [place.since_ms for place in fresh if place.since_ms is not None]
    stale = [place.location for place in places if place.css == "unknown"]
    why = f"Not measured from {listed(stale)}." if stale else ""
    lost = [place for place in places if place.lost]
    if lost:
        why += f" It was down when it was last measured from {listed([each.location for each in lost])}: {lost[0].why}"
        return f"is up from {listed([place.location for place in fresh])}", max(since, default=None), why
    return "is up", max(since, default=None), why


def _unknown(
    check: Check, places: Sequence[Here], lately: Sequence[Entry], online: Collection[str]
) -> tuple[str, int | None, str]:
    if check.kind == "heartbeat":
        return "is waiting for its first ping", check.created_ms, "Until then nothing is expected of it."
    unserved = [name for name in check.locations if name not in online]
    reason = ""
    if unserved:
        word = "location" if len(unserved) == 1 else "locations"
        reason = f"No probe is online at the {word} {listed(unserved)}."
    else:
        newest = lately[0] if lately else None
        if newest is not None and newest.status in (RunStatus.UNKNOWN, RunStatus.MISSED):
            reason = newest.error_message or newest.error_code or ""
    last = [place.at_ms for place in places if place.at_ms is not None]
    if not last:
        return "has not been measured yet", None, reason or "Its first run comes within its interval."
    said = [reason or "No run has ended since its last one went stale."]
    said += [f"It was down when it was last measured: {place.why}." for place in places if place.why][:1]
    return "is not measured", max(last), " ".join(said)


def _here(location: str, state: LocationState | None, now_ms: int) -> Here:
    if state is None:
        return Here(location, "unknown", "not measured yet", None, None, None, None, "")
    said = (state.error or {}).get("message") or (state.error or {}).get("code") or ""
    facts = (state.at_ms, state.run_id, state.duration_ms)
    if (state.fresh_until_ms or 0) <= now_ms:
        return Here(location, "unknown", "not measured lately", state.unrun_since_ms, *facts, str(said))
    if state.status == RunStatus.FAILED:
        return Here(location, "down", "down", state.since_ms, *facts, str(said))
    css, word = ("degraded", "slow") if state.degraded else ("up", "up")
    return Here(location, css, word, state.since_ms, *facts, "")


def stretch(gap: Gap) -> str:
    """A gap in a list of runs: `14 runs not measured`."""
    return f"{counted(gap.slots, 'run')} not measured"
