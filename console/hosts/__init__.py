"""The only door to a machine: narrow protocols that everything above speaks.

A Host bundles them. ``hosts.local`` is this machine, ``hosts.demo`` a practice stack inside the process. Readers are
asynchronous and stateless (one connection per request, bound to no event loop); files and acts are synchronous and run
in worker threads. Every call has a deadline of its own and raises ``HostError`` with a sentence; nothing else may
escape. Nobody outside this package opens a file of the stack, a socket or a process.
"""

from __future__ import annotations

from .acting import CommandResult, ComposeProject, Control, Files, Locks, Rights, ServiceConfig
from .protocols import (
    PORTS,
    Clock,
    DatabaseLogin,
    Databases,
    DatabaseTarget,
    EndUnknown,
    EngineFailed,
    EngineUnreachable,
    Host,
    HostError,
    Http,
    HttpActs,
    HttpFailed,
    HttpReply,
    HttpTrouble,
    MongoLogin,
    MongoRefused,
    MongoReply,
    MongoTrouble,
    MongoUnreachable,
    NotFound,
    NotPermitted,
    ReadOnlyRefused,
    is_public,
    origin,
)
from .readings import CgroupSample, Engine, GpuReading, Gpus, Kernel, ProcessRow, SystemSample, Wire, WireReading

__all__ = [
    "PORTS",
    "CgroupSample",
    "Clock",
    "CommandResult",
    "ComposeProject",
    "Control",
    "DatabaseLogin",
    "DatabaseTarget",
    "Databases",
    "EndUnknown",
    "Engine",
    "EngineFailed",
    "EngineUnreachable",
    "Files",
    "GpuReading",
    "Gpus",
    "Host",
    "HostError",
    "Http",
    "HttpActs",
    "HttpFailed",
    "HttpReply",
    "HttpTrouble",
    "Kernel",
    "Locks",
    "MongoLogin",
    "MongoRefused",
    "MongoReply",
    "MongoTrouble",
    "MongoUnreachable",
    "NotFound",
    "NotPermitted",
    "ProcessRow",
    "ReadOnlyRefused",
    "Rights",
    "ServiceConfig",
    "SystemSample",
    "Wire",
    "WireReading",
    "is_public",
    "origin",
]  # fmt: skip
