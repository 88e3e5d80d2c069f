"""A sender's file stands for the landed one only while it has the landed bytes."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from feeds import sent_file
from feeds.sent_file import SentFile, note_landed, status_of


def address_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def rewritten(path: Path, content: bytes) -> None:
    """Other bytes of the same size, with the time of change set back."""
    before = path.stat()
    time.sleep(0.02)  # a tick of the file system's clock
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("is_noted", [True, False])
def test_it_holds_the_landed_content_until_it_is_changed_however_alike(
    is_noted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_file, "_SETTLED_NS", 0)
    path = tmp_path / "sent.csv"
    path.write_bytes(b"one")
    time.sleep(0.02)
    if is_noted:
        note_landed(path, status_of(path), address_of(b"one"))
    sent = SentFile.at(path, 3)
    assert sent is not None
    assert sent.holds(address_of(b"one"), None)
    assert not sent.holds(address_of(b"two"), None)
    rewritten(path, b"two")
    assert not sent.is_unchanged
    again = SentFile.at(path, 3)
    assert again is not None
    assert not again.holds(address_of(b"one"), None)
    assert again.holds(address_of(b"two"), None)


def test_a_file_of_another_size_or_none_stands_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sent.csv"
    assert SentFile.at(path, 3) is None
    path.write_bytes(b"three")
    assert SentFile.at(path, 3) is None
    assert SentFile.at(None, 3) is None
