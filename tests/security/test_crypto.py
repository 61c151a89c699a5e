"""Secrets at rest: what is changed, moved, or of another key decrypts to nothing. Judged by what comes out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, product

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select, update

from store import keyring as keyring_module
from store.audit import UNAUDITED
from store.journey_tables import OrganizationVariable
from store.keyring import Cell, Keyring, UndecryptableError
from store.rotation import SECRETS
from store.sessions import EVERY_ORGANIZATION, Database
from store.variables import add_variable, variables_of
from store.write_lock import Urgency
from tests.conftest import KEYRING, Clock
from tests.security.tally import WHOLE, Tally

ATTACK = "changing secrets at rest"
FLIPS = 10_000 if WHOLE else 1_000
SWAPS = 1_000 if WHOLE else 300
OLD, NEW = {"k1": bytes(range(32))}, {"k2": bytes(range(32, 64))}
ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Sealed:
    cell: Cell
    secret: bytes
    blob: bytes


def sealed(keyring: Keyring) -> list[Sealed]:
    """A secret for each of many cells, of several lengths: in every table that has secrets, for two organizations and
    some rows."""
    tables = [(table.__tablename__, column.key) for table, column, *_ in SECRETS]
    columns = [*tables, ("keyring_checks", "secret"), (tables[0][0], "other")]
    cells = [
        Cell(organization, table, row, column)
        for organization, (table, column), row in product(("org_1", "org_2", ""), columns, ("row_1", "row_2", "row_12"))
    ]
    secrets = [f"secret of {cell}"[: 8 + 9 * number % 90].encode() for number, cell in enumerate(cells)]
    return [Sealed(cell, secret, keyring.encrypt(secret, cell)) for cell, secret in zip(cells, secrets, strict=True)]


def accepted(keyring: Keyring, attempts: Iterator[tuple[bytes, Cell]]) -> tuple[int, list[tuple[bytes, Cell]]]:
    """How many were tried, and those that gave anything at all."""
    tried, taken = 0, []
    for blob, cell in attempts:
        tried += 1
        try:
            keyring.decrypt(blob, cell)
        except UndecryptableError:
            continue
        taken.append((blob, cell))
    return tried, taken


def flips(of: list[Sealed]) -> Iterator[tuple[bytes, Cell]]:
    """Every single bit of one after another, then other bytes, cuts and additions."""
    for one in of:
        for bit in range(8 * len(one.blob)):
            changed = bytearray(one.blob)
            changed[bit // 8] ^= 1 << bit % 8
            yield bytes(changed), one.cell
    for one in of:
        for cut in range(len(one.blob)):
            yield one.blob[:cut], one.cell
            yield one.blob[:cut] + one.blob[cut + 1 :], one.cell
        yield one.blob + b"\0", one.cell
        yield os.urandom(len(one.blob)), one.cell


def swaps(of: list[Sealed]) -> Iterator[tuple[bytes, Cell]]:
    """Each in the cell of each other: another row, column, table, organization, and all of that at once; nearest
    first, which are those that a build would mix up."""
    pairs = [(here, there) for here, there in product(of, of) if here is not there]
    pairs.sort(key=lambda pair: sum(one != other for one, other in zip(pair[0].cell, pair[1].cell, strict=True)))
    for here, there in pairs:
        yield there.blob, here.cell


def of_other_keys(of: list[Sealed]) -> Iterator[tuple[bytes, Cell]]:
    """What was encrypted under a key that is retired, as it is and under the name of the one that is not."""
    for one in of:
        yield one.blob, one.cell
        yield one.blob.replace(b"\2k1", b"\2k2", 1), one.cell


WAYS: dict[str, Callable[[Keyring], tuple[int, list[tuple[bytes, Cell]]]]] = {
    "one bit": lambda ring: accepted(ring, islice(flips(sealed(ring)), FLIPS)),
    "another cell": lambda ring: accepted(ring, islice(swaps(sealed(ring)), SWAPS)),
    "retired key": lambda ring: accepted(Keyring(NEW), of_other_keys(sealed(ring))),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_was_changed_decrypts(way: str, tally: Tally) -> None:
    ring = Keyring(OLD)
    tried, taken = WAYS[way](ring)
    tally.add(ATTACK, way, tried=tried, refused=tried - len(taken), effective=len(taken))
    assert taken == []
    assert all(ring.decrypt(one.blob, one.cell) == one.secret for one in sealed(ring)), "what was not changed does"


class Unchecked:
    """AES-GCM as it should not be: what the tag says is not asked."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._whole = AESGCM(key)

    def encrypt(self, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
        return self._whole.encrypt(nonce, plain, associated)

    def decrypt(self, nonce: bytes, ciphertext: bytes, _: bytes) -> bytes:
        stream = Cipher(algorithms.AES(self._key), modes.CTR(nonce + b"\0\0\0\2")).decryptor()
        return stream.update(ciphertext[:-16])


def test_a_build_that_does_not_ask_the_tag_is_caught(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_module, "AESGCM", Unchecked)
    ring = Keyring(OLD)
    assert all(ring.decrypt(one.blob, one.cell) == one.secret for one in sealed(ring)), "it seems to work"
    assert all(WAYS[way](ring)[1] for way in WAYS)
    tally.caught(ATTACK, "decryption without the tag")


@pytest.mark.parametrize("field", Cell._fields)
def test_a_build_that_binds_to_less_than_the_cell_is_caught(
    field: str, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = keyring_module._associated
    monkeypatch.setattr(keyring_module, "_associated", lambda head, cell: whole(head, cell._replace(**{field: ""})))
    assert WAYS["another cell"](Keyring(OLD))[1]
    tally.caught(ATTACK, f"secrets not bound to their {field}")


MOVES = 3 * 3 + 3 * 2


def told_after_a_swap(database: Database, here: str, there: str, now_ms: int) -> list[str]:
    """Put what another organization has, and another row of one's own, in the place of one's variables; what a probe
    would then be told."""
    names = [f"V{number}" for number in range(3)]
    for organization in (here, there):
        with database.write(organization, Urgency.PEOPLE) as session:
            for name in names:
                add_variable(session, KEYRING, organization, (name, f"{name} of {organization}"), now_ms)
    with database.read(EVERY_ORGANIZATION) as session:
        blobs = {(row.organization_id, row.name): row.value for row in session.scalars(select(OrganizationVariable))}
    told: list[str] = []
    for source, wanted in [*product(names, names)]:
        for organization in (here, there):
            if (organization, source) == (here, wanted):
                continue
            with database.write(here, Urgency.PEOPLE) as session:
                mine = update(OrganizationVariable).where(
                    OrganizationVariable.organization_id == here, OrganizationVariable.name == wanted
                )
                moved = mine.values(value=blobs[organization, source])
                session.execute(moved.execution_options(**{UNAUDITED: True}))
            with database.read(here) as session:
                try:
                    told += variables_of(session, KEYRING, here, [wanted]).values()
                except UndecryptableError:
                    continue
    return told


def test_nothing_that_was_moved_in_the_database_is_told(
    database: Database, make_organization: Callable[[str], str], clock: Clock, tally: Tally
) -> None:
    told = told_after_a_swap(database, make_organization("Here"), make_organization("There"), clock.now_ms)
    tally.add(ATTACK, "database", tried=MOVES, refused=MOVES - len(told), effective=len(told))
    assert told == []


@ONE_STORE
def test_a_build_that_tells_what_was_moved_is_caught(
    database: Database, make_organization: Callable[[str], str], clock: Clock, tally: Tally,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(keyring_module, "_associated", lambda head, _: head)
    told = told_after_a_swap(database, make_organization("Here"), make_organization("There"), clock.now_ms)
    assert len(told) == MOVES
    tally.caught(ATTACK, "secrets bound to nothing")
