"""What lines of a log mean: mongod's numbers, the texts of LibreChat, One API, FastGPT and MySQL, each with its source.

What Ollama and model servers say of GPUs is in ``log_catalogue_gpu``.

Data only. Patterns are looked for anywhere in the line, after colours and time stamps have been taken off; the first of
a role's patterns that fits ends the search, unless it says otherwise.
"""

from __future__ import annotations

from ..model import Role
from . import log_catalogue_gpu as gpu
from .log_pattern import Pattern
from .log_pattern import pattern as _pattern

MONGO_IDS: dict[int, str] = {
    4615611: "MongoDB starting",
    20698: "SERVER RESTARTED",
    23016: "Waiting for connections",
    20254: "Read security file failed",
    20255: "Only two keys are supported",
    20575: "Error creating service context",
    21405: "The stored set has no entry for this node",
    21406: "The stored set has another name than --replSet",
    21313: "No stored set found",
    20573: "Wrong mongod version",
    12257600: "This kernel and this MongoDB do not go together",
    5286307: "Failed to authenticate",
    22312: "Access control",
}
"""fact: mongo-docker-db 1.4 (21405, 21406, 21313), 1.6 (5286307), 2.4 (20573, 12257600), 3 (20254, 20255, 20575)."""
MONGO_STARTS = frozenset({"mongo.4615611", "mongo.20698"})
"""A new mongod begins here. A bad key file is reported before: such a line belongs to the run it follows."""
STARTS = frozenset({"librechat.start", "oneapi.started"}) | gpu.STARTS
"""A new run of the service begins here. fact: librechat-stack 8, fastgpt-stack 5."""

DEATHS = frozenset({
    "oneapi.db-refused", "oneapi.db-unknown-host", "oneapi.db-no-route", "oneapi.db-lost", "oneapi.db-1130",
    "oneapi.db-1045", "oneapi.db-1049", "oneapi.token-encoder", "oneapi.redis-failed", "oneapi.thread-refused",
})  # fmt: skip
"""What a run ended with is kept while the next one is young, as ``oneapi.before.db-refused``: a boot loop is looked at
while it runs as often as while it lies dead."""


# fact: mongo-docker-db 2.1 and 2.4 (docker-entrypoint.sh), fastgpt-stack 3 (the wrapper's loop, Authentication failed)
_MONGO = (
    _pattern("mongo.no-avx", r"WARNING: MongoDB 5\.0\+ requires a CPU with AVX support"),
    _pattern("mongo.old-arm", r"WARNING: MongoDB (?:5\.0\+ )?requires ARMv8\.2-A or higher"),
    _pattern("mongo.illegal-instruction", r"Illegal instruction"),
    _pattern("mongo.init-complete", r"MongoDB init process complete; ready for start up"),
    _pattern("mongo.waiting-for-start", r"Waiting for MongoDB to start\.\.\."),
    _pattern("mongo.root-variables", r"error: missing 'MONGO_INITDB_ROOT_(?:USERNAME|PASSWORD)'[^\n]*"),
    _pattern("mongo.keyfile-required", r"BadValue: security\.keyFile is required"),
    _pattern("mongo.bad-option", r"try 'mongod --help' for more information"),
    _pattern("mongo.keyfile-too-open", r"permissions on \S+ are too open"),
    _pattern("mongo.shell-missing", r"\bmongo: (?:command )?not found"),
)

