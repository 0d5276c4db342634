"""No Snapshot, however odd, breaks a check: fields of every kind in every combination."""

from __future__ import annotations

import typing

from examples.snapshots import ENGINE, container_id
from hypothesis import given, settings
from hypothesis import strategies as st
from stackops.checks.registry import ALL
from stackops.console import model
from stackops.console.settings import Settings

ARGUMENTS = ["mongod", "--keyFile", "/data/mongodb.key", "--keyFile=/data/mongodb.key", ""]
USERS = ["", "0", "999:999", "a:b", ":"]
IMAGES = ["mongo", "mongo:5@sha256:0", "", "x/y"]


def maybe(strategy):
    return st.none() | strategy


texts = st.text(max_size=20)
paths = st.sampled_from(
    ["/app/librechat.yaml", "/app", "/", "/data/mongodb.key", "/data", "", "x", "/srv/a/librechat.yaml"]
)
times = maybe(st.floats(allow_nan=False, min_value=0, max_value=4e9))
mounts = st.builds(
    model.Mount, st.sampled_from(["bind", "volume", "tmpfs"]), paths, paths, st.booleans(), maybe(st.booleans())
)
containers = st.builds(
    model.Container,
    id=st.just(container_id("c")),
    name=texts,
    image=st.sampled_from(IMAGES),
    state=st.sampled_from(typing.get_args(model.ContainerState)),
    started_at=times,
    created_at=times,
    error=maybe(st.just("x: not a directory: y")),
    project=maybe(st.just("p")),
    service=maybe(st.just("s")),
    user=maybe(st.sampled_from(USERS)),
    command=st.lists(st.sampled_from(ARGUMENTS)).map(tuple),
    entrypoint=st.lists(st.sampled_from(["bash", "-c", "x > /data/mongodb.key\n", "docker-entrypoint.sh"])).map(tuple),
    env=st.lists(st.builds(model.EnvVar, st.just("CONFIG_PATH"), st.one_of(paths, texts))).map(tuple),
    mounts=st.lists(mounts).map(tuple),
    detailed=st.booleans(),
    working_dir=maybe(paths),
    labels=st.dictionaries(
        st.sampled_from(["com.docker.compose.project.config_files", "com.docker.compose.project.working_dir"]),
        st.one_of(paths, texts),
    ),
)
facts = st.builds(
    model.FileFact,
    path=paths,
    kind=st.sampled_from(typing.get_args(model.FileKind)),
    mode=maybe(st.integers(0, 0o777)),
    uid=maybe(st.integers(0, 2000)),
    size=maybe(st.integers(0, 10)),
    mtime=times,
    empty=maybe(st.booleans()),
)
declared = st.builds(
    model.ComposeService,
    name=st.just("s"),
    volumes=st.lists(st.builds(model.Volume, st.sampled_from(["bind", "volume"]), paths, paths, declared_in=texts)).map(
        tuple
    ),
)
projects = st.builds(
    model.Project,
    name=st.just("p"),
    working_dir=maybe(st.just("/srv/a")),
    files=st.lists(st.builds(model.ConfigFile, texts, error=maybe(texts))).map(tuple),
    services=st.lists(declared, max_size=1).map(tuple),
)


@settings(max_examples=300)
@given(
    made=st.lists(containers, max_size=1),
    project=st.lists(projects, max_size=1),
    files=st.lists(facts, max_size=4),
    role=st.sampled_from(["librechat", "mongo"]),
    engine=st.sampled_from([None, ENGINE]),
)
def test_no_snapshot_however_odd_breaks_a_check(made, project, files, role, engine):
    service = model.Service(role, "n", made[0].id if made else None, project="p", compose_service="s")
    snapshot = model.Snapshot(
        taken_at=0.0,
        host=model.HostInfo("h"),
        engine=engine,
        containers=tuple(made),
        projects=tuple(project),
        services=(service,),
        files=tuple(files),
    )
    for check in ALL:
        for result in check.examine(snapshot, Settings()):
            assert result.status != "finding" or check.plan(result, snapshot, Settings(), {}).says is not None
