"""Log marks: each recorded line is found by its name, secrets and escape sequences never come along."""

# ruff: noqa: E501 - recorded lines and file contents stay whole

from __future__ import annotations

import json

import pytest
from stackops.console.collect.log_catalogue import MONGO_IDS, PATTERNS
from stackops.console.collect.sources.logs import MARKED_ROLES, TEXT_LIMIT, marks
from stackops.console.model import LogMark, Role

ID = "c" * 64
KEY = "k9Qx" * 40


def log(*lines: str, start: int = 0) -> bytes:
    """Lines with the Engine's time stamps, a second apart from 2026-11-21T10:00:00Z on."""
    stamped = (f"2026-11-21T10:00:{start + n:02d}.500000000Z {line}" for n, line in enumerate(lines))
    return ("\n".join(stamped) + "\n").encode()


def mongod(number: int, msg: str, **attr: object) -> str:
    entry = {"t": {"$date": "2026-11-21T10:00:00.000+00:00"}, "s": "I", "c": "ACCESS", "id": number, "ctx": "main"}
    return json.dumps({**entry, "msg": msg, "attr": attr})


def found(role: Role, *lines: str) -> dict[str, str]:
    return {mark.mark: mark.text for mark in marks(ID, role, log(*lines))}


KEYFILE = mongod(20254, "Read security file failed", error={"code": 30, "codeName": "InvalidPath", "errmsg": "permissions on /data/mongodb.key are too open"})  # fmt: skip
LIBRECHAT_COLOURED = "2024-05-11 08:00:00 \x1b[31merror\x1b[39m: \x1b[31mConfig file YAML format is invalid: ENOENT: no such file or directory, open '/app/librechat.yaml'\x1b[39m"  # fmt: skip


def test_a_mongod_line_is_told_by_its_number_and_says_why() -> None:
    # fact: mongo-docker-db 3, the telling line is id 20254 with severity I
    assert marks(ID, "mongo", log(KEYFILE)) == (
        LogMark(
            container=ID,
            mark="mongo.20254",
            text="Read security file failed: permissions on /data/mongodb.key are too open",
            at=1795255200.5,
        ),
    )


@pytest.mark.parametrize("number", sorted(MONGO_IDS))
def test_every_number_of_the_catalogue_is_marked(number: int) -> None:
    assert found("mongo", mongod(number, "text that moves between versions")) == {
        f"mongo.{number}": "text that moves between versions"
    }


def test_other_numbers_and_broken_lines_are_no_marks() -> None:
    broken = ['{"id": 20254', "{}", '{"id": "20254"}', "[1]", "{" * 5000]
    assert found("mongo", mongod(22943, "Connection accepted"), *broken) == {}


def test_the_key_itself_is_never_kept() -> None:
    # fact: mongo-docker-db 3, older builds append the key text to `invalid char in key file`
    for errmsg in (
        f"invalid char in key file /data/mongodb.key: {KEY}",
        f"invalid char in key file /data/mongodb.key {KEY[:20]}!x",
    ):
        text = found("mongo", mongod(20254, "Read security file failed", error={"errmsg": errmsg}))["mongo.20254"]
        assert text == "Read security file failed: invalid char in key file /data/mongodb.key"
    text = found("mongo", mongod(20575, "Error creating service context", error=f"odd {KEY}"))["mongo.20575"]
    assert KEY[:12] not in text


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        # fact: mongo-docker-db 2.1, 2.4 and fastgpt-stack 3
        ("WARNING: MongoDB 5.0+ requires a CPU with AVX support, and your current system does not appear to have that!",
         "mongo.no-avx"),
        ("WARNING: MongoDB requires ARMv8.2-A or higher, and your current system does not appear to implement it", "mongo.old-arm"),
        ("/usr/local/bin/docker-entrypoint.sh: line 416:    26 Illegal instruction     (core dumped)", "mongo.illegal-instruction"),
        ("MongoDB init process complete; ready for start up.", "mongo.init-complete"),
        ("Waiting for MongoDB to start...", "mongo.waiting-for-start"),
        ("error: missing 'MONGO_INITDB_ROOT_USERNAME' or 'MONGO_INITDB_ROOT_PASSWORD'", "mongo.root-variables"),
        ("BadValue: security.keyFile is required when authorization is enabled with replica sets", "mongo.keyfile-required"),
    ],
)  # fmt: skip
def test_the_entrypoint_s_plain_lines_are_marked(line: str, mark: str) -> None:
    assert list(found("mongo", line)) == [mark]