# fact: librechat-stack 5.1 (configuration) and 8 (start-up)
_LIBRECHAT = (
    _pattern("librechat.start", r"> LibreChat@\S+ [\w:.-]+"),
    _pattern("librechat.config-missing", r"Config file YAML format is invalid: ENOENT\b.*"),
    _pattern("librechat.config-directory", r"Config file YAML format is invalid: EISDIR\b.*"),
    _pattern("librechat.config-unreadable", r"Config file YAML format is invalid: EACCES\b.*"),
    _pattern("librechat.config-syntax", r"Config file YAML format is invalid: .*"),
    _pattern("librechat.config-empty", r"Custom config file missing or YAML format invalid\."),
    _pattern("librechat.config-remote", r"Failed to fetch the remote config file from "),
    _pattern("librechat.config-schema", r"Invalid custom config file at [^\s:\[]+", only_match=True),
    _pattern("librechat.config-exit", r"Exiting due to invalid configuration\.[^\n]*"),
    _pattern("librechat.config-bypassed", r"CONFIG_BYPASS_VALIDATION is enabled\.[^\n]*"),
    _pattern("librechat.config-image-type", r"Please specify a correct `imageOutputType` value"),
    _pattern(
        "librechat.config-azure", r"Invalid Azure OpenAI configuration:|Azure configuration environment variable "
    ),
    # only_match: behind it stands the whole configuration, keys in clear
    _pattern("librechat.config-loaded", r"Custom config file loaded:", only_match=True),
    _pattern("librechat.config-outdated", r"Outdated Config version: \S+"),
    _pattern("librechat.mongo-connected", r"Connected to MongoDB", only_match=True),
    _pattern("librechat.mongo-unresolved", r"getaddrinfo ENOTFOUND mongodb\b"),
    _pattern("librechat.mongo-refused", r"connect ECONNREFUSED \S+:27017"),
    _pattern("librechat.mongo-error", r"KeyvMongo connection error:|\[connectDb\] MongoDB connection error:"),
    _pattern("librechat.mongo-too-old", r"reports maximum wire version"),
    _pattern("librechat.mongo-uri-missing", r"Please define the MONGO_URI environment variable"),
    _pattern("librechat.jwt-secret-missing", r"JwtStrategy requires a secret or key"),
    _pattern("librechat.default-secret", r"Default value for (?:CREDS_KEY|CREDS_IV|JWT_SECRET|JWT_REFRESH_SECRET) is"),
    _pattern("librechat.rag-unreachable", r"RAG API is either not running or not reachable at"),
    _pattern("librechat.rag-reachable", r"RAG API is running and reachable at"),
    _pattern("librechat.index-error", r"\[indexSync\] error|\[mongoMeili\] Error checking index"),
    _pattern("librechat.permission-denied", r"EACCES: permission denied, (?:open|mkdir) '[^']*'"),
    _pattern("librechat.chat-failed", r"\[handleAbortError\]|#sendCompletion\]"),
    # fact: librechat-stack 6.4 R5, #1439 and #2150; npx says it before it fetches, npm when it could not
    _pattern(
        "librechat.nodemon-failed",
        r"\bnodemon: not found|registry\.npmjs\.org/nodemon\b|npm (?:ERR!|error) (?:path /\.npm\b|.*\bnodemon\b)",
    ),
    _pattern("librechat.nodemon-fetched", r"npm (?:WARN|warn) exec .*\bnodemon(?:@\S+)?"),
    _pattern("librechat.start-failed", r"Failed to start server:"),
    _pattern("librechat.uncaught", r"There was an uncaught error:"),
    _pattern("librechat.ready", r"Server readiness checks passing\."),
    _pattern("librechat.listening", r"Server listening (?:on all interfaces )?at "),
)

# fact: fastgpt-stack 5; FATAL lines up to v0.6.10 are "| [text]", on main "| file:line [func] text"
_NO_DATABASE = r"(?:failed to initialize database(?:, got error|:) |\[FATAL\] [^|]*\| \[)"
_ONEAPI = (
    _pattern("oneapi.started", r"One API \S+ started"),
    _pattern("oneapi.db-refused", rf"{_NO_DATABASE}dial tcp \S+: connect: connection refused", alone=False),
    _pattern(
        "oneapi.db-unknown-host",
        rf"{_NO_DATABASE}.*(?:no such host|server misbehaving|Temporary failure in name resolution)",
        alone=False,
    ),
    _pattern("oneapi.db-no-route", rf"{_NO_DATABASE}.*(?:no route to host|network is unreachable)", alone=False),
    _pattern("oneapi.db-lost", rf"{_NO_DATABASE}.*(?:timeout|timed out|bad connection|unexpected EOF)", alone=False),
    _pattern("oneapi.db-1130", r"Error 1130\b.*is not allowed to connect", alone=False),
    _pattern("oneapi.db-1045", r"Error 1045\b.*Access denied", alone=False),
    _pattern("oneapi.db-1049", r"Error 1049\b.*Unknown database", alone=False),
    _pattern("oneapi.database-failed", r"failed to initialize database, got error "),
    _pattern("oneapi.token-encoder", r"failed to get \S+ token encoder"),
    _pattern("oneapi.redis-failed", r"failed to initialize Redis|failed to parse Redis connection string"),
    _pattern("oneapi.redis-disabled", r"SYNC_FREQUENCY not set, Redis is disabled"),
    _pattern("oneapi.thread-refused", r"pthread_create failed: Operation not permitted"),
    _pattern("oneapi.fatal", r"\[FATAL\]"),
    _pattern("oneapi.mysql", r"using MySQL as database"),
    _pattern("oneapi.root-created", r"no user exists, creating a root user for you", only_match=True),
    _pattern("oneapi.migrated", r"database migrated"),
    _pattern("oneapi.memory-cache", r"memory cache enabled"),
    _pattern("oneapi.channels-synced", r"channels synced from database"),
    _pattern("oneapi.encoders-begun", r"initializing token encoders"),
    _pattern("oneapi.encoders-ready", r"token encoders initialized"),
    _pattern("oneapi.listening", r"server started on "),
    # one line per model, since each may have another cause; the route stands in the GIN line of the same request
    _pattern("oneapi.no-channel", r"(?:对于模型 (?P<key>.{0,200}?) )?无可用渠道", kept=20),
    _pattern("oneapi.relay-503", r"\| +503 \|.*\bPOST +(?P<key>/v1/\S{1,80})", kept=10),
    _pattern("oneapi.relay-ok", r"\| +200 \|.*\bPOST +/v1/"),
)

