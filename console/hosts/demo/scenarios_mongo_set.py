"""What goes wrong with a replica set, and with a mongod as a whole: on small stacks beside the two great ones."""

from __future__ import annotations

from .databases import initiated
from .mongod_ends import MARK, RELEASE
from .scenario import Hands, scenario

STAGING = "/srv/staging"
MONGO = "staging-mongo"
COMPOSE = """\
# a second FastGPT, to try the upgrade on
services:
  mongo:
    image: mongo:5.0.18
    container_name: staging-mongo
    command: {command}
    volumes:
      - ./data:/data/db
  fastgpt:
    image: ghcr.io/labring/fastgpt:v4.8.20
    container_name: staging-fastgpt
    environment:
      - MONGODB_URI=mongodb://mongo:27017/fastgpt
"""
TRIAL = """\
services:
  mongo:
    image: mongo:{tag}
    container_name: {name}
    restart: "no"
    volumes:
      - ./data:/data/db
"""
SCRIPT = """\
    command: mongod {option}
    entrypoint:
      - bash
      - -c
      - |
        docker-entrypoint.sh "$$@" &
        until {program} --eval "print('waited for connection')" > /dev/null 2>&1; do
          echo "Waiting for MongoDB to start..."
          sleep 2
        done
        wait $$!
"""


@scenario("mongo.replica-set", "never-initiated")
def never_initiated(hands: Hands) -> None:
    """Started a second FastGPT with ``--replSet rs0`` and left out the step that initiates the set.

    mongod waits for its first configuration, and FastGPT's page never loads.
    """
    _staging(hands)


@scenario("mongo.replica-set", "removed")
def removed(hands: Hands) -> None:
    """Renamed the service from fastgpt-mongo to mongo over the old data folder.

    The stored configuration names a host that leads nowhere any more: mongod is REMOVED from its own set.
    """
    _staging(hands)
    initiated(hands.world, MONGO, "fastgpt-mongo:27017")
    hands.compose(STAGING, "restart", "mongo")


@scenario("mongo.replica-set", "container-id")
def container_id(hands: Hands) -> None:
    """Typed ``rs.initiate()`` into the shell, without a configuration.

    mongod took its host name, in a container its id. All is well, until the container is made anew.
    """
    _staging(hands)
    initiated(hands.world, MONGO, f"{hands.world.find(MONGO).id[:12]}:27017")


@scenario("mongo.replica-set", "set-name")
def set_name(hands: Hands) -> None:
    """Renamed the set from rs0 to rs1 in the command, because a post did.

    The name is stored with the data and cannot be changed: mongod waits for a set that will never come.
    """
    _staging(hands)
    initiated(hands.world, MONGO, "mongo:27017")
    _staging(hands, "mongod --replSet rs1")


@scenario("mongo.replica-set", "standalone")
def standalone(hands: Hands) -> None:
    """Took ``--replSet`` out of the command again, as no key file was at hand.

    mongod runs well by itself, and FastGPT's transactions fail one after the other.
    """
    _staging(hands, "mongod")


@scenario("mongo.shell-missing", "never-ends")
def shell_missing(hands: Hands) -> None:
    """Tried the start script of FastGPT with a newer image, out of which the shell ``mongo`` has been taken.

    The script waits for it in a loop and will wait for ever.
    """
    _trial(hands, "7.0.9", "trial-newer", SCRIPT.format(option="--quiet", program="mongo"))


@scenario("mongo.cpu", "no-avx")
def no_avx(hands: Hands) -> None:
    """Ran a mongod through an emulator set to an old processor, to see whether an old box would do.

    MongoDB 5.0 wants AVX and dies of an illegal instruction.
    """
    _trial(hands, "5.0.18", "trial-old-cpu", "    environment:\n      - QEMU_CPU=Nehalem\n")


@scenario("mongo.kernel", "refuses")
def kernel(hands: Hands) -> None:
    """Installed the newest kernel and tried MongoDB 8 on it the same day.

    The two do not get on; this build knows it and refuses to start.
    """
    hands.tree.put(RELEASE, b"6.19.3-061903-generic")
    _trial(hands, "8.0.28", "trial-kernel")


@scenario("mongo.version-files", "other-version")
def version_files(hands: Hands) -> None:
    """Went from image 4.4 to 7.0 at once, over the same data folder.

    MongoDB opens its own files and those of the version before, and ends with 62 at all others.
    """
    hands.tree.put(f"/srv/trial-upgrade/data/{MARK}", b"4.4", uid=999, gid=999)
    _trial(hands, "7.0.9", "trial-upgrade")


@scenario("mongo.dead-behind-wrapper", "no-mongod")
def dead_behind_wrapper(hands: Hands) -> None:
    """Gave mongod a cache larger than the machine, under a start script.

    When it had filled the memory the kernel killed it; the script goes on waiting, so that the container still runs.
    """
    with hands.world.ago(3600.0):
        _trial(hands, "7.0.9", "trial-greedy", SCRIPT.format(option="--wiredTigerCacheSizeGB 400", program="mongosh"))


def _staging(hands: Hands, command: str = "mongod --replSet rs0") -> None:
    hands.tree.put(f"{STAGING}/docker-compose.yml", COMPOSE.format(command=command).encode())
    hands.tree.mkdir(f"{STAGING}/data", uid=999, gid=999)
    hands.compose(STAGING, "up", "-d")


def _trial(hands: Hands, tag: str, name: str, more: str = "") -> None:
    text = TRIAL.format(tag=tag, name=name) + more
    hands.tree.put(f"/srv/{name}/docker-compose.yml", text.encode())
    hands.compose(f"/srv/{name}", "up", "-d", "--force-recreate")
