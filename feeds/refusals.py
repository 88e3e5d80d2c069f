"""Files that are refused as a whole: which, and why. The other files of their feed are loaded."""

from __future__ import annotations

from dataclasses import dataclass

from feeds.report import LandingError, LoadReport


@dataclass(frozen=True)
class RefusedFile:
    """A landed file that could not be read: its number in the batch, its name, and the reason with remedy."""

    number: int
    name: str
    reason: str


class FilesRefused(LandingError):
    """Files could not be taken in; what the others held is loaded, and ``report`` accounts for it.

    Refused files stay due: the next run tries them again, until they are replaced or the shop file is put
    right.
    """

    def __init__(self, report: LoadReport, reasons: list[str]) -> None:
        self.report, self.reasons = report, tuple(dict.fromkeys(reasons))
        shown = "; ".join(self.reasons[:5])
        more = f" (and {len(self.reasons) - 5} more)" if len(self.reasons) > 5 else ""
        loaded = f" The other files are loaded ({report.accepted} rows accepted)." if report.files else ""
        super().__init__(f"{shown}{more}{loaded}")
