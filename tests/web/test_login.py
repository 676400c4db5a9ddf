"""Logging in and out as a browser or a program meets it."""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred, gatherResults

from tests.web.serving import LOGIN, WebTest


class LoginTest(WebTest):
    async def test_login(self) -> None:
        """A login gives the user's name, a token, and a cookie that scripts and other sites cannot use."""
        answer = await self.ask("/api/login", "POST", LOGIN)
        assert answer.status == 200
        token = answer.json["token"]
        assert answer.json == {"usuario": "ana", "token": token}
        assert answer.header("set-cookie") == f"waygps_session={token}; Path=/; HttpOnly; SameSite=Lax"
        assert answer.header("cache-control") == "no-store"

    async def test_wrong_login(self) -> None:
        """A wrong password and an unknown user get the same answer, and no cookie."""
        wrong = [
            {"usuario": "ana", "clave": "no"},
            {"usuario": "eva", "clave": "clave de ana"},
            {"usuario": "a\0b", "clave": "x"},
        ]
        answers = [await self.ask("/api/login", "POST", each) for each in wrong]
        assert [answer.status for answer in answers] == [401, 401, 401]
        assert len({answer.body for answer in answers}) == 1
        assert "contra" in answers[0].json["error"] or "clave" in answers[0].json["error"]
        assert answers[0].header("set-cookie") == ""

    async def test_burst(self) -> None:
        """Whoever tries many passwords at the same time gets no more tries than one after the other."""
        guess = {**LOGIN, "clave": "no"}
        answers = await gatherResults([ensureDeferred(self.ask("/api/login", "POST", guess)) for _ in range(12)])
        assert sorted(answer.status for answer in answers) == [401] * 5 + [429] * 7

    async def test_throttle(self) -> None:
        """Who guesses passwords has to wait longer and longer, and is told how long; the right password waits too."""
        for _ in range(5):
            assert (await self.ask("/api/login", "POST", {**LOGIN, "clave": "no"})).status == 401
        answer = await self.ask("/api/login", "POST", LOGIN)
        assert answer.status == 429
        assert answer.header("retry-after") == "1"
        assert "1 s" in answer.json["error"]
        self.time.advance(1)
        assert (await self.ask("/api/login", "POST", LOGIN)).status == 200

    async def test_bad_bodies(self) -> None:
        """What is not the JSON of a login is refused with what is wrong; a form, which another site could send, is not read."""
        form = await self.ask("/api/login", "POST", b"usuario=ana&clave=x", content_type="application/x-www-form-urlencoded")
        assert form.status == 415
        assert "application/json" in form.json["error"]
        for body in (b"", b"{", b"[]", b'{"usuario": "ana"}', b'{"usuario": 1, "clave": "x"}', b"\xff", b"[" * 60_000):
            answer = await self.ask("/api/login", "POST", body)
            assert answer.status == 400, body[:20]
            assert answer.json["error"].startswith("the body"), body[:20]

    async def test_logout(self) -> None:
        """A logout ends the session, its cookie and its open WebSockets, and no other session's."""
        token, other = await self.log_in(), await self.log_in()
        watcher, staying = await self.watch(token), await self.watch(other)
        answer = await self.ask("/api/logout", "POST", cookie=f"waygps_session={token}")
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("set-cookie").startswith("waygps_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
        assert await watcher.closed == 4401
        assert (await self.ask("/api/moviles", authorization=f"Bearer {token}")).status == 401
        assert not staying.closed.called
        assert (await self.ask("/api/moviles", authorization=f"Bearer {other}")).status == 200

    async def test_logout_of_nobody(self) -> None:
        """A logout without a session is one all the same."""
        assert (await self.ask("/api/logout", "POST")).status == 204
