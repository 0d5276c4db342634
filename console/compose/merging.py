"""Compose files laid over each other as Compose does it, and what Compose refuses about the result.

Pure. What is merged is the data of the files: later ones win, lists grow, and a few keys have rules of their own. Every
rule and every reason was checked against ``docker compose config`` v2.26.1. fact: compose-go, override and loader
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..text.cleaning import clean_line
from .fields import size_of, text_of, texts, volumes_of
from .interpolation import PlacedText
from .yaml_document import Tagged

Tree = dict[str, Any]
Keys = tuple[str, ...]

_REPLACED = {("command",), ("entrypoint",), ("healthcheck", "test")}
_MAPPINGS = {("networks",), ("depends_on",)}
_SEQUENCES = {
    ("annotations",), ("dns",), ("dns_opt",), ("dns_search",), ("env_file",), ("environment",), ("extra_hosts",),
    ("label_file",), ("labels",), ("sysctls",), ("tmpfs",), ("deploy", "labels"), ("build", "args"),
    ("build", "additional_contexts"), ("build", "extra_hosts"), ("build", "labels"),
}  # fmt: skip
SECTIONS = ("services", "volumes", "networks", "secrets", "configs")


def lay_over(base: Any, over: Any, clash: Callable[[Keys], None], keys: Keys = ()) -> Any:  # noqa: ANN401
    """What both say together; ``clash`` is told where the second is of another kind, and so cannot be laid over."""
    inside = keys[2:] if keys[:1] == ("services",) else ()
    if inside in _REPLACED or (inside[:1] == ("ulimits",) and len(inside) == 2):
        return over
    if inside in _SEQUENCES or (keys[:1] in {("networks",), ("volumes",)} and keys[2:] == ("labels",)):
        first = sequence(base)
        return [*first, *(one for one in sequence(over) if inside[-1:] != ("extra_hosts",) or one not in first)]
    if over is None:
        return base
    if inside in _MAPPINGS:
        base, over = mapping(inside[0], base), mapping(inside[0], over)
    if inside == ("build",):
        base, over = ({"context": one} if isinstance(one, str) else one for one in (base, over))
    if inside == ("logging",) and _other_driver(base, over):
        return over
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {
            key: lay_over(base[key], value, clash, (*keys, key))
            if key in base and not str(key).startswith("x-") else value for key, value in over.items()
        }  # fmt: skip
    if isinstance(base, list) and isinstance(over, list):
        return [*base, *over]
    if isinstance(base, dict | list):
        clash(keys)
        return base
    return over


def _other_driver(base: Any, over: Any) -> bool:  # noqa: ANN401
    both = isinstance(base, dict) and isinstance(over, dict) and "driver" in base and "driver" in over
    return both and base["driver"] != over["driver"]


def mapping(key: str, value: Any) -> Any:  # noqa: ANN401
    """The list of names under ``networks`` or ``depends_on`` as a mapping; anything else as it is."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return value
    return {one: {"condition": "service_started", "required": True} if key == "depends_on" else None for one in value}


def sequence(value: Any) -> list[Any]:  # noqa: ANN401
    """A mapping as the list ``NAME=value``, a text as a list of it."""
    if isinstance(value, dict):
        return [_pair(key, one) for key, told in value.items() for one in (told if isinstance(told, list) else [told])]
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _pair(name: str, value: Any) -> str:  # noqa: ANN401
    if value is None:
        return name
    text = f"{name}={text_of(value)}"
    return value.anew(text, f"{name}={value.written}") if isinstance(value, PlacedText) else text


def untag(value: Any, keys: Keys = ()) -> tuple[Any, list[Keys]]:  # noqa: ANN401
    """The data without ``!reset`` and ``!override``, and the places where they stood."""
    gone: list[Keys] = []
    if isinstance(value, Tagged):
        return value.value, [keys] if value.tag in {"!reset", "!override"} else []
    if isinstance(value, dict):
        kept: Any = {}
        for key, inner in value.items():
            plain, found = untag(inner, (*keys, str(key)))
            gone += found
            if not _is_reset(inner):
                kept[key] = plain
        return kept, gone
    if isinstance(value, list):
        return [untag(inner, (*keys, "[]"))[0] for inner in value if not _is_reset(inner)], []
    return value, []


def _is_reset(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Tagged) and value.tag == "!reset"


def without(tree: Any, gone: Iterable[Keys]) -> Any:  # noqa: ANN401
    """The data without what stood at the places."""
    places = [keys for keys in gone if keys]
    if not isinstance(tree, dict) or not places:
        return tree
    whole = {keys[0] for keys in places if len(keys) == 1}
    return {
        key: without(value, [keys[1:] for keys in places if keys[0] == key])
        for key, value in tree.items() if key not in whole
    }  # fmt: skip


