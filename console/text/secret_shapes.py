"""How secrets are written down: assignments, connection strings, headers, SQL, sentences, tokens, keys.

Pure: text in, text out; what a mask looks like is the caller's. Every expression here takes time in proportion to the
text. The forms come from the compose files, logs and manuals of FastGPT, LibreChat, One API, MongoDB,
MySQL, PostgreSQL, Redis and the chat services that people send their alarms to.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from functools import cached_property

from . import secret_values as told
from .secret_values import MARK, VARIABLE_NAME, Mask, is_harmless, is_secret_name, looks_secret, value


class _Shape:
    """One way to write a secret down; the secret is what the last group holds.

    It is looked for where one of its words is in the text, in lower case: most texts have none. ``spares`` says whether
    something only looks like one.
    """

    def __init__(self, words: str, source: str, spares: Callable[[re.Match[str]], bool] = lambda _: False) -> None:
        self.words, self.source, self.spares = words.split(), source, spares

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when first needed: all of them take 11 ms of the start."""
        return re.compile(self.source)


def _masked(text: str, mask: Mask, shapes: Iterable[_Shape]) -> str:
    lowered = text.lower()
    for shape in shapes:
        if any(word in lowered for word in shape.words):
            text = shape.pattern.sub(lambda m, spares=shape.spares: m[0] if spares(m) else told.in_place(m, mask), text)  # type: ignore[misc]
    return text


def _is_word(match: re.Match[str]) -> bool:
    return not looks_secret(match[match.lastindex or 0])


def _is_variable(match: re.Match[str]) -> bool:
    return VARIABLE_NAME.fullmatch(match[match.lastindex or 0]) is not None


def _is_unnamed(match: re.Match[str]) -> bool:
    return not is_secret_name(match["name"])


# ---------------------------------------------------------------- addresses and headers

_ADDRESSES = (
    # up to the last @ before the query: a password may hold one, and a slash. What starts like a port is no password
    _Shape(
        "://",
        r"(?i)(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,30}://[^\s:/?#@\"'`<>]*:(?!\d{1,5}[/?#])"
        r"([^\s\"'`<>?]{0,2000}(?=@)|[^\s\"'`<>]{0,2000}(?=@))",
    ),
    _Shape("x-oauth-basic", r"://([^\s:/?#@\"'`<>]{3,})(?=:)"),
    _Shape(
        "://",
        r"(?i)(?<![a-z0-9+.-])(?:git\+)?(?:https?|wss?|rediss?|nats)://([^\s:/?#@\"'`<>]{3,}?)(?=:?@)",
    ),
    # what Slack, Discord, Feishu, Teams, Zapier, Make, n8n, Mattermost, PagerDuty hand out
    _Shape(
        "hook",
        r"(?i)://[\w.-]*(?::\d+)?(?:/[\w.-]+)*?/(?:[\w-]*hooks?(?:b2|-test|s?/catch)?)/([^\s\"'`<>?#]{8,})",
    ),
    _Shape(
        "services triggers workflows callback integration heartbeat key/",
        r"(?i)://[\w.-]*(?::\d+)?(?:/[\w.-]+)*?/(?:services|triggers|workflows|callback|integration|heartbeat|key)/"
        r"([^\s\"'`<>?#]{8,})",
        lambda m: not any(letter.isdigit() or letter.isupper() for letter in m[1]),
    ),
    _Shape(
        "telegram ftqq day.app hook. hc-ping qqoq",
        r"(?i)://(?:api\.telegram\.org/(?:file/)?bot(?:\d+:)?|(?:sctapi\.|sc\.)ftqq\.com/|api\.day\.app/|xizhi\.qqoq\.net/"
        r"|hc-ping\.com/|hook\.[\w.-]*(?:make|integromat)\.com/)([^\s\"'`<>?#/]{6,})",
    ),
    _Shape(
        "=",
        r"(?i)[?&;](?:amp;)?(?:key|sig|signature|sign|code|secret|pass|pw|psw|auth|sk|ticket|sid|pushkey|access_?token"
        r"|x-amz-signature|x-amz-credential|x-amz-security-token|awsaccesskeyid)=([^&\s\"'#<>`]+)",
        lambda m: m[1].isdigit() and len(m[1]) < 5,
    ),
    _Shape(
        "@",
        r"(?<![^\s\"'`=\[,:(])[^\s:@/\"'`=(]{1,64}:([^\s\"'`]{1,256})(?=@(?:(?:tcp|udp|unix)\d?)?\(|@/\w)",
    ),
    _Shape(
        "@",
        r"(?<![\w.:/@-])[A-Za-z][\w.-]{0,63}:(?!\d{1,5}@)([^\s\"'`:@/]{3,128})"
        r"(?=@(?!sha\d)[A-Za-z\d][\w.-]*(?::\d|/|$|[\s\"',;)]))",
    ),
    _Shape(":thin: @//", r"(?i)(?::thin:|(?<![^\s\"'=]))[^/\s:@]{1,64}/([^@\s]{1,128})(?=@)"),
)


