"""Files that folders lack or have of another kind, before anything runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.folders import judged

FRONT = """services:
  front:
    image: {image}
    volumes:
      - {volume}
"""


@pytest.mark.parametrize(
    ("image", "volume", "path"),
    [
        ("nginx:1.25", "./conf/site.conf:/etc/nginx/conf.d/default.conf:ro", "conf/site.conf"),
        ("caddy:2", '"./Caddyfile:/etc/caddy/Caddyfile"', "Caddyfile"),
        ("ghcr.io/berriai/litellm:main-stable", "./litellm_config.yaml:/app/config.yaml", "litellm_config.yaml"),
        ("mysql:8.0", "./sql/建库.sql:/docker-entrypoint-initdb.d/01.sql", "sql/建库.sql"),
        ("redis:7", "{type: bind, source: ./redis.conf, target: /etc/redis/redis.conf}", "redis.conf"),
        ("ghcr.io/danny-avila/librechat:v0.8.4", "./.env:/app/.env", ".env"),
    ],
)
def test_a_file_that_is_to_be_mounted_and_is_not_there(tmp_path: Path, image: str, volume: str, path: str) -> None:
    code, found = judged(tmp_path, FRONT.format(image=image, volume=volume))
    (one,) = [each for each in found if each["check"] == "docker.bind-directory"]
    assert (code, one["subject"], one["severity"]) == (1, "stack/front", "error")
    assert f"{tmp_path}/stack/{path} does not exist" in one["title"]


@pytest.mark.parametrize(
    "volume", ["./site.conf:/etc/nginx/conf.d/default.conf", "./html:/usr/share/nginx/html", "conf:/etc/nginx.conf"]
)
def test_a_file_that_is_there_a_folder_and_a_volume_are_well(tmp_path: Path, volume: str) -> None:
    compose = FRONT.format(image="nginx:1.25", volume=volume) + "volumes: {conf: {}}\n"
    assert judged(tmp_path, compose, {"site.conf": "server {}\n"}) == (0, [])


FASTGPT = """services:
  app:
    image: registry.cn-hangzhou.aliyuncs.com/fastgpt/fastgpt:{release}
    volumes:
      - ./conf/config.json:/app/data/config.json
    environment:
      REDIS_URL: redis://redis:6379
  redis: {{image: "redis:7"}}
"""
PLAIN, COMMENTED = '{"systemEnv": {}}', '{\n  // 模型\n  "systemEnv": {},\n}\n'


@pytest.mark.parametrize(
    ("release", "text", "mode", "says"),
    [
        ("v4.9.14", None, 0, "conf/config.json does not exist"),
        ("v4.9.14", "<!DOCTYPE html>\n<html></html>\n", 0o644, "line 1, column 1"),
        ("v4.9.14", '{"systemEnv": {}\n "feConfigs": {}}', 0o644, "line 2, column"),
        ("v4.6.8", COMMENTED, 0o644, "line 2, column"),
        ("v4.14.3", PLAIN, 0o600, "mode 600, and it runs as user 1001"),
    ],
)
def test_a_config_that_fastgpt_cannot_read(
    tmp_path: Path, release: str, text: str | None, mode: int, says: str
) -> None:
    if mode == 0o600 and os.getuid() == 1001:
        pytest.skip("the folder's files are of user 1001, who may read them")
    files = {} if text is None else {"conf/config.json": text}
    code, found = judged(tmp_path, FASTGPT.format(release=release), files, {"conf/config.json": mode} if text else {})
    assert (code, [one["check"] for one in found]) == (1, ["fastgpt.config"])
    assert says in found[0]["title"]
    assert f"{tmp_path}/stack/conf/config.json" in found[0]["title"]


@pytest.mark.parametrize(
    ("release", "text", "mode"),
    [("v4.8.4", COMMENTED, 0o644), ("v4.14.3", PLAIN, 0o644), ("v4.9.14", PLAIN, 0o600), ("latest", COMMENTED, 0o644)],
)
def test_a_config_that_fastgpt_can_read(tmp_path: Path, release: str, text: str, mode: int) -> None:
    folder = {"conf/config.json": text}
    assert judged(tmp_path, FASTGPT.format(release=release), folder, {"conf/config.json": mode}) == (0, [])