# ---- what does not fit together --------------------------------------------------------------------------------------

_INVALID = ": invalid compose project"


def section(tree: Any, name: str) -> Tree:  # noqa: ANN401
    """A section of the merged files; empty where there is none."""
    found = tree.get(name) if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else {}


def is_active(service: Any, profiles: Iterable[str]) -> bool:  # noqa: ANN401
    """Whether Compose takes part in it without being asked for it by name."""
    told = texts(section({"s": service}, "s").get("profiles"))
    return not told or not {"*", *told}.isdisjoint(profiles)


def needs(service: Mapping[str, Any]) -> dict[str, bool]:
    """The services that one needs, with or without a word of it: name -> whether Compose insists."""
    found = {}
    for name, how in section({"d": mapping("depends_on", service.get("depends_on"))}, "d").items():
        found[str(name)] = not isinstance(how, dict) or how.get("required") is not False
    implied = [link.partition(":")[0] for link in texts(service.get("links"))]
    spaces = (service.get(key) for key in ("network_mode", "ipc", "pid", "uts", "cgroup"))
    implied += [one.removeprefix("service:") for one in spaces if isinstance(one, str) and one.startswith("service:")]
    shared = (one.split(":") for one in texts(service.get("volumes_from")))
    implied += [parts[0] for parts in shared if parts[0] != "container"]
    return found | {name: True for name in implied if name not in found}


def contradictions(tree: Tree, profiles: Iterable[str]) -> Iterator[tuple[Keys, str]]:
    """What Compose refuses once everything is merged: where, and its reason. Disabled services do not count."""
    wanted = tuple(profiles)
    active = {
        n: one for n, one in section(tree, "services").items() if isinstance(one, dict) and is_active(one, wanted)
    }
    for name, service in active.items():
        for keys, reason in (*_alone(name, service), *_against(name, service, tree, active)):
            yield ("services", name, *keys), reason
    for kind, sources in (("secrets", ("file", "environment")), ("configs", ("file", "environment", "content"))):
        for name, told in section(tree, kind).items():
            yield from (((kind, name), reason) for reason in _sources(f"{kind}.{name}", told, sources))
    for kind in ("volumes", "networks"):
        for name, told in section(tree, kind).items():
            extra = [key for key in told or () if key not in {"name", "external"} and not key.startswith("x-")]
            if kind == "volumes" and extra and _truth(told.get("external")):
                yield (kind, name), f'{kind}.{name}: conflicting parameters "external" and "{extra[0]}" specified'
    circle = _circle(active)
    if circle:
        yield ("services", circle[0], "depends_on"), f"dependency cycle detected: {' -> '.join(circle)}"


def _truth(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, dict) or str(value).lower() in {"true", "y", "yes", "on"}


def _sources(where: str, told: Any, keys: Iterable[str]) -> Iterator[str]:  # noqa: ANN401
    names = "|".join(keys)
    count = sum(key in told for key in keys)
    if count > 1:
        yield f"{where}: {names} attributes are mutually exclusive"
    if count == 0 and "driver" not in told and "external" not in told:
        yield f"{where}: one of {names} must be set"


def _alone(name: str, service: Tree) -> Iterator[tuple[Keys, str]]:
    """What does not fit together within one service."""
    build, deploy = section(service, "build"), section(service, "deploy")
    test, many = section(service, "healthcheck").get("test"), service.get("scale", deploy.get("replicas")) or 1
    unlike = isinstance(test, list) and test and test[0] not in {"CMD", "CMD-SHELL", "NONE"}
    watches = section(service, "develop").get("watch") or ()
    reserved = section(section(deploy, "resources"), "reservations").get("devices") or ()
    asked = (*reserved, *(service["gpus"] if isinstance(service.get("gpus"), list) else ()))
    rules = (
        (not service.get("image") and not {"build", "provider"} & service.keys(), (),
         f'service "{name}" has neither an image nor a build context specified{_INVALID}'),
        (build.get("dockerfile") and build.get("dockerfile_inline"), ("build",),
         f'service "{name}" declares mutualy exclusive dockerfile and dockerfile_inline{_INVALID}'),
        (service.get("network_mode") and service.get("networks"), ("network_mode",),
         f"service {name} declares mutually exclusive `network_mode` and `networks`{_INVALID}"),
        (unlike, ("healthcheck",), 'healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"'),
        (service.get("container_name") and str(many) not in {"0", "1"}, ("container_name",),
         f"services.{name}: can't set container_name and scale as container name must be unique{_INVALID}"),
        (any(not one.get("target") and one.get("action") not in {"rebuild", "restart"} for one in watches),
         ("develop",), f"services.{name}.develop.watch: target is required for non-rebuild actions{_INVALID}"),
        (any({"count", "device_ids"} <= one.keys() for one in asked), ("deploy",),
         f'services.{name}: "count" and "device_ids" attributes are exclusive'),
    )  # fmt: skip
    yield from ((keys, reason) for broken, keys, reason in rules if broken)
    yield from _twice(name, service, deploy)
    for at, one in enumerate(service.get("ports") or ()):
        if isinstance(one, dict) and "target" not in one:
            yield ("ports",), f"service ports services.{name}.ports.[{at}] is missing a target port"
    for at, one in enumerate(service.get("volumes") or ()):
        if isinstance(one, dict) and not one.get("target"):
            yield ("volumes",), f"service volume services.{name}.volumes.[{at}] is missing a mount target"
        elif isinstance(one, dict) and one.get("type") == "bind" and "source" not in one:
            yield ("volumes",), 'invalid mount config for type "bind": field Source must not be empty'


