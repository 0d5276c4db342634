from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stackops.console.model import Container, EnvVar, HostInfo, Snapshot
from stackops.console.text.cleaning import is_secret_name
from stackops.console.text.redaction import Secrets
from support.secret_forms import FORMS, HARMLESS, TOKENS

IN_THE_WILD = (
    "MONGO_INITDB_ROOT_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "POSTGRES_PASSWORD",
    "DEFAULT_ROOT_PSW",
    "SQL_DSN",
    "SESSION_SECRET",
    "INITIAL_ROOT_TOKEN",
    "CHAT_API_KEY",
    "TOKEN_KEY",
    "ROOT_KEY",
    "FILE_TOKEN_KEY",
    "AES256_SECRET_KEY",
    "MEILI_MASTER_KEY",
    "CREDS_KEY",
    "CREDS_IV",
    "JWT_SECRET",
    "JWT_REFRESH_SECRET",
    "MINIO_SECRET_KEY",
    "S3_SECRET_KEY",
    "MILVUS_TOKEN",
    "REDIS_CONN_STRING",
    "apiKey",
    "OPENAI_API_KEY",
    "x-aes256-secret-key",
    "access-key",
    "masterKey",
    "privateKey",
    "ADMIN_PASSWD",
    "passphrase",
    "db_pwd",
    "cookie",
    "SALT",
    "NEXTAUTH_SECRET",
    "AIPROXY_API_TOKEN",
    "requirepass",
    "AWS_ACCESS_KEY_ID",
    "credentials",
    "spring.datasource.password",
    "rootpassword",
    "密码",
    "sessionToken",
)
HARMLESS_NAMES = (
    "PWD",
    "OLDPWD",
    "PATH",
    "MONGODB_URI",
    "MONGO_INITDB_ROOT_USERNAME",
    "keyFile",
    "MAX_TOKENS",
    "maxToken",
    "SESSION_EXPIRY",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_SAMESITE",
    "librechat.cookie",
    "REFRESH_TOKEN_EXPIRY",
    "MYSQL_ROOT_PASSWORD_FILE",
    "author",
    "authSource",
    "tokenizer",
    "key",
    "PUBLIC_KEY",
    "keymap",
    "ALLOW_PASSWORD_RESET_URL",
    "quoteMaxToken",
    "monkey",
    "compass",
    "prompt_tokens",
    "name",
    "mongodb.key",
)
SECRET = "hunter2isTheSecret"


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(b"test")


