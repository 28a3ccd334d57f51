"""What a hospital does wrong gets an answer that names the fault; nothing is changed, nothing breaks.

Requests by the hundred, each good but for one thing (tables in `wrong_requests` and `wrong_facts`),
against the platform as a process.
"""

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.serving import wrong_facts, wrong_requests
from tests.serving.server import Server
from tests.serving.wrong_requests import GONE, World, Wrong
from yikatong.core import embedded
from yikatong.medical.sandbox.client import BEIJING_TIME, Account, Exchange, Hospital, sign_b
from yikatong.medical.sandbox.visit import Item, Shown, Visit

pytestmark = pytest.mark.server

REQUESTS_MIN = 300
GROUPS = (
    wrong_requests.signatures, wrong_requests.envelopes, wrong_requests.bodies,
    wrong_requests.required, wrong_requests.values, wrong_requests.structures,
    wrong_facts.persons, wrong_facts.orders, wrong_facts.repeats, wrong_facts.texts,
)  # fmt: skip
FIELDS = {
    "infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "warn_msg", "cainfo",
    "signtype", "output",
}  # fmt: skip
TELLTALE = re.compile(r"Traceback|Error\(|\.py\b|asyncpg|msgspec|object at 0x", re.IGNORECASE)
TABLES = (
    "visits", "fee_batches", "settlements", "ledger_transactions", "ledger_postings",
    "money_accounts", "accumulators", "medical_family", "filings", "selected_providers",
    "provider_files", "provider_sign_ins",
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("hostile") / "data")
    yield server
    server.stop()


