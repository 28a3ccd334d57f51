"""Transactions about no person: signing in, asking for providers, files, catalogs."""

import base64
import io
import zipfile
from datetime import date, timedelta
from typing import Any

import pytest

from tests.medical.hospital_api.conftest import (
    BEIJING,
    CHENGDU,
    NOW,
    PHARMACY,
    Client,
    Place,
    add_providers,
    envelope,
    headers_a,
)
from yikatong.core.clock import FixedClock
from yikatong.medical import reference
from yikatong.medical.hospital_api import catalogs, files, signing_in

ASK = {"data": {"psn_no": "1000001"}}
WHO = {"signIn": {"opter_no": "op01", "mac": "00-11-22-33-44-55", "ip": "10.0.0.1"}}


# ---- 9001, 9002 ----


async def sign_in(client: Client) -> str:
    answer = await client.call("9001", WHO, path="/fsi/api/signInSignOutService/signIn")
    assert answer["infcode"] == 0, answer
    found = answer["output"]["signinoutb"]
    assert found["sign_time"] == "2026-03-01 09:00:00"
    assert 0 < len(found["sign_no"]) <= 30
    return found["sign_no"]


async def test_an_operator_signs_in_works_and_signs_out(place: Place, client: Client) -> None:
    number = await sign_in(client)
    assert (await client.call("5301", ASK, sign_no=number))["infcode"] == 0
    out = {"signOut": {"sign_no": number, "opter_no": "op01"}}
    answer = await client.call(
        "9002", out, path="/fsi/api/signInSignOutService/signOut", sign_no=number
    )
    assert answer["output"] == {"signoutoutb": {"sign_time": "2026-03-01 09:00:00"}}
    # At once, though it was believed live a moment ago.
    assert (await client.refused("5301", ASK, sign_no=number)).startswith("sign_no：")
    assert "已经签退" in await client.refused("9002", out)
    assert len(place.desk.orders) == 1


async def test_a_sign_in_repeated_under_its_message_is_one_sign_in(client: Client) -> None:
    body = envelope(CHENGDU, "9001", WHO)
    first, second = await client.post(body), await client.post(body)
    assert first.content == second.content


async def test_a_sign_in_belongs_to_its_provider(place: Place, client: Client) -> None:
    number = await sign_in(client)
    other = await place.client(provider=BEIJING)
    assert (await other.refused("5301", ASK, sign_no=number)).startswith("sign_no：")
    out = {"signOut": {"sign_no": number, "opter_no": "op01"}}
    assert (await other.refused("9002", out)).startswith("signOut.sign_no：")
    assert (await client.call("5301", ASK, sign_no=number))["infcode"] == 0


async def test_a_sign_in_ends_after_a_day(place: Place, client: Client) -> None:
    number = await sign_in(client)
    async with place.platform.database.transaction() as connection:
        await connection.execute(
            "update provider_sign_ins set signed_in_at = $1 where sign_no = $2",
            NOW - signing_in.LASTS,
            number,
        )
    assert (await client.refused("5301", ASK, sign_no=number)).startswith("sign_no：")


@pytest.mark.parametrize(
    ("infno", "data", "field"),
    [
        ("9001", {}, "signIn"),
        ("9001", {"signIn": None}, "signIn"),
        ("9001", {"signIn": {"opter_no": "null"}}, "signIn.opter_no"),
        ("9001", {"signIn": {"opter_no": 7}}, "signIn.opter_no"),
        ("9001", {"signIn": {"opter_no": "x" * 31}}, "signIn.opter_no"),
        ("9002", {"signOut": {"opter_no": "op01"}}, "signOut.sign_no"),
        ("9002", {"signOut": {"sign_no": "1"}}, "signOut.opter_no"),
        ("9002", {"signOut": {"sign_no": "1", "opter_no": "op01"}}, "signOut.sign_no"),
    ],
)
async def test_what_is_wrong_with_signing_is_named(
    client: Client, infno: str, data: Any, field: str
) -> None:
    assert (await client.refused(infno, data)).startswith(f"{field}：")


