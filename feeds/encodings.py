"""Text encodings: which one a file is in, and its strict way to UTF-8.

A byte order mark, valid UTF-8 and the pattern of UTF-16 are facts. Among GB18030, Big5, EUC-KR and
Windows-1252 the evidence is weighed, and what stays doubtful is refused: the source's `encoding` settles it.
Nothing is ever replaced by a substitute character.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

from feeds.report import LandingError

CHUNK = 4 << 20
MIN_CONFIDENCE = 0.8
_SAMPLE = 128 << 10
_HEAD = 64 << 10
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ("gb18030", "big5", "euc_kr", "cp1252")
# Letters that German, Spanish, French, Italian and Portuguese use often and other code pages put elsewhere.
_WESTERN = frozenset("äöüßÄÖÜéèêëáàâíóôúñçãõÉÁÍÓÚÑÇÀÈîïûœ€°’‘“”„–—…«»¡ªº".encode("cp1252"))
# The everyday characters of the two Chinese tables, by first byte; wrong readings fall outside of them.
_COMMON_LEADS = {"gb18030": range(0xB0, 0xD8), "big5": range(0xA4, 0xC7), "euc_kr": range(0xB0, 0xC9)}
_PUNCTUATION_LEADS = {"gb18030": (0xA1, 0xA3), "big5": (0xA1, 0xA2), "euc_kr": (0xA1, 0xA3)}


@dataclass(frozen=True)
class Encoding:
    """An encoding and how sure it is, 0 to 1; ``declared`` when the source says it."""

    name: str
    confidence: float = 1.0
    declared: bool = False


def detect(open_stream: Callable[[], BinaryIO], name: str) -> Encoding:
    """The encoding of a text; ``LandingError`` naming file, byte and remedy where it stays doubtful."""
    with open_stream() as stream:
        head = stream.read(_HEAD)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return Encoding(encoding)
    wide = _wide(head)
    if wide:
        return Encoding(wide, 0.95)
    offset, sample, utf8_share = _look(open_stream)
    if offset is None:
        return Encoding("utf-8")
    if utf8_share > 0.2:
        raise LandingError(
            f"{name}: byte {offset} is not valid UTF-8, though other lines are. The file mixes encodings or "
            "is damaged; send it again in one encoding."
        )
    ranked = sorted(((_confidence(sample, c), c) for c in _CANDIDATES), reverse=True)
    best, encoding = ranked[0]
    if best < MIN_CONFIDENCE or best - ranked[1][0] < 0.2:
        told = ", ".join(f"{c} {share:.0%}" for share, c in ranked)
        raise LandingError(
            f"{name}: byte {offset} is not valid UTF-8, and no other encoding is certain enough ({told}). "
            "Declare the source's `encoding` in the shop file (gb18030, big5, utf-16, cp1252, …) or send "
            "UTF-8."
        )
    return Encoding(encoding, round(best, 3))


def to_utf8(stream: BinaryIO, encoding: Encoding, name: str) -> Iterator[bytes]:
    """The text in UTF-8, chunk by chunk; ``LandingError`` with the byte where it cannot be that encoding.

    UTF-8 passes as it is, byte order mark included.
    """
    same = codecs.lookup(encoding.name).name in ("utf-8", "utf-8-sig")
    decoder = codecs.getincrementaldecoder("utf-8" if same else encoding.name)("strict")
    offset, n_lines, mark = 0, 0, not same
    while True:
        chunk = stream.read(CHUNK)
        pending = len(decoder.getstate()[0])
        if same and not pending and chunk and chunk.isascii() and stream.seekable():
            # Nine times as fast as decoding, and most feeds are nothing else.
            offset += len(chunk)
            yield chunk
            continue
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as broken:
            at = offset - pending + broken.start
            line = _line_feeds(stream, n_lines, offset) + 1
            line += chunk[: max(broken.start - pending, 0)].count(b"\n")
            raise _undecodable(name, at, line, encoding) from broken
        offset += len(chunk)
        n_lines += 0 if stream.seekable() else chunk.count(b"\n")
        if mark and text:
            # UTF-16 with its byte order declared keeps the mark as a character.
            text, mark = text.removeprefix("\ufeff"), False
        written = chunk if same else text.encode()
        if written:
            yield written
        if not chunk:
            return


def _line_feeds(stream: BinaryIO, counted: int, offset: int) -> int:
    """Line feeds before a byte; counted again where that is possible, rather than on the way of each file."""
    if not stream.seekable():
        return counted
    stream.seek(0)
    n_lines = 0
    while offset > 0 and (chunk := stream.read(min(CHUNK, offset))):
        offset -= len(chunk)
        n_lines += chunk.count(b"\n")
    return n_lines


def _undecodable(name: str, offset: int, line: int, encoding: Encoding) -> LandingError:
    label = "UTF-8" if encoding.name.startswith("utf-8") else encoding.name
    if encoding.declared:
        remedy = f"Correct the source's `encoding` (now {encoding.name}) or the file."
    else:
        remedy = "Declare the source's `encoding` in the shop file, or send the file again."
    return LandingError(f"{name}: byte {offset} is not valid {label} (line {line}). {remedy}")


def _wide(head: bytes) -> str | None:
    """UTF-16 without a mark: digits, commas and line ends show a zero on one side of each pair, always."""
    pairs = len(head) // 2
    if not pairs:
        return None
    high, low = head[1::2].count(0) / pairs, head[0 : pairs * 2 : 2].count(0) / pairs
    if max(high, low) < 0.1 or min(high, low) > 0.01:
        return None
    return "utf-16-le" if high > low else "utf-16-be"


def _look(open_stream: Callable[[], BinaryIO]) -> tuple[int | None, bytes, float]:
    """First byte that is no UTF-8 (``None`` if all is), a sample of the lines that are not ASCII, and which
    share of those lines is UTF-8 all the same.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = 0
    with open_stream() as stream:
        while True:
            chunk = stream.read(CHUNK)
            pending = len(decoder.getstate()[0])
            if chunk and not pending and chunk.isascii():
                offset += len(chunk)
                continue
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as broken:
                offset += broken.start - pending
                break
            if not chunk:
                return None, b"", 1.0
            offset += len(chunk)
    lines, n_utf8, size, carry = [], 0, 0, b""
    with open_stream() as stream:
        while size < _SAMPLE and (chunk := stream.read(_HEAD)):
            *whole, carry = (carry + chunk)[-4 * _HEAD :].split(b"\n")
            for line in whole:
                if not line.isascii():
                    lines.append(line)
                    size += len(line)
                    n_utf8 += _is_utf8(line)
    if carry and not carry.isascii() and size < _SAMPLE:
        lines.append(carry)
        n_utf8 += _is_utf8(carry)
    return offset, b"\n".join(lines)[: 2 * _SAMPLE], n_utf8 / max(len(lines), 1)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _confidence(sample: bytes, candidate: str) -> float:
    """How well the sample reads in a candidate: share of everyday characters, less the disorder that
    charset-normalizer finds, and less the doubt that few characters leave.
    """
    whole = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        whole.decode(candidate)
    except UnicodeDecodeError:
        return 0.0
    hits, n = _western(whole) if candidate == "cp1252" else _chinese(whole, candidate)
    # A few kilobytes tell the disorder as well as all of it, in milliseconds.
    match = from_bytes(whole[:4096].rsplit(b"\n", 1)[0], cp_isolation=[candidate], threshold=1.0).best()
    disorder = match.chaos if match else 0.0
    return hits / (n + 1) * (1 - min(disorder, 1.0))


