"""Addresses of databases as people write them, and what ``wiring.dsn`` must say of them."""

from __future__ import annotations

from stackops.console.model import ComposeService

from examples import Example
from examples.wiring.folder import folder, live, service


def oneapi(dsn: str, *more: str, image: str = "justsong/one-api:v0.6.6") -> ComposeService:
    return service("oneapi", image, f"SQL_DSN={dsn}", *more)


def fastgpt(*env: str) -> ComposeService:
    return service("fastgpt", "ghcr.io/labring/fastgpt:v4.8.20", *env)


MONGO = service("mongo", "mongo:5.0.18")
WRONG = (
    ("left a # in the password of PG_URL", fastgpt("PG_URL=postgresql://u:hush#1@pg:5432/postgres")),
    ("left a / in the password of PG_URL", fastgpt("PG_URL=postgresql://u:hu/sh@pg:5432/postgres")),
    ("left a % in the password of REDIS_URL", fastgpt("REDIS_URL=redis://default:hu%sh@redis:6379")),
    ("wrote & for ? in PG_URL", fastgpt("PG_URL=postgresql://u:hush@pg:5432/postgres&sslmode=disable")),
    ("wrote a second ? in SQL_DSN", oneapi("root:hush@tcp(mysql:3306)/oneapi?charset=utf8?parseTime=true")),
    ("wrote & for ? in SQL_DSN", oneapi("root:hush@tcp(mysql:3306)/oneapi&charset=utf8mb4")),
    ("left tcp() away", oneapi("root:hush@mysql:3306/oneapi")),
    ("did not close the bracket", oneapi("root:hush@tcp(mysql:3306/oneapi")),
    ("forgot the / before the database", oneapi("root:hush@tcp(mysql:3306)oneapi")),
    ("wrote SQL_DSN as a URL", oneapi("mysql://root:hush@mysql:3306/oneapi")),
    ("wrote postgresql:// for One API", oneapi("postgresql://root:hush@pg:5432/oneapi")),
    ("left a / in an option of SQL_DSN", oneapi("root:hush@tcp(mysql:3306)/oneapi?loc=Asia/Shanghai")),
    ("typed full-width brackets", oneapi("root:hush@tcp（mysql:3306）/oneapi")),
    ("typed a full-width colon", fastgpt("PG_URL=postgresql：//u:hush@pg:5432/postgres")),
    ("forgot the scheme of REDIS_CONN_STRING", oneapi("", "REDIS_CONN_STRING=redis:6379")),
    ("forgot the scheme of PG_URL", fastgpt("PG_URL=u:hush@pg:5432/postgres")),
    ("named a database of Redis", fastgpt("REDIS_URL=redis://redis:6379/fastgpt")),
    ("mistyped a port", fastgpt("PG_URL=postgresql://u:hush@pg:54x2/postgres")),
    ("has a port that is none", oneapi("root:hush@tcp(mysql:330600)/oneapi")),
    ("forgot the colon of MONGODB_URI", fastgpt("MONGODB_URI=mongodb//u:hush@mongo:27017/fastgpt")),
    ("forgot the scheme of MONGODB_URI", fastgpt("MONGODB_URI=mongo:27017/fastgpt")),
    ("uses Atlas, and left an @ in the password", fastgpt("MONGODB_URI=mongodb+srv://u:hu@sh@c0.example.net/x")),
)
FINDS = (
    *(Example(name, folder(one), "finding", "written", ()) for name, one in WRONG),
    Example("left a # in it, and it runs", live(WRONG[0][1]), "finding", "written", ()),
    Example("left an @ in the password of PG_URL", folder(fastgpt("PG_URL=postgresql://u:hu@sh@pg:5432/postgres")),
            "finding", "doubtful", ()),
)  # fmt: skip

RIGHT = (
    ("wrote PG_URL well", fastgpt("PG_URL=postgresql://username:password@pg:5432/postgres")),
    ("encoded the password", fastgpt("PG_URL=postgresql://u:hu%40sh%23@pg:5432/postgres?sslmode=disable")),
    ("wrote REDIS_URL well", fastgpt("REDIS_URL=redis://default:mypassword@redis:6379")),
    ("gave a bare Redis", fastgpt("REDIS_URL=redis:6379")),
    ("wrote SQL_DSN well", oneapi("root:oneapimmysql@tcp(mysql:3306)/oneapi")),
    ("has any character in the password of SQL_DSN", oneapi("root:p@s#s/w%o:rd@tcp(mysql:3306)/oneapi")),
    ("left out the port and the protocol", oneapi("root:hush@(mysql)/oneapi?charset=utf8&loc=Asia%2FShanghai")),
    ("uses a socket", oneapi("root:hush@unix(/run/mysqld/mysqld.sock)/oneapi")),
    ("uses PostgreSQL for One API", oneapi("postgres://root:hush@pg:5432/oneapi")),
    ("uses postgresql:// for New API", oneapi("postgresql://root:hush@pg:5432/x", image="calciumion/new-api:v0.4")),
    ("uses several hosts", fastgpt("PG_URL=postgresql://u:hush@a:5432,b:5432/x")),
    ("uses IPv6", fastgpt("PG_URL=postgresql://u:hush@[fd00::2]:5432/x")),
)
FINDS_NOT = (
    *(Example(name, folder(one), "ok") for name, one in RIGHT),
    Example("uses SQLite", folder(oneapi("")), "not_applicable"),
    Example("uses sentinels", folder(oneapi("", "REDIS_CONN_STRING=a:26379,b:26379", "REDIS_MASTER_NAME=m")),
            "not_applicable"),
    Example("has a MongoDB of its own, of which mongo.replica-set tells", folder(MONGO, fastgpt(
            "MONGODB_URI=mongodb://u:hu@sh@mongo:27017/x")), "not_applicable"),
    Example("has quotes round it", folder(oneapi('"root:hush@mysql/x"')), "not_applicable"),
    Example("left a template's words in the password", folder(fastgpt("PG_URL=postgresql://u:<rand 64 | tr / x>@pg/x")),
            "not_applicable"),
    Example("shares an env file with others", folder(service("web", "team/web:1", shared=("PG_URL=pg",))),
            "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
