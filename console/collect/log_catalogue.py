"""What lines of a log mean: mongod's numbers, the texts of LibreChat, One API, FastGPT and MySQL, each with its source.

What Ollama and model servers print is in ``products/server_logs.py``.

Data only. Patterns are looked for anywhere in the line, after colours and time stamps have been taken off; the first of
a role's patterns that fits ends the search, unless it says otherwise.
"""

from __future__ import annotations

from ..model import Role
from ..products.server_logs import MODEL_SERVER, OLLAMA, Pattern, pattern

GPU_STARTS = frozenset({"ollama.started"})
"""A new run of the service begins here."""


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
    20557: "DBException in initAndListen, terminating",
    20558: "std::exception in initAndListen, terminating",
    12257600: "This kernel and this MongoDB do not go together",
    5286307: "Failed to authenticate",
    22312: "Access control",
}
"""fact: the ids of LOGV2 lines in the sources of mongodb/mongo."""
MONGO_STARTS = frozenset({"mongo.4615611", "mongo.20698"})
"""A new mongod begins here. A bad key file is reported before: such a line belongs to the run it follows."""
STARTS = frozenset({"librechat.start", "oneapi.started"}) | GPU_STARTS
"""A new run of the service begins here. fact: npm's banner; One API main.go."""

DEATHS = frozenset({
    "oneapi.db-refused", "oneapi.db-unknown-host", "oneapi.db-no-route", "oneapi.db-lost", "oneapi.db-1130",
    "oneapi.db-1045", "oneapi.db-1049", "oneapi.token-encoder", "oneapi.redis-failed", "oneapi.thread-refused",
})  # fmt: skip
"""What a run ended with is kept while the next one is young, as ``oneapi.before.db-refused``: a boot loop is looked at
while it runs as often as while it lies dead."""


# fact: docker-library/mongo docker-entrypoint.sh; the start script in FastGPT's compose files
_MONGO = (
    pattern("mongo.no-avx", r"WARNING: MongoDB 5\.0\+ requires a CPU with AVX support"),
    pattern("mongo.old-arm", r"WARNING: MongoDB (?:5\.0\+ )?requires ARMv8\.2-A or higher"),
    pattern("mongo.illegal-instruction", r"Illegal instruction"),
    pattern("mongo.init-complete", r"MongoDB init process complete; ready for start up"),
    pattern("mongo.waiting-for-start", r"Waiting for MongoDB to start\.\.\."),
    pattern("mongo.root-variables", r"error: missing 'MONGO_INITDB_ROOT_(?:USERNAME|PASSWORD)'[^\n]*"),
    pattern("mongo.keyfile-required", r"BadValue: security\.keyFile is required"),
    pattern("mongo.bad-option", r"try 'mongod --help' for more information"),
    pattern("mongo.keyfile-too-open", r"permissions on \S+ are too open"),
    pattern("mongo.20557", r"exception in initAndListen"),
    pattern("mongo.shell-missing", r"\bmongo: (?:command )?not found"),
)