async def test_nobody_signs_another_out(client: Client) -> None:
    number = await sign_in(client)
    said = await client.refused("9002", {"signOut": {"sign_no": number, "opter_no": "op02"}})
    assert said.startswith("signOut.opter_no：")


# ---- 1201 ----


async def ask(client: Client, **given: Any) -> list[dict[str, str]]:
    answer = await client.call("1201", {"medinsinfo": given})
    assert answer["infcode"] == 0, answer
    return answer["output"]["medinsinfo"]


async def test_a_provider_is_found_by_code_and_by_name(client: Client) -> None:
    hospital = {
        "fixmedins_type": "1",
        "fixmedins_name": "北京市中心医院",
        "fixmedins_code": BEIJING,
        "uscc": "",
        "hosp_lv": "02",
    }
    assert await ask(client, fixmedins_code=BEIJING, fixmedins_type="1") == [hospital]
    assert await ask(client, fixmedins_name="中心医院", fixmedins_type="") == [hospital]
    found = await ask(client, fixmedins_name="成都", fixmedins_type="null", fixmedins_code=None)
    assert {one["fixmedins_code"] for one in found} == {CHENGDU, PHARMACY}
    assert await ask(client, fixmedins_code=BEIJING, fixmedins_type="2") == []
    assert await ask(client, fixmedins_code="H00000000000") == []


async def test_a_question_for_all_providers_is_refused(client: Client) -> None:
    assert {one["fixmedins_code"] for one in await ask(client, fixmedins_type="2")} == {PHARMACY}
    for given in ({}, {"fixmedins_name": "null"}):
        said = await client.refused("1201", {"medinsinfo": given})
        assert said.startswith("medinsinfo.fixmedins_code：")
    said = await client.refused("1201", {"medinsinfo": {"fixmedins_type": "9"}})
    assert said.startswith("medinsinfo.fixmedins_type：")
    assert (await client.refused("1201", {})).startswith("medinsinfo：")


# ---- 9101, 9102 ----


async def upload(client: Client, content: Any, name: str = "对账明细.txt") -> dict[str, Any]:
    data = {"fsUploadIn": {"in": content, "filename": name, "fixmedins_code": CHENGDU}}
    answer = await client.call("9101", data)
    assert answer["infcode"] == 0, answer
    return answer["output"]["fsUploadOut"]


def download(number: str, **more: Any) -> dict[str, Any]:
    return {"fsDownloadIn": {"file_qury_no": number, "filename": "", "fixmedins_code": None} | more}


@pytest.mark.parametrize(
    "content",
    [
        [104, 101, -61, -87, 0, 255],
        base64.b64encode(b"he\xc3\xa9\x00\xff").decode(),
    ],
)
async def test_a_file_comes_back_byte_for_byte(client: Client, content: Any) -> None:
    kept = await upload(client, content)
    assert kept["dld_endtime"] == "2026-03-08 09:00:00"
    for more in ({}, {"filename": "对账明细.txt"}, {"fixmedins_code": CHENGDU}):
        body = envelope(CHENGDU, "9102", download(kept["file_qury_no"], **more))
        response = await client.post(body)
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
        assert response.content == b"he\xc3\xa9\x00\xff"


