"""The spool between a receiver and ingestion: groups share a sync, torn lines are none, all rests sealed."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from feeds.connectors.spool import Delivery, SpoolWriter, read_spool
from feeds.connectors.spool_seal import NoSeal, VaultSeal
from feeds.connectors.webhook_receiver import GroupCommit
from feeds.sealing import SealError
from feeds.vault import Vault


def test_deliveries_that_wait_together_share_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    monkeypatch.setattr("feeds.connectors.spool.os.fdatasync", syncs.append)

    async def put_all() -> list[bool]:
        commit = GroupCommit(SpoolWriter(tmp_path))
        deliveries = [Delivery(f"d{n % 90}", b"{}") for n in range(100)]
        try:
            return await asyncio.gather(*map(commit.put, deliveries))
        finally:
            await commit.close()

    assert sum(asyncio.run(put_all())) == 90
    assert len(syncs) == 1


def test_a_torn_line_is_no_delivery_and_reading_goes_on_from_the_cursor(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path)
    writer.append([Delivery("a", b'{"n": 1}')])
    assert list(read_spool(tmp_path, 0)) == [([b'{"n": 1}'], 1)]
    writer.append([Delivery("b", b'{"n": 2}')])
    with (tmp_path / "segment-00000002.log").open("ab") as torn:
        torn.write(b"0123 {half")
    # A restarted receiver begins a segment of its own.
    SpoolWriter(tmp_path).append([Delivery("c", b'{"n":\r\n3}')])
    assert list(read_spool(tmp_path, 1)) == [([b'{"n": 2}'], 2), ([b'{"n":  3}'], 3)]


def test_what_rests_in_the_spool_is_sealed_and_a_change_is_noticed() -> None:
    seal = VaultSeal(Vault.of(b"key"))
    sealed = seal.seal(b'{"email": "a@b.example"}')
    assert sealed.startswith(b"sealed:")
    assert b"example" not in sealed + base64.b64decode(sealed[7:])
    assert VaultSeal(Vault.of(b"key", "plain")).unseal(sealed) == b'{"email": "a@b.example"}'
    assert seal.unseal(b'{"of": "before sealing"}') == b'{"of": "before sealing"}'
    assert seal.unseal(sealed) == b'{"email": "a@b.example"}'
    assert NoSeal().unseal(b"x") == b"x"
    raw = bytearray(base64.b64decode(sealed[7:]))
    raw[-1] ^= 1
    with pytest.raises(SealError):
        seal.unseal(b"sealed:" + base64.b64encode(bytes(raw)))
