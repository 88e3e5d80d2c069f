"""Landed originals: sealed so that any change is noticed, the same file twice a no-op, keys that change."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feeds.landed import LandedBytes
from feeds.originals import originals, settle_originals
from feeds.scratch import private_scratch
from feeds.sealing import CHUNK_BYTES, SealError, sealed_size, sealed_under
from feeds.vault import Vault
from orchestration.keys import add_landing_key, key_ids, landing_vault, reseal_landing, retire_landing_keys

ROOT = Path(__file__).resolve().parents[3]
VAULT = Vault.of(b"a key")


def sealed(path: Path, content: bytes, vault: Vault = VAULT, piece: int = 700_001) -> Path:
    with path.open("wb", buffering=0) as out, vault.writer(out) as sink:
        for at in range(0, len(content), piece):
            sink.write(content[at : at + piece])
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_sealed_is_read_again_from_any_place(tmp_path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    path = sealed(tmp_path / "f", content)
    assert path.stat().st_size == sealed_size(size)
    with LandedBytes(path, VAULT).open() as stream:
        assert stream.read() == content
        for at in (0, size // 2, max(0, size - 3), CHUNK_BYTES - 2):
            stream.seek(at)
            assert stream.read(5) == content[at : at + 5]
        assert stream.seek(0, io.SEEK_END) == size


def test_the_same_content_is_sealed_differently_each_time(tmp_path: Path) -> None:
    assert sealed(tmp_path / "a", b"x" * 99).read_bytes() != sealed(tmp_path / "b", b"x" * 99).read_bytes()


@pytest.mark.parametrize("at", [0, 9, 20, 33, 36, 100, CHUNK_BYTES + 36, CHUNK_BYTES + 60, -1])
def test_a_flipped_byte_is_noticed_wherever_it_is(tmp_path: Path, at: int) -> None:
    path = sealed(tmp_path / "f", b"secret" * 200_000)
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    if sealed_under(path) is None:  # its mark is gone: it is read as it stands, and is not what was landed
        assert b"secret" not in path.read_bytes()
        return
    with pytest.raises(SealError), LandedBytes(path, VAULT).open() as stream:
        stream.read()


def test_a_cut_or_reordered_file_is_noticed(tmp_path: Path) -> None:
    path = sealed(tmp_path / "f", b"s" * (3 * CHUNK_BYTES))
    raw, chunk = path.read_bytes(), CHUNK_BYTES + 16
    head, body = raw[:36], raw[36:]
    for changed in (head + body[: 2 * chunk], head + body[chunk : 2 * chunk] + body[:chunk] + body[2 * chunk :],  # noqa: E501
                    head + body[:-40], head):  # fmt: skip
        path.write_bytes(changed)
        with pytest.raises(SealError), LandedBytes(path, VAULT).open() as stream:
            stream.read()


def test_another_key_does_not_open_it_and_the_message_names_the_wanted_one(tmp_path: Path) -> None:
    path = sealed(tmp_path / "f", b"secret")
    wanted = sealed_under(path)
    assert wanted is not None
    with pytest.raises(SealError, match=wanted.hex()):
        LandedBytes(path, Vault.of(b"another")).open()


def test_nobody_can_prove_a_guess_of_a_small_file_by_its_name(
    shop: Any, planted: Callable[[int], Any]
) -> None:
    shop.send_people([planted(1)])
    shop.ingest()
    guesses = {hashlib.sha256(p.read_bytes()).hexdigest() for p in shop.feeds.rglob("*.*")}
    names = [p.name.split(".")[0] for p in (shop.folder / "landing").rglob("*.*")]
    ids = {row for feed in ("customers", "orders") for (row,) in shop.rows(feed, "_file_id")}
    assert not guesses & {*names, *ids}
    assert ids <= set(names)


def test_the_same_file_twice_is_a_no_op(shop: Any, planted: Callable[[int], Any]) -> None:
    shop.send_people([planted(1)])
    shop.ingest()
    before = sorted((p.name, p.stat().st_mtime_ns) for p in (shop.folder / "landing").rglob("*.csv"))
    for file in shop.feeds.rglob("*.*"):
        os.utime(file, (1, 1))
    assert "nothing new has arrived" in shop.ingest("customers")
    assert sorted((p.name, p.stat().st_mtime_ns) for p in (shop.folder / "landing").rglob("*.csv")) == before


def test_originals_are_deleted_once_accepted_where_that_is_set(
    shop: Any, planted: Callable[[int], Any]
) -> None:
    os.environ["SHOPWRIGHT_LANDING"] = "deleted"
    shop.send_people([planted(n) for n in range(1, 5)])
    shop.ingest()
    assert [p for folder in (shop.folder / "landing").iterdir() for p in originals(folder)] == []
    assert len(shop.rows("customers", "customer_id")) == 4
    assert "nothing new has arrived" in shop.ingest("customers")
    # A ledger that was lost is written again from the lake; nothing is loaded twice.
    for file in shop.folder.glob("ledger.sqlite*"):
        file.unlink()
    shop.ingest()
    assert len(shop.rows("customers", "customer_id")) == 4


def test_plain_originals_are_sealed_when_the_setting_changes(
    shop: Any, planted: Callable[[int], Any], found_under: Callable[[Path, list[str]], dict[str, list[str]]]
) -> None:
    person = planted(1)
    os.environ["SHOPWRIGHT_LANDING"] = "plain"
    shop.send_people([person])
    shop.ingest()
    assert len(found_under(shop.folder, list(person.canaries))) == 4
    os.environ["SHOPWRIGHT_LANDING"] = "encrypted"
    shop.ingest()
    assert found_under(shop.folder, list(person.canaries)) == {}


def test_a_rotated_key_opens_all_and_the_old_one_nothing(shop: Any, planted: Callable[[int], Any]) -> None:
    shop.send_people([planted(1)])
    shop.ingest()
    settings = shop.workspace.settings
    old, pseudonyms = landing_vault(settings), shop.rows("customers", "email")
    new = add_landing_key(settings)
    assert reseal_landing(settings) == {"corner": 4}
    assert reseal_landing(settings) == {"corner": 0}
    assert stat.S_IMODE(settings.landing_keys.stat().st_mode) == 0o600
    landed = [p for folder in (shop.folder / "landing").iterdir() for p in originals(folder)]
    assert {(sealed_under(p) or b"").hex() for p in landed} == {new} == {key_ids(settings)[0]}
    for path in landed:
        with pytest.raises(SealError):
            LandedBytes(path, old).open()
        with LandedBytes(path, landing_vault(settings)).open() as stream:
            assert stream.read()
    # Joins are kept: the same person has the same pseudonym before and after.
    shop.send_people([planted(1)], day="2026-02-03")
    shop.ingest()
    assert {value for (value,) in shop.rows("customers", "email")} == {value for (value,) in pseudonyms}
    add_landing_key(settings)
    assert retire_landing_keys(settings) == 1
    assert len(key_ids(settings)) == 2
    assert "nothing new has arrived" in shop.ingest("customers")


def test_a_rotation_that_was_killed_goes_on(
    shop: Any, planted: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.send_people([planted(1)])
    shop.ingest()
    settings = shop.workspace.settings
    add_landing_key(settings)
    folder = shop.folder / "landing" / "orders"
    with monkeypatch.context() as broken:
        broken.setattr("feeds.vault.os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            settle_originals(shop.folder, "orders", landing_vault(settings))
    # Before it goes on, every original can still be read.
    with LandedBytes(originals(folder)[0], landing_vault(settings)).open() as stream:
        assert b"order-1" in stream.read()
    assert reseal_landing(settings) == {"corner": 4}


def test_the_scratch_folder_of_a_killed_process_is_gone_at_the_next_start(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom feeds.scratch import private_scratch\n"
        "with private_scratch(Path(sys.argv[1])) as scratch:\n"
        "    (scratch / 'plain.csv').write_text('anna@example.org')\n"
        "    print(scratch, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        scratch = Path(process.stdout.readline().strip())
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        with private_scratch(tmp_path) as mine:
            # A living process keeps its own.
            assert (scratch / "plain.csv").exists()
            assert mine != scratch
        process.send_signal(signal.SIGKILL)
        process.wait()
    with private_scratch(tmp_path):
        assert not scratch.exists()


def test_sealing_costs_little_beside_hashing(tmp_path: Path) -> None:
    content = os.urandom(32 << 20)
    started = time.process_time()
    hashlib.sha256(content).digest()
    hashing = time.process_time() - started
    started = time.process_time()
    sealed(tmp_path / "f", content, piece=8 << 20)
    assert time.process_time() - started < 10 * hashing
