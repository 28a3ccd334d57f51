"""示例图书馆 · A library that people log in to with their card, in one file.

    CLIENT_SECRET=… python examples/relying_service

It shows what every relying service has to do: state, nonce and PKCE made anew for each login and
bound to the browser; the issuer of the answer compared; the ID token verified; a new session after the
login; tokens kept on the server. Needs httpx and joserfc.
"""

import argparse
import base64
import hashlib
import html
import os
import secrets
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from joserfc import jwk, jwt
from joserfc.errors import JoseError

SCOPES = "openid profile card enrolment offline_access"
COOKIE = "library_session"
LOGIN_SECONDS = 1800
BROWSERS_MAX = 10_000
OVER = "登录已失效，请重新登录 · the login is over; please log in again"


@dataclass
class Browser:
    """What the library knows of one browser; it lives on the server, the cookie only names it."""

    login: dict[str, str] = field(default_factory=dict[str, str])
    """State, nonce and verifier of a login that is under way."""
    tokens: dict[str, Any] = field(default_factory=dict[str, Any])
    reader: dict[str, Any] = field(default_factory=dict[str, Any])
    since: float = field(default_factory=time.time)


class LoginFailed(Exception):
    """The login did not come about; the text is for the reader."""


class Provider:
    """The platform, as its discovery document describes it."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, home: str) -> None:
        self.issuer, self.client_id, self.home = issuer, client_id, home
        self.http = httpx.Client(timeout=10, auth=httpx.BasicAuth(client_id, client_secret))
        self.about = self._read(f"{issuer}/.well-known/openid-configuration")
        if self.about["issuer"] != issuer:
            raise SystemExit(f"the provider calls itself {self.about['issuer']}, not {issuer}")

    def login_address(self, login: dict[str, str]) -> str:
        """Where to send the browser; what must match later is kept in `login`."""
        login.update(
            state=secrets.token_urlsafe(16),
            nonce=secrets.token_urlsafe(16),
            verifier=secrets.token_urlsafe(48),
        )
        digest = hashlib.sha256(login["verifier"].encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": f"{self.home}/callback",
            "scope": SCOPES,
            "state": login["state"],
            "nonce": login["nonce"],
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.about['authorization_endpoint']}?{urlencode(asked)}"

    def finish(self, login: dict[str, str], answer: dict[str, str]) -> dict[str, Any]:
        """The tokens for what came back; raises LoginFailed."""
        if not login or not secrets.compare_digest(login["state"], answer.get("state", "")):
            raise LoginFailed("这次登录不是从本页开始的 · this login did not begin here")
        if answer.get("iss") != self.issuer:
            raise LoginFailed("答复来自别处 · the answer comes from somebody else")
        if "error" in answer:
            raise LoginFailed(f"没有登录 · not logged in ({answer['error']})")
        tokens = self._post(
            "token_endpoint",
            grant_type="authorization_code",
            code=answer.get("code", ""),
            redirect_uri=f"{self.home}/callback",
            code_verifier=login["verifier"],
        )
        claims = self.verified(tokens)
        if claims.get("nonce") != login["nonce"]:
            raise LoginFailed("令牌属于另一次登录 · the token is of another login")
        return {**tokens, "subject": claims["sub"]}

    def verified(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """The claims of the ID token, after every check of OpenID Connect Core 1.0, 3.1.3.7."""
        published = cast("jwk.KeySetSerialization", self._read(self.about["jwks_uri"]))
        try:
            keys = jwk.KeySet.import_key_set(published)
            claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
            jwt.JWTClaimsRegistry(
                leeway=30,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id},
                exp={"essential": True},
                sub={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise LoginFailed("令牌无效 · the ID token does not verify") from error
        half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
        if claims.get("at_hash") != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
            raise LoginFailed("令牌不配套 · the tokens do not belong together")
        return claims

    def reader(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """Who logged in; `sub` is what to keep in the library's own tables."""
        answer = self.http.get(
            self.about["userinfo_endpoint"],
            auth=None,
            headers={"Authorization": f"Bearer {tokens['access_token']}"},
        )
        if answer.status_code != 200:
            raise LoginFailed(OVER)
        told = answer.json()
        if told["sub"] != tokens["subject"]:
            raise LoginFailed("不是同一个人 · not the same person")
        return told

    def refreshed(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """New tokens; the old refresh token is used up with this, so keep the new one."""
        fresh = self._post(
            "token_endpoint", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
        )
        if self.verified(fresh)["sub"] != tokens["subject"]:
            raise LoginFailed("不是同一个人 · not the same person")
        return {**tokens, **fresh}

    def revoke(self, tokens: dict[str, Any]) -> None:
        """The library needs the tokens no more."""
        self.http.post(self.about["revocation_endpoint"], data={"token": tokens["refresh_token"]})

    def logout_address(self, tokens: dict[str, Any]) -> str:
        """Where to send the browser to end the session at the platform too."""
        told = {
            "id_token_hint": tokens["id_token"],
            "post_logout_redirect_uri": f"{self.home}/",
        }
        return f"{self.about['end_session_endpoint']}?{urlencode(told)}"

    def _read(self, address: str) -> dict[str, Any]:
        return self.http.get(address, auth=None).raise_for_status().json()

    def _post(self, endpoint: str, **form: str) -> dict[str, Any]:
        answer = self.http.post(self.about[endpoint], data=form)
        if answer.status_code != 200:
            told = answer.json()
            if told.get("error") == "invalid_grant":
                raise LoginFailed(OVER)
            raise LoginFailed(f"{told.get('error')}: {told.get('error_description')}")
        return answer.json()


class Library(BaseHTTPRequestHandler):
    """The pages of the library."""

    provider: Provider
    browsers: dict[str, Browser] = {}  # noqa: RUF012 - shared by all requests on purpose

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        try:
            if parts.path == "/":
                self._home()
            elif parts.path == "/login":
                name, browser = self._remember(Browser())
                self._go(self.provider.login_address(browser.login), name)
            elif parts.path == "/callback":
                self._come_back(dict(parse_qsl(parts.query)))
            else:
                self._page("没有这一页 · no such page", "", 404)
        except LoginFailed as failed:
            self._page("没有登录 · not logged in", f"<p>{html.escape(str(failed))}</p>", 400)
        except httpx.HTTPError:
            self._page("请稍后再试 · please try again later", "", 502)

    def do_POST(self) -> None:
        browser = self._browser()
        # Only forms of this site: another site of this machine would carry the cookie too.
        own = self.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
        if browser is None or not browser.tokens or not own:
            self._go("/")
            return
        try:
            if self.path == "/refresh":
                browser.tokens = self.provider.refreshed(browser.tokens)
                browser.reader = self.provider.reader(browser.tokens)
                self._go("/")
            elif self.path == "/logout":
                self.browsers.pop(self._name(), None)
                self.provider.revoke(browser.tokens)
                self._go(self.provider.logout_address(browser.tokens), "")
            else:
                self._page("没有这一页 · no such page", "", 404)
        except LoginFailed as failed:
            self.browsers.pop(self._name(), None)
            self._page("没有登录 · not logged in", f"<p>{html.escape(str(failed))}</p>", 400)
        except httpx.HTTPError:
            self._page("请稍后再试 · please try again later", "", 502)

    def _home(self) -> None:
        browser = self._browser()
        if browser is None or not browser.reader:
            self._page(
                "示例图书馆 · Example Library", '<p><a href="/login">用社保卡登录 · Log in</a></p>'
            )
            return
        card = browser.reader.get("card", {})
        rows = {
            "读者 · reader": masked(browser.reader.get("name", "")),
            "出生年 · born": browser.reader.get("birthdate", "")[:4],
            "社保卡 · card": f"{card.get('number', '-')} {card.get('region_name', '')}",
            "参保 · insured": "、".join(
                f"{one['insurance_name']}（{one['region_name']}）"
                for one in browser.reader.get("enrolments", ())
            ),
            "读者编号 · our number": browser.reader["sub"][:12] + "…",
        }
        told = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
            for name, value in rows.items()
        )
        buttons = "".join(
            f'<form method="post" action="{path}"><button>{text}</button></form>'
            for path, text in (("/refresh", "刷新 · refresh"), ("/logout", "退出 · log out"))
        )
        self._page("欢迎 · welcome", f"<dl>{told}</dl>{buttons}")

    def _come_back(self, answer: dict[str, str]) -> None:
        browser = self._browser()
        login = browser.login if browser else {}
        # A login is looked at once, whatever comes of it.
        self.browsers.pop(self._name(), None)
        tokens = self.provider.finish(login, answer)
        # A new name for the browser: whoever knew the old one is not logged in.
        name, _ = self._remember(Browser(tokens=tokens, reader=self.provider.reader(tokens)))
        self._go("/", name)

    def _name(self) -> str:
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        return cookie[COOKIE].value if COOKIE in cookie else ""

    def _browser(self) -> Browser | None:
        return self.browsers.get(self._name())

    def _remember(self, browser: Browser) -> tuple[str, Browser]:
        now = time.time()
        for name, one in list(self.browsers.items()):
            if not one.tokens and now - one.since > LOGIN_SECONDS:
                self.browsers.pop(name, None)
        while len(self.browsers) >= BROWSERS_MAX:
            self.browsers.pop(next(iter(self.browsers)), None)
        name = secrets.token_urlsafe(24)
        self.browsers[name] = browser
        return name, browser

    def _go(self, location: str, name: str | None = None) -> None:
        self.send_response(303)
        self.send_header("Location", location)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        if name is not None:
            # Over HTTPS add: Secure.
            age = "" if name else "; Max-Age=0"
            self.send_header("Set-Cookie", f"{COOKIE}={name}; HttpOnly; SameSite=Lax; Path=/{age}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self, title: str, body: str, status: int = 200) -> None:
        content = (
            '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{body}"
            '<p><a href="/">示例图书馆 · Example Library</a></p>'
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        )
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: addresses of this service carry codes."""


STYLE = (
    "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}"
    "dt{color:#555;font-size:.85em}dd{margin:0 0 .6rem}form{display:inline}"
    "button,a{font:inherit;padding:.5rem 0}button{padding:.5rem 1rem;margin:0 .5rem 1rem 0}"
)


def masked(name: str) -> str:
    """A name as it may stand on a screen in a public room."""
    return f"{name[:1]}{'*' * max(1, len(name) - 1)}"


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="示例图书馆 · Example Library")
    parser.add_argument("--issuer", default="http://127.0.0.1:8000")
    parser.add_argument("--client", default="demo-library")
    parser.add_argument("--port", type=int, default=8400)
    chosen = parser.parse_args()
    secret = os.environ.get("CLIENT_SECRET")
    if not secret:
        parser.error("CLIENT_SECRET is missing: see yikatong sandbox show")
    home = f"http://127.0.0.1:{chosen.port}"
    try:
        Library.provider = Provider(chosen.issuer.rstrip("/"), chosen.client, secret, home)
    except httpx.HTTPError as error:
        raise SystemExit(f"{chosen.issuer} 没有应答 · does not answer: {error}") from error
    server = ThreadingHTTPServer(("127.0.0.1", chosen.port), Library)
    print(f"{home}/  Ctrl-C 停止 · stops", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