_LIMITS: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
    ("cpus", "limits", "cpus", lambda value: float(value or 0)),
    ("mem_limit", "limits", "memory", size_of),
    ("mem_reservation", "reservations", "memory", size_of),
    ("pids_limit", "limits", "pids", lambda value: int(value or 0)),
)


def _twice(name: str, service: Tree, deploy: Tree) -> Iterator[tuple[Keys, str]]:
    """Limits that are said twice, and differently. fact: beside any limit of ``deploy`` the one not said there is 0."""
    for key, kind, inner, read in _LIMITS:
        resources = section(deploy, "resources")
        if kind in resources and read(service.get(key)) and read(service.get(key)) != read(resources[kind].get(inner)):
            old, new = f"'{key}'", f"'deploy.resources.{kind}.{inner}'"
            yield (key,), f"services.{name}: can't set distinct values on {old} and {new}{_INVALID}"
    scale, replicas = service.get("scale"), deploy.get("replicas")
    if scale is not None and replicas is not None and str(scale) != str(replicas):
        yield ("scale",), f"services.{name}: can't set distinct values on 'scale' and 'deploy.replicas'{_INVALID}"


def _against(name: str, service: Tree, tree: Tree, active: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """What one service names and the others, or the files, do not have."""
    known = section(tree, "services")
    for other, insists in needs(service).items():
        if other not in active and (insists or other not in known):
            yield ("depends_on", other), f'service "{name}" depends on undefined service "{other}"{_INVALID}'
    for network in mapping("networks", service.get("networks")) or ():
        if network != "default" and network not in section(tree, "networks"):
            yield ("networks", network), f'service "{name}" refers to undefined network {network}{_INVALID}'
    for volume in volumes_of(service):
        if volume.kind == "volume" and volume.source and volume.source not in section(tree, "volumes"):
            yield (
                ("volumes", volume.declared_in),
                f'service "{name}" refers to undefined volume {volume.source}{_INVALID}',
            )
    build = section(service, "build").get("secrets")
    for kind, used in (("build secret", build), ("secret", service.get("secrets")), ("config", service.get("configs"))):
        for one in used or ():
            source = one.get("source") if isinstance(one, dict) else one
            if source not in section(tree, f"{kind.split()[-1]}s"):
                yield (), f'service "{name}" refers to undefined {kind} {source}{_INVALID}'


def _circle(active: Mapping[str, Any]) -> list[str]:
    """Services that wait for each other; empty where there are none."""
    finished: set[str] = set()
    for start in active:
        way: list[tuple[str, Iterator[str]]] = [(start, iter(needs(active[start])))]
        while way and start not in finished:
            other = next(way[-1][1], None)
            names = [name for name, _ in way]
            if other is None:
                finished.add(way.pop()[0])
            elif other in names:
                return [*names[names.index(other) :], other]
            elif other in active and other not in finished:
                way.append((other, iter(needs(active[other]))))
    return []


def network_names(tree: Tree) -> dict[str, str]:
    """The Engine's names of networks, by key: ``name:``, that of ``external:`` as it was once written, else the key."""
    found: dict[str, str] = {}
    for key, how in section(tree, "networks").items():
        said = how if isinstance(how, dict) else {}
        outer = said.get("external")
        told = said.get("name") or (outer.get("name") if isinstance(outer, dict) else None)
        if told or _truth(outer):
            found[clean_line(key, 300)] = clean_line(str(told or key), 300)
    return found


def foreign(tree: Tree, kind: str) -> tuple[str, ...]:
    """Networks or volumes that the files only use: ``external``."""
    told = section(tree, kind).items()
    return tuple(clean_line(n, 300) for n, how in told if isinstance(how, dict) and _truth(how.get("external")))