def _is_login(match: re.Match[str]) -> bool:
    """Whether it is ``user:password`` in base64, as in a header; no word is."""
    text = match[1]
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set(text) & set("-_") else None)
    except (ValueError, binascii.Error):
        return False
    return b":" in plain and all(byte >= 0x20 for byte in plain)


# what a sentence says behind the word Bearer when it speaks of the scheme
_SCHEME_WORDS = re.compile(
    r"(?i)(?:auth\w*|credentials?|tokens?|scheme|header|required|missing|expected|realm|invalid|instead|cannot|because)\W*"
)
_HEADERS = (
    _Shape(
        "authorization",
        r"(?i)(?:(?:\bproxy-)?\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest|apikey|negotiate)\s+)?"
        r"|\bauthorization[\"']?[\s,]+[\"']?(?:bearer|basic|token|digest|apikey)\s+)([^\s\"',;]+)",
    ),
    _Shape(
        "sign sig",
        r"(?i)(?<![\w.-])(?:x-)?(?:sign|sig|signature)(?:=|[\"']?:[ \t]*)[\"']?(?!sha\d)([^&\s\"'#<>`;,]{6,})",
        lambda m: len(m[1]) < 16 and not looks_secret(m[1]),
    ),
    _Shape(
        "bearer apikey",
        r"(?i)\b(?:bearer|apikey)\s+([\w$][^\s\"',;]{7,})",
        lambda m: _SCHEME_WORDS.fullmatch(m[1]) is not None,
    ),
    _Shape("basic", r"(?i)\bbasic\s+([A-Za-z0-9+/_-]{6,}={0,2})(?![\w=])", lambda m: not _is_login(m)),
)

# ---------------------------------------------------------------- statements and sentences

_QUOTED_OR_BARE = r"(?:\"([^\"\n]+)|'([^'\n]+)|(?!(?:its?|the|an?|their|this|that|what)\b)([^\s\"';,)]+))"
_KEY_WORDS = "pass secret key token pwd"
_HAN = r"\u4e00-\u9fff"
_COUNTS = re.compile("[数额限度位期次量]")


def _is_no_value(match: re.Match[str]) -> bool:
    code = match[0][0] > "\u4e00" and len(match[1]) > 3 and match[1].isdigit() and not _COUNTS.search(match[0])
    return _is_variable(match) and not code


