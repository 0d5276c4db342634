"""Databases as they would be: reads come from the host, acts are held back and show in later reads.

The preview's twin of ``overlay``. Nothing of it can reach a database but the reads that any look makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .hosts import Databases, MongoLogin, MongoReply, MongoTarget


class HeldDatabases:
    """The Databases of a host with acts held back: after one, its mongod is taken for the primary it would become."""

    def __init__(self, base: Databases) -> None:
        self._base = base
        self._configs: dict[str, Mapping[str, object]] = {}

    async def ask_mongo(
        self, target: MongoTarget, commands: Sequence[str], *, login: MongoLogin | None = None, deadline: float = 3.0
    ) -> Sequence[MongoReply]:
        """As the host's, or as it would be."""
        config = self._configs.get(target.container)
        if config is None:
            return await self._base.ask_mongo(target, commands, login=login, deadline=deadline)
        name = config.get("_id")
        made: dict[str, MongoReply] = {
            "hello": {"ok": 1.0, "setName": name, "isWritablePrimary": True},
            "replSetGetStatus": {"ok": 1.0, "set": name, "myState": 1},
            "replSetGetConfig": {"ok": 1.0, "config": config},
        }
        return [made[command] for command in commands]

    async def command_mongo(
        self,
        target: MongoTarget,
        command: Mapping[str, object],
        *,
        login: MongoLogin | None = None,  # noqa: ARG002 - nothing is sent
        deadline: float,  # noqa: ARG002
    ) -> MongoReply:
        """Hold it back."""
        config = command.get("replSetInitiate") or command.get("replSetReconfig")
        self._configs[target.container] = config if isinstance(config, Mapping) else {}
        return {"ok": 1.0}


__all__ = ["HeldDatabases"]
