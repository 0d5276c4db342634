"""The rows of oneapi.restart on FastGPT v4.7's own compose file, with a real MariaDB behind the name of MySQL.

What the database refuses, it refuses by itself: each row changes a variable, a right or a container, never a log.
fact: fastgpt-stack 5 (order of the start, its last words), 8 (rows 8, 19 to 21); mongo-docker-db 9 (first start).
"""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from .corpus import CORPUS
from .pitfall_rows import Row
from .stacks import Stack, docker, wait_for

CHECK, ONE, MYSQL, GROUP = "oneapi.restart", "oneapi", "mysql", "fastgpt/v4.7"
PASSWORD = "oneapimmysql"
BASE = "http://127.0.0.1:3001"
COMPOSE = "docker-compose.yml"
RIGHTS = f"CREATE OR REPLACE USER root@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION"


# the operator's hands


def sql(statement: str, password: str = PASSWORD) -> str:
    """As typed into MySQL's own shell in its container."""
    return docker("exec", "-e", f"MYSQL_PWD={password}", MYSQL, "mysql", "-uroot", "-N", "-e", statement)


def ready() -> bool:
    """Whether MySQL, not its temporary server, takes the root password over the network."""
    password = f"MYSQL_PWD={PASSWORD}"
    asked = ("mysql", "-h127.0.0.1", "-uroot", "-N", "-e", "SELECT 1")
    return "1" in docker("exec", "-e", password, MYSQL, *asked, check=False)


def inside() -> bool:
    """Whether the server itself is there, whatever it lets in."""
    told = docker(
        "exec", MYSQL, "mysql", "-uroot", f"-p{PASSWORD}", "-N", "-e", "SHOW VARIABLES LIKE 'port'", check=False
    )
    return told.endswith("3306")


def add_channel(*models: str) -> None:
    """What the administrator's page does: a row, and nothing else."""
    for model in models:
        sql(
            "INSERT INTO oneapi.channels (name, models, status, created_time) "
            f"VALUES ('channel {model}', '{model}', 1, UNIX_TIMESTAMP())"
        )


def request(path: str, body: dict[str, Any] | None = None, key: str = "sk-fastgpt") -> tuple[int, str]:
    """Status and text of One API's answer; 0 where nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(
        f"{BASE}{path}", data, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def answers() -> bool:
    return request("/api/status")[0] == 200


def state(stack: Stack, name: str = ONE) -> dict[str, Any]:
    found: dict[str, Any] = stack.inspect(name)["State"]
    return found


def up(stack: Stack) -> None:
    """Upstream's file, MySQL with its rights and its database, One API answering: whatever a row has left behind."""
    folder = CORPUS / GROUP
    if stack.path(COMPOSE).read_bytes() != (folder / COMPOSE).read_bytes():
        shutil.copyfile(folder / COMPOSE, stack.path(COMPOSE))
    stack.path("oneapi").mkdir(exist_ok=True)
    stack.path("oneapi/standin-offline").unlink(missing_ok=True)
    stack.up(MYSQL, ONE, "fastgpt")
    wait_for(lambda: ready() or (inside() and sql(RIGHTS) and False))
    sql("CREATE DATABASE IF NOT EXISTS oneapi")
    if not answers():
        docker("restart", "-t", "0", ONE)
    wait_for(answers)


def looping(stack: Stack) -> None:
    wait_for(lambda: state(stack)["Status"] == "restarting" and stack.inspect(ONE)["RestartCount"] >= 2)


def edit(stack: Stack, *changes: tuple[str, str]) -> None:
    """Change the compose file, and have it made so."""
    text = stack.path(COMPOSE).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    stack.write(COMPOSE, text)
    stack.up(MYSQL, ONE)


def edited(*changes: tuple[str, str]) -> Callable[[Stack], None]:
    def break_it(stack: Stack) -> None:
        up(stack)
        edit(stack, *changes)
        looping(stack)

    return break_it


def rewritten(*changes: tuple[str, str]) -> Callable[[Stack], None]:
    return lambda stack: edit(stack, *changes)


def begun_anew(stack: Stack) -> None:
    docker("restart", "-t", "0", ONE)
    looping(stack)


def ran(statement: str) -> Callable[[Stack], None]:
    """The right or the database is gone, and One API starts without it."""

    def break_it(stack: Stack) -> None:
        up(stack)
        sql(statement)
        begun_anew(stack)

    return break_it