_READS = (
    r"(?:(?:sudo[ \t]+(?:-\w+[ \t]+)*)?(?:[\w./-]*/)?(?:\w*passwd|kinit|cryptsetup)(?![\w.])"
    r"|sudo[ \t]+(?:-\w+[ \t]+)*-\w*S\b"
    r"|[^|\n]{0,200}(?:-stdin|--with-token|--passphrase-fd|-pass(?:in|out)?[ \t]+stdin))"
)
"""Programs that read a password from what is piped into them."""
_SENTENCES = (
    _Shape(
        "identified",
        r"(?i)\bidentified\s+(?:(?:with|via)\s+[\w\"'`]+\s+)?(?:by|as|using)\s+(?:values\s+|password\s*\(?\s*)?"
        + _QUOTED_OR_BARE,
    ),
    _Shape("identified", r"(?i)\bidentified\s[^;\n]{0,300}?\breplace\s+" + _QUOTED_OR_BARE),
    _Shape("set password", r"(?i)\bset\s+password\s+for\s+\S+\s*=\s*(?:\"([^\"\n]+)|'([^'\n]+))"),
    _Shape(
        _KEY_WORDS,
        r"(?i)(?<![\w\"'])(?:password|passwd|passphrase)\s*\(?\s*(?:\"([^\"\n]{1,200})\"|'([^'\n]{1,200})')",
        _is_variable,
    ),
    _Shape(
        _KEY_WORDS,
        r"(?i)(?:\b(?:password|passwd|passphrase|passcode|pwd|secret(?:[ _-]?key)?|(?:api|access)[ _-]?key|token)\s+"
        r"(?:for\s+(?:[^\s:]+\s+){1,4}?)?(?:is|was|are|=>|->|to|set\s+to|changed\s+to|of)\s*[:=]?\s+[\"'`]?|\b(?:password|passwd|passphrase)\s+)"
        r"([^\s\"'`,;:()<>]{4,})",
        _is_word,
    ),
    _Shape(
        _KEY_WORDS,
        r"(?i)\b(?:password|passwd|passphrase|passcode|pwd|(?:api|secret|access)[ _-]?key|token)\s+"
        r"(?:is|was|(?:(?:set|changed|reset)\s+)?to)\s+"
        + told.NO_VALUE
        + r"([^\s\"'`,;:()<>]{4,}?)(?=[.!?,;]?(?:\s*$|\s*\n|[,;.]\s))",
        _is_variable,
    ),
    _Shape(
        "key code",
        r"(?i)\b(?:api|access|secret|master|private|encryption|signing|license|unseal|recovery)[ ](?:key|code)"
        r"(?:[ ]\d+)?(?:\s+provided)?\s*[:=]\s*[\"'`]?([^\s\"'`,;()<>]{4,}?)(?=[.,;!]?(?:[\s\"'`,;()<>}]|$))",
    ),
    _Shape(
        _KEY_WORDS,
        r"(?i)\b(?:invalid|incorrect|wrong|bad|unknown|expired|using|with|received|got)\s+(?:[a-z]+\s+)?(?:token|key|secret)"
        r"[:\s]\s*[\"'`]?([^\s\"'`,;:()<>]{6,})",
        _is_word,
    ),
    _Shape(
        "token",
        r"(?i)\btoken\s+[\"'`]?([^\s\"'`,;:()<>]{8,})(?=[\"'`]?\s+(?:is|was|has|does|expired|not|cannot)\b)",
        _is_word,
    ),
    # fact: mysqld(8): "A temporary password is generated for root@localhost: ..."
    _Shape("password", r"(?i)\bpassword\s+(?:[a-z]+\s+){0,2}for\s+\S+:\s+(\S{6,})", _is_word),
    _Shape(
        told.CHINESE + " 密 key token secret password パスワード 비밀번호 пароль senha passe",
        rf"(?:(?:{'|'.join(told.CHINESE.split())})[\"']?\s*(?!\((?:GET|docker) )"
        r"(?!强度|长度|类型|字段|文件|变量|算法|策略|方式|格式)"
        rf"(?:[{_HAN}]{{0,4}}(?:为|為|是|成|了|用|填|叫)|[:：=＝]|->|[（(【]){{0,3}}"
        r"|(?i:\b(?:api[ _-]?key|token|(?:app)?secret|password))\s*(?:[设設]置?)?(?:为|為|是)[:：]?"
        r"|(?:パスワード|비밀번호|пароль|senha|mot de passe)\s*(?:は|es|est|[:：=]){1,2})\s*[\"'`“‘「『【]?"
        rf"([^\s\"'`“”‘’「」『』【】，。；、！？,;（）()《》{_HAN}]{{3,}}+)"
        r"(?! ?(?:格式|编码|位|个|字符|加密|算法|（#))",
        _is_no_value,
    ),
    _Shape(
        _KEY_WORDS + " masterauth primaryauth auth-pass",
        r"(?i)\b(?:(?:requirepass|masterauth|primaryauth)\s+|auth-pass\s+\S+\s+)[\"']?"
        r"(?!(?:is|was|not|option|in|to|and|for|must|has|with|without)\b)([^\s\"']+)",
    ),
    _Shape("user", r"(?i)\b(?:setuser|user)\s+\S+\s(?:[^\n]{0,200}?\s)?[>#](?!\s)([^\s]{4,})(?=\s[~+&%])"),
    _Shape("auth", r"(?<![\w-])AUTH[ \t]+(?:[\w-]+[ \t]+)?[\"']?([^\s\"']{4,})", _is_word),
    _Shape(
        ".auth( password( secret( token(",
        r"(?:\.auth|\w(?:Password|Secret|Token))\(\s*(?:(?:\"[^\"\n]*\"|'[^'\n]*')\s*,\s*)?[\"']([^\"'\n]+)",
    ),
    # with the name as a word of its own: define('DB_PASSWORD', '...'), getenv("API_KEY") ?: "..."
    _Shape(
        "', \", ?: || ??",
        r"[\"']?(?P<name>[A-Za-z_]\w*)[\"']?(?:(?<=[\"'])[ \t]*,|\)?[ \t]*(?:\|\||\?\?|\?:))[ \t]*[\"']([^\"'\n]+)",
        lambda m: _is_unnamed(m) or _is_word(m),
    ),
    _Shape("login", r"(?i)\blogin\s+\S+\s+password\s+(\S+)"),
    _Shape(
        "env arg set",
        r"(?<![\w-])(?:ENV|ARG|(?:configure|config)[ \t]+set)[ \t]+(?P<name>[A-Za-z_]\w*)[ \t]+(\S+)",
        _is_unnamed,
    ),
    _Shape(
        "passwd kinit cryptsetup sudo -stdin with-token passphrase-fd stdin",
        r"\b(?:(?:echo|printf|yes)[ \t]+(?:-\w+[ \t]+)*(?:[\"']?%s(?:\\n)?[\"']?[ \t]+)?|cat[ \t]*<<<[ \t]*)"
        r"(?:\"(?:\w+:)?([^\"\n]+)\"|'(?:\w+:)?([^'\n]+)'|[\"']?(?:\w+:)?([^\s\"'|;)]+))"
        r"(?=[\"']?(?:[ \t]*;[^|\n]{0,200}\))?[ \t]*\|[ \t]*" + _READS + ")",
    ),
    _Shape(
        "<<<",
        r"(?:\b(?:\w*passwd|kinit|cryptsetup)\b|-stdin|--with-token|\bsudo[ \t]+(?:-\w+[ \t]+)*-\w*S\b)"
        r"[^<\n]{0,200}<<<[ \t]*"
        r"(?:\"(?:\w+:)?([^\"\n]+)|'(?:\w+:)?([^'\n]+)|(?:\w+:)?([^\s\"';|&>]+))",
    ),
    _Shape("passwd", r"\bchpasswd\b[^<\n]{0,80}<<-?[ \t]*[\"']?\w+[\"']?\r?\n[ \t]*[\w.-]+:(\S+)"),
    _Shape("_pw _pass", r"(?i)(?<![\w.-])[a-z]+_(?:pw|pwd|pass)[ \t]+(?:\w=)?([^\s\"'`,;:()<>|]{4,})", _is_word),
    _Shape("proxyauth :pserver:", r"(?:proxyauth=[^\s:]*|:pserver:[^\s:@]+):([^\s\"',@]+)"),
    _Shape("pragma", r"(?i)\bpragma\s+(?:re)?key\s*=\s*[\"']([^\"'\n]+)"),
    _Shape("://", r"(?i)\b(?:tgram|pover|discord|slack)://(?:\w+@|\d+/)?+([^\s/\"'@]{6,})", _is_word),
    _Shape(":", r"(?<![\w.:*-])[\w.*-]+:(?:\d{4,5}|\*):[\w.*-]+:[\w.*-]+:([^\s:/]+)(?![\w:/])"),
)

