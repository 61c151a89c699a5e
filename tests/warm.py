"""What tests fork processes from: Tracer imported and mapped, and all of that put aside, so that neither a process's
own start nor its collector touches it again. Half of what starting a server costs is saved, and most tests with
processes start several."""

from __future__ import annotations

from sqlalchemy.orm import configure_mappers

import cli.main
import cli.programs
import cli.server  # noqa: F401
import probes.process  # noqa: F401
import tests.telemetry.killed_server  # noqa: F401
from model.collector import spare_the_collector

configure_mappers()
spare_the_collector()
