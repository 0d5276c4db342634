"""To whom nginx, Caddy and Traefik pass requests on, by their files; Traefik also by the labels of containers.

Only files that are mounted from this machine are read. An address with a variable in it that nothing here sets is no
arrow, as nobody can say where it leads; a file that cannot be read says why.

fact: nginx.org, ngx_http_proxy_module, ngx_http_upstream_module and the core module's include; docker-library/nginx
(conf.d/*.conf is included, templates/*.template are filled from variables that are set); caddyserver.com, Caddyfile
concepts and reverse_proxy; doc.traefik.io, Docker provider (an address in traefik.docker.network, else in a network of
the container), file provider (YAML or TOML, directory or filename; a static file, options and variables exclude each
other)
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from typing import Any

from msgspec import Struct

from ..compose.places import reach
from ..hosts import Files, HostError
from ..model import ConfigAddress, Container, ProxyConfig
from ..text import N_
from ..text.cleaning import clean_line
from .gateways import environment, share_network
from .versions import parts_of

NGINX = ("nginx", "nginx-unprivileged", "openresty")
MAINS = ("/etc/nginx/nginx.conf", "/usr/local/openresty/nginx/conf/nginx.conf")
SITES = ("/etc/nginx/conf.d/*.conf", "/etc/nginx/templates/*.template")
"""What nginx's image reads where no other main file is mounted; the second fill the first."""
CADDYFILE = "/etc/caddy/Caddyfile"
TRAEFIK_MAINS = ("/etc/traefik/traefik.yml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.toml")
LIMIT = 256 * 1024
MOST = 24
"""Files of one proxy, and addresses of one file."""
_NGINX = re.compile(r"#[^\n]*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[{};]|(?:\$\{\w+\}|[^\s{};])+", re.DOTALL)
_SET_THERE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?(?=[/?$]|$)")
_PLACE = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]*)(?::(?P<port>\d{1,5})(?:-\d+)?)?")
_CADDY_ENV = re.compile(r"\{\$(\w{1,100})(?::([^}\n]{0,300}))?\}")
_IMPORT = re.compile(r"^[ \t]*import[ \t]+(\S+)", re.MULTILINE)
_OPTION = re.compile(r"--(configfile|providers\.file\.(?:directory|filename))=(\S{1,500})", re.IGNORECASE)
_PORT_LABEL = re.compile(r"traefik\.http\.services\.[\w@-]+\.loadbalancer\.server\.port")


class Directive(Struct, frozen=True):
    """One line of an nginx configuration: its words, and of a block what stands before the brace."""

    words: tuple[str, ...]
    line: int
    path: str
    within: str = ""
    """``location /``, ``upstream app``: the nearest block."""


class Routed(Struct, frozen=True):
    """A container that a Traefik passes requests on to, and where."""

    container: Container
    label: str
    host: str
    port: int


# Files


def proxy_configs(files: Files, containers: Sequence[Container]) -> tuple[ProxyConfig, ...]:
    """One for each mounted file of an nginx, Caddy or Traefik that runs or goes round; its addresses or why not."""
    found: list[ProxyConfig] = []
    for one in containers:
        last = parts_of(one.image).last
        if one.state in ("running", "restarting") and one.detailed and one.mounts:
            found += _of_nginx(files, one) if last in NGINX else _of_caddy(files, one) if last == "caddy" else ()
            found += _of_traefik(files, one, containers) if last == "traefik" else ()
    return tuple(found)


