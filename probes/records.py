"""DNS records as people compare them: as in a zone file, names lower case with no final dot, TXT unquoted."""

from __future__ import annotations

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
from dns.rdtypes.txtbase import TXTBase

_STYLE = dns.rdata.RdataStyle(omit_final_dot=True, base64_chunk_size=65_535, hex_chunk_size=65_535)
MAX_RECORDS = 200
"""Records looked at; a larger set is cut there."""


def records_of(answer: dns.message.Message) -> tuple[tuple[str, ...], int | None]:
    """(the records of the type that was asked for, at the end of aliases; the lowest TTL on the way to them). Sorted,
    so that a server that rotates them changes nothing. ((), None) when there is none.

    Raises dns.exception.DNSException when the aliases go in a circle."""
    if not isinstance(answer, dns.message.QueryMessage):
        return (), None
    chain = answer.resolve_chaining()
    if chain.answer is None:
        return (), None
    lowest = min([chain.answer.ttl, *(alias.ttl for alias in chain.cnames)])
    texts = [text_of(record) for record in list(chain.answer)[:MAX_RECORDS]]
    return tuple(sorted(texts)), lowest


def text_of(record: dns.rdata.Rdata) -> str:
    """`10 mail.example.com`, `192.0.2.1`, `v=spf1 -all`."""
    if isinstance(record, TXTBase):
        return b"".join(record.strings).decode(errors="replace")
    slots = {slot for kind in type(record).__mro__ for slot in getattr(kind, "__slots__", ())}
    names = {
        slot: value.canonicalize() for slot in slots if isinstance(value := getattr(record, slot, None), dns.name.Name)
    }
    return (record.replace(**names) if names else record).to_text(style=_STYLE)