async def test_a_file_is_its_providers_own(place: Place, client: Client) -> None:
    kept = await upload(client, [1, 2, 3])
    other = await place.client(provider=PHARMACY)
    said = await other.refused("9102", download(kept["file_qury_no"]))
    assert said.startswith("fsDownloadIn.file_qury_no：")
    said = await client.refused("9102", download(kept["file_qury_no"], filename="another.txt"))
    assert said.startswith("fsDownloadIn.filename：")
    said = await client.refused("9102", download(kept["file_qury_no"], fixmedins_code=BEIJING))
    assert said.startswith("fsDownloadIn.fixmedins_code：")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"filename": "a.txt"}, "in"),
        ({"filename": "a.txt", "in": []}, "in"),
        ({"filename": "a.txt", "in": ""}, "in"),
        ({"filename": "a.txt", "in": "&&&"}, "in"),
        ({"filename": "a.txt", "in": [256]}, "in"),
        ({"filename": "a.txt", "in": [-129]}, "in"),
        ({"filename": "a.txt", "in": [1.5]}, "in"),
        ({"filename": "a.txt", "in": {"a": 1}}, "in"),
        ({"in": [1]}, "filename"),
        ({"in": [1], "filename": "../../etc/passwd"}, "filename"),
        ({"in": [1], "filename": "a\nb"}, "filename"),
        ({"in": [1], "filename": "长" * 201}, "filename"),
        ({"in": [1], "filename": "a", "fixmedins_code": BEIJING}, "fixmedins_code"),
    ],
)
async def test_what_is_wrong_with_an_upload_is_named(
    client: Client, given: Any, field: str
) -> None:
    said = await client.refused("9101", {"fsUploadIn": given})
    assert said.startswith(f"fsUploadIn.{field}")