class _Mounted:
    """What a container sees of this machine's files, read once and a bounded number of them."""

    def __init__(self, files: Files, container: Container) -> None:
        self._files, self.container = files, container
        self.problems: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        """By path on this machine."""

    def read(self, pattern: str) -> Iterator[tuple[str, str, str]]:
        """Path inside, path on this machine and text of each mounted file that a pattern names and was not read yet."""
        for inside in self._named(pattern):
            found = reach(inside, self.container.mounts)
            if found is None or found.kind != "bind" or found.source in self.texts or len(self.texts) == MOST:
                continue
            self.texts[found.source] = ""
            try:
                self.texts[found.source] = self._files.read(found.source, limit=LIMIT).decode("utf-8", "replace")
            except HostError as error:
                self.problems[found.source] = clean_line(str(error), 160)
            yield inside, found.source, self.texts[found.source]

    def _named(self, pattern: str) -> list[str]:
        folder, name = posixpath.split(posixpath.normpath(pattern))
        if not set(name) & set("*?["):
            return [posixpath.join(folder, name)]
        names = {posixpath.basename(m.target) for m in self.container.mounts if posixpath.dirname(m.target) == folder}
        found = reach(folder, self.container.mounts)
        if found is not None and found.kind == "bind":
            try:
                names |= set(self._files.names(found.source))
            except HostError as error:
                self.problems[found.source] = clean_line(str(error), 160)
        return sorted(posixpath.join(folder, one) for one in names if fnmatchcase(one, name))

    def told(self, addresses: Mapping[str, Sequence[ConfigAddress]]) -> Iterator[ProxyConfig]:
        """What is known of each file."""
        for path in dict.fromkeys((*self.texts, *self.problems)):
            found = tuple(addresses.get(path, ()))[:MOST]
            yield ProxyConfig(self.container.id, clean_line(path), found, self.problems.get(path))


# nginx


def _of_nginx(files: Files, container: Container) -> Iterator[ProxyConfig]:
    seen, env = _Mounted(files, container), environment(container)
    bound = [main for main in MAINS if (at := reach(main, container.mounts)) is not None and at.kind == "bind"]
    waiting, said = list(bound[:1] or SITES), []
    while waiting:
        pattern = waiting.pop(0)
        for inside, path, text in seen.read(pattern):
            for one in directives(_filled(text, env) if inside.endswith(".template") else text, path):
                said.append(one)
                if one.words[0] == "include" and len(one.words) == 2 and len(waiting) < MOST:
                    waiting.append(posixpath.join("/etc/nginx", one.words[1]))
                    waiting += SITES[1:] if waiting[-1] == SITES[0] else ()
    yield from seen.told(nginx_addresses(said))


def _filled(text: str, env: Mapping[str, str]) -> str:
    return _SET_THERE.sub(lambda found: env.get(found[1] or found[2], found[0]), text)


def directives(text: str, path: str) -> Iterator[Directive]:
    """What a configuration says, one after the other; blocks before what stands in them."""
    words: list[str] = []
    blocks: list[str] = []
    line, counted = 1, 0
    for found in _NGINX.finditer(text):
        word = found[0]
        if word.startswith("#"):
            continue
        if word not in ("{", "}", ";"):
            words.append(word[1:-1] if word[0] in "\"'" else word)
            continue
        if words:
            line, counted = line + text.count("\n", counted, found.start()), found.start()
            yield Directive(tuple(words), line, path, blocks[-1] if blocks else "")
        if word == "{":
            blocks.append(" ".join(words))
        elif word == "}" and blocks:
            blocks.pop()
        words = []


def nginx_addresses(said: Sequence[Directive]) -> dict[str, list[ConfigAddress]]:
    """Each address of a ``proxy_pass``, by the file that it stands in; of an upstream each server that is not down.

    One with a variable in it is looked up late: with each request, unless the same place is named without one.

    fact: nginx.org, proxy_pass (with variables the name is searched among the server groups, then asked of a resolver)
    and the parameter ``resolve`` of an upstream's server; any other name is looked up once, at the start
    """
    servers: dict[str, list[Directive]] = {}
    for one in said:
        if one.words[0] == "server" and one.within.startswith("upstream ") and "down" not in one.words:
            servers.setdefault(one.within.partition(" ")[2], []).append(one)
    known = {one.words[1].lstrip("$"): one.words[2] for one in said if one.words[0] == "set" and len(one.words) == 3}
    found: dict[str, list[ConfigAddress]] = {}

    def put(at: Directive, whose: str, key: str, host: str, port: str, *, late: bool) -> None:
        there = found.setdefault(at.path, [])
        if len(there) < MOST and (made := _address(whose, key, host, port, at.line, tls=tls, late=late)) is not None:
            there.append(made)

    passing = [one for one in said if one.words[0] == "proxy_pass" and len(one.words) == 2]
    early = {
        (at["host"], at["port"]) for one in passing if "$" not in one.words[1] and (at := _URL.match(one.words[1]))
    }
    for one in passing:
        url = _URL.match(_filled(one.words[1], known))
        if url is None:
            continue
        tls, inside = url["scheme"] == "https", servers.get(url["host"], ()) if url["port"] is None else ()
        for server in inside[:MOST]:
            at = _PLACE.fullmatch(server.words[1]) if len(server.words) > 1 else None
            if at is not None and at["host"]:
                late = "resolve" in server.words[2:]
                put(server, server.within, "server", at["host"], at["port"] or "80", late=late)
        if not inside:
            late = "$" in one.words[1] and (url["host"], url["port"]) not in early
            put(one, one.within, "proxy_pass", url["host"], url["port"] or ("443" if tls else "80"), late=late)
    return found