def served(stack: Stack) -> None:
    """From outside: it answers, and its key is one that the database knows."""
    wait_for(lambda: request("/v1/models")[0] == 200)
    assert state(stack)["Running"] is True
    assert PASSWORD not in stack.logs(ONE)


def offline(stack: Stack) -> None:
    up(stack)
    stack.write("oneapi/standin-offline", "")
    begun_anew(stack)


def online(stack: Stack) -> None:
    stack.path("oneapi/standin-offline").unlink()


def stopped(stack: Stack) -> None:
    up(stack)
    docker("stop", "-t", "0", MYSQL)
    begun_anew(stack)


def parted(stack: Stack) -> None:
    """MySQL in a network of its own, as when two stacks are meant to work together."""
    up(stack)
    network = next(iter(stack.inspect(MYSQL)["NetworkSettings"]["Networks"]))
    docker("network", "disconnect", network, MYSQL)
    docker("network", "connect", "--alias", MYSQL, "bridge", MYSQL, check=False) or docker(
        "network", "connect", "bridge", MYSQL
    )
    begun_anew(stack)


def joined(stack: Stack) -> None:
    docker("network", "disconnect", "bridge", MYSQL)
    docker("network", "connect", "--alias", MYSQL, f"{stack.name}_fastgpt", MYSQL)


def told(name: str, break_it: Callable[[Stack], None], says: str, advice: str, by_hand: Callable[[Stack], None]) -> Row:
    return Row(name, GROUP, break_it, CHECK, ONE, says, served, by_hand=by_hand, advice=advice, looping=True)


DSN = "SQL_DSN=root:oneapimmysql@tcp(mysql:3306)/oneapi"
PLUGIN = "--default-authentication-plugin=mysql_native_password"
OTHER = DSN.replace("oneapimmysql", "newsecret")
ROWS = (
    told(
        "the host port in SQL_DSN",
        edited(("tcp(mysql:3306)", "tcp(mysql:33066)"), ("3306:3306", "33066:3306")),
        "but it listens on 3306",
        "put mysql:3306 in place of mysql:33066",
        rewritten(("tcp(mysql:33066)", "tcp(mysql:3306)")),
    ),
    told(
        "a name that nobody has",
        edited(("tcp(mysql:3306)", "tcp(db:3306)")),
        "a name that nobody has: db",
        "in place of db (there is: mysql)",
        rewritten(("tcp(db:3306)", "tcp(mysql:3306)")),
    ),
    told(
        "its own loopback",
        edited(("tcp(mysql:3306)", "tcp(127.0.0.1:3306)")),
        "inside itself",
        "put mysql:3306 in place of 127.0.0.1:3306",
        rewritten(("tcp(127.0.0.1:3306)", "tcp(mysql:3306)")),
    ),
    told(
        "1130: nobody may come from its address",
        ran("DROP USER root@'%'; FLUSH PRIVILEGES"),
        "error 1130",
        "create the user root@'%' and grant it all on oneapi.*",
        lambda _: print(sql(RIGHTS)),
    ),
    told(
        "1045: the password was changed in the files only",
        edited((DSN, OTHER), ("MYSQL_ROOT_PASSWORD: oneapimmysql", "MYSQL_ROOT_PASSWORD: newsecret")),
        "error 1045",
        "Correct SQL_DSN",
        rewritten((OTHER, DSN)),
    ),
    told(
        "1045: the password was changed in MySQL only",
        ran("ALTER USER root@'%' IDENTIFIED BY 'elsewhere'"),
        "error 1045",
        "change the password inside MySQL (ALTER USER)",
        lambda _: print(sql(f"ALTER USER root@'%' IDENTIFIED BY '{PASSWORD}'")),
    ),
    told(
        "1049: a database that was never made",
        edited((DSN, DSN.replace("/oneapi", "/gateway"))),
        "database gateway that oneapi wants is not there (error 1049)",
        "CREATE DATABASE `gateway`",
        lambda _: print(sql("CREATE DATABASE `gateway`")),
    ),
    told(
        "MySQL ends on an option",
        edited((PLUGIN, "--no-such-option=1")),
        "ends again and again",
        "docker logs --tail 50 mysql",
        rewritten(("--no-such-option=1", PLUGIN)),
    ),
    told("MySQL in another network", parted, "are not in a common network", "docker network connect", joined),
    told("no internet for the token encoders", offline, "without the internet", "TIKTOKEN_CACHE_DIR", online),
    Row("MySQL was stopped", GROUP, stopped, CHECK, ONE, "is not running", served, looping=True, undo=False),
)
