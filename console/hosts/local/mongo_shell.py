"""mongod asked by the shell in its own container: the last way, where no address of it leads anywhere from here.

The script is a constant; commands, port and login go in by the exec's environment, so that none of them is an argument
in anybody's process list. Image 5.0 has both shells, 4.4 only ``mongo``, 6.0 and later only ``mongosh``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import CommandResult, HostError, MongoLogin, MongoRefused, MongoReply, MongoTarget, MongoUnreachable

Execute = Callable[[str, Sequence[str], Mapping[str, str], float], CommandResult]
MARK = "stackops:"
MISSING = (126, 127)
"""fact: exec of a missing binary ends with 126 on Engine 20.10 (mongo-docker-db 2.2)"""
REFUSED = (11, 18)
_COMMON = """
var login = env('STACKOPS_USER') ? encodeURIComponent(env('STACKOPS_USER')) + ':' +
  encodeURIComponent(env('STACKOPS_PASSWORD')) + '@' : '';
var uri = 'mongodb://' + login + '127.0.0.1:' + env('STACKOPS_PORT') + '/?directConnection=true&authSource=' +
  encodeURIComponent(env('STACKOPS_SOURCE') || 'admin');
function told(error) { return {ok: 0, code: error.code === undefined ? -1 : error.code}; }
var replies;
try {
  var admin = new Mongo(uri).getDB('admin');
  replies = JSON.parse(env('STACKOPS_COMMANDS')).map(function (command) {
    try { return admin.runCommand(revived(command)); } catch (error) { return told(error); }
  });
} catch (error) { replies = told(error); }
"""
SCRIPTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("mongosh", ("--quiet", "--norc", "--nodb", "--eval", (
        "function env(name) { return process.env[name] || ''; }\n"
        "function revived(command) { return EJSON.deserialize(command); }\n"
        f"{_COMMON}\nprint('{MARK}' + EJSON.stringify(replies));"))),
    ("mongo", ("--quiet", "--norc", "--nodb", "--eval", (
        "function env(name) { return _getEnv(name) || ''; }\n"
        "function revived(value) {\n"
        "  if (value && value['$oid']) { return ObjectId(value['$oid']); }\n"
        "  if (value && value['$numberLong']) { return NumberLong(value['$numberLong']); }\n"
        "  if (Array.isArray(value)) { return value.map(revived); }\n"
        "  if (value && typeof value === 'object') {\n"
        "    var made = {};\n"
        "    Object.keys(value).forEach(function (key) { made[key] = revived(value[key]); });\n"
        "    return made;\n"
        "  }\n"
        "  return value;\n}\n"
        f"{_COMMON}\nprint('{MARK}' + JSON.stringify(replies));"))),
)  # fmt: skip


class MongoShell:
    """Asks through whichever shell the image has."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self._known: dict[str, int] = {}
        """Container -> which of the two it has."""

    def ask(
        self, target: MongoTarget, commands: Sequence[Mapping[str, object]], login: MongoLogin | None, deadline: float
    ) -> Sequence[MongoReply]:
        """The replies, in order. Blocks. Raises MongoUnreachable, MongoRefused, ReadOnlyRefused."""
        replies: Any = self._replies(target, self._run(target, _environment(target, commands, login), deadline))
        if isinstance(replies, dict):
            code = replies.get("code")
            if isinstance(code, int) and code in REFUSED:
                raise MongoRefused(f"mongod in the container refuses the login (error {code})", code)
            raise MongoUnreachable("mongod does not answer inside its container", "refused")
        for reply in replies:
            if login is not None and reply.get("code") in REFUSED:
                raise MongoRefused(f"mongod in the container refuses the login (error {reply['code']})", 18)
        return list(replies)

    def _run(self, target: MongoTarget, environment: Mapping[str, str], deadline: float) -> str:
        first = self._known.get(target.container)
        for number, (program, arguments) in enumerate(SCRIPTS):
            if first is not None and number != first:
                continue
            done = self._execute(target.container, (program, *arguments), environment, deadline)
            if done.exit_code not in MISSING:
                self._known[target.container] = number
                return done.output
        self._known.pop(target.container, None)
        raise MongoUnreachable("The container has no shell that could ask mongod", "unreachable")

    def _replies(self, target: MongoTarget, output: str) -> Any:  # noqa: ANN401 - foreign JSON
        line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
        try:
            replies = json.loads(line.removeprefix(MARK)) if line is not None else None
        except ValueError:
            replies = None
        if isinstance(replies, dict):
            return replies
        if isinstance(replies, list) and all(isinstance(reply, dict) for reply in replies):
            return [_hello(reply) for reply in replies]
        raise HostError(f"The shell in the container {target.container[:12]} said nothing that could be read")


def _hello(reply: dict[str, Any]) -> MongoReply:
    return {**reply, "isWritablePrimary": reply["ismaster"]} if "ismaster" in reply else reply


def _environment(
    target: MongoTarget, commands: Sequence[Mapping[str, object]], login: MongoLogin | None
) -> dict[str, str]:
    """Only what the script reads."""
    found = {"STACKOPS_PORT": str(target.port), "STACKOPS_COMMANDS": json.dumps(list(commands))}
    if login is not None:
        found |= {
            "STACKOPS_USER": login.user, "STACKOPS_PASSWORD": login.password, "STACKOPS_SOURCE": login.source,
        }  # fmt: skip
    return found