def _address(
    whose: str, key: str, host: str, port: str, line: int, *, tls: bool, late: bool = False
) -> ConfigAddress | None:  # fmt: skip
    """None for a port that there is not."""
    if not 0 < int(port) < 65536:
        return None
    return ConfigAddress(clean_line(whose, 60) or "the file", key, host.strip("[]"), int(port), line, tls, late)


# Caddy


def _of_caddy(files: Files, container: Container) -> Iterator[ProxyConfig]:
    words = (*container.entrypoint, *container.command)
    told = [there for word, there in pairwise(words) if word in ("--config", "-c")]
    seen, env = _Mounted(files, container), environment(container)
    waiting = [told[0] if told else CADDYFILE]
    found: dict[str, list[ConfigAddress]] = {}
    while waiting:
        for inside, path, text in seen.read(waiting.pop(0)):
            filled = _CADDY_ENV.sub(lambda one: env.get(one[1], one[2] or one[0]), text)
            found[path] = list(caddy_addresses(filled))
            names = [name for name in _IMPORT.findall(filled) if not set(name).isdisjoint("/.*")]  # others are snippets
            waiting += [posixpath.join(posixpath.dirname(inside), name) for name in names[:MOST]]
    yield from seen.told(found)


def caddy_addresses(text: str) -> Iterator[ConfigAddress]:
    """Each upstream of a ``reverse_proxy``, on its line or behind ``to`` in its block."""
    depth, outer, tls, site = 0, 0, False, ""
    current: list[tuple[str, int]] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"(?:^|\s)#.*", "", line).replace('"', "").split()
        opens, closes = words[-1:] == ["{"], words[:1] == ["}"]
        words = [word for word in words if word not in ("{", "}")]
        depth -= closes
        if words[:1] == ["reverse_proxy"]:
            current, outer, tls = [(word, number) for word in words[1:] if word[0] not in "/@*"], depth, False
        elif current is not None and words[:1] == ["to"]:
            current += [(word, number) for word in words[1:]]
        elif current is not None and words and words[0].startswith("tls"):
            tls = True
        elif depth == 0 and words and (opens or not site):
            site = words[0].rstrip(",")
        depth += opens
        if current is not None and depth == outer:
            made = (_upstream(site, word, at, tls=tls) for word, at in current)
            yield from (each for each in made if each is not None)
            current = None


def _upstream(site: str, word: str, line: int, *, tls: bool) -> ConfigAddress | None:
    """None for what is no address of a machine: a socket, a variable."""
    scheme, _, bare = word.rpartition("://")
    at = _PLACE.fullmatch(bare)
    if at is None or not bare or scheme not in ("", "http", "https", "h2c"):
        return None
    tls = tls or scheme == "https"
    port = at["port"] or ("443" if scheme == "https" else "80")
    return _address(site, "reverse_proxy", at["host"] or "localhost", port, line, tls=tls)


# Traefik


def _of_traefik(files: Files, container: Container, containers: Sequence[Container]) -> Iterator[ProxyConfig]:
    """The services of its file provider that a router names, in these files or in the labels of a container."""
    seen = _Mounted(files, container)
    words = [found for word in (*container.entrypoint, *container.command) for found in _OPTION.findall(word)]
    options = {name.lower(): value for name, value in words}
    mains = [options["configfile"]] if "configfile" in options else TRAEFIK_MAINS
    told: list[Any] = []
    statics = [(path, text) for main in mains for _, path, text in seen.read(main)]
    for path, text in statics[:1]:
        given = _part(_part(_data(seen, path, text), "providers"), "file")
        told = [_folder(given.get("directory")), given.get("filename")]
    if not statics:
        env = {name.lower().replace("_", "."): value for name, value in environment(container).items()}
        asked = options or {name.removeprefix("traefik."): value for name, value in env.items()}
        told = [_folder(asked.get("providers.file.directory")), asked.get("providers.file.filename")]
    patterns = [f"{each}{end}" for each in told if isinstance(each, str) and each
                for end in (("yml", "yaml", "toml") if each.endswith("/*.") else ("",))]  # fmt: skip
    read = [
        (path, text, _part(_data(seen, path, text), "http")) for one in patterns for _, path, text in seen.read(one)
    ]
    labels = (item for one in containers for item in one.labels.items())
    used = {value.removesuffix("@file") for name, value in labels if name.endswith(".service") and "@file" in value}
    used |= {name for _, _, http in read for name in _named_services(http)}
    yield from seen.told({path: tuple(_servers(http, used, text)) for path, text, http in read})


