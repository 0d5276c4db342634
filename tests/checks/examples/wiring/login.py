"""Logins on both sides, and what ``wiring.login`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import ComposeService, Snapshot, Volume

from examples import Example
from examples.wiring.folder import folder, live, service


def mongo(user: str = "root", password: str = "abc123", **more: object) -> ComposeService:
    pair = (f"MONGO_INITDB_ROOT_USERNAME={user}", f"MONGO_INITDB_ROOT_PASSWORD={password}")
    return service("mongo", "mongo:5.0.18", *pair, **more)


def app(login: str, host: str = "mongo") -> ComposeService:
    return service(
        "fastgpt", "ghcr.io/labring/fastgpt:v4.8.1", f"MONGODB_URI=mongodb://{login}@{host}:27017/x?authSource=admin"
    )


def gateway(login: str) -> ComposeService:
    return service("oneapi", "justsong/one-api:v0.6.6", f"SQL_DSN={login}@tcp(mysql:3306)/oneapi")


def mysql(*env: str) -> ComposeService:
    return service("mysql", "mysql:8.0.36", *env)


def vector(login: str, name: str = "postgres") -> ComposeService:
    return service("fastgpt", "ghcr.io/labring/fastgpt:v4.8.1", f"PG_URL=postgresql://{login}@pg:5432/{name}")


PG = service("pg", "pgvector/pgvector:0.7.0-pg15", "POSTGRES_USER=username", "POSTGRES_PASSWORD=password")


def queue(login: str, variable: str = "REDIS_URL") -> ComposeService:
    return service("fastgpt", "ghcr.io/labring/fastgpt:v4.14.2", f"{variable}=redis://{login}redis:6379")


def redis(*command: str, image: str = "redis:7.2-alpine", env: tuple[str, ...] = ()) -> ComposeService:
    return service("redis", image, *env, command=command)


def finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    finds("left the guide's user in the string", "user", folder(app("username:password"), mongo())),
    finds("left the guide's user, and it runs", "user", live(app("username:password"), mongo())),
    finds("changed the password of the database", "password", folder(app("root:old"), mongo())),
    finds("changed the password later, and it runs", "password", live(app("root:old"), mongo())),
    finds("changed MySQL's root password", "password", folder(gateway("root:old"), mysql("MYSQL_ROOT_PASSWORD=new"))),
    finds("changed the user's password of MySQL", "password", folder(gateway("oneapi:old"),
          mysql("MYSQL_ROOT_PASSWORD=r", "MYSQL_USER=oneapi", "MYSQL_PASSWORD=new"))),
    finds("names a user that MySQL does not make", "user", folder(gateway("me:pw"), mysql("MYSQL_ROOT_PASSWORD=pw"))),
    finds("changed PostgreSQL's password", "password", folder(vector("username:other"), PG)),
    finds("names another user of PostgreSQL", "user", folder(vector("postgres:password"), PG)),
    finds("forgot that postgres is the user where none is named", "user", folder(vector("me:pw"),
          service("pg", "postgres:15", "POSTGRES_PASSWORD=pw"))),
    finds("uses another password for Bitnami's unnamed root user", "password", folder(app("root:old"), service("mongo",
          "bitnami/mongodb:6.0", "MONGODB_ROOT_PASSWORD=pw", "MONGODB_USERNAME=app", "MONGODB_PASSWORD=x"))),
    finds("changed the password of Redis", "password", folder(queue("default:old@"),
          redis("redis-server", "--requirepass", "new"))),
    finds("changed the password of Redis in a script, and it runs", "password", live(
          queue(":old@", "REDIS_CONN_STRING"),
          redis("sh", "-c", "redis-server --requirepass 'new' --loglevel warning"))),
    finds("changed the password of Bitnami's Redis", "password", folder(queue("default:old@"),
          redis(image="bitnami/redis:7.2", env=("REDIS_PASSWORD=new",)))),
    finds("forgot the password of Redis", "none", folder(queue(""), redis("redis-server", "--requirepass", "new"))),
    finds("wants another database than MySQL makes", "database", folder(gateway("root:pw"),
          mysql("MYSQL_ROOT_PASSWORD=pw", "MYSQL_DATABASE=one-api"))),
    finds("wants another database than MySQL made, and it runs", "database", live(gateway("root:pw"),
          mysql("MYSQL_ROOT_PASSWORD=pw", "MYSQL_DATABASE=one-api"))),
    finds("wants another database than PostgreSQL makes", "database", folder(vector("username:password", "fastgpt"),
          service("pg", "postgres:15", "POSTGRES_USER=username", "POSTGRES_PASSWORD=password", "POSTGRES_DB=vectors"))),
    finds("wants a database, and PostgreSQL makes that of its user", "database",
          folder(vector("username:password", "fastgpt"), PG)),
    finds("names no database, and PostgreSQL makes another than that of the user", "database",
          folder(vector("username:password", ""), service("pg", "postgres:15", "POSTGRES_USER=username",
          "POSTGRES_PASSWORD=password", "POSTGRES_DB=vectors"))),
    finds("names a user that somebody may have made in a volume from elsewhere", "user", folder(vector("me:password"),
          replace(PG, volumes=(Volume("volume", "old", "/var/lib/postgresql/data"),)), foreign_volumes=("old",))),
    finds("wrote SQL_DSN for MySQL, and names PostgreSQL", "other-kind", folder(service("oneapi",
          "justsong/one-api:v0.6.6", "SQL_DSN=root:pw@tcp(pg:5432)/oneapi"), PG)),
    finds("has the address of Redis lead to MongoDB, and it runs", "other-kind", live(queue(""),
          service("redis", "mongo:5.0.18"))),
    finds("encoded it wrongly", "password", folder(app("root:a%2540b"), mongo(password="a@b"))),
)  # fmt: skip

FINDS_NOT = (
    Example("has quotes of its own, which wiring.quotes tells",
            folder(gateway('"root:pw'), mysql("MYSQL_ROOT_PASSWORD=pw")), "not_applicable"),
    Example("wrote the same", folder(app("root:abc123"), mongo()), "ok"),
    Example("wrote the same, and it runs", live(app("root:abc123"), mongo()), "ok"),
    Example("encoded the password", folder(app("root:a%40b"), mongo(password="a@b")), "ok"),
    Example("uses MySQL's own user", folder(gateway("oneapi:pw"), mysql("MYSQL_ROOT_PASSWORD=r", "MYSQL_USER=oneapi",
            "MYSQL_PASSWORD=pw")), "ok"),
    Example("has an @ in the password of the DSN", folder(gateway("root:a@b"), mysql("MYSQL_ROOT_PASSWORD=a@b")), "ok"),
    Example("wants the database that MySQL makes", folder(gateway("root:pw"), mysql("MYSQL_ROOT_PASSWORD=pw",
            "MYSQL_DATABASE=oneapi")), "ok"),
    Example("wants a database of a MySQL that makes none: it may be made by hand", folder(gateway("root:pw"),
            mysql("MYSQL_ROOT_PASSWORD=pw")), "ok"),
    Example("wants the database of its user", folder(vector("username:password", "username"), PG), "ok"),
    Example("names no database, and PostgreSQL makes that of the user", folder(vector("username:password", ""), PG),
            "ok"),
    Example("makes its database itself", folder(service("litellm", "ghcr.io/berriai/litellm:main-stable",
            "DATABASE_URL=postgresql://username:password@pg:5432/litellm"), PG), "ok"),
    Example("has options behind the database", folder(service("oneapi", "justsong/one-api:v0.6.6",
            "SQL_DSN=root:pw@tcp(mysql:3306)/oneapi?charset=utf8mb4"), mysql("MYSQL_ROOT_PASSWORD=pw",
            "MYSQL_DATABASE=oneapi")), "ok"),
    Example("uses PostgreSQL as made", folder(vector("username:password"), PG), "ok"),
    Example("uses the root user that Bitnami's image makes unnamed", folder(app("root:pw"), service("mongo",
            "bitnami/mongodb:6.0", "MONGODB_ROOT_PASSWORD=pw", "MONGODB_USERNAME=app", "MONGODB_PASSWORD=x")), "ok"),
    Example("gives Redis its password", folder(queue("default:pw@"), redis("redis-server", "--requirepass", "pw")),
            "ok"),
    Example("has a Redis without a password", folder(queue("default:pw@"), redis()), "not_applicable"),
    Example("has a Redis that gets its password in the container", folder(queue("default:pw@"),
            redis("sh", "-c", "redis-server --requirepass $PW")), "not_applicable"),
    Example("logs in to Redis as a user of its ACL", folder(queue("app:pw@"),
            redis("redis-server", "--requirepass", "x")), "not_applicable"),
    Example("has a mongod that is started past its entrypoint, so that no user was made", folder(app("root:abc123"),
            mongo(command=("sh", "-c", "mongod --replSet rs0"))), "not_applicable"),
    Example("has a database that makes no user", folder(app("root:abc123"), service("mongo", "mongo:5")),
            "not_applicable"),
    Example("has a script that makes users", folder(app("app:pw"), mongo(volumes=(Volume("bind", "/srv/init",
            "/docker-entrypoint-initdb.d"),))), "not_applicable"),
    Example("mounts one script that makes users", folder(app("app:pw"), mongo(volumes=(Volume("bind", "/srv/users.js",
            "/docker-entrypoint-initdb.d/users.js"),))), "not_applicable"),
    Example("has a database image that is built here, and may hold scripts", folder(vector("app:pw"), service("pg",
            "stack-postgres", "POSTGRES_USER=username", "POSTGRES_PASSWORD=password", built=True)), "not_applicable"),
    Example("has an image with users of its own", folder(service("storage", "supabase/storage-api:v1.33.0",
            "DATABASE_URL=postgres://supabase_storage_admin:pw@pg:5432/postgres"), service("pg",
            "supabase/postgres:15.8.1.085", "POSTGRES_PASSWORD=pw")), "not_applicable"),
    Example("has its database on another machine", folder(app("u:p", "db.example.com"), mongo()), "not_applicable"),
    Example("has a string without a login", folder(service("fastgpt", "ghcr.io/labring/fastgpt:v4.8.1",
            "MONGODB_URI=mongodb://mongo:27017/x"), mongo()), "not_applicable"),
    Example("has a string that is not understood", folder(app("root:a@b"), mongo(password="a@b")), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
