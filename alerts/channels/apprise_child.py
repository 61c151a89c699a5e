"""The child process that apprise runs in: one message from standard input, one answer to standard output.

`python -m alerts.channels.apprise_child`. Before apprise is imported, an audit hook is set that no code can take away:
it judges the address of every connection (R13), wherever in apprise or its libraries it is made, redirects included,
and lets nothing start a program. The kernel lets it write no file.
"""

from __future__ import annotations

import resource
import socket
import sys
from typing import Any

import msgspec

from egress.own import is_own
from model.addresses import AddressPolicy, networks_of
from model.hosts import address_of

_CPU_S = 20
_SOCKETS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})


class Asked(msgspec.Struct):
    """`allow`: the networks of TRACER_ALLOW_NETS. `kind`: apprise's own word (success, failure, warning). With no body
    nothing is sent, and the answer says whether apprise understands the URL."""

    url: str
    title: str = ""
    body: str = ""
    kind: str = "info"
    allow: list[str] = []


class Told(msgspec.Struct):
    """`refused`: which address the guard refused, as a sentence's end."""

    delivered: bool
    refused: str | None = None
    error: str | None = None


class Guard:
    """The audit hook. `refused`: what it has refused last."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self.refused: str | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _SOCKETS:
            self._judge(arguments[0], arguments[1] if len(arguments) > 1 else None)
        elif event in _PROGRAMS:
            raise PermissionError("no program may be started here")

    def _judge(self, used: Any, place: Any) -> None:
        if used.family not in (socket.AF_INET, socket.AF_INET6):
            raise PermissionError("only the internet may be spoken to")
        if place is None:
            return  # a connected socket: it was judged when it was connected
        address = address_of(str(place[0]))
        reason = "is not an address" if address is None else self._policy.refusal(address)
        if address is not None and reason is None and not self._policy.allows_own(address) and is_own(address):
            reason = "is an address of this very machine"
        if reason is not None:
            self.refused = f"it leads to {place[0]}, which {reason}"
            raise PermissionError(self.refused)


def main() -> None:
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    guard = Guard(AddressPolicy(networks_of(asked.allow)))
    sys.dont_write_bytecode = True
    import apprise

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.addaudithook(guard)
    try:
        channel = apprise.Apprise()
        if not channel.add(asked.url):
            told = Told(False, error="apprise does not understand the address any more: write it anew")
        elif not asked.body:
            told = Told(True)
        else:
            delivered = channel.notify(
                title=asked.title, body=asked.body, notify_type=asked.kind, body_format=apprise.NotifyFormat.TEXT
            )
            told = Told(bool(delivered), refused=None if delivered else guard.refused)
    except Exception as error:  # noqa: BLE001 - whatever a plugin trips over is told, not shown
        told = Told(False, refused=guard.refused, error=f"apprise stumbled over the message ({type(error).__name__})")
    sys.stdout.buffer.write(msgspec.json.encode(told))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
