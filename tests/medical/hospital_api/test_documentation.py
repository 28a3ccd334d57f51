"""The reference: its worked examples and tables are what the platform does."""

import base64
import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.medical.hospital_api.conftest import CHENGDU, Client, hmac_sha1
from yikatong.medical.hospital_api import catalogs, faults, files, signatures, signing_in, wire
from yikatong.medical.hospital_api.envelope import Envelope
from yikatong.medical.hospital_api.refusals import NotAuthenticated

DOC = (
    Path(__file__).parents[3] / "docs" / "reference" / "hospital-interface.md"
).read_text(encoding="utf-8")  # fmt: skip


def example(scheme: str) -> dict[str, str]:
    return dict(re.findall(rf"^{scheme} ([a-z ]+): `(.+)`$", DOC, re.MULTILINE))


def test_the_worked_example_of_scheme_a_is_right() -> None:
    given = example("A")
    signed = {
        "_api_name": "hssServives",
        "_api_version": "1.0.0",
        "_api_timestamp": given["timestamp"],
        "_api_access_key": given["access key"],
    }
    text = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    assert text == given["text"]
    digest = hmac_sha1(given["secret"].encode(), text.encode())
    assert base64.b64encode(digest).decode() == given["signature"]
    headers = signed | {"_api_signature": given["signature"]}
    check(headers, "A", given["secret"], int(given["timestamp"]))


def test_the_worked_example_of_scheme_b_is_right() -> None:
    given = example("B")
    when, nonce = given["timestamp"], given["nonce"]
    assert given["text"] == f"{when}{given['secret']}{nonce}{when}"
    assert hashlib.sha256(given["text"].encode()).hexdigest().upper() == given["signature"]
    headers = {
        "x-tif-paasid": given["access key"],
        "x-tif-timestamp": when,
        "x-tif-nonce": nonce,
        "x-tif-signature": given["signature"],
    }
    check(headers, "B", given["secret"], int(when) * 1000)


def check(headers: dict[str, str], scheme: str, secret: str, now_ms: int) -> None:
    """Accepted as it stands; refused with one character changed."""
    found = {name.encode(): value.encode() for name, value in headers.items()}
    signature = signatures.read(found)
    signatures.verify(signature, scheme, secret.encode(), now_ms, tell=False)
    with pytest.raises(NotAuthenticated):
        signatures.verify(signature, scheme, secret.encode() + b"x", now_ms, tell=False)


@pytest.mark.parametrize("scheme", ["A", "B"])
def test_the_code_of_the_page_signs_as_the_platform_verifies(scheme: str) -> None:
    (code,) = re.findall(rf"```python\n(def headers_{scheme.lower()}.*?)```", DOC, re.DOTALL)
    names: dict[str, Any] = {}
    exec(f"import base64, hashlib, hmac, secrets, time\n{code}", names)
    headers = names[f"headers_{scheme.lower()}"]("key", "a-secret")
    check(headers, scheme, "a-secret", int(time.time() * 1000))


async def test_the_example_message_is_taken(client: Client) -> None:
    (text,) = re.findall(r"```json\n(\{.*?\})\n```", DOC, re.DOTALL)
    body = json.loads(text)
    assert body["fixmedins_code"] == CHENGDU
    answer = (await client.post(text.encode())).json()
    assert answer["infcode"] == 0, answer


def test_every_field_of_the_envelope_stands_in_its_table() -> None:
    table = DOC.partition("## The envelope")[2].partition("The answer:")[0]
    for name in Envelope.__struct_fields__:
        assert f"`{name}`" in table, name


def test_the_tables_name_what_there_is() -> None:
    for address in wire._ADDRESSES:
        assert address.rstrip("/").rpartition("/")[2] in DOC
    for fault in faults.FAULTS:
        assert f"| `{fault}` |" in DOC
    for code, catalog in catalogs.CATALOGS.items():
        kept = catalog.codes is None or len(catalog.codes()) > 0
        assert kept == (f"| {code} |" in DOC), code
    for column in catalogs.COLUMNS:
        assert f"`{column}`" in DOC
    assert f"at most {wire.BODY_BYTES_MAX // 1024} KiB" in DOC
    assert f"kept for {files.KEPT.days} days, at most {files._FILES_MAX} or" in DOC
    assert f"after {signing_in.LASTS.days * 24} hours" in DOC
    assert f"after {faults.SLOW_SECONDS:.0f} seconds" in DOC
    assert f"within {catalogs.KEPT.days} days" in DOC
