"""What the OpenID provider refuses with.

`OpenidError` is answered in the form of RFC 6749 (JSON or in the redirect); `Untrusted` on a page of
ours, because where the request would have its answer sent is not proven.
"""

from typing import Final

from yikatong.core.errors import YikatongError

_ZH: Final = {
    "access_denied": "没有授权",
    "consent_required": "需要本人同意",
    "invalid_client": "应用身份验证失败",
    "invalid_grant": "授权码或刷新令牌无效",
    "invalid_request": "请求不正确",
    "invalid_scope": "申请的范围不正确",
    "invalid_token": "令牌无效或已过期",
    "login_required": "需要本人登录",
    "registration_not_supported": "不支持动态注册",
    "request_not_supported": "不支持 request 参数",
    "request_uri_not_supported": "不支持 request_uri 参数",
    "unauthorized_client": "该应用不能这样做",
    "unmet_authentication_requirements": "没有达到要求的认证等级",
    "unsupported_grant_type": "不支持的授权类型",
    "unsupported_response_type": "不支持的响应类型",
    "unsupported_token_type": "不支持的令牌类型",
}


class OpenidError(YikatongError):
    """A refusal in the words of OAuth 2.0 (RFC 6749, 4.1.2.1 and 5.2; Core 1.0, 3.1.2.6)."""

    code = "openid_refused"
    status = 400

    def __init__(self, error: str, description: str, http_status: int = 400) -> None:
        """`description` is ASCII without quotes and backslashes, for the client's programmer."""
        super().__init__(zh=_ZH[error], en=description)
        self.error = error
        self.description = description
        self.http_status = http_status


class Untrusted(YikatongError):
    """The client or its redirect address is not known: nobody is sent anywhere."""

    code = "untrusted_request"
    status = 400


class RequestOver(YikatongError):
    """The request was answered already, or lies too long ago."""

    code = "request_over"
    status = 410

    def __init__(self) -> None:
        super().__init__(
            zh="这次登录已经完成或已超时，请回到您要登录的服务，重新点登录",
            en="this login is finished or has timed out; please go back to the service and log in "
            "there again",
        )