def test_only_the_newest_run_of_mongod_counts() -> None:
    # fact: mongo-docker-db 2.4, ids are stable
    start = mongod(4615611, "MongoDB starting", port=27017)
    assert list(found("mongo", KEYFILE, start, mongod(23016, "Waiting for connections", port=27017))) == [
        "mongo.4615611",
        "mongo.23016",
    ]
    # A bad key file is reported before "MongoDB starting" would be written: after a good run it must stay.
    assert list(found("mongo", start, KEYFILE)) == ["mongo.4615611", "mongo.20254"]


def test_the_entrypoint_s_lines_belong_to_the_mongod_that_follows() -> None:
    # fact: mongo-docker-db 2.1, the init phase ends before the real mongod starts
    lines = ("MongoDB init process complete; ready for start up.", mongod(4615611, "MongoDB starting"))
    assert list(found("mongo", *lines)) == ["mongo.init-complete", "mongo.4615611"]


def test_lines_before_the_container_s_start_do_not_count() -> None:
    raw = log("Waiting for MongoDB to start...", "MongoDB init process complete; ready for start up.")
    assert [m.mark for m in marks(ID, "mongo", raw, since=1795255201.0)] == ["mongo.init-complete"]


def test_of_a_repeated_line_the_newest_is_kept() -> None:
    (mark,) = marks(ID, "mongo", log(*["Waiting for MongoDB to start..."] * 50))
    assert mark.at == 1795255249.5


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        # fact: librechat-stack 5.1
        (LIBRECHAT_COLOURED, "librechat.config-missing"),
        ("2024-05-11 08:00:00 error: Config file YAML format is invalid: EISDIR: illegal operation on a directory, read", "librechat.config-directory"),
        ("error: Config file YAML format is invalid: EACCES: permission denied, open '/app/librechat.yaml'", "librechat.config-unreadable"),
        ("error: Config file YAML format is invalid: bad indentation of a mapping entry (12:5)", "librechat.config-syntax"),
        ("info: Custom config file missing or YAML format invalid.", "librechat.config-empty"),
        ("error: Failed to fetch the remote config file from https://x/y.yaml", "librechat.config-remote"),
        ("error: Invalid custom config file at /app/librechat.yaml [", "librechat.config-schema"),
        ("error: Invalid custom config file at /app/librechat.yaml:", "librechat.config-schema"),
        ("error: Exiting due to invalid configuration. Set CONFIG_BYPASS_VALIDATION=true to bypass this check.", "librechat.config-exit"),
        ("warn: CONFIG_BYPASS_VALIDATION is enabled. Continuing with default configuration despite validation errors.", "librechat.config-bypassed"),
        ("Error: Please specify a correct `imageOutputType` value (case-sensitive).", "librechat.config-image-type"),
        ("error: Invalid Azure OpenAI configuration:", "librechat.config-azure"),
        ("info: Outdated Config version: 1.0.5. Current version: 1.0.9", "librechat.config-outdated"),
        # fact: librechat-stack 8
        ("> LibreChat@0.7.4 backend", "librechat.start"),
        ("info: Connected to MongoDB", "librechat.mongo-connected"),
        ("error: There was an uncaught error: getaddrinfo ENOTFOUND mongodb", "librechat.mongo-unresolved"),
        ("error: There was an uncaught error: connect ECONNREFUSED 172.19.0.3:27017", "librechat.mongo-refused"),
        ("error: KeyvMongo connection error: ", "librechat.mongo-error"),
        ("Server at mongodb:27017 reports maximum wire version 6, but", "librechat.mongo-too-old"),
        ("Error: Please define the MONGO_URI environment variable", "librechat.mongo-uri-missing"),
        ("TypeError: JwtStrategy requires a secret or key", "librechat.jwt-secret-missing"),
        ("warn: Default value for CREDS_KEY is being used.", "librechat.default-secret"),
        ("error: RAG API is either not running or not reachable at undefined, you may experience errors", "librechat.rag-unreachable"),
        ("error: There was an uncaught error: x is not defined", "librechat.uncaught"),
        ("Error: EACCES: permission denied, open '/app/logs/error-2026-01-01.log'", "librechat.permission-denied"),
        ("error: Failed to start server: listen EADDRINUSE", "librechat.start-failed"),
        ("info: Server listening on all interfaces at port 3080. Use http://localhost:3080 to access it", "librechat.listening"),
        ("info: Server readiness checks passing.", "librechat.ready"),
    ],
)  # fmt: skip
def test_librechat_s_lines_are_marked(line: str, mark: str) -> None:
    assert list(found("librechat", line)) == [mark]


