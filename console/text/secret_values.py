"""Which names announce a secret: of variables, keys, options, headers, labels; and what one looks like by itself.

Pure. The names come from the compose files of FastGPT, LibreChat, One API and their databases.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[\u4e00-\u9fff]+")
_STRONG = re.compile(
    r"pass(?:word|wd|phrase|code|wort|key(?!s?_?(?:rp|origin)))|psw|pswd|pwd|secret|mot_de_passe|contrase"
    r"|(?:api|access|private|master|account|shared|sign(?:ing)?|encrypt(?:ion)?|auth|app|aes|hmac|root|admin)_?key"
    r"|密码|密碼|口令|密钥|密鑰|秘钥|私钥|私鑰|金鑰|授权码|授權碼|助记词|助記詞"
)
CHINESE = (
    "密码 密碼 口令 密钥 密鑰 秘钥 私钥 私鑰 金鑰 授权码 授權碼 助记词 助記詞 令牌 權杖 凭证 凭据 憑證 憑據 盐值"
    " 鹽值 签名 簽名 加签 加簽 验证码 驗證碼 校验码 激活码 提取码 恢复码 通行码 安全码 鉴权码 动态码 注册码 卡密 暗号"
)
_CHINESE = re.compile(rf"(?:{'|'.join(CHINESE.split())})$")
_WEAK_PARTS = re.compile(rf"token(?!iz)|cookie|credential|{'|'.join(CHINESE.split())}")
_WEAK_WORDS = frozenset({
    "auth", "authorization", "bearer", "creds", "cred", "dsn", "salt", "session", "sess", "requirepass",
    "masterauth", "jwt", "pass", "otp", "totp", "psk", "mnemonic", "pat",
})  # fmt: skip
_PASS = re.compile(r"(?:^|_)(?:\w*(?<!com)(?<!by)(?<!tres)(?<!sur)(?<!over)(?<!under)pass|\w{0,8}pw|iv)$")
"""Short for a password where it ends a name of several words, or is glued to another: ``DBPASS``, ``BIND_PW``."""
# What a name ends with when it only tells about a secret: where it lies, how long it lives, whether there is one.
_ABOUT = frozenset({
    "alg", "algorithm", "audience", "count", "db", "dir", "directory", "disabled", "domain", "enabled", "env",
    "endpoint", "expiration", "expires", "expiry", "fd", "field", "file", "format", "header", "host", "id", "interval",
    "issuer", "length", "limit", "mechanism", "method", "min", "max", "mode", "name", "names", "owner", "path",
    "policy", "port", "prefix", "provider", "rate", "required", "samesite", "secure", "server", "service", "size",
    "source", "stdin", "store", "strategy", "timeout", "ttl", "type", "uri", "url", "usage", "used", "user", "username",
    "version",
})  # fmt: skip
_COUNTED = frozenset(
    {"max", "min", "limit", "prompt", "completion", "total", "usage", "context", "allow", "enable", "disable", "no"}
)
_NOT_SECRET = frozenset(
    {
        "PWD",
        "OLDPWD",
        "htpasswd",
        "vncpasswd",
        "mkpasswd",
        "smbpasswd",
        "public_key",
        "primary_key",
        "foreign_key",
        "auth_source",
        "librechat.cookie",
    }
)
"""Whole names; the last is a check's, in front of what it says."""
_CLOUD = re.compile(r"(?:[A-Z0-9]+_)*(?:[AS]K|HMAC|SIGN|PUSH_?PLUS)")
"""How Chinese clouds and push services call an access key and its secret: ``QINIU_SK``, ``DINGTALK_SIGN``."""
_GLUED = re.compile(r"(?:send|sc|push|device|robot|bot|corp)key")
_SIGNED = re.compile(r"(?:ding\w*|lark|feishu|wecom|wechat|wx|robot|bot|app|webhook)_sign$")
_ours: set[str] = set()


