"""The stand-in LibreChat says what the releases said: every vector in three of them, and when the cookie is Secure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.librechat_schema import judged, lines, tried
from support.librechat_server import ATTEMPTS, EMAIL, PASSWORD, TWO_FACTORS, WINDOW, Ends, LibreChat

PATH = Path(__file__).parents[1] / "data" / "librechat" / "validation-vectors.json"
VECTORS = json.loads(PATH.read_text(encoding="utf-8"))["vectors"]
RELEASES = {"v0.7.2": (0, 7, 2), "v0.8.2": (0, 8, 2), "v0.8.7": (0, 8, 7)}
SECRET = {"JWT_SECRET": "s" * 64}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["id"])
def test_a_vector_gets_the_verdict_of_the_release(vector, release):
    expected, number = vector["expect"][release], RELEASES[release]
    found = judged(vector["yaml"], number, vector["env"], tried(number, PATH))
    assert (found.stage, found.boot) == (expected["stage"], expected["boot"])
    told = [{key: one[key] for key in ("path", "code", "message")} for one in expected.get("issues", [])]
    assert [
        {**one, "message": one["message"][: len(two["message"])]} for one, two in zip(found.issues, told, strict=True)
    ] == told
    assert (found.shown, found.dropped) == (expected.get("custom_shown", []), expected.get("custom_dropped", []))
    said = "\n".join(text for _, text in lines(found, "/app/librechat.yaml", number))
    assert expected.get("log", "") in said


def server(folder, release=(0, 8, 7), text=None, **env):
    made = LibreChat(release, {**SECRET, "CONFIG_PATH": str(folder / "librechat.yaml"), **env}, folder, PATH, now=1.7e9)
    if text is not None:
        (folder / "librechat.yaml").write_text(text, encoding="utf-8")
    return made


def login(one, email=EMAIL, password=PASSWORD):
    status, headers, body = one.answer(
        "POST", "/api/auth/login", {}, json.dumps({"email": email, "password": password}).encode()
    )
    return status, [value for name, value in headers if name == "Set-Cookie"], json.loads(body)


LAN, LOCAL = "http://192.0.2.10:3080", "http://localhost:3080"


# The three rules: LibreChat AuthService.js of v0.8.2, pull requests 11782 and 13189
@pytest.mark.parametrize(
    ("release", "env", "secure"),
    [
        ((0, 7, 2), {"NODE_ENV": "production", "DOMAIN_SERVER": LOCAL}, True),
        ((0, 8, 2), {"NODE_ENV": "development"}, False),
        ((0, 8, 2), {"NODE_ENV": "production", "SESSION_COOKIE_SECURE": "false"}, True),
        ((0, 8, 3), {"NODE_ENV": "production", "DOMAIN_SERVER": LOCAL}, False),
        ((0, 8, 5), {"NODE_ENV": "production", "DOMAIN_SERVER": LAN}, True),
        ((0, 8, 5), {"NODE_ENV": "production"}, True),
        ((0, 8, 7), {"NODE_ENV": "production", "DOMAIN_SERVER": LAN, "SESSION_COOKIE_SECURE": "false"}, False),
        ((0, 8, 7), {"NODE_ENV": "development", "SESSION_COOKIE_SECURE": "true"}, True),
    ],
)
def test_the_cookie_is_secure_by_the_rule_of_the_release(release, env, secure, tmp_path):
    status, cookies, _ = login(server(tmp_path, release, **env))
    assert status == 200
    assert ["; Secure;" in one for one in cookies] == [secure] * len(cookies)
    assert cookies[0].startswith("refreshToken=")
    assert "SameSite=Strict" in cookies[0]
    assert (len(cookies) == 2) == (release >= (0, 8, 0))


def test_seven_logins_in_five_minutes_and_not_one_more(tmp_path):
    one = server(tmp_path)
    assert [login(one, password="x")[0] for _ in range(ATTEMPTS + 1)] == [404] * ATTEMPTS + [429]
    one.now += WINDOW
    assert login(one)[0] == 200


def test_two_factors_get_no_cookie_and_a_bad_body_is_refused(tmp_path):
    one = server(tmp_path)
    assert login(one, TWO_FACTORS) == (200, [], {"twoFAPending": True, "tempToken": "temp"})
    assert one.answer("POST", "/api/auth/login", {}, b"[]")[0] == 422


def test_a_reload_without_the_cookie_is_told_in_plain_text(tmp_path):
    one = server(tmp_path)
    assert one.answer("POST", "/api/auth/refresh", {}, b"")[2] == b"Refresh token not provided"
    assert one.answer("POST", "/api/auth/refresh", {"cookie": "refreshToken=x"}, b"")[0] == 200


# What the server does: LibreChat loadCustomConfig.js of v0.7.2, v0.8.2 and v0.8.7
@pytest.mark.parametrize(
    ("release", "text", "ends"),
    [((0, 7, 2), "version: 1.1\n", None), ((0, 8, 2), "version: 1.1\n", 1), ((0, 8, 7), "version: '1.1'\n", None),
     ((0, 8, 7), "a: [\n", None), ((0, 8, 7), None, None)],
)  # fmt: skip
def test_a_schema_error_ends_the_server_from_v0_8_2_on_and_nothing_else_does(release, text, ends, tmp_path):
    one = server(tmp_path, release, text)
    if ends is None:
        one.start()
        assert "Server listening" in one.printed[-1]
    else:
        with pytest.raises(Ends) as error:
            one.start()
        assert error.value.code == ends
        assert "CONFIG_BYPASS_VALIDATION" in one.printed[-1]


def test_the_environment_beats_the_file_and_a_missing_secret_ends_it(tmp_path):
    (tmp_path / ".env").write_text("JWT_SECRET='from the file'\nPORT=3081\n# X=1\n", encoding="utf-8")
    one = LibreChat((0, 8, 7), {"PORT": "3099"}, tmp_path)
    assert (one.env["PORT"], one.env["JWT_SECRET"]) == ("3099", "from the file")
    with pytest.raises(Ends):
        LibreChat((0, 8, 7), {}, tmp_path / "elsewhere").start()
