"""What the bytes of a CSV file say of its lines before it is parsed, so that a clean file needs no careful
reading.

Only counts and the presence of odd bytes; no record is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Small enough that each look at a chunk finds it in the processor's cache.
_CHUNK = 256 << 10
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class TextProfile:
    """Lines (by line feeds, the last one with or without), and what makes a reader careful.

    Without ``has_padding`` no value begins or ends with a space; without ``has_exponent`` none holds "E+".
    """

    n_lines: int
    has_carriage_returns: bool
    has_blank_lines: bool
    has_inner_mark: bool
    has_nul: bool
    has_padding: bool
    has_exponent: bool
    first_line: bytes
    longest_run: int

    @property
    def is_plain(self) -> bool:
        """Whether each line can be one record under the line's own number."""
        odd = self.has_carriage_returns or self.has_blank_lines or self.has_inner_mark
        return not odd and bool(self.first_line.strip())


def profile(path: Path, delimiter: str = ",") -> TextProfile:
    """Profile of a file in one pass of counting, some gigabytes a second; ``longest_run`` counts bytes
    without a line feed, at the grain of the chunks read.
    """
    n_lines = longest = run = 0
    returns = blank = mark = nul = padded = exponent = False
    borders = f'{delimiter}"\n'.encode()
    first, last = b"", b""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            seen = last + chunk
            lines, pairs = _line_feeds(seen, len(last))
            if not n_lines and not last:
                first = chunk.removeprefix(_BOM).partition(b"\n")[0]
                mark = _BOM in chunk[1:]
                blank = chunk.startswith(b"\n")
            else:
                # A search for one byte is ten times as fast as one for three.
                mark = mark or (b"\xef" in seen and _BOM in seen)
            n_lines += lines
            returns = returns or b"\r" in chunk
            exponent = exponent or (b"+" in seen and b"E+" in seen)
            nul = nul or b"\0" in chunk
            padded = padded or (b" " in seen and _has_padding(seen, borders, b"x" if last else b"\n"))
            blank = blank or pairs
            run = run + len(chunk) if not lines else len(chunk) - chunk.rfind(b"\n") - 1
            longest = max(longest, run)
            last = chunk[-2:]
    n_lines += bool(last) and not last.endswith(b"\n")
    padded = padded or last.endswith(b" ")
    return TextProfile(n_lines, returns, blank, mark, nul, padded, exponent, first, longest)


def _line_feeds(seen: bytes, before: int) -> tuple[int, bool]:
    """How many line feeds there are, those in the first ``before`` bytes left out, and whether two touch."""
    is_feed = np.frombuffer(seen, np.uint8) == ord("\n")
    n_feeds = int(np.count_nonzero(is_feed[before:]))
    return n_feeds, bool((is_feed[1:] & is_feed[:-1]).any())


def _has_padding(text: bytes, borders: bytes, before: bytes) -> bool:
    """Whether a space stands beside one of the bytes between which values stand."""
    at = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(" "))
    is_border = np.zeros(256, bool)
    is_border[list(borders)] = True
    beside = np.frombuffer(before + text + b"x", np.uint8)
    return bool(is_border[beside[at]].any() or is_border[beside[at + 2]].any())