@pytest.mark.parametrize("name", IN_THE_WILD)
def test_a_name_from_the_wild_is_secret_however_it_is_written(name: str, secrets: Secrets) -> None:
    assert is_secret_name(name)
    for line in (
        f"{name}={SECRET}",
        f"{name}: {SECRET}",
        f"- {name}={SECRET}",
        f'"{name}": "{SECRET}",',
        f"  # {name}: '{SECRET}'",
        f"#{name}={SECRET}",
        f'- "{name}={SECRET}"',
        f"{name}: &anchor {SECRET}",
        f"export {name}={SECRET}",
        f"+{name}={SECRET}",
    ):
        assert SECRET not in secrets.redact(line), line
        assert name in secrets.redact(line), line


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_a_name_that_only_sounds_secret_is_not(name: str, secrets: Secrets) -> None:
    assert not is_secret_name(name)
    assert secrets.redact(f"{name}=value-of-it") == f"{name}=value-of-it"


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://user:{}@mongo:27017/fastgpt?authSource=admin",
        "postgresql://user:{}@pg:5432/postgres",
        "redis://:{}@redis:6379",
        "http://user:{}@host/",
        "mongodb://user:p@ss{}@mongo:27017/",
        "mongodb://user:p/ss{}@mongo:27017/",
        "connect to amqp://u:{}@mq failed",
        "root:{}@tcp(mysql:3306)/oneapi",
        "SQL_DSN=root:p@w{}@tcp(mysql:3306)/oneapi",
        "redis-server --requirepass {} --loglevel warning",
        "redis-server --requirepass={}",
        'command: ["redis-server", "--requirepass", "{}"]',
        "command:\n  - redis-server\n  - --requirepass\n  - {}\n",
        "redis-cli -a {} ping",
        "test: ['CMD', 'redis-cli', '-a', '{}', 'ping']",
        "mysqladmin ping -h localhost -uroot -p{}",
        "test: ['CMD', 'mysqladmin', 'ping', '-uroot', '-p{}']",
        "test:\n  - CMD\n  - mysqladmin\n  - -uroot\n  - -p{}\n",
        "mongo -u myusername -p {} --authenticationDatabase admin",
        "mysql --password={} -u root",
        "curl -u admin:{} http://host",
        "Authorization: Bearer {}",
        "Authorization: Basic {}",
        'curl -H "Authorization: Bearer {}" http://host',
        "GET /v1/models?api_key={}&x=1",
        "password: |\n  {}\nnext: 1",
        "password: >-\n    {}\n    {}\n",
        '{{"env": ["POSTGRES_PASSWORD={}", "TZ=Asia/Shanghai"]}}',
        '{{"config": "{{\\"apiKey\\": \\"{}\\"}}"}}',
        "POSTGRES_PASSWORD=${{PG:-{}}}",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n{}",
        "密码：{}",
        'level=error msg="login" password={} user=x',
        "{{'password': '{}', 'user': 'x'}}",
    ],
)
def test_a_secret_is_told_by_its_shape(text: str, secrets: Secrets) -> None:
    masked = secrets.redact(text.format(SECRET, SECRET))
    assert SECRET not in masked
    assert "•••" in masked


@pytest.mark.parametrize(
    "token",
    [
        "sk-abcdefghijk1234567890abcdefghijk",
        "sk-proj-abc_DEF-123456789",
        "fastgpt-aBcDeFgHiJkLmNoPqRsTuVwX",
        "hf_abcdefghijklmnop",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijklmnop",
        "glpat-abcdefghij0123456789",
        "gsk_abcdefghijklmnopqrst",
        "xoxb-123456789012-abcdefghijkl",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ],
)
def test_a_token_is_told_by_its_beginning(token: str, secrets: Secrets) -> None:
    assert token not in secrets.redact(f"channel 3 answered 401 for {token}, giving up")


def test_the_body_of_a_key_file_is_masked_whole(secrets: Secrets) -> None:
    import base64

    body = base64.encodebytes(bytes(range(256)) * 3)[:1000].decode()
    masked = secrets.redact(f"+{body}")
    assert not re.search(r"[A-Za-z0-9+/]{20,}", masked)


