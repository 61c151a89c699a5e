"""Carries connections between a port and a socket in the file system, which no network namespace keeps apart:
`python -m tests.system.relay PORT unix:PATH` or `unix:PATH PORT`, from the first to the second, on loopback."""

from __future__ import annotations

import asyncio
import sys
from functools import partial


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        """One of the two was killed: that is what these tests are about."""
    finally:
        writer.close()


async def _carry(to: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        there, back = await (
            asyncio.open_unix_connection(to[5:]) if to.startswith("unix:") else asyncio.open_connection("127.0.0.1", to)
        )
    except OSError:
        writer.close()
        return
    await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _main(listen: str, to: str) -> None:
    carry = partial(_carry, to)
    server = await (
        asyncio.start_unix_server(carry, listen[5:])
        if listen.startswith("unix:")
        else asyncio.start_server(carry, "127.0.0.1", int(listen))
    )
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2]))
