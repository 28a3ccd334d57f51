"""A client of the national hospital interface, for whoever writes one: one file, needing only httpx.

What every client must do is here: sign, number its messages, send the same message again when no
answer came, reverse what stays uncertain (2601), and add up what the answer says.
"""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx

PATH = "/fsi/api/rsfComIfsService/callService"
BEIJING_TIME = timezone(timedelta(hours=8))
_numbers = itertools.count(secrets.randbelow(10_000))
"""Of all messages of this process. Begins anywhere, so that a restart within one second does not repeat a
number. A hospital with several counters takes its numbers from its database."""


@dataclass(frozen=True)
class Account:
    """Who the provider is and how it signs: A (access key, secret) or B (paasid, token)."""

    provider_code: str
    provider_name: str
    region: str
    scheme: str
    access_key: str
    secret: str


@dataclass(frozen=True)
class Exchange:
    """One message on its way: what was sent, and what came back, or why nothing did."""

    infno: str
    message_id: str
    request: dict[str, Any]
    status: int
    """Of HTTP; 0: no answer came."""
    answer: dict[str, Any]
    trouble: str = ""


class Refused(Exception):
    """The server answered and did not do it: nothing was changed. The text is its `err_msg`."""


class Unknown(Exception):
    """No answer came, however often: it may have been done or not. Reverse it (2601)."""

    def __init__(self, infno: str, message_id: str) -> None:
        super().__init__(f"no answer to {infno}, msgid {message_id}")
        self.infno = infno
        self.message_id = message_id


class WrongSums(Exception):
    """What the answer says does not add up."""


def sign_a(access_key: str, secret: str, at: float) -> dict[str, str]:
    """The headers of scheme A: HMAC-SHA1 over the other four, sorted by name, as Base64."""
    headers = {
        "_api_access_key": access_key,
        "_api_name": "hssServives",
        "_api_timestamp": str(int(at * 1000)),
        "_api_version": "1.0.0",
    }
    text = "&".join(f"{name}={headers[name]}" for name in sorted(headers))
    signature = hmac.digest(secret.encode(), text.encode(), "sha1")
    return {**headers, "_api_signature": base64.b64encode(signature).decode()}


def sign_b(paasid: str, token: str, at: float, nonce: str) -> dict[str, str]:
    """The headers of scheme B: SHA-256 over time, token, nonce, time, as upper-case hexadecimal."""
    when = str(int(at))
    signature = hashlib.sha256(f"{when}{token}{nonce}{when}".encode()).hexdigest().upper()
    return {
        "x-tif-paasid": paasid,
        "x-tif-timestamp": when,
        "x-tif-nonce": nonce,
        "x-tif-signature": signature,
    }


