"""`python -m journeys.child [--headed] [--in-words]`: walks journeys, one at a time, with a browser that stays warm.

A JSON object a line. In: Order. Out: `{"step": StepResult}` for each step as it ends, then `{"outcome": Outcome}`. The
end of its input is its sign to close the browser and go; so it also goes when the probe has died. `--in-words`: what
it has to say beside that is sentences, not JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import structlog
from pydantic import ValidationError

from egress.door import Egress
from journeys import chromium
from journeys.browser import WarmBrowser, spare_screenshots
from journeys.definition import JourneyCheck
from journeys.errors import BrowserMissingError
from journeys.messages import Order
from journeys.runner import walk
from model.addresses import AddressPolicy, networks_of
from model.errors import ErrorCode
from model.evidence import StepResult
from model.outcome import Outcome, RunError, RunStatus
from model.protocol import RunOverrides
from model.validation import field_errors

_LINE_BYTES = 16 * 1024 * 1024
_log = structlog.get_logger(__name__)


class Child:
    """`out`: where the answers go."""

    def __init__(self, browser: WarmBrowser, egress: Egress, out: BinaryIO) -> None:
        self._browser = browser
        self._egress = egress
        self._out = out
        self._late_s = _age_s()
        """How long the first order has waited for this process to begin reading."""

    async def serve(self, orders: asyncio.StreamReader) -> None:
        """Until the input ends, also in the middle of a journey."""
        reading = asyncio.ensure_future(orders.readline())
        while line := await reading:
            reading = asyncio.ensure_future(orders.readline())
            walking = asyncio.ensure_future(self._outcome(line))
            await asyncio.wait((walking, reading), return_when=asyncio.FIRST_COMPLETED)
            if not walking.done() and reading.done() and not reading.result():
                walking.cancel()
                await asyncio.gather(walking, return_exceptions=True)
                return
            self._say("outcome", await walking)

    async def _outcome(self, line: bytes) -> Outcome:
        """Never raises: what goes wrong here is ours, and told as such."""
        try:
            order = msgspec.json.decode(line, type=Order)
            definition = JourneyCheck.model_validate_json(bytes(order.definition), extra="ignore")
            late_s, self._late_s = self._late_s, 0.0
            return await walk(
                definition, order.run_id, order.timeout_s - late_s, Path(order.folder),
                browser=self._browser, egress=self._egress, overrides=order.overrides or RunOverrides(),
                report=self._report,
            )  # fmt: skip
        except ValidationError as error:
            return _internal(f"this probe can't read the journey: {'; '.join(field_errors(error))}")
        except Exception as error:  # noqa: BLE001 - the run must end, and the log must say why
            _log.error("journey.crashed", where=_places(error))
            return _internal(f"the probe failed, not the site: {type(error).__name__}")

    def _report(self, result: StepResult) -> None:
        self._say("step", result)

    def _say(self, kind: str, what: StepResult | Outcome) -> None:
        self._out.write(msgspec.json.encode({kind: what}) + b"\n")
        self._out.flush()


async def _main(out: BinaryIO, *, headed: bool) -> int:
    try:
        program = chromium.find()
    except BrowserMissingError as error:
        _log.error("browser.missing", reason=str(error))
        return 2
    policy = AddressPolicy(networks_of(os.environ.get("TRACER_ALLOW_NETS", "").split(",")))
    browser = WarmBrowser(program, headed=headed)
    orders = asyncio.StreamReader(limit=_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    try:
        await Child(browser, Egress(policy), out).serve(orders)
    finally:
        await browser.close()
    return 0


def _age_s() -> float:
    """How long ago this process was started, where the system tells (Linux)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"), 0.0)
    except (OSError, ValueError, AttributeError):
        return 0.0


def _internal(message: str) -> Outcome:
    return Outcome(RunStatus.UNKNOWN, error=RunError(ErrorCode.INTERNAL, message))


def _sentence(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """A line of the log for a person who looks on."""
    return f"note: {event.get('reason') or event['event']}"


def _places(error: BaseException) -> list[str]:
    """Where an error came from, without its text, which may quote a secret."""
    return [
        f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def main() -> int:
    """Answers go to the standard output and nothing else does; logs go to the standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            _sentence if "--in-words" in sys.argv[1:] else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    spare_screenshots()
    with suppress(KeyboardInterrupt, BrokenPipeError):
        return asyncio.run(_main(out, headed="--headed" in sys.argv[1:]))
    return 130


if __name__ == "__main__":
    raise SystemExit(main())
