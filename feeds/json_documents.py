"""Records of a JSON document (an array, or an object that holds one), one after the other, as their own text.

The document is never held whole; values outside of the records are passed over. What the values mean is not
known here.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO

from feeds.report import FeedError

MAX_VALUE_CHARS = 8 << 20
_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")


class JsonError(FeedError):
    """A document is no JSON, or holds no records where they should be; the message says where and why."""


class NotANumberError(ValueError):
    """NaN or Infinity, which JSON does not have."""


def _no_constant(name: str) -> Any:
    raise NotANumberError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class Document:
    """A JSON text that is read forward, with the line it is at."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self.name = stream, name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._text, self._at, self._ended, self.line = "", 0, False, 1

    def records(self, path: str | None) -> Iterator[tuple[int, str]]:
        """(line, text) of each record: the items at ``path``, or of the only list of objects there is."""
        if self.peek() == "[":
            if path:
                raise self.error(f"the document is a list, so it has no {path!r}; leave `records` out")
            yield from self._items()
        elif self.peek() == "{":
            found = yield from self._within(path.split(".") if path else [])
            if not found:
                wanted = (
                    f"nothing stands at {path!r}" if path else "no list of records stands in the document"
                )
                raise self.error(
                    f"{wanted}. Say with the source's `records` where they are (such as data.items)"
                )
        else:
            raise self.error("the document is neither a list nor an object")
        if self.peek():
            raise self.error("more follows after the end of the document")

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            start = self._at
            match = _SPACE.match(self._text, start)
            self._at = match.end() if match else start
            self.line += self._text.count("\n", start, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def error(self, why: str) -> JsonError:
        """The error for the place that is reached."""
        return JsonError(f"{self.name}: line {self.line}: {why}. Nothing of the file is read.")

    def _within(self, path: list[str]) -> Generator[tuple[int, str], None, bool]:
        found = False
        self._take("{")
        while self.peek() != "}":
            key, _ = self._value()
            self._take(":")
            head = self.peek()
            if path and key == path[0] and len(path) > 1 and head == "{":
                found = (yield from self._within(path[1:])) or found
            elif head == "[" and (path == [key] or not path):
                n = 0
                for item in self._items():
                    if found and not n:
                        raise self.error("the document has several lists; say with `records` which one")
                    n += 1
                    yield item
                found = found or bool(n) or path == [key]
            else:
                self._value()
            if self.peek() == ",":
                self._take(",")
            elif self.peek() != "}":
                raise self.error("a comma or the end of the object is missing; the file may be cut off")
        self._take("}")
        return found

    def _items(self) -> Iterator[tuple[int, str]]:
        self._take("[")
        while self.peek() != "]":
            line = self.line
            yield line, self._value()[1]
            if self.peek() == ",":
                self._take(",")
            elif self.peek() != "]":
                raise self.error("a comma or the end of the list is missing; the file may be cut off")
        self._take("]")

    def _take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise self.error(f"{wanted!r} is missing; the file may be cut off")
        self._at += 1

    def _value(self) -> tuple[Any, str]:
        """The value that begins here, and its text on one line."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except NotANumberError as constant:
                raise self.error(f"{constant} is no JSON; send null or a text instead") from constant
            except RecursionError as deep:
                raise self.error("values are nested too deeply") from deep
            except ValueError as broken:
                if len(self._text) - self._at > MAX_VALUE_CHARS:
                    raise self.error(
                        f"a value is longer than {MAX_VALUE_CHARS >> 20} MB, or broken"
                    ) from broken
                if self._more():
                    continue
                raise self.error(f"no valid JSON ({broken})") from broken
            # A number may go on in the next chunk.
            if end == len(self._text) and self._more():
                continue
            text = self._text[self._at : end]
            self.line += text.count("\n")
            self._at = end
            return value, text.replace("\n", " ").replace("\r", " ")

    def _more(self) -> bool:
        if self._ended:
            return False
        # Doubled, so that a long value is tried again a few times only.
        chunk = self._stream.read(max(_CHUNK, len(self._text) - self._at))
        self._ended = not chunk
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=self._ended)
        self._at = 0
        return not self._ended