# ---------------------------------------------------------------- names with values

_KEY = re.compile(
    r"(?<![\w./-])(?P<open>[\"']?)(?P<key>[A-Za-z_\u4e00-\u9fff][\w.-]*)(?P<close>(?:\\?[\"'])?)\]?[ \t]*"
    r"(?P<sep>:=|=>|[:=：＝])(?P<gap>[ \t]*)(?P<tag>(?:[&!][\w!-]+[ \t]+)*)"
)
_LINE_START = re.compile(r"[ \t>+#|│-]*(?:(?:export|ENV|set|declare -x)[ \t]+)?")
_QUOTED = {'"': re.compile(r'"((?:[^"\\\n]|\\.)*)"?'), "'": re.compile(r"'((?:[^'\n]|'')*)'?")}
_TO_END = re.compile(r"[^\r\n]*?(?=[ \t]+#|[ \t]*\r?(?:\n|$))", re.MULTILINE)
_INLINE = re.compile(r"(?:\$\{[^}\s]{0,200}\}|[^\s\"'&`])*?(?=[,;)}\]]*(?:[\s\"'&`]|$))")
_JSON = re.compile(r"[^\s,}\]\"']*")
_ESCAPED = re.compile(r'\\"((?:[^"\\\n]|\\[^"])*)')
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*\r?\n")
_NEXT_LINE = re.compile(
    r"[ \t]*\\?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?P<lead>[ \t>+|│-]*)(?P<value>[^\s#\-|>\[{][^\n]*?)[ \t]*(?=\r?\n|$)"
)
_MAPPING = re.compile(r"[\"']?[\w.$/-]+[\"']?[ \t]*(?::(?:[ \t]|$)|=)")
_TAG = re.compile(r"(?:v?\d+(?:[.-]\w+)*|latest|stable|main|master|dev|edge|alpine\w*|slim|[\w-]*\d+\.\d+[\w.-]*)")
_PAIRS = (
    _Shape(
        "value",
        r"(?i)\b(?:name|key)[\"']?[ \t]*[:=][ \t]*[\"']?(?P<name>[\w.-]+)[\"']?[ \t]*,?\s*"
        r"(?:[+>|-][ \t]+)?[\"']?value[\"']?[ \t]*[:=][ \t]*[\"']?((?:\$\{[^}]*\}|[^\s\"',}])+)",
        _is_unnamed,
    ),
    _Shape(
        "</",
        r"<(?:[A-Za-z][\w.:-]*\s+(?:key|name)=[\"'])?(?P<name>[A-Za-z][\w.:-]*)(?:[\s\"'][^<>]*)?>([^<>\n]+)(?=</)",
        _is_unnamed,
    ),
)


