"""How secrets are written down: names, assignments, connection strings, arguments, tokens, keys.

Pure: text in, text out; what a mask looks like is the caller's. ``${VAR}``, ``$VAR``, ``*alias``, ``<placeholder>`` are
not secrets and are left alone, but the default in ``${VAR:-default}`` is one. Every expression here takes time in
proportion to the text. fact: names and forms were collected from the compose files of FastGPT and LibreChat.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

MARK = "•••"
Mask = Callable[[str], str]

# ---------------------------------------------------------------- names

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[\u4e00-\u9fff]+")
_STRONG = re.compile(
    r"pass(?:word|wd|phrase)|psw|pwd|secret|api_?key|access_?key|private_?key|master_?key|密码|口令|密钥"
)
_WEAK_PARTS = re.compile(r"token(?!iz)|令牌|cookie|credential")
_WEAK_WORDS = frozenset(
    {"auth", "authorization", "creds", "cred", "dsn", "salt", "session", "sess", "pass", "requirepass"}
)
# What a name ends with when it only tells about a secret: where it lies, how long it lives, whether there is one.
_ABOUT = frozenset({
    "count", "db", "dir", "directory", "disabled", "domain", "enabled", "endpoint", "expiration", "expires", "expiry",
    "field", "file", "format", "header", "host", "id", "interval", "length", "limit", "mechanism", "method",
    "min", "max", "mode", "name", "names", "owner", "path", "policy", "port", "prefix", "provider", "rate", "required",
    "samesite", "secure", "size", "source", "timeout", "ttl", "type", "uri", "url", "usage", "used", "user", "username",
})  # fmt: skip
_COUNTED = frozenset(
    {"max", "min", "limit", "prompt", "completion", "total", "usage", "context", "allow", "enable", "disable", "no"}
)
_NOT_SECRET = frozenset(
    {"PWD", "OLDPWD", "public_key", "primary_key", "foreign_key", "auth_source", "librechat.cookie"}
)
"""Whole names; the last is a check's, in front of what it says."""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether the name of a variable, key or option announces a secret; case, ``-`` and ``_`` do not matter."""
    if name in _NOT_SECRET:
        return False
    name = name.rpartition(".")[2]
    if name in _NOT_SECRET:
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    joined = "_".join(words)
    if not words or joined in _NOT_SECRET or (words[-1] in _ABOUT and joined != "access_key_id" and len(words) > 1):
        return joined.endswith("access_key_id")
    if _STRONG.search(joined):
        return True
    if _COUNTED & set(words):
        return False
    if words[-1] == "key" and len(words) > 1:
        return "public" not in words
    if "conn_string" in joined or joined == "connection_string":
        return True
    return bool(_WEAK_PARTS.search(joined) or _WEAK_WORDS & set(words))


@lru_cache(maxsize=1024)
def _weak(name: str) -> bool:
    """Whether the name also stands before harmless things: counts of tokens, paths of credential files."""
    joined = "_".join(word.lower() for word in _WORDS.findall(name))
    return not _STRONG.search(joined) and not joined.endswith("_key")


# ---------------------------------------------------------------- values

_PLAIN_VALUES = frozenset({
    "true", "false", "yes", "no", "on", "off", "null", "none", "nil", "undefined", "enabled", "disabled",
    "required", "optional", "~", "always", "never", "user_provided",
})  # fmt: skip
_REFERENCE = re.compile(r"\$?\$\{\w+(?::?[-+?])?\}|\$?\$\w+|\$\([^)]*\)|<[^<>]*>|\*+|\{\{[^{}]*\}\}|%[sd]")
_DEFAULTED = re.compile(r"(\$?\$\{\w+:?-)(.+)\}")
_COMPLAINT = re.compile(r"\$\{\w+:?[?+].*\}")


def _value(value: str, mask: Mask) -> str:
    """One value behind a secret name, masked unless there is nothing secret in it."""
    if not value or MARK in value or value.lower() in _PLAIN_VALUES:
        return value
    if _REFERENCE.fullmatch(value) or _COMPLAINT.fullmatch(value):
        return value
    defaulted = _DEFAULTED.fullmatch(value)
    if defaulted:
        return f"{defaulted[1]}{_value(defaulted[2], mask)}}}"
    return mask(value)


# ---------------------------------------------------------------- shapes that need no name