def test_colours_time_and_level_are_taken_off() -> None:
    # fact: librechat-stack 5.1, level and message are coloured even without a terminal
    text = found("librechat", LIBRECHAT_COLOURED)["librechat.config-missing"]
    assert text == "Config file YAML format is invalid: ENOENT: no such file or directory, open '/app/librechat.yaml'"


def test_the_configuration_printed_behind_its_line_is_not_kept() -> None:
    # fact: librechat-stack 1.9, the whole config is printed, literal API keys included
    lines = (
        'info: Custom config file loaded: {"endpoints":{"custom":[{"apiKey":"sk-verysecretverysecret"}]}}',
        '  "apiKey": "sk-x"',
    )
    assert found("librechat", *lines) == {"librechat.config-loaded": "Custom config file loaded:"}


def test_json_lines_of_librechat_are_read() -> None:
    # fact: librechat-stack 5.1, CONSOLE_JSON=true
    line = json.dumps({"level": "info", "message": "Custom config file loaded:\n{}", "timestamp": "x"})
    assert found("librechat", line) == {"librechat.config-loaded": "Custom config file loaded:"}


def test_a_new_start_of_librechat_forgets_the_run_before() -> None:
    # fact: librechat-stack 8, segment the log at `> LibreChat@`
    lines = ("error: There was an uncaught error: x", "> LibreChat@v0.8.7 backend", "info: Connected to MongoDB")
    assert list(found("librechat", *lines)) == ["librechat.start", "librechat.mongo-connected"]


