"""What stackops knows about a machine at one moment: the Snapshot and its parts.

Frozen, typed, without logic and without I/O. ``None`` always means "not known" and is drawn as a dash; it never stands
for zero. Every text in here has passed ``text.clean``; values of environment variables are the real ones and are masked
only where they leave the program (``text.redact``). Sizes are bytes, times are Unix seconds (UTC), rates are per
second.
"""

from __future__ import annotations

from .containers import Container, ContainerState, EnvVar, Figures, Health, HealthProbe, Mount, NetworkLink, Port
from .docker import DaemonConfig, ImageProbe, MirrorProbe, MirrorSeed, MirrorState, PullFailure
from .files import FileFact, FileKind, JsonFact, KeyFileFact, LogMark
from .gpus import DeviceRequest, DeviceRules, Gpu, GpuDriver, GpuHealth, GpuInstance, GpuProcess
from .librechat import ConfigIssue, ConfigRepair, ConfigVerdict, CookieProof, PackageRelease
from .machine import Disk, EngineInfo, Fault, HostInfo, NativeProcess, System
from .mongo import MongoMember, MongoState, MongoTrial
from .oneapi import OneApiChannel, OneApiState
from .projects import ComposeService, ConfigFile, Project, ServiceHash, Volume
from .servers import DeepCheck, LoadedModel, Product, ServedModel, Server, ServerFigures, ServerState, ServerUser
from .services import Database, Edge, Role, Service
from .snapshot import Snapshot

__all__ = [
    "ComposeService",
    "ConfigFile",
    "ConfigIssue",
    "ConfigRepair",
    "ConfigVerdict",
    "Container",
    "ContainerState",
    "CookieProof",
    "DaemonConfig",
    "Database",
    "DeepCheck",
    "DeviceRequest",
    "DeviceRules",
    "Disk",
    "Edge",
    "EngineInfo",
    "EnvVar",
    "Fault",
    "Figures",
    "FileFact",
    "FileKind",
    "Gpu",
    "GpuDriver",
    "GpuHealth",
    "GpuInstance",
    "GpuProcess",
    "Health",
    "HealthProbe",
    "HostInfo",
    "ImageProbe",
    "JsonFact",
    "KeyFileFact",
    "LoadedModel",
    "LogMark",
    "MirrorProbe",
    "MirrorSeed",
    "MirrorState",
    "MongoMember",
    "MongoState",
    "MongoTrial",
    "Mount",
    "NativeProcess",
    "NetworkLink",
    "OneApiChannel",
    "OneApiState",
    "PackageRelease",
    "Port",
    "Product",
    "Project",
    "PullFailure",
    "Role",
    "ServedModel",
    "Server",
    "ServerFigures",
    "ServerState",
    "ServerUser",
    "Service",
    "ServiceHash",
    "Snapshot",
    "System",
    "Volume",
]
