"""The tables of One API, New API and AI Proxy as their migrations make them, with rows that hold planted secrets.

fact: gorm's drivers: a string is longtext (MySQL) or text, with an index varchar(191) in MySQL; bool is tinyint(1),
boolean or numeric; char(48) is padded with blanks by PostgreSQL. songquanpeng/one-api model/*.go of v0.5.0 and v0.6.9,
QuantumNous/new-api model/*.go, labring/aiproxy core/model/channel.go.
"""

from __future__ import annotations

PLANTED = "sk-pl4nted"
TYPES = {
    "mysql": {"id": "bigint auto_increment primary key", "int": "bigint", "text": "longtext", "name": "varchar(191)",
              "bool": "tinyint(1)", "float": "double", "key": "char(48)", "time": "datetime(3)"},
    "postgres": {"id": "bigserial primary key", "int": "bigint", "text": "text", "name": "text", "bool": "boolean",
                 "float": "numeric", "key": "char(48)", "time": "timestamptz"},
    "sqlite": {"id": "integer primary key autoincrement", "int": "integer", "text": "text", "name": "text",
               "bool": "numeric", "float": "real", "key": "char(48)", "time": "datetime"},
}  # fmt: skip
OLD_CHANNELS = {
    "id": "id", "type": "int", "key": "text", "status": "int", "name": "name", "weight": "int", "created_time": "int",
    "test_time": "int", "response_time": "int", "base_url": "name", "other": "text", "balance": "float",
    "balance_updated_time": "int", "models": "text", "group": "name", "used_quota": "int", "model_mapping": "name",
}  # fmt: skip
OLD_TOKENS = {
    "id": "id", "user_id": "int", "key": "key", "status": "int", "name": "name", "created_time": "int",
    "accessed_time": "int", "expired_time": "int", "remain_quota": "int", "unlimited_quota": "bool",
    "used_quota": "int",
}  # fmt: skip
USERS = {
    "id": "id", "username": "name", "password": "text", "role": "int", "status": "int", "access_token": "key",
    "quota": "int", "group": "name",
}  # fmt: skip
OLD = {"channels": OLD_CHANNELS, "tokens": OLD_TOKENS, "users": USERS}
"""One API v0.5.0."""
ONE_API = OLD | {
    "channels": OLD_CHANNELS | {"priority": "int", "config": "text"},
    "tokens": OLD_TOKENS | {"models": "text", "subnet": "name"},
}
NEW_API = OLD | {
    "channels": OLD_CHANNELS | {"priority": "int", "auto_ban": "int", "tag": "name", "setting": "text"},
    "tokens": OLD_TOKENS | {
        "model_limits_enabled": "bool", "model_limits": "text", "allow_ips": "name", "group": "name",
        "deleted_at": "time",
    },
}  # fmt: skip
AI_PROXY = {
    "channels": {
        "deleted_at": "time", "created_at": "time", "model_mapping": "text", "key": "text", "name": "name",
        "base_url": "name", "models": "text", "balance": "float", "id": "id", "status": "int", "type": "int",
        "priority": "int", "sets": "text", "balance_updated_at": "time",
    },
    "channel_tests": {"test_at": "time", "model": "name", "channel_id": "int", "took": "float"},
}  # fmt: skip


def made(kind: str, tables: dict[str, dict[str, str]]) -> list[str]:
    """Statements that make the tables."""
    types = TYPES[kind]
    return [
        said(
            kind, f"create table {table} (" + ", ".join(f'"{name}" {types[one]}' for name, one in columns.items()) + ")"
        )
        for table, columns in tables.items()
    ]


def put(kind: str, table: str, **row: object) -> str:
    """A statement that adds a row; values are ours."""
    names = said(kind, ", ".join(f'"{name}"' for name in row))
    values = ", ".join(f"'{one}'" if isinstance(one, str) else str(one) for one in row.values())
    return f"insert into {table} ({names}) values ({values})"


def said(kind: str, statement: str) -> str:
    return statement.replace('"', "`") if kind == "mysql" else statement


def one_api_rows(kind: str, **more: object) -> list[str]:
    """Two channels, a token each of root and of somebody else; ``more``: of the first token."""
    return [
        put(kind, "users", username="root", password=PLANTED, access_token=PLANTED, role=100, status=1, quota=500,
            group="default"),
        put(kind, "users", username="eve", password=PLANTED, role=1, status=2, quota=0, group="vip"),
        put(kind, "channels", type=1, key=PLANTED, status=1, name="local", created_time=1700000000,
            test_time=1700000100, response_time=1500, base_url="http://me:pl4nted@vllm:8000?key=pl4nted", balance=2.5,
            balance_updated_time=1700000200, models="qwen,m3e", model_mapping='{"qwen": "Qwen2"}', group="default,vip"),
        put(kind, "channels", type=30, key=PLANTED, status=3, name="off", models="gemma:7b", group="default"),
        put(kind, "tokens", user_id=1, key="FastGPT0key", status=1, name="fastgpt", expired_time=-1, remain_quota=0,
            unlimited_quota=put_bool(kind), **more),
        put(kind, "tokens", user_id=2, key="pl4nted", status=2, name="eve", expired_time=1700000300, remain_quota=7,
            unlimited_quota=put_bool(kind, "false")),
    ]  # fmt: skip


class put_bool:  # noqa: N801 - a value in a statement
    """``true`` as the database writes it."""

    def __init__(self, kind: str, value: str = "true") -> None:
        self.said = value if kind == "postgres" else str(int(value == "true"))

    def __str__(self) -> str:
        return self.said
