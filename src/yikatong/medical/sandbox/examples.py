"""A first signed call to copy into a shell, for each scheme. Pure."""

import json
import shlex
from typing import Final

from yikatong.medical.sandbox.client import PATH
from yikatong.medical.sandbox.model import SandboxProvider

_HEAD: Final = """\
URL={url}
KEY={key}
SECRET={secret}
"""
_SIGN_A: Final = """\
TS=$(date +%s)000
TEXT="_api_access_key=$KEY&_api_name=hssServives&_api_timestamp=$TS&_api_version=1.0.0"
SIGN=$(printf %s "$TEXT" | openssl dgst -sha1 -hmac "$SECRET" -binary | openssl base64)
"""
_SEND_A: Final = """\
 -H "_api_access_key: $KEY" -H "_api_name: hssServives" \\
 -H "_api_timestamp: $TS" -H "_api_version: 1.0.0" -H "_api_signature: $SIGN" \\
"""
_SIGN_B: Final = """\
TS=$(date +%s)
NONCE=$(openssl rand -hex 8)
SIGN=$(printf %s "$TS$SECRET$NONCE$TS" | openssl dgst -sha256 -r | cut -c1-64 | tr a-f A-F)
"""
_SEND_B: Final = """\
 -H "x-tif-paasid: $KEY" -H "x-tif-timestamp: $TS" \\
 -H "x-tif-nonce: $NONCE" -H "x-tif-signature: $SIGN" \\
"""
_BODY: Final = """\
 -H "Content-Type: application/json" --data @- <<END
{{"infno": "1101", "msgid": "{code}$(TZ=Asia/Shanghai date +%Y%m%d%H%M%S)0001",
 "mdtrtarea_admvs": "{region}", "insuplc_admdvs": "", "recer_sys_code": "YKT",
 "infver": "V1.0", "opter_type": "1", "opter": "001", "opter_name": "tester",
 "inf_time": "$(TZ=Asia/Shanghai date '+%Y-%m-%d %H:%M:%S')",
 "fixmedins_code": "{code}", "fixmedins_name": "{name}",
 "input": {{"data": {{"mdtrt_cert_type": "02", "mdtrt_cert_no": "{id_number}",
  "psn_cert_type": "01", "certno": "{id_number}", "psn_name": "{person}"}}}}}}
END
"""


def curl(provider: SandboxProvider, address: str, id_number: str, person: str) -> str:
    """A shell script that asks 1101 about a person, signed as the provider does."""
    sign, send = (_SIGN_A, _SEND_A) if provider.scheme == "A" else (_SIGN_B, _SEND_B)
    head = _HEAD.format(
        url=shlex.quote(address + PATH),
        key=shlex.quote(provider.access_key),
        secret=shlex.quote(provider.secret),
    )
    body = _BODY.format(
        code=_quoted(provider.code),
        region=_quoted(provider.region),
        name=_quoted(provider.name),
        id_number=_quoted(id_number),
        person=_quoted(person),
    )
    return f'{head}{sign}curl -s "$URL" \\\n{send}{body}'


def _quoted(text: str) -> str:
    """A text inside a JSON text inside a here-document."""
    written = json.dumps(text, ensure_ascii=False)[1:-1].replace("\\", "\\\\")
    return written.replace("$", "\\$").replace("`", "\\`")