def _assignments(text: str, mask: Mask) -> str:
    """``NAME=value``, ``name: value`` and their quoted, listed, anchored and commented-out forms."""
    pieces, done, position = [], 0, 0
    while match := _KEY.search(text, position):
        position = match.end()
        if not is_secret_name(match["key"]):
            continue
        start, end = _extent(text, match)
        if end > start and not is_harmless(match["key"], text[start:end]):
            pieces += [text[done:start], value(text[start:end], mask)]
            done = position = end
    return _masked("".join(pieces) + text[done:], mask, _PAIRS)


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
    if match["sep"] in ":=" and (below := _NEXT_LINE.match(text, start)):
        return _below(text, match, below)
    if match["sep"] in ":：" and (first in "[{*" or not (match["gap"] or match["close"] or match["sep"] == "：")):
        return _close_by(text, start, match["key"])
    return _open_extent(text, match, start)


def _open_extent(text: str, match: re.Match[str], start: int) -> tuple[int, int]:
    """The same for a value without quotes, which ends with its line, its list or its word."""
    if match["close"] and (bare := _JSON.match(text, start)):  # "name": 5, in JSON
        return bare.span()
    line = text.rfind("\n", 0, match.start()) + 1
    if block := _BLOCK.match(text, start):
        return _block(text, block.end(), match.start() - line)
    if match["open"] and not match["close"]:  # the quote opened before the name: "NAME=value"
        stop = re.compile(rf"[^{match['open']}\n]*").match(text, start)
        return stop.span() if stop else (start, start)
    at_line_start = _LINE_START.fullmatch(text, line, match.start()) is not None
    found = (_TO_END if at_line_start else _INLINE).match(text, start)
    return found.span() if found else (start, start)


