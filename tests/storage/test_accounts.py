"""Users and sessions: who gets in, for how long, and what a stolen table would show."""

from __future__ import annotations

import psycopg2.extensions

from tests.postgres import DatabaseTest, connected
from waygps.storage.accounts import Accounts, make_first_login, set_password


class AccountsTest(DatabaseTest):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.connection: psycopg2.extensions.connection = connected(self.url)
        self.connection.autocommit = False
        self.addCleanup(self.connection.close)
        set_password(self.connection, "ana", "clave de ana ñ")
        self.accounts = Accounts(await self.session(), hours=12)

    async def token(self) -> str:
        """The token of a login of ana."""
        token = await self.accounts.log_in("ana", "clave de ana ñ")
        assert token
        return token

    async def test_login(self) -> None:
        """A right password begins a session of its user; every login has a session of its own."""
        first, second = await self.token(), await self.token()
        assert first != second
        assert len(first) >= 40
        assert await self.accounts.user_of(first) == "ana"
        assert await self.accounts.user_of(second) == "ana"

    async def test_wrong_login(self) -> None:
        """A wrong password, an unknown user, an empty password and SQL begin none."""
        for user, password in (
            ("ana", "clave de ana n"),
            ("eva", "clave de ana ñ"),
            ("ana", ""),
            ("' OR true --", "x"),
            ("", ""),
        ):
            assert await self.accounts.log_in(user, password) is None, user
        assert self.rows("SELECT count(*) FROM sesiones") == [(0,)]

    async def test_no_session(self) -> None:
        """A token that nobody was given belongs to nobody."""
        token = await self.token()
        for wrong in ("", "x", token[:-1], token.swapcase()):
            assert await self.accounts.user_of(wrong) is None, wrong

    async def test_expiry(self) -> None:
        """A session that was not used for its hours is over, and cleared away with the next login."""
        token = await self.token()
        self.rows("UPDATE sesiones SET expira = now() - interval '1 second'")
        assert await self.accounts.user_of(token) is None
        await self.token()
        assert self.rows("SELECT count(*) FROM sesiones") == [(1,)]

    async def test_renewal(self) -> None:
        """Whoever works on is not thrown out: use in the second half of the hours renews them, before it writes nothing."""
        token = await self.token()
        for left, afterwards in (("7 hours", 7), ("5 hours", 12)):
            self.rows("UPDATE sesiones SET expira = now() + %s::interval", left)
            assert await self.accounts.user_of(token) == "ana"
            assert self.rows("SELECT round(extract(epoch FROM expira - now()) / 3600) FROM sesiones") == [(afterwards,)]

    async def test_logout(self) -> None:
        """A logout ends its own session and no other."""
        first, second = await self.token(), await self.token()
        await self.accounts.log_out(first)
        assert await self.accounts.user_of(first) is None
        assert await self.accounts.user_of(second) == "ana"

    async def test_changed_password(self) -> None:
        """A changed password ends all sessions of that user, and the old one opens nothing."""
        set_password(self.connection, "eva", "clave de eva")
        token, other = await self.token(), await self.accounts.log_in("eva", "clave de eva")
        set_password(self.connection, "ana", "nueva")
        assert await self.accounts.user_of(token) is None
        assert await self.accounts.user_of(str(other)) == "eva"
        assert await self.accounts.log_in("ana", "clave de ana ñ") is None
        assert await self.accounts.log_in("ana", "nueva")

    async def test_deleted_user(self) -> None:
        """A deleted user is out at once."""
        token = await self.token()
        self.rows("DELETE FROM usuarios")
        assert await self.accounts.user_of(token) is None

    async def test_nothing_secret_in_the_tables(self) -> None:
        """Who steals the tables has no password and no token."""
        token = await self.token()
        ((kept,),) = self.rows("SELECT clave FROM usuarios")
        ((ticket,),) = self.rows("SELECT ficha FROM sesiones")
        assert kept.startswith("$argon2id$")
        assert "clave de ana" not in kept
        assert len(bytes(ticket)) == 32
        assert token.encode() not in bytes(ticket)

    async def test_broken_hash(self) -> None:
        """A user whose hash was damaged by hand cannot log in, and nobody else is disturbed."""
        self.rows("INSERT INTO usuarios (nombre, clave) VALUES ('eva', 'clave')")
        assert await self.accounts.log_in("eva", "clave") is None

    async def test_first_login(self) -> None:
        """The first start makes one login with a random password, which opens; a database with a user gets none."""
        assert make_first_login(self.connection) is None
        self.rows("DELETE FROM usuarios")
        made = make_first_login(self.connection)
        assert made is not None
        assert make_first_login(self.connection) is None
        assert len(made[1]) >= 16
        assert await self.accounts.log_in(*made)

    async def test_first_logins_differ(self) -> None:
        """Two installations have two passwords."""
        made = []
        for _ in range(2):
            self.rows("DELETE FROM usuarios")
            made.append(make_first_login(self.connection))
        assert made[0] != made[1]