def rows(server: Server) -> dict[str, str]:
    """Each table's count and a sum over all that stands in it."""
    parts = [
        f"select '{one}', count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0)"
        f" from {one} t"
        for one in TABLES
    ]
    # A refusal is recorded too; what was carried out is not more than before.
    parts.append(
        "select 'carried out', count(*)::text from provider_messages where succeeded and kind <> ''"
    )
    answer = subprocess.run(
        [embedded.binaries() / "psql", "-XAtF", "\t", "-c", " union all ".join(parts),
         embedded.url_of(server.data)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split("\t") for line in answer.stdout.splitlines())


class Care:
    """Makes the visits that the wrong requests are about, by good ones."""

    def __init__(self, server: Server) -> None:
        shown = json.loads(server.command("sandbox", "show", "--json").stdout)
        self.url = f"http://127.0.0.1:{server.port}"
        self.codes: list[str] = shown["catalog_codes"]
        chengdu = [one for one in shown["providers"] if one["region"].startswith("5101")]
        found = {
            name: next(one for one in chengdu if one["code"][0] == kind and one["scheme"] == scheme)
            for name, kind, scheme in (("H", "H", "A"), ("B", "H", "B"), ("P", "P", "B"))
        }
        self.world = World(
            {
                name: Account(one["code"], one["name"], one["region"], one["scheme"],
                              one["access_key"], one["secret"])
                for name, one in found.items()
            },
            {one["situation"]: one for one in shown["persons"]},
        )  # fmt: skip
        self.hospitals = {
            name: Hospital(self.url, account, listen=self._note)
            for name, account in self.world.accounts.items()
        }

    def _note(self, done: Exchange) -> None:
        assert done.answer.get("infcode") == 0, (done.infno, done.answer)
        sent = done.request["input"]
        self.world.good[done.infno] = sent
        output = done.answer["output"] or {}
        for node, name in (("setlinfo", "setl_id"), ("data", "mdtrt_id"), ("result", "mdtrt_id")):
            made = output.get(node)
            if isinstance(made, dict) and made.get(name):
                self.world.messages[made[name]] = (done.message_id, sent)

    def visit(self, name: str, situation: str, by: str = "H", days: int = 0) -> Visit:
        one = self.world.persons[situation]
        visit = Visit(self.hospitals[by], Shown(one["name"], one["id_number"]), days=days)
        visit.identify()
        self.world.visits[name] = visit
        return visit

    def items(self) -> list[Item]:
        return [Item(self.codes[0], Decimal(20), 3), Item(self.codes[1], Decimal(80), 3)]

    def lines(self, visit: Visit, *, stay: bool = False) -> None:
        """Two lines, named L1 and L2."""
        items = self.items()
        rows = [
            {**visit._line(one), "feedetl_sn": f"L{number}", "mdtrt_id": visit.visit_id,
             "psn_no": visit.psn_no} | ({} if stay else {"chrg_bchno": "1"})
            for number, one in enumerate(items, 1)
        ]  # fmt: skip
        visit.ask("2301" if stay else "2204", {"feedetail": rows})
        visit.unsettled = sum((one.total for one in items), Decimal(0))

    def seen(self, name: str, situation: str, by: str = "H") -> Visit:
        visit = self.visit(name, situation, by)
        visit.register()
        visit.see()
        return visit

    def charged(self, name: str, situation: str, by: str = "H") -> Visit:
        visit = self.seen(name, situation, by)
        self.lines(visit)
        return visit

    def stay(self, name: str, situation: str, *, lines: bool = True) -> Visit:
        visit = self.visit(name, situation, days=3)
        visit.admit()
        if lines:
            self.lines(visit, stay=True)
        return visit

    def make(self) -> World:
        """Visits in every state, and a good example of every transaction."""
        world = self.world
        taken = self.charged("taken", "account_empty")
        world.reversal = taken.reverse(taken.settle()["setlinfo"]["setl_id"])["setlinfo"]["setl_id"]
        undone = self.charged("undone", "flexible")
        setl_id = undone.settle()["setlinfo"]["setl_id"]
        ids = {"psn_no": undone.psn_no, "oinfno": "2207"}
        undone.ask("2601", {"data": {"omsgid": world.messages[setl_id][0], **ids}})
        never = self.hospitals["H"].new_message_id()
        world.messages["never"] = (never, None)
        undone.ask("2601", {"data": {"omsgid": never, **ids}})
        self.visit("fresh", "resident_home").register()
        cancelled = self.visit("cancelled", "resident_home")
        cancelled.register()
        keys = {"mdtrt_id": cancelled.visit_id, "psn_no": cancelled.psn_no}
        cancelled.ask("2202", {"data": keys})
        self.seen("seen", "resident_home")
        theirs = self.charged("theirs", "home", by="B")
        theirs.settle()
        self._stays()
        sold = self.visit("sold", "home", by="P")
        sold.buy(self.items(), use_account=False, commit=False)
        output = sold.buy(self.items(), use_account=False, commit=True)
        sold.settlements.append(output["setlinfo"]["setl_id"])
        bought = self.visit("returned", "home", by="P")
        output = bought.buy(self.items(), use_account=False, commit=True)["setlinfo"]
        back = {"setl_id": output["setl_id"], "psn_no": bought.psn_no}
        bought.ask("2103", {"data": back | {"mdtrt_id": output["mdtrt_id"]}})
        self._others()
        open_ = self.charged("open", "retired_with_account")
        open_.ask("2205", {"data": {"mdtrt_id": open_.visit_id, "psn_no": open_.psn_no,
                                    "chrg_bchno": "1"}})  # fmt: skip
        self.lines(open_)
        paid = self.charged("paid", "home")
        paid.check("11")
        paid.quote()
        paid.settle()
        mine = world.accounts["B"]
        world.nonce_headers = sign_b(mine.access_key, mine.secret, time.time(), "used-before")
        hospital = self.hospitals["B"]
        message = hospital.message("5301", {"data": {"psn_no": theirs.psn_no}}, "510100",
                                   hospital.new_message_id())  # fmt: skip
        assert hospital.send(message, world.nonce_headers).status == 200
        return world

    def _stays(self) -> None:
        stay = self.stay("stay", "second_admission")
        keys = {"mdtrt_id": stay.visit_id, "psn_no": stay.psn_no}
        stay.ask("2302", {"data": {**keys, "feedetl_sn": "0000"}})
        self.lines(stay, stay=True)
        stay.ask("2403", {"adminfo": {**keys, "adm_bed": "13"}})
        stay.discharge()
        stay.ask("2405", {"data": keys})
        stay.discharge()
        stay.quote_stay()
        stay.settle_stay()
        self.stay("inside", "cap_nearly_used")
        self.stay("left", "large_amount_in_use").discharge()
        self.stay("empty", "retired_with_account", lines=False).discharge()
        back = self.stay("back", "flexible", lines=False)
        back.ask("2404", {"data": {"mdtrt_id": back.visit_id, "psn_no": back.psn_no}})
        again = self.stay("again", "account_empty")
        again.discharge()
        again.settle_stay()
        again.ask("2305", {"data": {"mdtrt_id": again.visit_id, "psn_no": again.psn_no,
                                    "setl_id": again.settlements[0]}})  # fmt: skip

    def _others(self) -> None:
        """Filings, choices, files, signing in."""
        one = self.visit("filed", "filing_none")
        day = f"{datetime.now(BEIJING_TIME):%Y-%m-%d}"
        filed = one.ask(
            "2501",
            {"refmedin": {"psn_no": one.psn_no, "mdtrtarea_admdvs": "110000", "begndate": day,
                          "insutype": one.insurance, "hosp_agre_refl_flag": "1"}},
        )  # fmt: skip
        number = filed["result"]["trt_dcla_detl_sn"]
        one.ask("2502", {"data": {"psn_no": one.psn_no, "trt_dcla_detl_sn": number}})
        one.ask("2505", {"data": {"psn_no": one.psn_no, "begndate": day}})
        one.ask("2506", {"data": {"psn_no": one.psn_no}})
        one.ask("5206", {"data": {"psn_no": one.psn_no}})
        one.ask("5301", {"data": {"psn_no": one.psn_no}})
        signed = one.ask("9001", {"signIn": {"opter_no": "001", "mac": "", "ip": ""}})
        self.world.good["9002"] = {
            "signOut": {"sign_no": signed["signinoutb"]["sign_no"], "opter_no": "001"}
        }
        kept = one.ask("9101", {"fsUploadIn": {"in": [1, 2], "filename": "a.txt"}})
        number = kept["fsUploadOut"]["file_qury_no"]
        self.world.good["9102"] = {"fsDownloadIn": {"file_qury_no": number, "filename": "a.txt"}}


def sent(care: Care, wrong: Wrong) -> httpx.Request:
    """The request, signed and spoiled."""
    world = care.world
    hospital = care.hospitals[wrong.by]
    content = world.good[wrong.infno] if wrong.content is None else wrong.content
    message = hospital.message(wrong.infno, content, "510100", hospital.new_message_id())
    for name, value in wrong.envelope.items():
        if value is GONE:
            del message[name]
        else:
            message[name] = value
    body = json.dumps(message, ensure_ascii=False).encode()
    if wrong.body is not None:
        body = wrong.body(body)
    headers = wrong.sign(world) if wrong.sign is not None else hospital.sign()
    return httpx.Request(
        wrong.method,
        care.url + wrong.path,
        content=body,
        headers=[(name.encode(), one.encode("latin-1"))
                 for name, one in {**headers, **wrong.more}.items()],
    )  # fmt: skip


def faults_of(response: httpx.Response, wrong: Wrong) -> Iterator[str]:
    """What is not as it should be with the answer."""
    try:
        answer: dict[str, Any] = response.json()
    except ValueError:
        yield f"no envelope: {response.text[:200]}"
        return
    if set(answer) != FIELDS:
        yield f"no envelope: {answer}"
        return
    text = answer["err_msg"]
    if response.status_code != wrong.status:
        yield f"HTTP {response.status_code}, not {wrong.status}: {text}"
    if answer["infcode"] != -1 or answer["output"] is not None:
        yield f"carried out: {answer}"
    if not re.fullmatch(r"\d{30}", answer["inf_refmsgid"]):
        yield f"no reference: {answer}"
    if not all(re.fullmatch(r"\d{17}", answer[one]) for one in ("refmsg_time", "respond_time")):
        yield f"no times: {answer}"
    if not 0 < len(text) <= 200:
        yield f"{len(text)} characters: {text}"
    if wrong.names not in text:
        yield f"does not name {wrong.names!r}: {text}"
    if TELLTALE.search(response.text):
        yield f"tells of the inside: {response.text}"


def test_whatever_a_hospital_does_wrong_is_named_and_changes_nothing(server: Server) -> None:
    care = Care(server)
    world = care.make()
    table = [(group.__name__, wrong) for group in GROUPS for wrong in group(world)]
    assert len({(group, wrong.infno, wrong.name) for group, wrong in table}) == len(table)
    assert len(table) >= REQUESTS_MIN
    before = rows(server)
    faults: list[str] = []
    bodies = Counter[bytes]()
    with httpx.Client(timeout=10, trust_env=False) as http:
        for group, wrong in table:
            request = sent(care, wrong)
            bodies[request.content + repr(request.headers.raw).encode()] += 1
            for found in faults_of(http.send(request), wrong):
                faults.append(f"{group}: {wrong.infno} {wrong.name}\n    {found}")
    assert not faults, f"{len(faults)} of {len(table)}\n" + "\n".join(faults)
    assert max(bodies.values()) == 1, "each is another request"
    assert rows(server) == before
    for command in (["money", "verify"], ["recompute", "--all"]):
        proved = server.command(*command, "--json")
        assert proved.returncode == 0, proved.stdout
    log = server.log.read_text()
    assert "Traceback" not in log
    assert not re.search(r"\[(error|critical)|unexpected", log), log
