"""Users and their sessions. Passwords are argon2id hashes, tokens are kept as SHA-256: a stolen table opens nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256

import psycopg2.extensions
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from twisted.internet.threads import deferToThread

from waygps.storage.session import Session

FIND = "SELECT id, clave FROM usuarios WHERE nombre = %s"
BEGIN = """
WITH vencidas AS (DELETE FROM sesiones WHERE expira < now())
INSERT INTO sesiones (ficha, usuario_id, expira) VALUES (%s, %s, now() + %s * interval '1 hour')
"""
# A session lives on while it is used; the row is written again only when half of its time is over.
USE = """
WITH viva AS (
    SELECT s.ficha, s.expira, u.nombre FROM sesiones s JOIN usuarios u ON u.id = s.usuario_id
    WHERE s.ficha = %s AND s.expira > now()
), renovada AS (
    UPDATE sesiones SET expira = now() + %s * interval '1 hour'
    WHERE ficha IN (SELECT ficha FROM viva WHERE expira < now() + %s * interval '30 minutes')
)
SELECT nombre FROM viva
"""
END = "DELETE FROM sesiones WHERE ficha = %s"
SET_PASSWORD = "INSERT INTO usuarios (nombre, clave) VALUES (%s, %s) ON CONFLICT (nombre) DO UPDATE SET clave = EXCLUDED.clave"
END_ALL = "DELETE FROM sesiones WHERE usuario_id = (SELECT id FROM usuarios WHERE nombre = %s)"

_hasher = PasswordHasher()
_nobody = _hasher.hash(secrets.token_urlsafe())
"""Checked for a user that does not exist, so that the answer takes as long as for one that does."""


def fingerprint(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


def set_password(connection: psycopg2.extensions.connection, user: str, password: str) -> None:
    """Make the user, or change the password and end the user's sessions. Blocking, for commands and the start."""
    with connection, connection.cursor() as cursor:
        cursor.execute(SET_PASSWORD, (user, _hasher.hash(password)))
        cursor.execute(END_ALL, (user,))


def make_first_login(
    connection: psycopg2.extensions.connection, keep: Callable[[str, str], object] = lambda user, password: None
) -> tuple[str, str] | None:
    """Where there is no user at all, make ``admin`` with a random password, and give both.

    ``keep(user, password)`` comes first: a password that cannot be kept makes no user.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usuarios")
        if cursor.fetchone() != (0,):
            return None
    password = secrets.token_urlsafe(12)
    keep("admin", password)
    set_password(connection, "admin", password)
    return "admin", password


class Accounts:
    """Logging in and out."""

    def __init__(self, session: Session, hours: int) -> None:
        self._session = session
        self._hours = hours

    async def log_in(self, user: str, password: str) -> str | None:
        """A new token, or None where the user or the password is wrong."""
        rows = await self._session.query(FIND, [user.replace("\0", "")])
        user_id, known = rows[0] if rows else (None, _nobody)
        if not await deferToThread(_is_right, known, password) or user_id is None:
            return None
        token = secrets.token_urlsafe(32)
        await self._session.execute(BEGIN, [fingerprint(token), user_id, self._hours])
        return token

    async def user_of(self, token: str) -> str | None:
        """The name of the user this token belongs to; None where the session is over or never was."""
        rows = await self._session.query(USE, [fingerprint(token), self._hours, self._hours])
        return str(rows[0][0]) if rows else None

    async def log_out(self, token: str) -> None:
        """End the session."""
        await self._session.execute(END, [fingerprint(token)])


def _is_right(known: str, password: str) -> bool:
    try:
        return _hasher.verify(known, password)
    except (Argon2Error, InvalidHashError):
        return False