def _close_by(text: str, start: int, name: str) -> tuple[int, int]:
    """``password:VALUE``: no port, path, tag of an image or address, which stand as close behind a name."""
    found = _INLINE.match(text, start)
    bare = found.group() if found else ""
    if len(bare) < 3 or bare[0] in "/[{*.:" or (bare.isdigit() and len(bare) < 6) or _TAG.fullmatch(bare):
        return start, start
    weak = told.is_weak_name(name) and not (len(bare) >= 6 and name.lower().endswith(("token", "jwt", "pass")))
    return (start, start) if weak and not looks_secret(bare) else (start, start + len(bare))


def _below(text: str, match: re.Match[str], below: re.Match[str]) -> tuple[int, int]:
    """The value on the next lines: deeper than its name, or all of what a prompt was answered with."""
    line = text.rfind("\n", 0, match.start()) + 1
    key = match.start() - line
    deeper = len(below["lead"]) > key or "- " in below["lead"][max(0, key) :]
    alone = below["value"] if match["sep"] == ":" and not deeper and " " not in below["value"] else ""
    one = alone and (not told.is_weak_name(match["key"]) or (len(alone) >= 10 and looks_secret(alone)))
    if match["key"] == "secrets" or _MAPPING.match(below["value"]) or not (deeper or one):
        return match.end(), match.end()
    start, end = below.span("value")
    while deeper and (more := _NEXT_LINE.match(text, end)):
        if more["lead"] != below["lead"] or _MAPPING.match(more["value"]):
            break
        end = more.end("value")
    if text[start] in "\"'":
        start, end = start + 1, end - (text[end - 1] == text[start] and end - start > 1)
    return start, end


def _block(text: str, start: int, indent: int) -> tuple[int, int]:
    """The lines of a block scalar: all that are indented deeper than the name."""
    lines = re.compile(rf"(?:[ \t]{{{indent + 1},}}[^\n]*(?:\n|$)|[ \t]*\n)*").match(text, start)
    body = text[start : lines.end()] if lines else ""
    return start + len(body) - len(body.lstrip()), start + len(body.rstrip())


# ---------------------------------------------------------------- all of them

_ANY = re.compile(
    r"[:=：＝@$<>]|--?\w|[A-Za-z0-9+/_-]{9}|(?i:pass|secret|basic|bearer|token|auth|key|pwd|identified|login|_pw|kinit|sudo)|[密口秘令授凭憑金權签簽加私助验驗校激提恢通安鉴动注卡暗パ비п]"
)


def sub(text: str, mask: Mask) -> str:
    """The text with every secret that can be told by its shape replaced by ``mask(secret)``."""
    if not _ANY.search(text) and not told.PROGRAM.search(text):  # most cells of a table: a name, a state, a figure
        return text
    text = told.private_keys(text, mask)
    text = _masked(text, mask, (*_HEADERS, *_ADDRESSES))
    text = told.arguments(text, mask)
    text = _masked(_assignments(text, mask), mask, _SENTENCES)
    return told.tokens(text, mask)


def values(text: str) -> list[str]:
    """The secrets that ``sub`` would mask, as they are written."""
    found: list[str] = []

    def mask(secret: str) -> str:
        found.append(secret)
        return MARK

    sub(text, mask)
    return found