class Hospital:
    """A provider's side of the interface. Not for several threads at once: one each."""

    def __init__(
        self,
        url: str,
        account: Account,
        *,
        operator: tuple[str, str] = ("001", "收费员"),
        seconds_max: float = 10.0,
        tries_max: int = 4,
        pause_seconds: float = 1.0,
        listen: Callable[[Exchange], None] = lambda _: None,
        http: httpx.Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`listen` hears of every exchange; `tries_max` sends of one message are made at most."""
        self.account = account
        self.tries_max = tries_max
        self._url = url.rstrip("/") + PATH
        self._operator = operator
        self._pause_seconds = pause_seconds
        self._listen = listen
        self._clock = clock
        self._http = http or httpx.Client(timeout=seconds_max, trust_env=False)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def now(self) -> datetime:
        """The moment, in China's time."""
        return datetime.fromtimestamp(self._clock(), BEIJING_TIME)

    def new_message_id(self) -> str:
        """Provider code, the moment, a number: each message has its own, for ever."""
        moment = f"{self.now():%Y%m%d%H%M%S}"
        return f"{self.account.provider_code}{moment}{next(_numbers) % 10_000:04d}"

    def call(
        self,
        infno: str,
        data: dict[str, Any],
        *,
        insured_region: str = "",
        message_id: str | None = None,
    ) -> dict[str, Any]:
        """Send a transaction; its `output`. Raises Refused, or Unknown where no answer came.

        The same message may be sent as often as needed: it is carried out once, and the first
        answer comes back each time. So what got no answer is sent again, unchanged.
        """
        message = self.message(infno, data, insured_region, message_id or self.new_message_id())
        for number in range(self.tries_max):
            if number:
                time.sleep(self._pause_seconds * number)
            done = self.send(message)
            if done.status == 200 and done.answer.get("infcode") in (0, "0"):
                return done.answer.get("output") or {}
            if 200 <= done.status < 500:
                raise Refused(done.answer.get("err_msg") or f"HTTP {done.status}")
        raise Unknown(infno, message["msgid"])

    def settle(
        self, infno: str, data: dict[str, Any], *, insured_region: str = ""
    ) -> dict[str, Any]:
        """Settle (2102, 2207, 2304) and add up the answer; its `output`.

        Whatever does not end well is taken back before the error goes on, so that the counter may
        simply settle anew under a new message.
        """
        message_id = self.new_message_id()
        psn_no = next(iter(data.values()))["psn_no"]
        total = next(iter(data.values()))["medfee_sumamt"]
        try:
            output = self.call(infno, data, insured_region=insured_region, message_id=message_id)
            check_sums(output["setlinfo"], total)
        except (Unknown, WrongSums):
            self.undo(psn_no, infno, message_id, insured_region=insured_region)
            raise
        return output

    def undo(
        self, psn_no: str, infno: str, message_id: str, *, insured_region: str
    ) -> dict[str, Any]:
        """2601: take back a message whose outcome is uncertain, whether or not it ever arrived."""
        data = {"psn_no": psn_no, "omsgid": message_id, "oinfno": infno}
        return self.call("2601", {"data": data}, insured_region=insured_region)

    def message(
        self, infno: str, data: dict[str, Any], insured_region: str, message_id: str
    ) -> dict[str, Any]:
        """The envelope around a transaction's input."""
        mine = self.account
        return {
            "infno": infno,
            "msgid": message_id,
            "mdtrtarea_admvs": mine.region,
            "insuplc_admdvs": insured_region,
            "recer_sys_code": "YKT",
            "dev_no": "",
            "dev_safe_info": "",
            "cainfo": "",
            "signtype": "",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": self._operator[0],
            "opter_name": self._operator[1],
            "inf_time": f"{self.now():%Y-%m-%d %H:%M:%S}",
            "fixmedins_code": mine.provider_code,
            "fixmedins_name": mine.provider_name,
            "sign_no": "",
            "input": data,
        }

    def send(self, message: dict[str, Any], headers: dict[str, str] | None = None) -> Exchange:
        """Send a message once, newly signed unless `headers` are given; what came of it."""
        content = json.dumps(message, ensure_ascii=False).encode()
        status, answer, trouble = 0, dict[str, Any](), ""
        try:
            response = self._http.post(
                self._url,
                content=content,
                headers={"Content-Type": "application/json", **(headers or self.sign())},
            )
            # Amounts must not become binary floating point.
            answer = dict[str, Any](json.loads(response.text, parse_float=Decimal))
            status = response.status_code
        except httpx.HTTPError as error:
            trouble = type(error).__name__
        except (ValueError, TypeError):
            trouble = "the answer is no envelope"
        done = Exchange(message["infno"], message["msgid"], message, status, answer, trouble)
        self._listen(done)
        return done

    def sign(self) -> dict[str, str]:
        """Headers for one request, by the scheme of the account."""
        mine = self.account
        if mine.scheme == "A":
            return sign_a(mine.access_key, mine.secret, self._clock())
        return sign_b(mine.access_key, mine.secret, self._clock(), secrets.token_hex(8))


def check_sums(setlinfo: dict[str, Any], total: object) -> None:
    """Raise WrongSums unless a settlement's amounts add up, and to what was asked for."""

    def sum_of(*names: str) -> Decimal:
        return sum((Decimal(str(setlinfo.get(name) or 0)) for name in names), Decimal(0))

    whole = sum_of("medfee_sumamt")
    for what, found, expected in (
        ("medfee_sumamt", whole, Decimal(str(total))),
        (
            "fulamt_ownpay_amt + overlmt_selfpay + preselfpay_amt + inscp_scp_amt",
            sum_of("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"),
            whole,
        ),
        (
            "hifp_pay + … + oth_pay",
            sum_of(
                "hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay",
                "oth_pay", "hifdm_pay",
            ),
            sum_of("fund_pay_sumamt"),
        ),
        (
            "acct_pay + acct_mulaid_pay + psn_cash_pay",
            sum_of("acct_pay", "acct_mulaid_pay", "psn_cash_pay"),
            sum_of("psn_part_amt"),
        ),
        (
            "fund_pay_sumamt + psn_part_amt + hosp_part_amt",
            sum_of("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"),
            whole,
        ),
    ):  # fmt: skip
        if found != expected:
            raise WrongSums(f"{what} = {found}, not {expected}")
