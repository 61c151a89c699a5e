"""What the request handlers work with: the store, the keyring, the settings; carried by the app, never global."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

from api.kept_pages import PublicPages
from api.recent_stats import RecentStats
from api.reporters import PublicKeys
from model.settings import Settings
from store.artifact_files import ArtifactFiles
from store.artifact_quota import ArtifactQuota
from store.sessions import Database
from store.uses import Uses
from telemetry.stored.intake import Intake
from telemetry.stored.source_map_rows import SourceMaps

if TYPE_CHECKING:
    from store.keyring import Keyring

SchedulerFigures = Callable[[], Mapping[str, float]]
"""Figures of a scheduler in this process, by name; `/metrics` prints those it knows."""

_EXTENSION = "tracer"


@dataclass(frozen=True)
class Services:
    """`scheduler_figures` is None where no scheduler runs in this process."""

    database: Database
    keyring: Keyring
    settings: Settings
    scheduler_figures: SchedulerFigures | None = None
    recent_stats: RecentStats = field(default_factory=RecentStats)
    uses: Uses = field(default_factory=Uses)
    public_pages: PublicPages = field(default_factory=PublicPages)

    @cached_property
    def intake(self) -> Intake:
        """Where what SDKs send is stored."""
        return Intake(self.database.telemetry)

    @cached_property
    def artifact_quota(self) -> ArtifactQuota:
        """Where files of runs are, and how much there may be of them."""
        return ArtifactQuota(self.database, self.settings, ArtifactFiles(self.settings.data_dir))

    @cached_property
    def source_maps(self) -> SourceMaps:
        return SourceMaps(self.database.telemetry)

    @cached_property
    def public_keys(self) -> PublicKeys:
        return PublicKeys(self.database)

    @property
    def public_url(self) -> str:
        """The address in every link that leaves the house, without a slash at its end."""
        return self.settings.links_begin


def install(app: Flask, services: Services) -> None:
    app.extensions[_EXTENSION] = services


def services() -> Services:
    """The services of the app that handles this request."""
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    return cast(Services, app.extensions[_EXTENSION])
