"""What a REST source may not ask for or be told, without a server: addresses, credentials, dates, pace."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("dlt", reason="the extra `pulls` is not installed")

from feeds.connectors.dlt_quiet import dlt_module
from feeds.connectors.http_limits import HttpError, HttpLimits, Pace, check_address, moment_of
from feeds.report import FeedError
from feeds.shop import ShopError, load_shop

FILE = Path(__file__).parents[2] / "faults" / "upstream.py"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "not http or https"),
        ("https://elsewhere.example/x", "another host"),
        ("http://shop.example/x", "another host"),
        ("https://shop.example:8443/x", "another host"),
        ("https://shop.example@evil.example/x", "another host"),
        ("gopher://shop.example/", "not http or https"),
    ],
)
def test_no_answer_leads_to_another_place(url: str, message: str) -> None:
    with pytest.raises(HttpError, match=message):
        check_address(url, "https://shop.example/api", HttpLimits())


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0.0.0.0", "224.0.0.1"])
def test_addresses_of_the_local_link_are_not_asked(host: str) -> None:
    with pytest.raises(HttpError, match="local link"):
        check_address(f"http://{host}/latest", f"http://{host}/", HttpLimits())
    check_address(f"http://{host}/x", f"http://{host}/", HttpLimits(allow_link_local=True))


def test_the_pace_of_a_host_is_shared_by_all_who_ask() -> None:
    pace, now = Pace(), [100.0]
    waits = [pace.wait_seconds("a:443", 4, lambda: now[0]) for _ in range(5)]
    assert waits == [0, 0.25, 0.5, 0.75, 1.0]
    assert pace.wait_seconds("b:443", 4, lambda: now[0]) == 0
    now[0] += 60
    assert pace.wait_seconds("a:443", 4, lambda: now[0]) == 0


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(FeedError, match=r"no_such_package.*pip install 'shopwright\[pulls\]'"):
        dlt_module("no_such_package.part", "A REST source")


def test_dates_of_http_are_read() -> None:
    assert moment_of("Sun, 06 Nov 1994 08:49:37 GMT") == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert moment_of("tomorrow") is None


@pytest.mark.parametrize(
    ("pull", "message"),
    [
        ("{base_url: 'https://x.example', token: abc}", "token_env"),
        ("{base_url: 'https://x.example', auth: {type: basic, password: abc}}", "password_env"),
        ("{base_url: 'https://x.example', token_env: 'not a name'}", "no name of an environment variable"),
        ("[1, 2]", "no mapping"),
    ],
)
def test_a_credential_in_a_shop_file_is_refused(tmp_path: Path, pull: str, message: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: s\ntime_zone: UTC\ncurrency: EUR\n"
        f"sources: [{{name: api, connector: rest, provides: [orders], pull: {pull}}}]\n"
    )
    with pytest.raises(ShopError, match=message):
        load_shop(file)
