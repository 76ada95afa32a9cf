"""Who may look at the dashboard, and who may ask something of a run."""

from __future__ import annotations

import secrets
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from tornado.web import HTTPError, RequestHandler, create_signed_value, decode_signed_value

from operando.store.serving import Keys

COOKIE = "operando_dashboard"
READ, WRITE = "read", "write"
#: How long a browser stays let in, days.
_DAYS = 7.0

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>operando</title>
<style>body{{font:16px sans-serif;max-width:26em;margin:15vh auto;padding:0 1em}}
input,button{{font:inherit;padding:.4em;width:100%;box-sizing:border-box;margin:.3em 0}}
.bad{{color:#a00}}</style></head>
<body><h1>operando</h1><p>The key was printed when the dashboard was started. The read key lets
you look; with the write key you can also pause a run or stop its agent.</p>
<form method="post"><input type="password" name="key" autofocus aria-label="key"
autocomplete="current-password"><button>Enter</button></form><p class="bad">{said}</p></body></html>
"""


class KeyAuth(AuthProvider):  # type: ignore[misc]
    """Lets in whoever shows one of two keys, and remembers it in a signed cookie.

    Parameters
    ----------
    keys : Keys
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        # Another with each start: an old cookie opens nothing.
        self._secret = secrets.token_hex(32)
        super().__init__()

    def role(self, cookie: str | None) -> str | None:
        """Say what a cookie allows: "read", "write", or None."""
        value = decode_signed_value(self._secret, COOKIE, cookie, max_age_days=_DAYS)
        return value.decode() if value in (READ.encode(), WRITE.encode()) else None

    def role_of(self, key: str) -> str | None:
        """Say what a key allows."""
        for role, known in ((WRITE, self._keys.write), (READ, self._keys.read)):
            if secrets.compare_digest(key.encode(), known.encode()):
                return role
        return None

    def cookie(self, role: str) -> str:
        """Make the cookie of a role."""
        return str(create_signed_value(self._secret, COOKIE, role), "ascii")

    @property
    def get_user_async(self) -> Any:
        """Bokeh's hook: the role of a request."""

        async def role_of(handler: RequestHandler) -> str | None:
            role = self.role(handler.get_cookie(COOKIE))
            if role is None and handler.request.headers.get("Upgrade"):
                raise HTTPError(403)  # before a websocket is open, which cannot be sent elsewhere
            return role

        return role_of

    @property
    def login_url(self) -> str:
        """Where a browser without a key is sent."""
        return "/login"

    @property
    def login_handler(self) -> type[RequestHandler]:
        """The page that asks for a key."""
        auth = self

        class Login(RequestHandler):  # type: ignore[misc]
            def get(self) -> None:
                self._answer("")

            def post(self) -> None:
                role = auth.role_of(self.get_body_argument("key", ""))
                if role is None:
                    self.set_status(403)
                    self._answer("That is not one of the keys.")
                    return
                self.set_cookie(
                    COOKIE, auth.cookie(role), httponly=True, samesite="Strict", path="/"
                )
                self.redirect("/")

            def _answer(self, said: str) -> None:
                self.set_header("Cache-Control", "no-store")
                self.set_header("X-Frame-Options", "DENY")
                self.finish(_PAGE.format(said=said))

        return Login