# fact: danny-avila/LibreChat, loadCustomConfig.js and api/server/index.js
_LIBRECHAT = (
    pattern("librechat.start", r"> LibreChat@\S+ [\w:.-]+"),
    pattern("librechat.config-missing", r"Config file YAML format is invalid: ENOENT\b.*"),
    pattern("librechat.config-directory", r"Config file YAML format is invalid: EISDIR\b.*"),
    pattern("librechat.config-unreadable", r"Config file YAML format is invalid: EACCES\b.*"),
    pattern("librechat.config-syntax", r"Config file YAML format is invalid: .*"),
    pattern("librechat.config-empty", r"Custom config file missing or YAML format invalid\."),
    pattern("librechat.config-remote", r"Failed to fetch the remote config file from "),
    pattern("librechat.config-schema", r"Invalid custom config file at [^\s:\[]+", only_match=True),
    pattern("librechat.config-exit", r"Exiting due to invalid configuration\.[^\n]*"),
    pattern("librechat.config-bypassed", r"CONFIG_BYPASS_VALIDATION is enabled\.[^\n]*"),
    pattern("librechat.config-image-type", r"Please specify a correct `imageOutputType` value"),
    pattern("librechat.config-azure", r"Invalid Azure OpenAI configuration:|Azure configuration environment variable "),
    # only_match: behind it stands the whole configuration, keys in clear
    pattern("librechat.config-loaded", r"Custom config file loaded:", only_match=True),
    pattern("librechat.config-outdated", r"Outdated Config version: \S+"),
    pattern("librechat.mongo-connected", r"Connected to MongoDB", only_match=True),
    pattern("librechat.mongo-unresolved", r"getaddrinfo ENOTFOUND mongodb\b"),
    pattern("librechat.mongo-refused", r"connect ECONNREFUSED \S+:27017"),
    pattern("librechat.mongo-error", r"KeyvMongo connection error:|\[connectDb\] MongoDB connection error:"),
    pattern("librechat.mongo-too-old", r"reports maximum wire version"),
    pattern("librechat.mongo-uri-missing", r"Please define the MONGO_URI environment variable"),
    pattern("librechat.jwt-secret-missing", r"JwtStrategy requires a secret or key"),
    pattern("librechat.default-secret", r"Default value for (?:CREDS_KEY|CREDS_IV|JWT_SECRET|JWT_REFRESH_SECRET) is"),
    pattern("librechat.rag-unreachable", r"RAG API is either not running or not reachable at"),
    pattern("librechat.rag-reachable", r"RAG API is running and reachable at"),
    pattern("librechat.index-error", r"\[indexSync\] error|\[mongoMeili\] Error checking index"),
    pattern("librechat.permission-denied", r"EACCES: permission denied, (?:open|mkdir) '[^']*'"),
    pattern("librechat.chat-failed", r"\[handleAbortError\]|#sendCompletion\]"),
    # fact: danny-avila/LibreChat#1439 and #2150; npx says it before it fetches, npm when it could not
    pattern(
        "librechat.nodemon-failed",
        r"\bnodemon: not found|registry\.npmjs\.org/nodemon\b|npm (?:ERR!|error) (?:path /\.npm\b|.*\bnodemon\b)",
    ),
    pattern("librechat.nodemon-fetched", r"npm (?:WARN|warn) exec .*\bnodemon(?:@\S+)?"),
    pattern("librechat.start-failed", r"Failed to start server:"),
    pattern("librechat.uncaught", r"There was an uncaught error:"),
    pattern("librechat.ready", r"Server readiness checks passing\."),
    pattern("librechat.listening", r"Server listening (?:on all interfaces )?at "),
)

# fact: songquanpeng/one-api, model/main.go. FATAL lines up to v0.6.10 are "| [text]", on main "| file:line [func] text"
_NO_DATABASE = r"(?:failed to initialize database(?:, got error|:) |\[FATAL\] [^|]*\| \[)"
_ONEAPI = (
    pattern("oneapi.started", r"One API \S+ started"),
    pattern("oneapi.db-refused", rf"{_NO_DATABASE}dial tcp \S+: connect: connection refused", alone=False),
    pattern(
        "oneapi.db-unknown-host",
        rf"{_NO_DATABASE}.*(?:no such host|server misbehaving|Temporary failure in name resolution)",
        alone=False,
    ),
    pattern("oneapi.db-no-route", rf"{_NO_DATABASE}.*(?:no route to host|network is unreachable)", alone=False),
    pattern("oneapi.db-lost", rf"{_NO_DATABASE}.*(?:timeout|timed out|bad connection|unexpected EOF)", alone=False),
    pattern("oneapi.db-1130", r"Error 1130\b.*is not allowed to connect", alone=False),
    pattern("oneapi.db-1045", r"Error 1045\b.*Access denied", alone=False),
    pattern("oneapi.db-1049", r"Error 1049\b.*Unknown database", alone=False),
    pattern("oneapi.database-failed", r"failed to initialize database, got error "),
    pattern("oneapi.token-encoder", r"failed to get \S+ token encoder"),
    pattern("oneapi.redis-failed", r"failed to initialize Redis|failed to parse Redis connection string"),
    pattern("oneapi.redis-disabled", r"SYNC_FREQUENCY not set, Redis is disabled"),
    pattern("oneapi.thread-refused", r"pthread_create failed: Operation not permitted"),
    pattern("oneapi.fatal", r"\[FATAL\]"),
    pattern("oneapi.mysql", r"using MySQL as database"),
    pattern("oneapi.root-created", r"no user exists, creating a root user for you", only_match=True),
    pattern("oneapi.migrated", r"database migrated"),
    pattern("oneapi.memory-cache", r"memory cache enabled"),
    pattern("oneapi.channels-synced", r"channels synced from database"),
    pattern("oneapi.encoders-begun", r"initializing token encoders"),
    pattern("oneapi.encoders-ready", r"token encoders initialized"),
    pattern("oneapi.listening", r"server started on "),
    # one line per model, since each may have another cause; the route stands in the GIN line of the same request
    pattern("oneapi.no-channel", r"(?:对于模型 (?P<key>.{0,200}?) )?无可用渠道", kept=20),
    pattern("oneapi.relay-503", r"\| +503 \|.*\bPOST +(?P<key>/v1/\S{1,80})", kept=10),
    pattern("oneapi.relay-ok", r"\| +200 \|.*\bPOST +/v1/"),
)

