"""Variables of an organization: values that all its journeys may use by name. They leave for probes alone."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from model.ids import new_id
from store.counting import one_page
from store.journey_tables import OrganizationVariable
from store.keyring import Cell, Keyring


class NameTakenError(ValueError):
    """There is a variable of this name already."""


def variable_cell(organization_id: str, variable_id: str) -> Cell:
    """Where a variable's value is at home."""
    return Cell(organization_id, OrganizationVariable.__tablename__, variable_id, "value")


def add_variable(
    session: Session, keyring: Keyring, organization_id: str, named: tuple[str, str], now_ms: int
) -> OrganizationVariable:
    """A new one; `named`: (name, value). NameTakenError."""
    name, value = named
    variable_id = new_id("var", now_ms)
    row = OrganizationVariable(
        id=variable_id,
        organization_id=organization_id,
        name=name,
        value=keyring.encrypt(value, variable_cell(organization_id, variable_id)),
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise NameTakenError(name) from None
    return row


def set_value(session: Session, keyring: Keyring, row: OrganizationVariable, value: str, now_ms: int) -> None:
    """Another value, from the next run on that is leased."""
    row.value = keyring.encrypt(value, variable_cell(row.organization_id, row.id))
    row.updated_ms = now_ms
    session.flush()


def get_variable(session: Session, id_or_name: str, *, lock: bool = False) -> OrganizationVariable | None:
    """By its id or its name. `lock`: nobody else changes it until this transaction ends."""
    wanted = select(OrganizationVariable).where(
        or_(OrganizationVariable.id == id_or_name, OrganizationVariable.name == id_or_name)
    )
    ordered = wanted.order_by(OrganizationVariable.id != id_or_name).limit(1)
    return session.scalars(ordered.with_for_update() if lock else ordered).one_or_none()


def delete_variable(session: Session, row: OrganizationVariable) -> None:
    session.delete(row)
    session.flush()


def list_variables(session: Session, *, page: tuple[int, int]) -> tuple[list[OrganizationVariable], int]:
    """Variables, newest first, `page` = (offset, how many); and how many there are."""
    newest_first = (OrganizationVariable.created_ms.desc(), OrganizationVariable.id.desc())
    return one_page(session, select(OrganizationVariable).order_by(*newest_first), page)


def variable_names(session: Session) -> set[str]:
    """The names that journeys of the session's organization may use."""
    return set(session.scalars(select(OrganizationVariable.name)))


def variables_of(session: Session, keyring: Keyring, organization_id: str, names: Collection[str]) -> dict[str, str]:
    """The values of those names that there are: for a probe's memory alone."""
    wanted = select(OrganizationVariable).where(
        OrganizationVariable.organization_id == organization_id, OrganizationVariable.name.in_(names)
    )
    return {
        row.name: keyring.decrypt(row.value, variable_cell(organization_id, row.id)).decode()
        for row in session.scalars(wanted)
    }
