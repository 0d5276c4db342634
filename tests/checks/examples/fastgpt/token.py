"""Keys that FastGPTs send, what their gateways say to them, and what ``fastgpt.token`` must say of that."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from stackops.console.model import JsonFact, KeyAnswer, LogMark, OneApiState, OneApiToken, Snapshot

from examples import Example
from examples.fastgpt.models import M3E, QWEN, channel, offering
from examples.snapshots import NOW, bind, container_id
from examples.wiring.folder import FOLDER, folder, live, service

FASTGPT, ONEAPI = container_id("fastgpt"), container_id("oneapi")
TO_ONEAPI = ("OPENAI_BASE_URL=http://oneapi:3000/v1", "CHAT_API_KEY=sk-donotshow")
TO_AIPROXY = ("AIPROXY_API_ENDPOINT=http://aiproxy:3000", "AIPROXY_API_TOKEN=do-not-show")
GATEWAY = service("oneapi", "ghcr.io/songquanpeng/one-api:v0.6.7", "SQL_DSN=root:x@tcp(mysql:3306)/oneapi")
UNKNOWN, VARIABLE = "无效的令牌", "CHAT_API_KEY"


def app(*env: str, release: str = "v4.8.10", **more: Any) -> Any:
    return service("fastgpt", f"ghcr.io/labring/fastgpt:{release}", *(env or TO_ONEAPI), **more)


def answered(
    *env: str, said: str | None = UNKNOWN, trouble: str | None = "wrong-key", client: str = FASTGPT,
    state: dict[str, Any] | None = None, facts: dict[str, Any] | None = None, **more: Any,
) -> Snapshot:  # fmt: skip
    """A FastGPT beside its One API, which gave this answer to its key."""
    snapshot = live(app(*env, **more), GATEWAY)
    fastgpt, oneapi = snapshot.containers
    keys = (KeyAnswer(client, VARIABLE, trouble, said),)
    told = OneApiState(ONEAPI, **({"address": "http://127.0.0.1:3001", "keys": keys} | (state or {})))
    return replace(snapshot, containers=(replace(fastgpt, **(facts or {})), oneapi), oneapis=(told,))


def looked_up(token: dict[str, Any] | None, trouble: str | None = "wrong-key", said: str | None = UNKNOWN) -> Snapshot:
    """A key that was compared with the tokens in the database, and the token that it belongs to."""
    facts = {"id": 2, "name": "fastgpt", "status": 1, "group": "default", "user_status": 1, "user_quota": 500}
    found = OneApiToken(**(facts | token)) if token is not None else None
    keys = (KeyAnswer(FASTGPT, VARIABLE, trouble, said, token=found, compared=True),)
    return answered(state={"keys": keys, "tokens": (found,) if found else ()})


def with_file(**facts: Any) -> Snapshot:
    """The same with a config.json that has settings of its own."""
    path = f"{FOLDER}/config.json"
    snapshot = answered(facts={"mounts": (bind(path, "/app/data/config.json"),)})
    return replace(snapshot, json_files=(JsonFact(path, **facts),))


def proxied(own: str, *env: str, up: bool = True) -> Snapshot:
    """A FastGPT with an AI Proxy whose ADMIN_KEY this is."""
    proxy = service("aiproxy", "ghcr.io/labring/aiproxy:v0.2.2", f"ADMIN_KEY={own}")
    return (live if up else folder)(app(*(env or TO_AIPROXY), release="v4.9.14"), proxy)


def elsewhere(ago: float | None, mark: str = "fastgpt.key-refused") -> Snapshot:
    """A FastGPT whose gateway is another machine, and what its log said so long ago."""
    snapshot = live(app("OPENAI_BASE_URL=http://10.0.0.4:3001/v1", "CHAT_API_KEY=sk-x"))
    facts = tuple(replace(one, started_at=NOW - 90000) for one in snapshot.containers)
    marks = () if ago is None else (LogMark(FASTGPT, mark, UNKNOWN, NOW - ago),)
    return replace(snapshot, containers=facts, log_marks=marks)


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    finds("wrote a key that One API has not", "unknown-key", answered()),
    finds("wrote it into an env file", "unknown-key", answered(TO_ONEAPI[0], shared=TO_ONEAPI[1:])),
    finds("has a new-api that answers in English", "unknown-key", answered(said="Invalid token")),
    finds("kept the example's key, and One API was made without it", "unknown-key",
          answered(TO_ONEAPI[0], "CHAT_API_KEY=sk-fastgpt")),
    finds("stopped FastGPT meanwhile", "unknown-key", answered(facts={"state": "exited", "exit_code": 0})),
    finds("made a key with hyphens in it", "cut-key", answered(TO_ONEAPI[0], "CHAT_API_KEY=sk-my-own-key")),
    finds("disabled the token", "disabled", answered(said="该令牌状态不可用")),
    finds("gave the token a date that has passed", "expired", answered(said="该令牌已过期")),
    finds("used up the token's quota", "used-up", answered(said="该令牌额度已用尽")),
    finds("used it up, with a release that names the token", "used-up", answered(said="令牌 fastgpt（#2）额度已用尽")),
    finds("disabled the user", "banned", answered(said="用户已被封禁")),
    finds("named a channel in the key of a plain user", "refused", answered(said="普通用户不支持指定渠道")),
    finds("changed AI Proxy's ADMIN_KEY alone", "not-admin-key", proxied("another")),
    finds("changed it before the first start", "not-admin-key", proxied("another", up=False)),
    finds("put the channel into a group of its own", "not-allowed",
          offering(QWEN, M3E, channels=(channel("qwen", group="vip"), channel("m3e", 2)), listed="m3e")),
    finds("limited the token to other models", "not-allowed", offering(QWEN, channels=(channel("qwen"),), listed="")),
    finds("disabled the token of a New API, which says invalid", "disabled",
          looked_up({"status": 2}, said="Invalid token")),
    finds("let it expire", "expired", looked_up({"expires_at": NOW - 5.0}, said="Invalid token")),
    finds("let it expire, as its status says", "expired", looked_up({"status": 3}, said="Invalid token")),
    finds("used up the quota of a New API's token", "used-up", looked_up({"quota": 0}, said="Invalid token")),
    finds("used it up, as its status says", "used-up", looked_up({"status": 4, "quota": 7}, said="Invalid token")),
    finds("disabled the user of a key, while One API cannot look it up", "banned",
          looked_up({"user_status": 2}, said="令牌验证失败")),
    finds("wrote a key that is in no database, while One API does not answer", "unknown-key",
          looked_up(None, "timeout", None)),
    finds("used up the quota of the user", "user-used-up", looked_up({"user_quota": 0}, None, None)),
    finds("has a gateway on another machine that refuses the key", "refused-elsewhere", elsewhere(60)),
)  # fmt: skip

FINDS_NOT = (
    Example("wrote the right key", answered(trouble=None, said=None), "ok"),
    Example("wrote it, and the models may be used", offering(QWEN, channels=(channel("qwen"),), listed="qwen"), "ok"),
    Example("wrote it, and no channel has the model", offering(QWEN, channels=(channel("m3e"),), listed="m3e"), "ok"),
    Example("wrote it, and its database says so too", looked_up({}, None, None), "ok"),
    Example("wrote it, and its database alone says so", looked_up({}, "timeout", None), "ok"),
    Example("wrote it, of a user of whom nothing is known", looked_up({"user_quota": None}, None, None), "ok"),
    Example("may use it from one network only, as is known there", looked_up(
            {}, said="该令牌只能在指定网段使用：10.0.0.0/8"), "unknown"),
    Example("wrote AI Proxy's ADMIN_KEY", proxied("do-not-show"), "ok"),
    Example("wrote it before the first start", proxied("do-not-show", up=False), "ok"),
    Example("has a One API whose database is away", answered(said="令牌验证失败"), "unknown"),
    Example("lets the token be used from one network only", answered(
            said="该令牌只能在指定网段使用：10.0.0.0/8，当前 ip：172.18.0.1"), "unknown"),
    Example("has something before One API that asks for a password", answered(said=None), "unknown"),
    Example("looks while One API does not answer", answered(trouble="timeout", said=None), "unknown"),
    Example("has a One API that is down", answered(state={
            "keys": (), "trouble": "not-running", "sentence": "It is not running"}), "unknown"),
    Example("recreated FastGPT a moment ago", answered(client="another"), "unknown"),
    Example("has a key in config.json too", with_file(own_key=True), "unknown"),
    Example("has a gateway in config.json too", with_file(gateway="http://10.0.0.9/v1"), "unknown"),
    Example("has the commercial edition", answered(*TO_ONEAPI, "PRO_URL=http://pro:3000"), "unknown"),
    Example("looks before it was inspected", answered(facts={"detailed": False}), "unknown"),
    Example("has a One API that cannot be reached from here", answered(state={
            "keys": (), "trouble": "no-address"}), "not_applicable"),
    Example("left the token of an AI Proxy that is gone", answered(*TO_ONEAPI, "AIPROXY_API_TOKEN=x"),
            "not_applicable"),
    Example("put quotes round the key", answered(TO_ONEAPI[0], 'CHAT_API_KEY="sk-x"'), "not_applicable"),
    Example("left the key to be filled in", answered(TO_ONEAPI[0], "CHAT_API_KEY=${KEY}"), "not_applicable"),
    Example("has no key at all", live(app(TO_ONEAPI[0]), GATEWAY), "not_applicable"),
    Example("gave AI Proxy no ADMIN_KEY", proxied(""), "not_applicable"),
    Example("asks AI Proxy with a key that it made", proxied(
            "other", "OPENAI_BASE_URL=http://aiproxy:3000/v1", "CHAT_API_KEY=sk-made"), "not_applicable"),
    Example("has a gateway elsewhere that says nothing", elsewhere(None), "not_applicable"),
    Example("corrected the key of a gateway elsewhere an hour ago", elsewhere(3600), "not_applicable"),
    Example("has not started anything", folder(app(), GATEWAY), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