# fact: docker-library/mysql and mariadb: the temporary server of the first start says port 0
_MYSQL = (
    pattern("mysql.ready", r"Version: '[^']*'.*\bport: [1-9]\d*"),
    pattern("mysql.temporary", r"Version: '[^']*'.*\bport: 0\b"),
    pattern("mysql.initialising", r"\[Entrypoint\]: Initializing database files"),
    pattern("mysql.bad-option", r"unknown (?:variable|option) '[^'=]*"),
    pattern("mysql.aborting", r"\[ERROR\].*\bAborting"),
    pattern("mysql.unusable", r"data directory \S+ is unusable|Cannot (?:boot|upgrade|downgrade) "),
)

# fact: labring/FastGPT, common/mongo/init.ts and its log lines
_FASTGPT = (
    pattern("fastgpt.mongo-error", r"mongo connect error|MongoDB connection failed, will retry"),
    pattern("fastgpt.mongo-no-primary", r"MongooseServerSelectionError|Server selection timed out after \d+ ms"),
    pattern("fastgpt.mongo-refused", r"connect ECONNREFUSED \S+:27017"),
    pattern("fastgpt.mongo-unresolved", r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) \S*mongo\S*"),
    pattern("fastgpt.mongo-auth", r"MongoServerError: Authentication failed"),
    pattern("fastgpt.mongo-buffering", r"Operation `[^`]+` buffering timed out after \d+ms"),
    pattern("fastgpt.mongo-standalone", r"Transaction numbers are only allowed on a replica set member or mongos"),
    pattern("fastgpt.mongo-connected", r"MongoDB connected successfully|mongo connected"),
    pattern("fastgpt.mongo-start", r"(?:mongo|MongoDB) start connect|Starting MongoDB connection"),
    pattern("fastgpt.root-failed", r"init root user error"),
    # only_match: the root password stands behind it
    pattern("fastgpt.root-ready", r"root user init:?", only_match=True),
    pattern("fastgpt.pg-error", r"pg connect error|Postgres connection failed"),
    pattern("fastgpt.pg-retry", r"Retry connect pg|Postgres reconnecting after failure"),
    pattern("fastgpt.pg-init-error", r"init pg error|Postgres vector initialization failed"),
    pattern("fastgpt.pg-ready", r"init pg successful|Postgres vector initialization completed"),
    pattern("fastgpt.pg-connected", r"pg connected|Postgres pool connected"),
    pattern("fastgpt.milvus-error", r"14 UNAVAILABLE|Name resolution failed for target dns:|Client must be connected"),
    pattern("fastgpt.redis-error", r"Redis connection error|Reached the max retries per request limit"),
    pattern("fastgpt.component-error", r"\[(?:s3|mongo|redis|vectordb|plugin|pro)_error\]"),
    pattern("fastgpt.bucket-error", r"Failed to ensure external (?:bucket|public bucket|private bucket)"),
    pattern("fastgpt.init-failed", r"Load init config error|[Ii]nit (?:system )?error|System initialization failed"),
    pattern("fastgpt.ready", r"System initialized successfully|[Ii]nit system success"),
    pattern("fastgpt.embedding-bad-reply", r"Embedding API (?:404|is not responding)"),
    pattern(
        "fastgpt.chat-empty", r"core\.chat\.Chat API is error or undefined|LLM response empty|LLM_model_response_empty"
    ),
    pattern("fastgpt.vector-dimension", r"vector dimension (?:is \d+|exceeded)"),
    pattern("fastgpt.no-channel", r"无可用渠道"),
    pattern("fastgpt.training-error", r"\[(?:Vector|QA) Queue\] Error"),
    pattern("fastgpt.gateway-unreachable", r"\bConnection error\."),
    pattern("fastgpt.web-ready", r"✓ Ready in "),
)

PATTERNS: dict[Role, tuple[Pattern, ...]] = {
    "mongo": _MONGO,
    "librechat": _LIBRECHAT,
    "oneapi": _ONEAPI,
    "fastgpt": _FASTGPT,
    "mysql": _MYSQL,
    "ollama": OLLAMA,
    "model_server": MODEL_SERVER,
}
STANDS = frozenset(one.name for patterns in PATTERNS.values() for one in patterns if one.stands)
"""Said once, at the start, and true for as long as the service runs."""
