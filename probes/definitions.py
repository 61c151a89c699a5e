"""The definitions of leased checks: parsed once per version, in memory only while a run needs them.

A definition with secrets leaves memory with its last run. One without may be remembered a while longer, so that a
check that comes back every few seconds is not parsed each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec
import structlog

from model.definition import CheckDefinition
from model.dns_names import parse_nameserver
from model.protocol import LeasedCheck
from model.scrub import Scrubber
from model.secrets import split
from probes.http.headers import basic_authorization

Parse = Callable[[bytes], CheckDefinition]
_REMEMBERED = 4_096
_LARGEST_REMEMBERED = 4_096
"""Bytes; with the number above, at most 16 MiB of definitions outlive their runs."""
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
_log = structlog.get_logger(__name__)


class Definition:
    """A check as leased. `check` is None when this probe can't read it (`problem` says why); `target` is the host it
    goes to, for limits per target, `port` the port there if it is known; `scrubber` knows its secrets."""

    __slots__ = ("check", "port", "problem", "scrubber", "target", "version")

    def __init__(self, version: int, check: CheckDefinition | None, scrubber: Scrubber, problem: str = "") -> None:
        self.version = version
        self.check = check
        self.scrubber = scrubber
        self.problem = problem
        self.target, self.port = ("", None) if check is None else target_of(check)


class Definitions:
    """By check id, counted by the runs that will need them."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self._needed: dict[str, Definition] = {}
        self._users: dict[str, int] = {}
        self._remembered: OrderedDict[tuple[int, bytes], Definition] = OrderedDict()

    def __len__(self) -> int:
        return len(self._needed)

    def get(self, check_id: str) -> Definition | None:
        return self._needed.get(check_id)

    def learn(self, leased: LeasedCheck) -> None:
        """A new or changed definition; an older version than the one at hand is ignored."""
        known = self._needed.get(leased.check_id)
        if known is not None and known.version >= leased.version:
            return
        self._needed[leased.check_id] = self._definition(leased)

    def need(self, check_id: str) -> None:
        """One more run will ask for this check."""
        self._users[check_id] = self._users.get(check_id, 0) + 1

    def release(self, check_id: str) -> None:
        """A run of this check has ended; the last one takes the definition with it."""
        users = self._users.get(check_id, 0) - 1
        if users > 0:
            self._users[check_id] = users
            return
        self._users.pop(check_id, None)
        self._needed.pop(check_id, None)

    def forget_unneeded(self) -> None:
        """Drop what came with an answer, but belongs to no run held."""
        for check_id in self._needed.keys() - self._users.keys():
            del self._needed[check_id]

    def _definition(self, leased: LeasedCheck) -> Definition:
        raw = bytes(leased.definition)
        known = self._remembered.get((leased.version, raw))
        if known is not None:
            self._remembered.move_to_end((leased.version, raw))
            return known
        definition = self._read(leased, raw)
        if not definition.scrubber and len(raw) <= _LARGEST_REMEMBERED:
            self._remembered[leased.version, raw] = definition
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return definition

    def _read(self, leased: LeasedCheck, raw: bytes) -> Definition:
        """Whatever reading may raise is the end of this check's runs, never of the probe. The text of a pydantic error
        may quote secrets, so only the places it names are kept."""
        try:
            whole = msgspec.json.decode(raw, type=dict[str, object])
            _, secrets = split(whole)
            check = self._parse(raw)
        except _UNREADABLE as error:
            problem = f"this probe can't read version {leased.version} of the check: {_places(error)}"
            _log.error("definition.unreadable", check_id=leased.check_id, reason=problem)
            return Definition(leased.version, None, Scrubber(()), problem)
        return Definition(leased.version, check, Scrubber([*secrets.values(), *_credential(whole)]))


def _credential(definition: Mapping[str, object]) -> list[str]:
    """What `basic_auth` sends: user and password are base64 of one piece there, in which the password alone can't be
    found to its last character."""
    pair = definition.get("basic_auth")
    if not isinstance(pair, dict) or not pair.get("password"):
        return []
    return [basic_authorization(str(pair.get("username", "")), str(pair["password"]))]


def target_of(check: CheckDefinition) -> tuple[str, int | None]:
    """The host a check goes to, lower case (empty where it has none), and the TCP port there. Questions to a nameserver
    that the check names go to that nameserver, whatever name they are about."""
    nameserver = getattr(check, "nameserver", None)
    if nameserver is not None:
        return parse_nameserver(nameserver)[0], None
    url = getattr(check, "url", None) or getattr(check, "base", None)
    if url is None:
        port = getattr(check, "port", None)
        return str(getattr(check, "host", "")).lower(), port if isinstance(port, int) else None
    parts = urlsplit(str(url))
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        port = None
    return (parts.hostname or "").lower(), port


def _places(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if details is None:
        return type(error).__name__
    named = details(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['type']}" for item in named[:5])