@pytest.mark.parametrize(
    ("role", "line", "mark"),
    [
        # fact: fastgpt-stack 5
        ("oneapi", "[SYS] 2024/04/16 - 02:10:39 | One API v0.6.7 started", "oneapi.started"),
        ("oneapi", "[error] failed to initialize database, got error dial tcp 172.18.0.2:3306: connect: connection refused", "oneapi.database-failed"),
        ("oneapi", "[FATAL] 2024/04/16 - 02:10:39 | [dial tcp 172.18.0.2:3306: connect: connection refused]", "oneapi.fatal"),
        ("oneapi", '[FATAL] x | failed to get gpt-3.5-turbo token encoder: Get "https://openaipublic.blob.core.windows.net/"', "oneapi.token-encoder"),
        ("oneapi", "[SYS] 2024/04/16 - 02:10:39 | channels synced from database", "oneapi.channels-synced"),
        ("oneapi", "[SYS] 2024/04/16 - 02:10:39 | SYNC_FREQUENCY not set, Redis is disabled", "oneapi.redis-disabled"),
        ("oneapi", "[ERR] x | 当前分组 default 下对于模型 m3e 无可用渠道", "oneapi.no-channel"),
        # fact: fastgpt-stack 4
        ("fastgpt", "\x1b[32m[Info] 2024-06-01 08:00:00 mongo connected\x1b[0m", "fastgpt.mongo-connected"),
        ("fastgpt", "2026-03-04 03:05:20   INF infra:mongo          Starting MongoDB connection", "fastgpt.mongo-start"),
        ("fastgpt", "MongooseServerSelectionError: Server selection timed out after 30000 ms", "fastgpt.mongo-no-primary"),
        ("fastgpt", "MongooseError: Operation `users.findOne()` buffering timed out after 10000ms", "fastgpt.mongo-buffering"),
        ("fastgpt", "Error: getaddrinfo ENOTFOUND mongo", "fastgpt.mongo-unresolved"),
        ("fastgpt", "MongoServerError: Authentication failed.", "fastgpt.mongo-auth"),
        ("fastgpt", "MongoServerError: Transaction numbers are only allowed on a replica set member or mongos", "fastgpt.mongo-standalone"),
        ("fastgpt", "Retry connect pg", "fastgpt.pg-retry"),
        ("fastgpt", "init pg successful", "fastgpt.pg-ready"),
        ("fastgpt", "Init system error Error: something", "fastgpt.init-failed"),
        ("fastgpt", "[plugin_error]: fetch failed", "fastgpt.component-error"),
        ("fastgpt", "Error: Embedding API 404", "fastgpt.embedding-bad-reply"),
        ("fastgpt", "System initialized successfully", "fastgpt.ready"),
    ],
)  # fmt: skip
def test_the_main_lines_of_one_api_and_fastgpt_are_marked(role: Role, line: str, mark: str) -> None:
    assert [name for name in found(role, line) if not name.startswith("oneapi.db-")] == [mark]


def test_the_root_password_that_fastgpt_prints_is_not_kept() -> None:
    # fact: fastgpt-stack 4, `root user init: { username: 'root', password: '1234' }`
    text = found("fastgpt", "root user init: { username: 'root', password: 'Hunter2345' }")["fastgpt.root-ready"]
    assert text == "root user init:"


def test_secrets_in_kept_lines_are_masked() -> None:
    line = "MongoDB connection failed, will retry mongodb://myusername:tops3cretpass@mongo:27017/fastgpt"
    assert "tops3cretpass" not in found("fastgpt", line)["fastgpt.mongo-error"]


def test_hostile_lines_are_made_harmless_and_short() -> None:
    line = "Retry connect pg \x1b]52;c;eA==\x07\x9b2J[/etc/x]\u202e" + "界" * 5000
    text = found("fastgpt", line)["fastgpt.pg-retry"]
    assert "[/etc/x]<U+202E>" in text
    assert not set("\x1b\x9b\x07\u202e") & set(text)
    assert len(text) <= TEXT_LIMIT


def test_bytes_terminals_and_missing_stamps_do_no_harm() -> None:
    raw = b"\xff\xfe\x00\r\nWaiting for MongoDB to start...\r\n\n2026-99-99T10:00:00Z \n"
    (mark,) = marks(ID, "mongo", raw)
    assert (mark.mark, mark.at, mark.text) == ("mongo.waiting-for-start", None, "Waiting for MongoDB to start...")


def test_roles_without_a_catalogue_give_nothing() -> None:
    assert marks(ID, "redis", log("One API v1 started")) == ()
    assert set(MARKED_ROLES) == set(PATTERNS)


def test_every_name_is_prefixed_with_its_role_or_subject() -> None:
    for role, patterns in PATTERNS.items():
        servers = (
            "gpu.",
            "model.",
            "ollama.",
            "host-memory.",
        )  # by meaning: a line of a server is one of its memory too
        wanted = servers if role in ("ollama", "model_server") else (f"{role}.",)
        assert all(pattern.name.startswith(wanted) for pattern in patterns)
        assert len({pattern.name for pattern in patterns}) == len(patterns)
