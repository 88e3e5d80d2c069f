"""Signatures equal the examples that the platforms publish, and the RFC vectors where they publish none."""

# ruff: noqa: E501 (published examples, one line each)
from __future__ import annotations

import pytest

from feeds.connectors.platforms.signatures import sign_ali1688, sign_jd, sign_top

TOP_EXAMPLE = {
    "method": "taobao.item.seller.get", "app_key": "12345678", "session": "test", "timestamp": "2016-01-01 12:00:00",
    "format": "json", "v": "2.0", "sign_method": "md5", "fields": "num_iid,title,nick,price,num", "num_iid": "11223344",
}  # fmt: skip
JD_EXAMPLE = {
    "360buy_param_json": '{"end_date":null,"optional_fields":null,"order_state":"WAIT_SELLER_STOCK_OUT","page":"1",'
    '"page_size":"200","start_date":null}',
    "access_token": "yourtoken", "app_key": "yourappkey", "method": "jingdong.pop.order.search",
    "timestamp": "2021-05-07 09:20:39.683+0800", "v": "2.0",
}  # fmt: skip


def test_top_md5_equals_the_example_of_the_protocol_document() -> None:
    assert sign_top(TOP_EXAMPLE, "helloworld", "md5") == "66987CB115214E59E6EC978214934FB8"


def test_jd_equals_the_example_of_the_development_guide() -> None:
    assert sign_jd(JD_EXAMPLE, "yourappSecret") == "D70825340F4084360B9362B60DFD7930"
    told = {**JD_EXAMPLE, "format": "json", "sign_method": "md5", "sign": "X"}
    assert sign_jd(told, "yourappSecret") == "D70825340F4084360B9362B60DFD7930"


def test_1688_equals_the_example_of_the_signature_rules() -> None:
    path, params = "param2/1/system/currentTime/1000000", {"b": "2", "a": "1"}
    assert sign_ali1688(path, params, "test123") == "33E54F4F7B989E3E0E912D3FBD2F1A03CA7CCE88"


@pytest.mark.parametrize(
    ("method", "secret", "expected"),
    [
        ("hmac", "\x0b" * 16, "9294727A3638BB1C13F48EF8158BFC9D"),  # RFC 2202, HMAC-MD5 case 1
        ("hmac-sha256", "\x0b" * 20, "B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7"),  # RFC 4231
    ],
)  # fmt: skip
def test_top_hmac_equals_the_rfc_vectors(method: str, secret: str, expected: str) -> None:
    # One parameter named "Hi" with the value " There" is the text of both vectors.
    assert sign_top({"Hi": " There"}, secret, method) == expected  # type: ignore[arg-type]


def test_names_are_sorted_by_bytes_and_chinese_values_are_utf_8() -> None:
    one = sign_top({"b": "2", "B": "1", "标题": "灯"}, "s", "md5")
    assert one == sign_top({"标题": "灯", "B": "1", "b": "2"}, "s", "md5")
    assert one != sign_top({"b": "1", "B": "2", "标题": "灯"}, "s", "md5")


def test_empty_values_and_the_signature_itself_take_no_part() -> None:
    assert sign_top({**TOP_EXAMPLE, "sign": "X", "nick": ""}, "helloworld", "md5") == sign_top(
        TOP_EXAMPLE, "helloworld", "md5"
    )
