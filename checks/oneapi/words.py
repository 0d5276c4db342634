"""What is said of a One API that needs more than a restart: title, cause, way out, by form. Words only.

fact: fastgpt-stack 5 and 8 (rows 8, 9, 19, 20, 21, 24), mongo-docker-db 9.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str, str]] = {
    "database-not-ready": (
        "{name} waits for its database {database}, which is only just coming up",
        (
            "One API tries once and ends; Docker starts it again until the database takes connections. Two to six "
            "times are normal at the first start"
        ),
        "wait; nothing has to be done",
    ),
    "start-again": (
        "{name} is down, although its database {database} is ready now",
        "It ended while the database could not be reached, and it retries nothing by itself",
        "start One API again",
    ),
    "database-down": (
        "{name} cannot start: its database {database} is not running",
        "The container of the database was stopped, so its name leads nowhere",
        "start the database; One API follows by itself",
    ),
    "database-crashing": (
        "{name} cannot start: its database {database} ends again and again",
        "Restarting One API changes nothing as long as the database does not come up",
        "repair the database; its log says what it died of",
    ),
    "database-stuck": (
        "{name} cannot start: its database {database} runs, but does not take connections",
        "The first start of MySQL takes 10 to 60 s; this one has had longer and still refuses",
        "look at the database's log; One API follows by itself",
    ),
    "wrong-host": (
        "{name} looks for its database under a name that nobody has: {host}",
        "The host in SQL_DSN is no container and no service in its networks; often the service was renamed",
        "put the service's name into SQL_DSN",
    ),
    "other-network": (
        "{name} and its database {database} are not in a common network",
        "A name is only known to containers that share a network",
        "connect the two",
    ),
    "loopback": (
        "{name} looks for its database inside itself: SQL_DSN names {host}",
        "Inside a container a loopback address is the container itself",
        "put the database's service name into SQL_DSN",
    ),
    "host-port": (
        "{name} looks for its database at {address}, but it listens on {port}",
        "Between containers the database's own port counts; the left number of `ports` is for the host only",
        "put port {port} into SQL_DSN",
    ),
    "unreachable": (
        "{name} cannot start: nobody listens at {address}",
        "The address in SQL_DSN belongs to no container here, and its port is closed",
        "start that database, or correct SQL_DSN",
    ),
    "host-not-allowed": (
        "MySQL does not let {name} in from its address (error 1130)",
        "The data folder of MySQL was made incompletely, or by another image: there is no root@'%'",
        "grant the right, or let MySQL make an empty folder anew",
    ),
    "access-denied": (
        "MySQL refuses the user or password that {name} gives (error 1045)",
        "MYSQL_ROOT_PASSWORD only counts for an empty data folder; a later change does not change the password",
        "give SQL_DSN the password that the folder was made with",
    ),
    "unknown-database": (
        "The database {schema} that {name} wants is not there (error 1049)",
        "MYSQL_DATABASE only counts for an empty data folder, so a later change creates nothing",
        "create the database",
    ),
    "offline": (
        "{name} cannot start without the internet: it fetches its token encoders",
        "At every start it downloads from openaipublic.blob.core.windows.net, and ends when it cannot",
        "give it the files in a folder of its own",
    ),
    "redis": (
        "{name} cannot start: it does not reach its Redis",
        "REDIS_CONN_STRING is set, and a Redis that does not answer ends One API",
        "correct REDIS_CONN_STRING, or take it out",
    ),
    "old-docker": (
        "{name} cannot start threads: this Docker is older than its image",
        "An old seccomp profile forbids a system call that the image needs",
        "upgrade Docker",
    ),
    "dies": (
        "{name} ends right after its start",
        "Its last lines say why, and it is none of the causes that stackops knows",
        "read its log",
    ),
    "stale-channels": (
        "{name} does not know its newest channels yet: {models}",
        (
            "It keeps the list of channels in memory since its last start and reads the database every {every} only; "
            "a channel added or changed meanwhile is missing, although its page and its test show it"
        ),
        "restart One API, and nothing else",
    ),
    "config-changed": (
        "{name} still runs on the config.json from before {path} was changed",
        "FastGPT reads the file once, when it starts",
        "recreate FastGPT",
    ),
    "config-unreadable": (
        "{path} was changed, and {name} could not read it: {complaint}",
        "The running FastGPT still has the old one; at its next start it would end and be started again for ever",
        "correct the file first",
    ),
}
"""By form: title, cause, way out in one line."""

_GO = "Then: {up}"
ADVICE: dict[str, tuple[str, ...]] = {
    "database-not-ready": (
        "Nobody starts {name} again: its restart policy is {policy}. Look again when the database is ready.",
    ),
    "database-crashing": ("Look at its log: docker logs --tail 50 {db}",),
    "database-stuck": ("Look at its log: docker logs --tail 50 {db}",),
    "database-down": ("Start it: docker start {db}",),
    "wrong-host": (
        (
            "In SQL_DSN put the name of the database's service in place of {host}{candidates}. The variable "
            "stands in the environment of the service {service}, or in the .env file."
        ),
        _GO,
    ),
    "other-network": (
        "For now: docker network connect {net} {db}",
        "For good: put both services into one network in the compose files.",
    ),
    "loopback": ("In SQL_DSN put {candidate}:{port} in place of {address}.", _GO),
    "host-port": ("In SQL_DSN put {host}:{port} in place of {address}; leave the rest of it as it is.", _GO),
    "unreachable": ("See that something listens at {address} and may be reached from containers.",),
    "host-not-allowed": (
        (
            "Keep the data: docker exec -it {db} mysql -uroot -p, then create the user root@'%' and grant it all "
            "on {schema}.*."
        ),
        (
            "A fresh installation without anything in it: stop both, move MySQL's data folder away, start again, "
            "and do not interrupt the first start."
        ),
        "Restarting One API alone changes nothing.",
    ),
    "access-denied": (
        (
            "Compare the password in SQL_DSN with the one the data folder was made with; MYSQL_ROOT_PASSWORD tells "
            "only if it was never changed."
        ),
        "Correct SQL_DSN, or change the password inside MySQL (ALTER USER).",
        _GO,
    ),
    "unknown-database": (
        ("Create it: docker exec -it {db} mysql -uroot -p -e {create}. {name} then comes up by itself."),
    ),
    "offline": (
        (
            "Fetch elsewhere: https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken "
            "and o200k_base.tiktoken from the same place."
        ),
        (
            "Name them 9b5ad71b2ce5302211f9c61530b329a4922fc6a4 and fb374d419588a4632f3f557e76b4b70aebbca790, put them "
            "into a folder beside the compose file, mount it, and set TIKTOKEN_CACHE_DIR to where it is mounted."
        ),
        "Or give it a way out: HTTPS_PROXY in its environment.",
        _GO,
    ),
    "redis": ("Correct REDIS_CONN_STRING in the environment of {service}; One API does not need a Redis.", _GO),
    "old-docker": ("Upgrade Docker, or run the container with `privileged: true`, which costs its isolation.",),
    "dies": ("Look at its log: docker logs --tail 50 {me}",),
    "start-again": ("The container was not made by Compose: docker start {me}",),
    "config-changed": ("The container was not made by Compose: make it anew, so that it gets the new file.",),
    "config-unreadable": ("Correct it at the place named, then look again. Do not restart {name} before.",),
    "stale-channels": (),
}
"""By form: what to do by hand."""
