"""Every setting of Tracer, typed (DESIGN §6). Read from the environment in one place: cli/environment.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from model.addresses import networks_of
from model.hosts import BadHostError, parse_url
from model.mail import sender
from model.plans import Plans
from model.smtp import parse_smtp_url

_CONTACT = re.compile(r"(https://|mailto:|tel:)[\x21-\x7e]{1,500}", re.ASCII)
_EMAIL = re.compile(r"[^\s@:/]+@[^\s@:/]+", re.ASCII)
_STORES = ("postgresql://", "postgres://", "postgresql+psycopg://", "sqlite:///")


class Settings(BaseModel):
    """Names are the environment's, lower case, without `TRACER_`."""

    model_config = ConfigDict(frozen=True)

    data_dir: Path = Path("tracer-data")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    public_url: str | None = None
    traces_url: str | None = None
    api_key: str | None = None
    secret_keys: str | None = None
    allow_nets: tuple[str, ...] = ()
    canaries: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    metrics_token: str | None = None
    deadman_url: str | None = None
    security_contact: tuple[str, ...] = ()
    retention_runs_days: int = Field(default=30, ge=1)
    retention_rollups_months: int = Field(default=25, ge=1)
    retention_gb: float = Field(default=10, gt=0)
    telemetry_gb: float = Field(default=10, gt=0)
    artifacts_gb: float = Field(default=5, ge=0)
    smtp_url: str | None = None
    smtp_from: str | None = None
    plans: Plans = Plans()
    jwt_secret: str | None = Field(default=None, min_length=32)
    jwks_url: str | None = None
    jwt_audience: str = "authenticated"
    internal_token: str | None = Field(default=None, min_length=32)
    fix_command: str | None = None
    fix_timeout_s: int = Field(default=120, ge=1, le=3600)
    fix_repositories: Path | None = None
    url: str | None = None
    probe_key: str | None = None

    @field_validator("database_url")
    @classmethod
    def _is_a_store(cls, value: str | None) -> str | None:
        if value and not value.startswith(_STORES):
            raise ValueError("must begin with postgresql:// (or be left out: SQLite in the data directory)")
        return value

    @field_validator("allow_nets")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks_of(value)
        return value

    @field_validator("security_contact")
    @classmethod
    def _are_contacts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(f"mailto:{contact}" if _EMAIL.fullmatch(contact) else contact for contact in value)
        for contact in found:
            if not _CONTACT.fullmatch(contact):
                raise ValueError(f"{contact!r} must be an email, or an address such as https://example.com/security")
        return found

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, value: str | None) -> str | None:
        if value:
            parse_smtp_url(value)
        return value

    @field_validator("smtp_from")
    @classmethod
    def _is_a_sender(cls, value: str | None) -> str | None:
        if value:
            sender(value)
        return value

    @field_validator("fix_command")
    @classmethod
    def _is_a_command(cls, value: str | None) -> str | None:
        if value:
            try:
                words = shlex.split(value)
            except ValueError as error:
                raise ValueError(f"can't be split into a program and its arguments: {error}") from None
            if not words:
                raise ValueError("must name a program")
        return value

    @field_validator("fix_repositories")
    @classmethod
    def _is_absolute(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_absolute():
            raise ValueError("must be the whole path of a folder, beginning with /")
        return value

    @field_validator("traces_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value:
            try:
                found = parse_url(value)
            except BadHostError as error:
                raise ValueError(str(error)) from None
            if found.url.rstrip("/").count("/") != 2:
                raise ValueError("must be a scheme and a host, such as https://traces.example.com, with no path")
        return value

    @model_validator(mode="after")
    def _traces_are_elsewhere(self) -> Self:
        """Cookies don't know ports: another port of the same host would be no other place."""
        if self.traces_url and urlsplit(self.traces_url).hostname == urlsplit(self.links_begin).hostname:
            raise ValueError(
                "TRACER_TRACES_URL must have another host than TRACER_PUBLIC_URL: "
                "what a trace holds may not share a name with people's sessions"
            )
        return self

    @field_validator("deadman_url", "jwks_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value:
            try:
                parse_url(value)
            except BadHostError as error:
                raise ValueError(str(error)) from None
        return value

    @property
    def links_begin(self) -> str:
        """The address in every link that leaves the house, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def fix_words(self) -> list[str]:
        """The program that proposes fixes, with its arguments; empty: there is none. No shell reads it."""
        return shlex.split(self.fix_command) if self.fix_command else []

    @property
    def sqlalchemy_url(self) -> str:
        """The store's address: PostgreSQL through psycopg 3 when TRACER_DATABASE_URL is set, else SQLite."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir / 'tracer.db'}"
        for scheme in ("postgresql://", "postgres://"):
            if self.database_url.startswith(scheme):
                return "postgresql+psycopg://" + self.database_url.removeprefix(scheme)
        return self.database_url