def _folder(directory: object) -> str:
    return f"{directory.rstrip('/')}/*." if isinstance(directory, str) and directory else ""


def _data(seen: _Mounted, path: str, text: str) -> Mapping[str, Any]:
    """What a file says; nothing where it cannot be read, and then why, without a word of it."""
    if not text.strip() or path in seen.problems:
        return {}
    data = _parsed(text, toml=path.endswith(".toml"))
    if data is None:
        template = "{{" in text
        seen.problems[path] = N_("it is a template") if template else N_("it cannot be read as YAML or TOML")
    return data or {}


@lru_cache(16)
def _parsed(text: str, *, toml: bool) -> Mapping[str, Any] | None:
    """None for what is neither; a file is looked at every few seconds, and stays the same for weeks."""
    import tomllib

    from ..compose.yaml import load
    from ..compose.yaml_document import YamlError

    try:
        data = tomllib.loads(text) if toml else load(text.encode()).data
    except (YamlError, ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) else {}


def _part(data: object, name: str) -> Mapping[str, Any]:
    part = data.get(name) if isinstance(data, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _named_services(http: Mapping[str, Any]) -> Iterator[str]:
    """Services that a router names, or another service that shares its requests out among several."""
    waiting: list[Any] = [*_part(http, "routers").values(), *_part(http, "services").values()]
    for _ in range(MOST * MOST):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield from (v.removesuffix("@file") for k, v in one.items()
                        if k in ("service", "name", "fallback") and isinstance(v, str))  # fmt: skip
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _servers(http: Mapping[str, Any], used: set[str], text: str) -> Iterator[ConfigAddress]:
    for name, service in _part(http, "services").items():
        servers = _part(service, "loadBalancer").get("servers") if name in used else None
        for one in servers[:MOST] if isinstance(servers, list) else ():
            url = one.get("url") if isinstance(one, Mapping) else None
            at = _URL.match(url) if isinstance(url, str) else None
            if isinstance(url, str) and at is not None:
                tls, line = at["scheme"] == "https", text.count("\n", 0, max(text.find(url), 0)) + 1
                port = at["port"] or ("443" if tls else "80")
                made = _address(f"service {name}", "url", at["host"], port, line, tls=tls)
                yield from () if made is None else (made,)


def routed(traefik: Container, containers: Sequence[Container]) -> Iterator[Routed]:
    """Those that run or lie stopped beside a Traefik that reads labels, and name a port for it."""
    words = " ".join((*traefik.entrypoint, *traefik.command, *environment(traefik))).lower()
    reads = "providers.docker" in words or "providers_docker" in words
    reads = reads or any(mount.target.endswith("/docker.sock") for mount in traefik.mounts)
    if parts_of(traefik.image).last != "traefik" or not reads:
        return
    for one in containers:
        near = one.project == traefik.project or share_network(one, traefik)
        if one.id == traefik.id or not near or one.labels.get("traefik.enable", "true").lower() != "true":
            continue
        for label, port in sorted(one.labels.items()):
            if _PORT_LABEL.fullmatch(label) and port.isdecimal() and 0 < int(port) < 65536:
                yield Routed(one, label, _place_of(one, traefik), int(port))


def _place_of(one: Container, traefik: Container) -> str:
    """Its address as Traefik takes it; its name while it has none."""
    ours = {link.network for link in traefik.networks}
    told = one.labels.get("traefik.docker.network", "")
    links = sorted(one.networks, key=lambda link: (link.network != told, link.network not in ours))
    return next((link.address for link in links if link.address), one.name)