_PRIVATE_KEY = re.compile(
    r"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----)(.*?)(-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\Z)", re.DOTALL
)
_AUTHORIZATION = re.compile(
    r"(?i)((?:\bproxy-)?\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest)\s+)?|\bbearer\s+(?=[\w.~+/=-]{8}))"
    r"([^\s\"',;]+)"
)
# Up to the last @ before the query: a password may hold one, and a slash. What starts like a port is no password.
_URI = re.compile(
    r"(?i)(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{1,30}://[^\s:/?#@\"'`<>]*:)(?!\d{1,5}[/?#])"
    r"([^\s\"'`<>?]*(?=@)|[^\s\"'`<>]*(?=@))"
)
_GO_DSN = re.compile(r"(?<![^\s\"'`=\[,:])([^\s:@/\"'`=]{1,64}:)([^\s\"'`]{1,256})(?=@(?:tcp|udp|unix)\d?\()")
_TOKEN = re.compile(
    r"(?<![\w-])(?:sk-(?:[\w-]{16,}|(?=[\w-]*\d)[\w-]{6,})|fastgpt-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{10,}|gh[pousr]_[A-Za-z0-9]{16,}"
    r"|github_pat_\w{20,}|glpat-[\w-]{16,}|gsk_[A-Za-z0-9]{16,}|xox[abeprs]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"
)
_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{64,}={0,2}(?:(?:\\n|\r?\n[+\- ]?)[A-Za-z0-9+/]{4,}={0,2}(?![\w.:-]))*"
)


def _uri(match: re.Match[str], mask: Mask) -> str:
    return match[1] + _value(match[2], mask)


def _base64(match: re.Match[str], mask: Mask) -> str:
    """The body of a key file; digests (all hexadecimal) and long paths look alike and are not."""
    text = match.group()
    upper, lower = sum(map(str.isupper, text)), sum(map(str.islower, text))
    if upper < 8 or lower < 8 or text.startswith("/") or not any(map(str.isdigit, text)):
        return text
    return mask(text)


# ---------------------------------------------------------------- arguments

# Between an option and its value: "=", white space, the comma of a list, or the next line of a block list.
_NEXT = r"(?:=|[\"']?[ \t]*,\s*[\"']?|[\"']?[ \t]*\r?\n[ \t+#-]*-[ \t]+[\"']?|[ \t]+[\"']?)"
_ARGUMENT = r"(?:(?<=[\"'])[^\"'\n]+|[^\s\"',\]]+)"
_LONG = re.compile(rf"(?<![\w-])(--?([A-Za-z][\w.-]+){_NEXT})(?!-|\||&)({_ARGUMENT})")
_FLAGS = frozenset({"auth", "noauth"})
_PROGRAM = re.compile(
    r"(?<![\w.-])(mysql\w*|mariadb[\w-]*|obclient|redis-cli|curl|mongo(?:sh|dump|restore|export|import)?)(?![\w.-])"
)
_REST = re.compile(r"[^\n]*(?:\n[ \t+#-]*-[ \t]+[^\n]*)*")
_SHORT = {
    "mysql": re.compile(rf"(?<![\w-])(-p(?!\w*:)(?:{_NEXT}(?!-))?)({_ARGUMENT})"),
    "mongo": re.compile(rf"(?<![\w-])(-p{_NEXT})(?!-)({_ARGUMENT})"),
    "redis": re.compile(rf"(?<![\w-])(-a{_NEXT})(?!-)({_ARGUMENT})"),
    "curl": re.compile(rf"(?<![\w-])((?:-u|--user){_NEXT}?[^\s:\"']*:)({_ARGUMENT})"),
}
_FAMILY = {
    "mysql": "mysql",
    "mariadb": "mysql",
    "obclient": "mysql",
    "redis": "redis",
    "curl": "curl",
    "mongo": "mongo",
}


def _long(match: re.Match[str], mask: Mask) -> str:
    if match[2] in _FLAGS or not is_secret_name(match[2]):
        return match.group()
    return match[1] + _value(match[3], mask)


def _programs(text: str, mask: Mask) -> str:
    """Short options mean a password only behind the programs that use them so."""
    pieces, position = [], 0
    while program := _PROGRAM.search(text, position):
        rest = _REST.match(text, program.end())
        end = rest.end() if rest else program.end()
        family = next(f for start, f in _FAMILY.items() if program[1].startswith(start))
        tail = _SHORT[family].sub(lambda m: m[1] + _value(m[2], mask), text[program.end() : end])
        pieces += [text[position : program.end()], tail]
        position = end
    return "".join(pieces) + text[position:]


# ---------------------------------------------------------------- names with values