@pytest.mark.parametrize(
    "text",
    [
        "TOKEN=${TOKEN}",
        "TOKEN=$TOKEN",
        "TOKEN=$${TOKEN}",
        "password: *shared",
        "password: <password>",
        "PASSWORD=",
        "PASSWORD: # none",
        "PASSWORD=${PW:?set it}",
        "mongodb://user:${PW}@mongo/",
        "secrets:\n  - db_password\n",
        "auth: true",
        "mongod --auth --keyFile /data/mongodb.key --replSet rs0",
        "/srv/mongodb.key: mode 644, owner 0",
        "docker run -p 8080:80 nginx",
        "sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "http://host:3000/path/@scope/x",
        "mkdir -pv /a/b",
        "ssh://root@host",
        "fastgpt-mongo",
        "fastgpt-plugin-server-container",
        "task-12345678",
        "max_tokens: 4096",
        "/var/lib/docker/overlay2/0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0/merged",
        "REDIS_CONN_STRING=redis://redis",
        "image: mysql:8.0.36",
        "tokenWorkers: 30",
        "finding\tmongo.keyfile\t/srv/k\terror\tThe key file is a directory",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str, secrets: Secrets) -> None:
    assert secrets.redact(text) == text


def test_the_host_of_a_connection_string_stays_readable(secrets: Secrets) -> None:
    masked = secrets.redact("mongodb://u:p@ss@mongo:27017/db?x=a@b")
    assert masked.startswith("mongodb://u:•••")
    assert masked.endswith("@mongo:27017/db?x=a@b")


def test_equal_values_have_equal_marks_and_other_processes_other_ones() -> None:
    one, other = Secrets(b"one"), Secrets(b"other")
    assert one.mask("abc") == one.mask("abc")
    assert len({one.mask(str(n)) for n in range(40)}) > 20
    assert [one.mask(str(n)) for n in range(8)] != [other.mask(str(n)) for n in range(8)]
    assert re.fullmatch(r"••• #[0-9a-f]{2}", Secrets().mask("anything"))


def test_a_mark_does_not_tell_the_length() -> None:
    assert len(Secrets(b"k").mask("a")) == len(Secrets(b"k").mask("a" * 500))


def test_a_learned_value_is_masked_wherever_it_appears(secrets: Secrets) -> None:
    secrets.learn("MYSQL_ROOT_PASSWORD", "oneapimmysql")
    assert secrets.redact("Access denied for oneapimmysql, see -poneapimmysql") == (
        f"Access denied for {secrets.mask('oneapimmysql')}, see -p{secrets.mask('oneapimmysql')}"
    )


def test_the_password_in_a_uri_is_learned_as_it_is_and_decoded(secrets: Secrets) -> None:
    secrets.learn("MONGODB_URI", "mongodb://u:pass%40word1@mongo/")
    assert "pass@word1" not in secrets.redact("auth failed for pass@word1")


def test_a_value_of_a_harmless_name_is_not_learned(secrets: Secrets) -> None:
    secrets.learn("TZ", "Asia/Shanghai")
    assert secrets.redact("in Asia/Shanghai") == "in Asia/Shanghai"


@pytest.mark.parametrize("name", ["OLLAMA_SSH_KEY", "OLLAMA_SSH_KEY_PUB", "TLS_KEYS"])
def test_a_path_that_names_where_a_key_lies_is_no_secret(name: str, secrets: Secrets) -> None:
    path = "/home/me/.ssh/id_ed25519"
    secrets.learn(name, path)
    assert secrets.redact(f"{path} does not exist") == f"{path} does not exist"
    assert secrets.redact(f"{name}={path}") == f"{name}={path}"


@pytest.mark.parametrize(
    ("name", "value"), [("PASSWORD", "/home/me/hush1"), ("JWT_KEY", "/aBc9/Zx9"), ("API_KEY", "/etc/a=b9")]
)
def test_what_only_looks_like_such_a_path_is_a_secret(name: str, value: str, secrets: Secrets) -> None:
    secrets.learn(name, value)
    assert value not in secrets.redact(f"it was {value} there")


@pytest.mark.parametrize("value", ["12345", "password", "fastgpt", "mongodb", "${OTHER}", ""])
def test_short_and_common_values_are_masked_in_place_only(value: str, secrets: Secrets) -> None:
    secrets.learn("ROOT_PASSWORD", value)
    assert secrets.redact(f"the word {value} again") == f"the word {value} again"


def test_a_password_of_digits_alone_is_masked_in_a_sentence_too(secrets: Secrets) -> None:
    """As One API says it of the user that it makes."""
    said = secrets.redact("no user exists, create a root user for you: username is root, password is 123456")
    assert "username is root" in said
    assert "123456" not in said
    assert secrets.redact("the password is 8 characters at least") == "the password is 8 characters at least"


def test_a_numeric_password_does_not_eat_longer_numbers(secrets: Secrets) -> None:
    secrets.learn("ROOT_PASSWORD", "123456")
    assert secrets.redact("took 91234567 ns") == "took 91234567 ns"
    assert "123456" not in secrets.redact("login 123456 failed")


def test_a_password_that_is_also_a_container_name_does_not_blind_the_list(secrets: Secrets) -> None:
    box = Container(
        id="a" * 64,
        name="sandbox1",
        image="x",
        state="running",
        env=(EnvVar("TOKEN", "sandbox1"), EnvVar("PSW", "realsecret9")),
    )
    secrets.learn_snapshot(Snapshot(taken_at=0, host=HostInfo("h"), containers=(box,)))
    assert secrets.redact("sandbox1 realsecret9") == f"sandbox1 {secrets.mask('realsecret9')}"


def test_a_log_line_teaches_nothing_for_later(secrets: Secrets) -> None:
    assert "container" not in secrets.redact("password=container")
    assert secrets.redact("a container") == "a container"


def test_the_second_layer_finds_within_one_text_what_the_shapes_miss(secrets: Secrets) -> None:
    masked = secrets.redact("# 用户名myusername,密码mypassword\nMONGO_PASSWORD=mypassword\n")
    assert "mypassword" not in masked
    masked = secrets.redact("the client sent Wn4kqztl8x and was refused\nMONGO_PASSWORD=Wn4kqztl8x\n")
    assert masked.count(secrets.mask("Wn4kqztl8x")) == 2


def test_a_value_that_stands_apart_is_masked_for_its_name(secrets: Secrets) -> None:
    shown = [secrets.value(name, "three plain words") for name in ("ADMIN_PASSWORD", "GREETING")]
    assert shown == [secrets.mask("three plain words"), "three plain words"]


def test_a_password_among_a_commands_words_is_masked_wherever_it_appears_later(secrets: Secrets) -> None:
    box = replace(_box("a", "cache", "redis:7", ("MODE", "x")), command=("redis-server", "--requirepass", "Wn4kqztl8x"))
    secrets.learn_snapshot(Snapshot(taken_at=0, host=HostInfo("h"), containers=(box,)))
    assert "Wn4kqztl8x" not in secrets.redact("refused: Wn4kqztl8x")


@given(st.text(max_size=300))
def test_redaction_never_fails_and_is_stable(text: str) -> None:
    secrets = Secrets(b"k")
    once = secrets.redact(text)
    assert secrets.redact(once) == once


@given(
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters="\"'#$&\\<>*{[|,;)}]%~"),
        min_size=6,
    )
)
def test_any_printable_password_is_masked_in_an_env_file(value: str) -> None:
    if value.lower() in {"required", "optional", "undefined", "disabled", "enabled", "always", "user_provided"}:
        return
    assert value not in Secrets(b"k").redact(f"A=1\nMYSQL_ROOT_PASSWORD={value}\nB=2").replace(
        "MYSQL_ROOT_PASSWORD", ""
    )


