"""How a change looks to people: unified diffs, and before and after lines for what has no text.

Everything leaves through ``text``: cleaned, secrets masked. Contents of keys are never shown, only their size. Lines
around a change say where it is made and no more: what stands behind a name there may be a secret under any name.
"""

from __future__ import annotations

import difflib
import re

SHOWN = 200_000
"""Characters of a diff at the most."""
_KEY_NAME = re.compile(r"(\.(key|pem|p12|keyfile)|(^|[/_-])key-?file)$", re.IGNORECASE)
_KEY_BODY = re.compile(rb"\s*[A-Za-z0-9+/=]{16,}(\s+[A-Za-z0-9+/=]+)*\s*")


# What a compose file says beside a change that helps to find the place and is never a secret.
_TOLD = frozenset({
    "container_name", "depends_on", "deploy", "environment", "image", "name", "networks", "ports", "restart",
    "services", "version", "volumes",
})  # fmt: skip
_NAMED = re.compile(
    r"(?P<name>[ \t]*(?:-[ \t]+)*[\"']?(?P<key>[\w.$-]+)[\"']?[ \t]*(?::(?=[ \t]|$)|=))"
    r"[ \t]*(?P<value>.*)"
)
_LEAD = re.compile(r"[ \t]*(?:-[ \t]+)*(?:#+[ \t]*)?")


def is_key(path: str, content: bytes | None) -> bool:
    """Whether this is a key by its name or its looks (nothing but base64), so that it is not shown."""
    return bool(_KEY_NAME.search(path)) or bool(content and _KEY_BODY.fullmatch(content))


def counted(content: bytes, what: str = "") -> str:
    """``1,013 bytes of random base64, not shown``."""
    return f"{len(content):,} bytes{f' of {what}' if what else ''}, not shown"


def file_diff(path: str, old: bytes | None, new: bytes | None, *, secret: bool = False, what: str = "") -> str:
    """Unified diff of two contents; None where there is no file. A secret or binary content is told by its size."""
    if old == new:
        return ""
    header = [f"--- {path if old is not None else '/dev/null'}", f"+++ {path if new is not None else '/dev/null'}"]
    texts = _text(old), _text(new)
    if secret or is_key(path, old) or is_key(path, new) or None in texts:
        body = [f"-{counted(old)}"] if old is not None else []
        body += [f"+{counted(new, what)}"] if new is not None else []
        return _shown("\n".join([*header, *body]))
    return _unified(header, texts[0] or "", texts[1] or "")


def change(path: str, what: str, old: str, new: str) -> str:
    """``/srv/mongodb.key: mode 0644 → 0400``."""
    return _shown(f"{path}: {what} {old} → {new}")


def mode(bits: int | None) -> str:
    """``0644``."""
    return "unknown" if bits is None else f"{bits:04o}"


def owner(uid: int | None, gid: int | None) -> str:
    """``999:0``."""
    return f"{'?' if uid is None else uid}:{'?' if gid is None else gid}"


def masked(text: str) -> str:
    """One line for people: cleaned, secrets masked."""
    from .cleaning import clean_line, redact

    return redact(clean_line(text, 2000))


def _unified(header: list[str], old: str, new: str) -> str:
    from .cleaning import SECRETS
    from .secret_shapes import values

    SECRETS.learn_text(old)
    SECRETS.learn_text(new)
    secrets = frozenset(values(old)) | frozenset(values(new))
    body = []
    for each in list(difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=3))[2:]:
        named = _NAMED.fullmatch(each[1:])
        if each.startswith(" "):
            body.append(f" {context(each[1:])}")
        elif named and named["value"].strip("\"'") in secrets:  # under another name on the other side of the change
            body.append(f"{each[0]}{named['name']} {SECRETS.mask(named['value'])}")
        else:
            body.append(each)
    return _shown("\n".join([*header, *body]))


def context(line: str) -> str:
    """A line beside a change: its name and, where it is the name of a thing, its value; else ``…`` in its place."""
    if not any(map(str.isalnum, line)):
        return line
    named = _NAMED.fullmatch(line)
    if named is None:
        lead = _LEAD.match(line)
        return f"{lead[0] if lead else ''}…"
    if not named["value"] or named["key"] in _TOLD:
        return line
    return f"{named['name']} …" if named["name"].endswith(":") else f"{named['name']}…"


def _lines(text: str) -> list[str]:
    """Lines, where the end of each that is not a plain line feed is made visible, as ``diff`` and ``git`` do."""
    lines = [line.replace("\r", "␍") for line in text.split("\n")]
    if lines[-1] == "":
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}\n\\ No newline at end of file"]


def _text(content: bytes | None) -> str | None:
    if content is None:
        return ""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _shown(text: str) -> str:
    from .cleaning import clean, redact

    return redact(clean(text, SHOWN))