def _western(sample: bytes) -> tuple[int, int]:
    """Bytes beyond ASCII that are everyday letters with an ASCII neighbour, and how many there are."""
    hits = n = 0
    for at, byte in enumerate(sample):
        if byte < 0x80:
            continue
        n += 1
        around = sample[max(at - 1, 0) : at] + sample[at + 1 : at + 2]
        hits += byte in _WESTERN and any(b < 0x80 for b in around)
    return hits, n


def _chinese(sample: bytes, candidate: str) -> tuple[int, int]:
    """Characters of the everyday part of the table, and how many characters beyond ASCII there are."""
    hits = n = n_low = at = 0
    common, marks = _COMMON_LEADS[candidate], _PUNCTUATION_LEADS[candidate]
    while at < len(sample):
        lead = sample[at]
        if lead < 0x81:
            at += 1
            continue
        trail = sample[at + 1] if at + 1 < len(sample) else 0
        n += 1
        if lead in common or lead in marks:
            is_low = candidate == "big5" and 0x40 <= trail <= 0x7E
            hits += trail >= 0xA1 or is_low
            n_low += is_low
        at += 4 if candidate == "gb18030" and 0x30 <= trail <= 0x39 else 2
    # Two of five characters of Big5 end in a low byte; a text without any is another's.
    return (0, n) if candidate == "big5" and n >= 8 and not n_low else (hits, n)