def spare(names: Iterable[str]) -> None:
    """Names of our own that only sound secret: what follows the check ``server.wrong-key`` is our sentence."""
    _ours.update(names)
    is_secret_name.cache_clear()


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether the name of a variable, key or option announces a secret; case, ``-`` and ``_`` do not matter."""
    last = name.rpartition(".")[2]
    if {name, last} & _NOT_SECRET or name in _ours:
        return False
    words = [word.lower() for word in _WORDS.findall(last)]
    joined = "_".join(words)
    if not words or joined in _NOT_SECRET:
        return False
    if _CLOUD.fullmatch(name):
        return True
    if words[-1] in _ABOUT and len(words) > 1:
        return joined.endswith(("access_key_id", "secret_id"))
    return _announces(words, joined)


def _announces(words: Sequence[str], joined: str) -> bool:
    if words[-1] >= "\u4e00" and not _CHINESE.search(words[-1]):  # 该令牌无权使用模型: a sentence about a token
        return False
    if _STRONG.search(joined) or _short(joined) or _SIGNED.search(joined):
        return True
    if _COUNTED & set(words):
        return False
    if (words[-1] == "key" and len(words) > 1) or _GLUED.fullmatch(words[-1]):
        return "public" not in words
    told = "conn_string" in joined or joined == "connection_string"
    return told or bool(_WEAK_PARTS.search(joined) or _WEAK_WORDS & set(words))


def _short(joined: str) -> bool:
    return joined not in {"pass", "iv"} and bool(_PASS.search(joined))


@lru_cache(maxsize=1024)
def is_weak_name(name: str) -> bool:
    """Whether the name also stands before harmless things: counts of tokens, paths of credential files."""
    joined = "_".join(word.lower() for word in _WORDS.findall(name))
    return not _STRONG.search(joined) and not joined.endswith("_key") and not _short(joined)


MARK = "•••"
Mask = Callable[[str], str]

_PLAIN_VALUES = frozenset({
    "true", "false", "yes", "no", "on", "off", "null", "none", "nil", "undefined", "enabled", "disabled",
    "required", "optional", "~", "…", "...", "always", "never", "user_provided", "passwordprompt(",
})  # fmt: skip
_REFERENCE = re.compile(
    r"\$?\$\{\w+(?::?[-+?])?\}|\$?\$[A-Za-z_]\w*|\$\([^)]*\)|<[^<>]*>|\*+|\{\{[^{}]*\}\}|%[sd]|\{[\w.]+\}"
)
_DEFAULTED = re.compile(r"(\$?\$\{\w+:?-)(.+)\}")
_COMPLAINT = re.compile(r"\$\{\w+:?[?+].*\}")
_HARMLESS = re.compile(r"\d{1,6}(?:\.\d+)?|(?:/[\w.@-]+){2,}")
_KEY_FOLDERS = ("/etc/", "/home/", "/root/", "/run/", "/var/", "/opt/", "/srv/", "/data/", "/app/", "/certs/", "/ssl/")
_SENTENCE = re.compile(r"[A-Za-z][a-z']*,?(?: [^\s=]+){3,}")
_LATIN = re.compile(r"[!-~]{3}")
_ADDRESS = re.compile(r"(?i)(?:redis|rediss|postgres|postgresql|mysql|mongodb|amqp)://[^@?\s]+|\w+@\w+\([^)\s]*\)/\S*")


def value(text: str, mask: Mask) -> str:
    """One value behind a secret name, masked unless there is nothing secret in it."""
    if not text or MARK in text or text.lower() in _PLAIN_VALUES:
        return text
    if _REFERENCE.fullmatch(text) or _COMPLAINT.fullmatch(text):
        return text
    defaulted = _DEFAULTED.fullmatch(text)
    if defaulted:
        return f"{defaulted[1]}{value(defaulted[2], mask)}}}"
    return mask(text)


def in_place(match: re.Match[str], mask: Mask) -> str:
    """What was matched, with the secret masked that its last group holds."""
    start, end = (at - match.start() for at in match.span(match.lastindex or 0))
    return match[0][:start] + value(match[0][start:end], mask) + match[0][end:]


def is_harmless(name: str, text: str) -> bool:
    """Whether it is no secret though its name says so: a count, a path, a sentence, an address without a password."""
    if name[-1:] >= "\u4e00" and len(text) < 80 and (_WAY.fullmatch(text) or not _LATIN.search(text)):  # 签名：无效
        return True
    lies_there = text.startswith(_KEY_FOLDERS) and name.lower().rstrip("s").endswith(("key", "pub"))  # a key's file
    return (lies_there or is_weak_name(name)) and any(one.fullmatch(text) for one in (_HARMLESS, _ADDRESS, _SENTENCE))


_WAYS = (
    r"sha\d+\w*|md5|bcrypt|utf-?8|base64|[HREP]S\d{3}"
    r"|(?i:(?:hmac|rsa|aes|ecdsa|ed25519|pkcs)(?:[-_]?\d+)*(?:[-_](?:sha\d*|gcm|cbc|md5))*)"
)
_WAY, VARIABLE_NAME = re.compile(_WAYS), re.compile(rf"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|v?\d[\d.]*|{_WAYS}")
NO_VALUE = (
    r"(?!\w+(?:ed|en|ing|[ai]ble|ent|ful|less|ly|y)(?![\w-]))"
    r"(?!(?:wrong|right|correct|incorrect|invalid|valid|short|long|weak|strong|safe|secret|null|none|unset|unknown|known"
    r"|there|here|same|different|set|kept|read|sent|used|public|good|bad|new|old|plain|default|unique|what|it|that|stale|gone|dead"
    r"|lost|fine|this|your|them|docker|compose|stackops)(?![\w-]))"
)


def looks_secret(word: str) -> bool:
    """Whether a word in a sentence is a secret and no word: six digits, letters with digits, signs, or odd capitals."""
    word = word.strip("*`_.!?")
    if word.isdigit():
        return len(word) >= 6
    if VARIABLE_NAME.fullmatch(word) or word.startswith(("/", "./", "-", "http")):
        return False
    letters, digits = any(map(str.isalpha, word)), any(map(str.isdigit, word))
    return (letters and digits) or mixed_case(word) or any(sign in word for sign in "!@#$%^&*+=~")


def mixed_case(word: str) -> bool:
    """Whether small letters and capitals are mixed as no name has them: ``aBcDeFg``, not ``apiKey``."""
    return sum(a.islower() and b.isupper() for a, b in pairwise(word)) >= 3


_PRIVATE_KEY = re.compile(
    r"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)(.*?)"
    r"(-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?<![\w-])(?:sk-(?:[\w-]{16,}|(?=[\w-]*\d)[\w-]{6,})|(?:sk|rk)_(?:live|test)_\w{10,}|whsec_\w{10,}|fastgpt-[A-Za-z0-9]{20,}"
    r"|hf_[A-Za-z0-9]{10,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|gsk_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{20,}"
    r"|dckr_pat_[\w-]{16,}|glsa_\w{20,}|lsv2_\w{20,}|r8_[A-Za-z0-9]{20,}|nvapi-[\w-]{20,}|xai-[\w-]{20,}|pplx-[\w-]{20,}"
    r"|tvly-[\w-]{16,}|jina_\w{20,}|hvs\.[\w-]{16,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}|SG\.[\w-]{10,}\.[\w-]{10,}"
    r"|xox[abeprs]-[\w-]{10,}|xapp-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}|LTAI[A-Za-z0-9]{12,}|AKID[A-Za-z0-9]{13,}|AIza[\w-]{30,}"
    r"|(?:app|dataset)-[A-Za-z0-9]{24}(?![\w-])|[0-9a-f]{32}\.[A-Za-z0-9]{16}(?![\w.])|SEC[0-9a-f]{64}|\d{8,10}:AA[\w-]{30,}"
    r"|AGE-SECRET-KEY-1\w+|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"
    r"|\$(?:2[abxy]|[156y]|apr1|argon2\w*|scrypt|pbkdf2[\w-]*)\$[^\s:\"',;]{8,}|SCRAM-SHA-(?:1|256)\$[^\s\"',;]{20,}"
)
_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{64,}={0,2}(?:(?:\\n|\r?\n[+\- ]?)[A-Za-z0-9+/]{4,}={0,2}(?![\w.:-]))*"
)
_RANDOM = re.compile(r"(?<![\w./+=-])[A-Za-z0-9]{24,63}(?![\w./+-])")


def private_keys(text: str, mask: Mask) -> str:
    """Keys in PEM, whole or cut off."""
    if "PRIVATE KEY" not in text:
        return text
    return _PRIVATE_KEY.sub(lambda m: f"{m[1]} {mask(m[2])}" if MARK not in m[2] else m.group(), text)


def tokens(text: str, mask: Mask) -> str:
    """Tokens and keys that need no name: each has a beginning, or an order, that no word has."""
    text = _TOKEN.sub(lambda m: mask(m.group()), text)
    text = _BASE64.sub(lambda m: _base64(m, mask), text)
    return _RANDOM.sub(lambda m: mask(m.group()) if _is_random(m.group()) else m.group(), text)


def _base64(match: re.Match[str], mask: Mask) -> str:
    """The body of a key file; digests (all hexadecimal) and long paths look alike and are not."""
    text = match.group()
    upper, lower = sum(map(str.isupper, text)), sum(map(str.islower, text))
    if upper < 8 or lower < 8 or text.startswith("/") or not any(map(str.isdigit, text)):
        return text
    return mask(text)


def _is_random(text: str) -> bool:
    """Letters of both sizes and digits in no order: a key without a name. A digest has one size of letters."""
    counts = sum(map(str.isupper, text)), sum(map(str.islower, text)), sum(map(str.isdigit, text))
    return min(counts) >= 4


# ---------------------------------------------------------------- arguments

# Between an option and its value: "=", white space, the comma of a list, or the next line of a block list.
_NEXT = r"(?:=|[\"']?[ \t]*,\s*[\"']?|[\"']?[ \t]*\r?\n[ \t+#-]*-[ \t]+[\"']?|[ \t]+[\"']?)"
_ARGUMENT = r"(?:(?<=[\"'])[^\"'\n]+|[^\s\"',\]]+)"
_PROSE = (
    r"(?:of|in|is|was|and|or|with|without|from|to|for|on|at|not|are|has|must|which|that|as|by|into|option|it|the|then)"
    r"\b(?![-.])"
)
"""What follows an option that a sentence only speaks of."""
_LONG = re.compile(
    rf"(?<![\w-])(--?([A-Za-z][\w.-]+){_NEXT})(?!-|\||&|<|stdin\b|(?:env|fd|file):|{_PROSE})({_ARGUMENT})"
)
_FLAGS = frozenset({"auth", "noauth"})
_REST = re.compile(r"[^\n]*(?:\n[ \t+#-]*-[ \t]+[^\n]*)*")
_PASSWORD = rf"(?<![\w-])-p[\"']?(?!\w*:)(?:{_NEXT}(?!-|{_PROSE}))?({_ARGUMENT})"
_WORD, _GAP = r"[ \t]+[^\s-]\S*", r"(?:(?<==)|[ \t]+|[\"'][ \t]*,[ \t]*)[\"']{0,2}"
# programs, and behind which of their words a password stands as it is
_POSITIONS = r"""
pdftk  (?:user|owner|input)_pw(?:[ \t]+\w+=(?=\S))?
(?:tiger)?vncpasswd|mkpasswd|ecryptfs-add-passphrase  (?:(?<=passwd)(?:[ \t]+-m[ \t]+\S+)?|(?<=phrase))
wg(?=[ \t]+set)  (?:shared|private)-key
(?<!\|)(?<!\|[ \t])(?<!sudo[ \t])passwd(?=[ \t]+--stdin)  --stdin
mosquitto_passwd  -\w*b\w*WORDWORD
wpa_passphrase  (?<=phrase)WORD
qpdf  --encrypt
net(?=[ \t]+user?)  [ \t]user?WORD(?:[ \t]+\\\\\S+)?(?:[ \t]+/user:\S+)?
smbclient  [ \t]//\S+
iwconfig  [ \t]key(?=[ \t]+(?!off|on|open|restricted))
nmcli|mysqladmin  [ \t]password
redis-cli(?=[ \t]+(?:[\w.:-]+[ \t]+){0,8}(?i:auth)[ \t])  (?i:auth)
rclone  [ \t](?:obscure|pass)
caddy  --plaintext
doveadm  [ \t]auth[ \t]+testWORD
npm|pnpm|yarn  [ \t]set[ \t]+\S*_(?:auth\w*|password)
composer|poetry  [ \t](?:http-basic\.\S+[ \t]+\S+|\S*(?:oauth|token|bearer)\S*)
wandb|cargo|hub|ngrok|cloudflared|bw  [ \t](?:(?:add-)?authtoken|login|service[ \t]+install|unlock)(?:[ \t]+\S+@\S+)?
neo4j-admin|grafana(?:-cli)?|racadm  [ \t]\S*[-.](?i:password)
mc  (?:user[ \t]+add|(?:alias[ \t]+set|host[ \t]+add)WORD)WORDWORD
emqx(?:_ctl)?  [ \t]admins[ \t]+(?:add|passwd)WORD
garage  [ \t]importWORD
virsh  [ \t]secret-set-value(?:WORD|[ \t]+--base64)
ipmitool  [ \t]set[ \t]+password[ \t]+\d+
samba-tool  [ \t]user[ \t]+(?:create|add)WORD
isql|htdigest  (?:(?<=isql)|(?<=htdigest)(?:[ \t]+-c)?WORD)WORDWORD
db2  [ \t]using
vault  [ \t](?:unseal|lookup|revoke)
keyctl  [ \t]addWORDWORD
git(?=[ \t]+config)  [ \t]\S+\.\S*(?:token|password)
wpa_cli  [ \t](?:psk|password)
dotnet(?=[ \t]+user-secrets)  [ \t]setWORD
adb(?=[ \t]+pair)  [ \t]pairWORD
"""
_FAMILIES = (
    (r"mysql\w*|mariadb[\w-]*|obclient|sshpass|7z\w?", _PASSWORD),
    (r"(?:un)?rar|mongo(?!:)", rf"(?<![\w-])-h?p[\"']?(?!ort|\w*:)(?:{_NEXT}(?!-))?({_ARGUMENT})"),
    (
        (
            r"mongo(?:sh|dump|restore|export|import)?(?!:)|user(?:add|mod)|cqlsh|rabbitmqadmin|doveadm|saslpasswd2?|rdesktop"
            r"|security(?=[ \t]+unlock-)|ncftp\w*|cypher-shell|mutool|airflow(?=[ \t]+users)|elasticsearch-users|twine"
            r"|(?:docker|podman|nerdctl|buildah|skopeo|oras|crane\s+auth|helm\s+registry|az)\s+login"
        ),
        rf"(?<![\w-])-p{_NEXT}(?!-)({_ARGUMENT})",
    ),
    (r"redis-cli", rf"(?<![\w-])-a{_NEXT}(?!-)({_ARGUMENT})"),
    (r"curl", rf"(?<![\w-])(?:-u|--user|-U|--proxy-user){_NEXT}?[^\s:\"']*:({_ARGUMENT})"),
    (r"ldap(?:search|add|modify|whoami)", rf"(?<![\w-])-w{_NEXT}(?!-)({_ARGUMENT})"),
    (r"ssh-keygen", rf"(?<![\w-])-[NP]{_NEXT}(?!-)({_ARGUMENT})"),
    (r"slappasswd|ldappasswd|kasmvncpasswd", rf"(?<![\w-])-[asw]{_NEXT}(?!-)({_ARGUMENT})"),
    (r"kadmin(?:\.local)?|security(?=[ \t]+add-)", rf"(?<![\w-])-w{_NEXT}(?!-)({_ARGUMENT})"),
    (r"gotify|doctl", rf"(?<![\w-])-t{_NEXT}(?!-)({_ARGUMENT})"),
    (r"https?(?=[ \t])|xh", rf"(?<![\w-])(?:-a|--auth){_NEXT}[^\s:\"']*:({_ARGUMENT})"),
    (r"qpdf", rf"--encrypt{_WORD}[ \t]+(?<!{MARK} )({_ARGUMENT})"),
    (r"bundle(?=[ \t]+config)", r"[ \t][\w-]+:([^\s\"']+)"),
    (r"kubectl", rf"--from-literal{_NEXT}[\"']?[\w.-]+=({_ARGUMENT})"),
    (r"sqlcmd|bcp|tsql|ipmitool", rf"(?<![\w-])-P{_NEXT}?(?!-)({_ARGUMENT})"),
    (r"sqlplus|expdp|impdp|rman", r"(?<![\w./])[\w.$-]+/([^\s@\"'/]+)(?=@|[ \t]|$)"),
    (r"etcdctl|skopeo", rf"(?:--(?:user|(?:src-|dest-)?creds)|user[ \t]+add){_NEXT}[^\s:\"']+:({_ARGUMENT})"),
    (r"ossutil\w*|ss-\w+|ss(?:local|server)", rf"(?<![\w-])-k{_NEXT}(?!-)({_ARGUMENT})"),
    (r"coscmd", rf"(?<![\w-])-s{_NEXT}(?!-)({_ARGUMENT})"),
    (r"snmp\w+", rf"(?<![\w-])-[AXc]{_NEXT}(?!-)({_ARGUMENT})"),
    (r"xfreerdp|mstsc", r"/p:([^\s\"']+)"),
    (r"lftp", rf"-u{_NEXT}[^\s,\"']+,([^\s\"']+)"),
    (r"mosquitto_\w+|zip|unzip", rf"(?<![\w-])-P{_NEXT}?(?!-)({_ARGUMENT})"),
    (r"rabbitmqctl", rf"(?:add_user|change_password|authenticate_user){_NEXT}[^\s\"',]+{_NEXT}({_ARGUMENT})"),
    (r"vault(?=[ \t]+login)", r"login[ \t]+(?!-)([^\s=]+)(?![^\s]*=)"),
    (r"htpasswd", r"-\w*b\w*[ \t]+(?:-\w+[ \t]+)*(?:\S+[ \t]+)?\S+[ \t]+(?<!••• )(\S+)(?=[ \t]*[\n;&|]|\s\s|\s?$)"),
    (r"openssl", r"(?:-pass(?:in|out)?|-[kK])[ \t]+(?:pass:)?(?!file:|env:|fd:|stdin)([^\s\"']+)"),
    (r"(?:smb|rpc)client|winexe|smbmap|mount(?=[ \t]+-t[ \t]+(?:cifs|smb))", r"%([^\s\"',]+)"),
)
"""Programs, and where in their words the password stands: what the group holds."""


def _table(rows: Sequence[tuple[str, str]]) -> tuple[re.Pattern[str], tuple[str, ...]]:
    # what stands behind a program is compiled when one is met: all of it takes a quarter of what the first frame may
    names = "|".join(f"({names})" for names, _ in rows)
    return re.compile(rf"(?<![\w.-])(?:{names})(?![\w.-])"), tuple(place for _, place in rows)


def _behind_words(row: str) -> tuple[str, str]:
    names, place = row.replace("WORD", _WORD).split("  ")
    return names, rf"{place}{_GAP}(?![-/~.<>|&]|{_PROSE}){NO_VALUE}(?<!{MARK} )({_ARGUMENT})"


_TABLES = _table(_FAMILIES), _table([_behind_words(row) for row in _POSITIONS.strip().splitlines()])
PROGRAM = _TABLES[1][0]


def arguments(text: str, mask: Mask) -> str:
    """Options by their names, and short ones behind the programs that use them so."""
    if "-" in text:
        text = _LONG.sub(lambda m: m[1] + value(m[3], mask) if _is_secret_option(m[2]) else m[0], text)
    return _programs(text, mask)


def _is_secret_option(name: str) -> bool:
    return name not in _FLAGS and is_secret_name(name)


def _programs(text: str, mask: Mask) -> str:
    """Each program looks through the rest of its line, its own words only; marks are set once all have looked."""
    found: set[tuple[int, int]] = set()
    for programs, places in _TABLES:
        met: dict[tuple[int, int], list[int]] = {}
        line_end = 0
        for program in programs.finditer(text):
            if program.start() >= line_end and (rest := _REST.match(text, program.end())):
                line_end = rest.end()
            met.setdefault((program.lastindex or 1, line_end), []).append(program.end())
        found |= {span for (family, end), at in met.items() for span in _behind(text, places[family - 1], at, end)}
    pieces, at = [], 0
    for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
        if end > at:
            pieces += [text[at:start], value(text[max(at, start) : end], mask)]
            at = end
    return "".join(pieces) + text[at:]


def _behind(text: str, place: str, begins: Sequence[int], end: int) -> Iterator[tuple[int, int]]:
    """What is secret behind one program, which may stand several times in its line. Each word is looked at once."""
    at, pattern = begins[0], re.compile(place)
    while found := pattern.search(text, at, end):
        yield found.span(found.lastindex or 1)
        later = bisect_right(begins, found.start())
        at = min((found.end(), *begins[later : later + 1]))


def words(command: Sequence[str], mask: Mask, rest: Mask) -> list[str]:
    """A command word by word: what stands behind an option with a secret name is masked, ``rest`` treats the others.

    vLLM takes several keys behind one ``--api-key`` (vllm/entrypoints/openai/cli_args.py).
    """
    safe, secret, many = [], False, False
    for word in command:
        if word.startswith("-") and len(word) > 1 and " " not in word:
            name = word.lstrip("-")
            secret = "=" not in name and _is_secret_option(name)
            many = "key" in name.lower()
            safe.append(rest(word))
            continue
        safe.append(value(word, mask) if secret else rest(word))
        secret = secret and many
    return safe