def test_a_long_hostile_text_takes_time_in_proportion() -> None:
    """Quadratic expressions would take minutes here; the test's own time-out is the limit."""
    secrets = Secrets(b"k")
    for piece in (
        "密码为",
        "密码是的",
        "密码：",
        "令牌：",
        "token x",
        "a",
        "a:",
        "sk-",
        "://",
        "-p ",
        "mysql ",
        "password:",
        "A=",
        "\n- ",
        "@",
        "eyJ.",
        "AAAA",
    ):
        secrets.redact(piece * (60_000 // len(piece)))


@pytest.mark.parametrize(
    ("head", "piece"), [("", "://hooks"), ("", "http://x:"), ("password:", "${"), ("", "- 7z -p1\n")]
)
def test_what_never_ends_is_looked_at_for_a_bounded_length(head: str, piece: str) -> None:
    """Each took the square of its length before, which is over two minutes here: more than a test may take."""
    Secrets(b"k").redact(head + piece * (240_000 // len(piece)))


def test_a_password_is_masked_however_many_programs_stand_before_it(secrets: Secrets) -> None:
    line = "zip -q " * 60 + "; mysql -h redis-cli -u curl -pqUartz9 ; mysql -p mysql"
    assert secrets.redact(line).endswith(f"-u curl -p{secrets.mask('qUartz9')} ; mysql -p {secrets.mask('mysql')}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["hunter2isTheSecret", "Pl4nted-S3cr3t-07", "qUartz9!Falcon", "bluebird77"])
def test_a_form_from_the_wild_hides_its_secret(form: str, secret: str, secrets: Secrets) -> None:
    masked = secrets.redact(form.format(secret))
    assert secret not in masked
    assert secrets.redact(masked) == masked


@pytest.mark.parametrize("token", TOKENS)
def test_a_token_of_the_field_is_told_by_its_looks(token: str, secrets: Secrets) -> None:
    assert token.rsplit(maxsplit=1)[-1] not in secrets.redact(f"channel 3 answered 401 for {token}, giving up")


@pytest.mark.parametrize("text", HARMLESS)
def test_a_sentence_without_a_secret_stays_as_it_is(text: str, secrets: Secrets) -> None:
    import stackops.checks.registry  # noqa: F401 - its ids are ours from then on

    assert secrets.redact(text) == text


def _box(name: str, project: str, image: str, *env: tuple[str, str]) -> Container:
    pairs = tuple(EnvVar(*each) for each in env)
    return Container(id=name * 64, name=name, image=image, state="running", project=project, service="web", env=pairs)


@pytest.mark.parametrize(
    "text",
    [
        "bluebox-chat",
        "bluebox-chat-bluebox-web-1 is down",
        "bluebox/web:1",
        "registry.example.org/bluebox:2",
        "docker.bluebox.co/bluebox/bluebox:8.12.0",
        "/srv/bluebox/compose.yaml: line 3",
        "stackops fix mongo.keyfile bluebox-chat/mongo --dry-run --project-dir /srv/bluebox",
        "bluebox.internal does not answer at bluebox:3306",
        "volume bluebox_data, network bluebox-net",
    ],
)
def test_a_piece_of_a_name_is_never_masked(text: str, secrets: Secrets) -> None:
    box = _box("a", "bluebox-chat", "bluebox/web:1", ("SESSION_SECRET", "bluebox"))
    secrets.learn_snapshot(Snapshot(taken_at=0, host=HostInfo("h"), containers=(box,)))
    assert secrets.redact(text) == text
    assert "bluebox" not in secrets.redact("login with bluebox failed")


def test_a_name_that_holds_a_long_secret_stays_whole(secrets: Secrets) -> None:
    box = _box("a", "x9Kd83hfLw02Qm7Z-chat", "x9Kd83hfLw02Qm7Z/web:1", ("TOKEN", "x9Kd83hfLw02Qm7Z"))
    secrets.learn_snapshot(Snapshot(taken_at=0, host=HostInfo("h"), containers=(box,)))
    text = "x9Kd83hfLw02Qm7Z-chat runs x9Kd83hfLw02Qm7Z/web:1"
    assert secrets.redact(text) == text
    assert "x9Kd83hfLw02Qm7Z" not in secrets.redact("answered 401 to x9Kd83hfLw02Qm7Zx")


@pytest.mark.parametrize("value", ["admin", "root", "1234", "mongo", "elastic", "web"])
def test_a_common_value_does_not_blank_out_prose(value: str, secrets: Secrets) -> None:
    box = _box("a", "chat", "web:1", ("ROOT_PASSWORD", value))
    secrets.learn_snapshot(Snapshot(taken_at=0, host=HostInfo("h"), containers=(box,)))
    text = f"the {value} of this stack is {value}, as ever"
    assert secrets.redact(text) == text


def test_a_command_is_masked_word_by_word(secrets: Secrets) -> None:
    command = ["vllm", "serve", "--api-key", "one-key", "two key", "--port", "8000", "--requirepass=three"]
    shown = " ".join(secrets.words(command))
    assert not [word for word in ("one-key", "two key", "three") if word in shown]
    assert "--port 8000" in shown
