"""First start: one organization, its owner (a key, and a link by which a person becomes one), and with `tracer up` a
probe. Later starts find them there."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.keys import hint_of
from model.settings import Settings
from store.api_keys import SCOPES, NewApiKey, create_api_key
from store.audit_log import begin_logs
from store.changes import hold_definitions
from store.invitations import make_setup_link
from store.keyring import Keyring
from store.members import make_key_owner, ownership_of_key
from store.organizations import create_organization, first_organization
from store.people_tables import Membership
from store.probes import register_probe_of_environment
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.web_sessions import end_web_sessions_of_key
from store.write_lock import Urgency

OWNER_KEY_CHARACTERS = 24
LOCAL = "local"
"""Where the probe of `tracer up` stands."""
_ENVIRONMENT_KEY_ID = "key_environment"


class SettingRefusedError(ValueError):
    """A setting that Tracer can't start with: the message is for people."""


@dataclass(frozen=True)
class Bootstrapped:
    """`new_owner_key` and `setup_token` are set when they were made now: they are shown this once."""

    organization_id: str
    new_owner_key: str | None
    setup_token: str | None = None


def bootstrap(database: Database, keyring: Keyring, settings: Settings) -> Bootstrapped:
    """Make what is missing. Safe in any number of processes at once, and at every start.

    TRACER_API_KEY, when set, always opens the organization as its owner, and there is one such key: a new value takes
    the place of the former, which opens nothing from then on. When it is not set and no key was ever made, one is, and
    beside it a setup link: by it a person becomes an owner.
    TRACER_PROBE_KEY likewise belongs to the probe `local` at `local`, and the organization's checks run there unless
    they say otherwise. SettingRefusedError when TRACER_API_KEY is no key.
    """
    if settings.api_key:
        refuse_weak_key(settings.api_key)
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        hold_definitions(session)  # of two first starts, one waits here and then finds all made
        now_ms = database.now_ms(session)
        begin_logs(session)
        organization = first_organization(session)
        if organization is None:
            locations = [LOCAL] if settings.probe_key or database.sqlite else []
            organization = create_organization(session, "My organization", locations, now_ms)
        new_key = setup_token = None
        if settings.api_key:
            _keep_environment_key(session, keyring, organization.id, settings.api_key, now_ms)
        elif session.scalars(select(ApiKey.id).limit(1)).first() is None:
            owner = NewApiKey(organization.id, "Owner", SCOPES)
            row, new_key = create_api_key(session, keyring, owner, now_ms)
            make_key_owner(session, row, now_ms)
            setup_token = make_setup_link(session, keyring, organization.id, now_ms)
        else:
            _find_owner(session, organization.id, now_ms)
        if settings.probe_key:
            register_probe_of_environment(session, keyring, organization.id, settings.probe_key, now_ms)
        return Bootstrapped(organization.id, new_key, setup_token)


def refuse_weak_key(key: str) -> None:
    """SettingRefusedError unless it is 24 or more printable ASCII characters without a space at either end."""
    if len(key) < OWNER_KEY_CHARACTERS:
        raise SettingRefusedError(
            f"TRACER_API_KEY has {len(key)} characters; it needs at least {OWNER_KEY_CHARACTERS}. "
            "Leave it empty and Tracer makes a key and prints it once"
        )
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise SettingRefusedError(
            "TRACER_API_KEY must be printable ASCII without a space at either end: it has to travel in an HTTP header"
        )


def _keep_environment_key(session: Session, keyring: Keyring, organization_id: str, key: str, now_ms: int) -> None:
    wanted = keyring.hash_key(key)
    own = session.get(ApiKey, _ENVIRONMENT_KEY_ID)
    row = session.scalars(select(ApiKey).where(ApiKey.key_hash == wanted)).one_or_none()
    if row is not None and row is not own:  # a key that was made here once: it is the owner's from now on
        if own is not None:
            own.revoked_ms = own.revoked_ms or now_ms
            _disown(session, own)
    elif own is not None:
        row = own
    else:
        owner = NewApiKey(organization_id, "TRACER_API_KEY", SCOPES, text=key, key_id=_ENVIRONMENT_KEY_ID)
        row, _ = create_api_key(session, keyring, owner, now_ms)
    if row.key_hash != wanted:
        end_web_sessions_of_key(session, row.id)
    row.key_hash, row.hint = wanted, hint_of(key)
    row.scopes, row.revoked_ms, row.expires_ms = list(SCOPES), None, None
    session.flush()
    make_key_owner(session, row, now_ms)


def _disown(session: Session, key: ApiKey) -> None:
    member = ownership_of_key(session, key.id)
    if member is not None:
        session.delete(member)


def _find_owner(session: Session, organization_id: str, now_ms: int) -> None:
    """Of a Tracer that began before there were members: the oldest of the keys that may do everything, for ever."""
    if session.scalars(select(Membership.id).limit(1)).first() is not None:
        return
    keys = session.scalars(
        select(ApiKey)
        .where(ApiKey.organization_id == organization_id, ApiKey.revoked_ms.is_(None), ApiKey.expires_ms.is_(None))
        .order_by(ApiKey.created_ms, ApiKey.id)
    )
    owner = next((key for key in keys if set(key.scopes) == set(SCOPES)), None)
    if owner is not None:
        make_key_owner(session, owner, now_ms)
