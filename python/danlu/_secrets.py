"""Takes secrets out of what is recorded of a program."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"

_SECRET_WORDS = {
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "credential",
    "credentials",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "secrets",
    "token",
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_OPTION = re.compile(r"(?P<name>[-+]{0,2}[A-Za-z][\w.\-]*)=(?P<value>.+)", re.DOTALL)
#: Numbers, and words that are no secret, as in `--pad-token 0` and `--use-auth true`.
_HARMLESS = re.compile(r"-?\d{1,5}(\.\d+)?|true|false|none|null|yes|no", re.IGNORECASE)

#: What is a secret wherever it stands: keys of services, and tokens that say who somebody is.
_VALUES = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bhf_[A-Za-z0-9]{20,}|\bsk-[\w-]{20,}|\bxox[abeoprs]-[\w-]{10,}"
)
_URL = re.compile(r"(?P<scheme>\b[a-zA-Z][\w+.-]*://)[^/\s@]+@")
#: A header or a part of JSON or YAML, as `Authorization: Bearer x` and `{"api_key": "x"}`.
_PAIR = re.compile(
    r"""(?P<name>\b[A-Za-z][\w.\-]*)(?P<colon>["']?\s*:\s*)"""
    r"""(?P<value>"[^"]*"|'[^']*'|(?:(?:bearer|basic|token)\s+)?[^\s,;&{}\[\]"']+)""",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(?P<name>[?&][\w.\-]+)=(?P<value>[^&#\s]+)")


def is_secret_name(name: str) -> bool:
    """Say whether a name is one of a secret: `--api-key`, `HF_TOKEN`, `dbPassword`; not `--tokenizer`."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return any(word in _SECRET_WORDS for word in words) or words[-1:] == ["key"]


def redact(text: str) -> str:
    """Return a text without the secrets that can be told by how they look."""
    text = _VALUES.sub(HIDDEN, text)
    text = _URL.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _PAIR.sub(lambda m: f"{m['name']}{m['colon']}{_value(m['name'], m['value'])}", text)
    return _QUERY.sub(lambda m: f"{m['name']}={_value(m['name'], m['value'])}", text)


def redact_arguments(arguments: Iterable[str]) -> list[str]:
    """Return the arguments of a program without secrets: `--token x`, `--token=x`, `db.password=x`."""
    shown = []
    hides_next = False
    for argument in arguments:
        option = _OPTION.fullmatch(argument)
        if hides_next and not argument.startswith("-"):
            shown.append(argument if _HARMLESS.fullmatch(argument) else HIDDEN)
        elif option and is_secret_name(option["name"]):
            shown.append(f"{option['name']}={_value(option['name'], option['value'])}")
        else:
            shown.append(redact(argument))
        hides_next = argument.startswith("-") and option is None and is_secret_name(argument)
    return shown


def redact_variables(variables: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return environment variables without secrets."""
    return {name: HIDDEN if is_secret_name(name) else redact(value) for name, value in variables}


def _value(name: str, value: str) -> str:
    return HIDDEN if is_secret_name(name) and not _HARMLESS.fullmatch(value) else value