# fact: mongo-docker-db 9, docker-library/mysql and mariadb: the temporary server of the first start says port 0
_MYSQL = (
    _pattern("mysql.ready", r"Version: '[^']*'.*\bport: [1-9]\d*"),
    _pattern("mysql.temporary", r"Version: '[^']*'.*\bport: 0\b"),
    _pattern("mysql.initialising", r"\[Entrypoint\]: Initializing database files"),
    _pattern("mysql.bad-option", r"unknown (?:variable|option) '[^'=]*"),
    _pattern("mysql.aborting", r"\[ERROR\].*\bAborting"),
    _pattern("mysql.unusable", r"data directory \S+ is unusable|Cannot (?:boot|upgrade|downgrade) "),
)

# fact: fastgpt-stack 4, log lines
_FASTGPT = (
    _pattern("fastgpt.mongo-error", r"mongo connect error|MongoDB connection failed, will retry"),
    _pattern("fastgpt.mongo-no-primary", r"MongooseServerSelectionError|Server selection timed out after \d+ ms"),
    _pattern("fastgpt.mongo-refused", r"connect ECONNREFUSED \S+:27017"),
    _pattern("fastgpt.mongo-unresolved", r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) \S*mongo\S*"),
    _pattern("fastgpt.mongo-auth", r"MongoServerError: Authentication failed"),
    _pattern("fastgpt.mongo-buffering", r"Operation `[^`]+` buffering timed out after \d+ms"),
    _pattern("fastgpt.mongo-standalone", r"Transaction numbers are only allowed on a replica set member or mongos"),
    _pattern("fastgpt.mongo-connected", r"MongoDB connected successfully|mongo connected"),
    _pattern("fastgpt.mongo-start", r"(?:mongo|MongoDB) start connect|Starting MongoDB connection"),
    _pattern("fastgpt.root-failed", r"init root user error"),
    # only_match: the root password stands behind it
    _pattern("fastgpt.root-ready", r"root user init:?", only_match=True),
    _pattern("fastgpt.pg-error", r"pg connect error|Postgres connection failed"),
    _pattern("fastgpt.pg-retry", r"Retry connect pg|Postgres reconnecting after failure"),
    _pattern("fastgpt.pg-init-error", r"init pg error|Postgres vector initialization failed"),
    _pattern("fastgpt.pg-ready", r"init pg successful|Postgres vector initialization completed"),
    _pattern("fastgpt.pg-connected", r"pg connected|Postgres pool connected"),
    _pattern("fastgpt.milvus-error", r"14 UNAVAILABLE|Name resolution failed for target dns:|Client must be connected"),
    _pattern("fastgpt.redis-error", r"Redis connection error|Reached the max retries per request limit"),
    _pattern("fastgpt.component-error", r"\[(?:s3|mongo|redis|vectordb|plugin|pro)_error\]"),
    _pattern("fastgpt.bucket-error", r"Failed to ensure external (?:bucket|public bucket|private bucket)"),
    _pattern("fastgpt.init-failed", r"Load init config error|[Ii]nit (?:system )?error|System initialization failed"),
    _pattern("fastgpt.ready", r"System initialized successfully|[Ii]nit system success"),
    _pattern("fastgpt.embedding-bad-reply", r"Embedding API (?:404|is not responding)"),
    _pattern(
        "fastgpt.chat-empty", r"core\.chat\.Chat API is error or undefined|LLM response empty|LLM_model_response_empty"
    ),
    _pattern("fastgpt.vector-dimension", r"vector dimension (?:is \d+|exceeded)"),
    _pattern("fastgpt.no-channel", r"无可用渠道"),
    _pattern("fastgpt.training-error", r"\[(?:Vector|QA) Queue\] Error"),
    _pattern("fastgpt.gateway-unreachable", r"\bConnection error\."),
    _pattern("fastgpt.web-ready", r"✓ Ready in "),
)

PATTERNS: dict[Role, tuple[Pattern, ...]] = {
    "mongo": _MONGO,
    "librechat": _LIBRECHAT,
    "oneapi": _ONEAPI,
    "fastgpt": _FASTGPT,
    "mysql": _MYSQL,
    "ollama": gpu.OLLAMA,
    "model_server": gpu.MODEL_SERVER,
}
STANDS = frozenset(one.name for patterns in PATTERNS.values() for one in patterns if one.stands)
"""Said once, at the start, and true for as long as the service runs."""
