"""A receiver's own limits and its certificate, as options of ``waygps receivers add`` and ``set``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

LIMITS = {"max_connections": "max_conexiones", "max_devices": "max_equipos", "idle": "timeout"}
"""Options with their columns."""


class OwnLimit(click.ParamType):  # type: ignore[type-arg]  # older versions of click cannot be told
    """A number, or ``default`` for the configuration's limit; in a tuple, as None means that the option is not given."""

    name = "number|default"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int | None]:
        if value == "default":
            return (None,)
        if not (str(value).isdecimal() and int(value) < 2**31):
            self.fail(f"{value} is neither a whole number from 0 nor the word default", param, ctx)
        return (int(value),)


OPTIONS = (
    click.option("--max-connections", type=OwnLimit(), help="Connections at once; 0: no limit; default: the configuration's."),
    click.option("--max-devices", type=OwnLimit(), help="Devices at once; 0: no limit; default: the configuration's."),
    click.option("--idle", type=OwnLimit(), help="Seconds without a message before a connection is closed; 0: never."),
    click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain (PEM): the receiver speaks TLS."),
    click.option("--tls-key", type=click.Path(path_type=Path), help="Private key (PEM) of the certificate."),
)


def own_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with these options."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def limits(given: Mapping[str, Any]) -> dict[str, int | None]:
    """The columns of limits that the options change, with their values."""
    return {column: given[option][0] for option, column in LIMITS.items() if given[option] is not None}


def tls(given: Mapping[str, Any]) -> dict[str, object]:
    """What the options change of configuracion_avanzada; None takes it out."""
    if given.get("no_tls"):
        return {"tls": None}
    pair = _tls(given["tls_cert"], given["tls_key"])
    return {"tls": pair} if pair else {}


def shown(limits: tuple[int | None, ...], advanced: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """What a person reads about them."""
    lines = [(option, _limit(value)) for option, value in zip(("max conn.", "max dev.", "idle"), limits, strict=True)]
    tls = (advanced or {}).get("tls")
    return [*lines, ("tls", tls.get("certificado", "?") if isinstance(tls, dict) else str(tls))] if tls else lines


def _limit(value: int | None) -> str:
    return "default" if value is None else "no limit" if value == 0 else str(value)


def _tls(certificate: Path | None, key: Path | None) -> dict[str, str] | None:
    if bool(certificate) != bool(key):
        raise click.UsageError("TLS needs both --tls-cert and --tls-key")
    if not certificate or not key:
        return None
    # Not resolved: a link to the newest certificate is to stay one.
    return {"certificado": os.path.abspath(certificate), "clave": os.path.abspath(key)}
