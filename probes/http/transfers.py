"""libcurl's multi interface on the event loop: sockets and timers drive it, nothing polls.

All of libcurl's sockets live in one epoll set of ours, and the loop watches only that set: joining and leaving costs
a system call, where a reader of the loop costs ten microseconds.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Any

import pycurl

_BATCH = 256
_IN = select.EPOLLIN
_OUT = select.EPOLLOUT
_BROKEN = select.EPOLLERR | select.EPOLLHUP
_SLACK_S = 0.000_5
"""A timer that fires this much early counts as due: the loop's clock and libcurl's differ by rounding."""

OnEnded = Callable[[Any, int, str], None]
"""(the pycurl.Curl, libcurl's error number or 0, its text)"""


class Transfers:
    """Runs easy handles; `on_ended` is told of each that ends by itself, after it has left."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_ended: OnEnded) -> None:
        self._loop = loop
        self._on_ended = on_ended
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kicked = False
        self._closed = False
        self._running: set[Any] = set()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        loop.add_reader(self._epoll.fileno(), self._readable)

    def add(self, curl: Any) -> None:
        """Starts a transfer; it ends in `on_ended` or by `remove`."""
        self._multi.add_handle(curl)
        self._running.add(curl)

    def remove(self, curl: Any) -> None:
        """Breaks off a transfer; `on_ended` does not hear of it. Nothing to do for one that has ended by itself, which
        may happen between a cancellation and the moment its task hears of it, or once closed."""
        if curl in self._running:
            self._running.discard(curl)
            self._multi.remove_handle(curl)

    def close(self) -> None:
        """Lets go of the loop. Every transfer must have ended or been removed. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._running.clear()
        self._loop.remove_reader(self._epoll.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._multi.close()
        self._epoll.close()

    def _watch(self, what: int, fd: int, _multi: Any, _data: Any) -> None:
        """libcurl wants to hear of other events on a socket, or of none any more."""
        if what == pycurl.POLL_REMOVE:
            self._watched.pop(fd, None)  # libcurl closes it next, and with that the kernel takes it out of the set
            return
        events = (_IN if what & pycurl.POLL_IN else 0) | (_OUT if what & pycurl.POLL_OUT else 0)
        if fd in self._watched:
            self._epoll.modify(fd, events)
        else:
            self._register(fd, events)
        self._watched[fd] = events

    def _register(self, fd: int, events: int) -> None:
        try:
            self._epoll.register(fd, events)
        except FileExistsError:  # it was let go, and not closed
            self._epoll.modify(fd, events)

    def _set_timer(self, timeout_ms: int) -> None:
        """libcurl wants to be called in so many ms; -1: not at all. One loop timer stands for the earliest; one that
        stands too early just looks again, which is cheaper than moving it for every transfer."""
        if timeout_ms < 0:
            self._due = None
        elif timeout_ms == 0:
            if not self._kicked:
                self._kicked = True
                self._loop.call_soon(self._kick)
        else:
            self._due = self._loop.time() + timeout_ms / 1000
            if self._timer is None or self._timer.when() > self._due + _SLACK_S:
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = self._loop.call_at(self._due, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() + _SLACK_S < self._due:
            self._timer = self._loop.call_at(self._due, self._timer_fired)
            return
        self._due = None
        self._kick()

    def _kick(self) -> None:
        self._kicked = False
        if not self._closed:
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
            self._reap()

    def _readable(self) -> None:
        action = self._multi.socket_action
        for fd, events in self._epoll.poll(0, _BATCH):
            if fd not in self._watched:
                self._forget(fd)
                continue
            action(
                fd,
                (pycurl.CSELECT_IN if events & _IN else 0)
                | (pycurl.CSELECT_OUT if events & _OUT else 0)
                | (pycurl.CSELECT_ERR if events & _BROKEN else 0),
            )
        self._reap()

    def _forget(self, fd: int) -> None:
        """One that was let go and is open still would wake the loop again and again."""
        try:
            self._epoll.unregister(fd)
        except (OSError, ValueError):
            return  # closed meanwhile

    def _reap(self) -> None:
        while True:
            more, ended, failed = self._multi.info_read()
            for curl in ended:
                self.remove(curl)
                self._on_ended(curl, 0, "")
            for curl, number, text in failed:
                self.remove(curl)
                self._on_ended(curl, number, text)
            if not more:
                return