_KEY = re.compile(
    r"(?<![\w./-])(?P<open>[\"']?)(?P<key>[A-Za-z_\u4e00-\u9fff][\w.-]*)(?P<close>(?:\\?[\"'])?)[ \t]*(?P<sep>[:=：])"
    r"(?P<gap>[ \t]*)"
    r"(?P<tag>(?:[&!][\w!-]+[ \t]+)*)"
)
_LINE_START = re.compile(r"[ \t>+#|│-]*(?:(?:export|ENV|set)[ \t]+)?")
_QUOTED = {'"': re.compile(r'"((?:[^"\\\n]|\\.)*)"?'), "'": re.compile(r"'((?:[^'\n]|'')*)'?")}
_TO_END = re.compile(r"[^\r\n]*?(?=[ \t]+#|[ \t]*\r?(?:\n|$))", re.MULTILINE)
_INLINE = re.compile(r"[^\s\"'&]*?(?=[,;)}\]]*(?:[\s\"'&]|$))")
_JSON = re.compile(r"[^\s,}\]\"']*")
_ESCAPED = re.compile(r'\\"((?:[^"\\\n]|\\[^"])*)')
_HARMLESS = re.compile(r"\d{1,6}(?:\.\d+)?|(?:/[\w.@-]+){2,}")
_ADDRESS = re.compile(r"(?i)(?:redis|rediss|postgres|postgresql|mysql|mongodb|amqp)://[^@?\s]+")
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*\r?\n")


def _assignments(text: str, mask: Mask) -> str:
    """``NAME=value``, ``name: value`` and their quoted, listed, anchored and commented-out forms."""
    pieces, done, position = [], 0, 0
    while match := _KEY.search(text, position):
        position = match.end()
        if not is_secret_name(match["key"]):
            continue
        start, end = _extent(text, match)
        if end > start and not _harmless(match["key"], text[start:end]):
            pieces += [text[done:start], _value(text[start:end], mask)]
            done = position = end
    return "".join(pieces) + text[done:]


def _harmless(name: str, value: str) -> bool:
    """What stands behind a secret name and is none: a count, a path, the address of a server without a password."""
    if not _weak(name):
        return False
    return bool(_HARMLESS.fullmatch(value) or _ADDRESS.fullmatch(value))


def _extent(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Where the value behind this name starts and ends; nothing for maps, lists and aliases, which are looked into."""
    start = match.end()
    first = text[start : start + 1]
    if first in _QUOTED:
        quoted = _QUOTED[first].match(text, start)
        return quoted.span(1) if quoted else (start, start)
    if escaped := _ESCAPED.match(text, start):  # a quote inside a JSON string
        return escaped.span(1)
    if first == "#" and match["gap"]:  # no value, only a comment
        return start, start
    if match["sep"] != "=" and (first in "[{*" or not (match["gap"] or match["close"] or match["sep"] == "：")):
        return start, start
    if match["close"] and (bare := _JSON.match(text, start)):  # "name": 5, in JSON
        return bare.span()
    line = text.rfind("\n", 0, match.start()) + 1
    if block := _BLOCK.match(text, start):
        return _block(text, block.end(), match.start() - line)
    if match["open"] and not match["close"]:  # the quote opened before the name: "NAME=value"
        stop = re.compile(rf"[^{match['open']}\n]*").match(text, start)
        return stop.span() if stop else (start, start)
    at_line_start = _LINE_START.fullmatch(text, line, match.start()) is not None
    value = (_TO_END if at_line_start else _INLINE).match(text, start)
    return value.span() if value else (start, start)


def _block(text: str, start: int, indent: int) -> tuple[int, int]:
    """The lines of a block scalar: all that are indented deeper than the name."""
    lines = re.compile(rf"(?:[ \t]{{{indent + 1},}}[^\n]*(?:\n|$)|[ \t]*\n)*").match(text, start)
    body = text[start : lines.end()] if lines else ""
    return start + len(body) - len(body.lstrip()), start + len(body.rstrip())


# ---------------------------------------------------------------- all of them


def sub(text: str, mask: Mask) -> str:
    """The text with every secret that can be told by its shape replaced by ``mask(secret)``."""
    text = _PRIVATE_KEY.sub(lambda m: f"{m[1]} {mask(m[2])}" if MARK not in m[2] else m.group(), text)
    text = _AUTHORIZATION.sub(lambda m: m[1] + _value(m[2], mask), text)
    text = _URI.sub(lambda m: _uri(m, mask), text)
    if "@tcp" in text or "@u" in text:  # asked first: the expression alone costs much
        text = _GO_DSN.sub(lambda m: _uri(m, mask), text)
    text = _LONG.sub(lambda m: _long(m, mask), text)
    text = _programs(text, mask)
    text = _assignments(text, mask)
    text = _TOKEN.sub(lambda m: mask(m.group()), text)
    return _BASE64.sub(lambda m: _base64(m, mask), text)


def values(text: str) -> list[str]:
    """The secrets that ``sub`` would mask, as they are written."""
    found: list[str] = []

    def mask(value: str) -> str:
        found.append(value)
        return MARK

    sub(text, mask)
    return found