async def test_a_provider_cannot_fill_the_platform(
    own_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_FILES_MAX", 2)
    client = await own_place.client()
    for _ in range(2):
        await upload(client, [1])
    data = {"fsUploadIn": {"in": [1], "filename": "a"}}
    assert (await client.refused("9101", data)).startswith("本机构保存的文件已满")
    monkeypatch.setattr(files, "_FILES_MAX", 200)
    monkeypatch.setattr(files, "_PROVIDER_BYTES_MAX", 3)
    assert (await client.call("9101", data))["infcode"] == 0
    assert (await client.refused("9101", data)).startswith("本机构保存的文件已满")


async def test_a_file_is_gone_after_its_days(own_place: Place) -> None:
    client = await own_place.client()
    kept = await upload(client, [1])
    async with own_place.platform.database.transaction() as connection:
        await connection.execute("update provider_files set kept_until = $1", NOW)
    said = await client.refused("9102", download(kept["file_qury_no"]))
    assert said.startswith("fsDownloadIn.file_qury_no：")
    await upload(client, [2])
    async with own_place.platform.database.transaction() as connection:
        assert await connection.fetchval("select count(*) from provider_files") == 1


async def test_too_large_a_file_is_not_kept(own_place: Place) -> None:
    async with own_place.platform.database.transaction() as connection:
        with pytest.raises(Exception, match="larger"):
            await files.keep(connection, CHENGDU, "a", b"x" * (files.FILE_BYTES_MAX + 1), NOW)


# ---- 1301-1319 ----


@pytest.fixture
async def stocked(own_place: Place) -> Place:
    """With the catalog the package ships."""
    await reference.load_reference(own_place.platform)
    async with own_place.platform.database.transaction() as connection:
        await add_providers(connection)
    return own_place


async def fetch(client: Client, infno: str) -> tuple[dict[str, Any], list[list[str]]]:
    code = client.credential.provider_code
    told = (await client.call(infno, {"data": {"ver": ""}}))["output"]
    number = told["file_qury_no"]
    response = await client.post(envelope(code, "9102", download(number)))
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        (name,) = archive.namelist()
        assert told["filename"] == f"{name}.zip"
        text = archive.read(name).decode()
    head, *rows = [line.split("\t") for line in text.splitlines()]
    assert tuple(head) == catalogs.CATALOGS[infno].columns
    assert len(rows) == told["data_cnt"]
    return told, rows


async def test_catalogs_are_files_by_version(stocked: Place) -> None:
    client = await stocked.client()
    told, rows = await fetch(client, "1301")
    assert told["dld_end_time"] == "2026-03-31 09:00:00"
    assert {row[2] for row in rows} == {"western", "patent", "negotiated"}
    versions = {row[-1] for row in rows}
    assert len(versions) == 1
    (version,) = versions
    assert len(version) <= 20
    answer = await client.call("1301", {"data": {"ver": version}})
    assert answer["output"]["data_cnt"] == 0
    assert answer["output"]["file_qury_no"] == ""
    assert version in answer["warn_msg"]
    assert "最新" in answer["warn_msg"]
    # Another version, older or unheard of, gets the whole file, made once.
    again = (await client.call("1301", {"data": {"ver": "V20200101.00000000"}}))["output"]
    assert again == told
    async with stocked.platform.database.transaction() as connection:
        assert await connection.fetchval("select count(*) from provider_files") == 1


async def test_the_catalog_is_that_of_the_providers_province(stocked: Place) -> None:
    here, there = await stocked.client(), await stocked.client(provider=BEIJING)
    _, mine = await fetch(here, "1312")
    _, theirs = await fetch(there, "1312")
    assert {row[0] for row in mine} == {row[0] for row in theirs}
    assert [row[5:8] for row in mine] != [row[5:8] for row in theirs]
    async with stocked.platform.database.transaction() as connection:
        found = await connection.fetch(
            "select code, price_limit from catalog_terms where region = '510000'"
            " and price_limit is not null limit 5"
        )
    limits = {row[0]: row[7] for row in mine}
    for row in found:
        assert limits[row["code"]] == f"{row['price_limit'] // 100}.{row['price_limit'] % 100:02d}"


async def test_limits_and_shares_have_files_of_their_own(stocked: Place) -> None:
    client = await stocked.client()
    _, limited = await fetch(client, "1318")
    assert limited
    assert all(row[7] for row in limited)
    _, shared = await fetch(client, "1319")
    assert shared
    assert all(row[5] != "03" for row in shared)
    for code in ("1302", "1305", "1306"):
        assert (await fetch(client, code))[1]


async def test_a_new_catalog_is_a_new_version(stocked: Place) -> None:
    client = await stocked.client()
    before, _ = await fetch(client, "1305")
    async with stocked.platform.database.transaction() as connection:
        await connection.execute("update reference_loads set loaded_at = loaded_at + '1 day'")
    after, _ = await fetch(client, "1305")
    assert before["filename"] != after["filename"]


async def test_terms_that_begin_later_make_the_version_of_their_day(
    stocked: Place, clock: FixedClock
) -> None:
    client = await stocked.client()
    before, _ = await fetch(client, "1305")
    async with stocked.platform.database.transaction() as connection:
        await connection.execute(
            """insert into catalog_terms select code, region, $1, class, first_pay, price_limit, source
                 from catalog_terms where region = '000000' limit 1""",
            date(2026, 3, 2),
        )
    assert (await fetch(client, "1305"))[0]["filename"] == before["filename"]
    clock._at = NOW + timedelta(days=1)
    told = (await client.post(
        envelope(CHENGDU, "1305", {"data": {}}), headers=headers_a(client.credential, NOW + timedelta(days=1))
    )).json()["output"]  # fmt: skip
    assert "V20260302" in told["filename"]


async def test_diagnoses_and_chronic_diseases_are_handed_out(client: Client) -> None:
    _, diagnoses = await fetch(client, "1307")
    assert ["A09.900", "胃肠炎"] in [row[:2] for row in diagnoses]
    told, diseases = await fetch(client, "1309")
    assert ["M01600", "糖尿病"] in [row[:2] for row in diseases]
    answer = await client.call("1309", {"data": {"ver": diseases[0][-1]}})
    assert answer["output"]["data_cnt"] == 0
    assert told["filename"].startswith("1309_V")


@pytest.mark.parametrize("infno", ["1303", "1308", "1316"])
async def test_what_we_have_no_data_for_is_an_empty_file_that_says_so(
    client: Client, infno: str
) -> None:
    told, rows = await fetch(client, infno)
    assert (told["data_cnt"], rows) == (0, [])
    assert "暂无" in (await client.call(infno, {"data": {"ver": "0"}}))["warn_msg"]


async def test_where_no_catalog_was_loaded_it_is_said(client: Client) -> None:
    assert "没有载入" in await client.refused("1301", {"data": {}})


async def test_all_catalog_transactions_of_the_standard_are_known() -> None:
    assert sorted(catalogs.CATALOGS) == [str(code) for code in range(1301, 1320)]
