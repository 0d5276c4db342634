"""What a container was granted of the machine's devices, and which runtimes an Engine knows. Pure: decoded replies in.

Whether a grant is one of GPUs is the reader's business: everything that was requested is kept as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..model import DeviceRequest
from ..text import clean_line
from .docker_api import ApiDevice, ApiDeviceRequest, HostConfig, Info

IDS_LIMIT = 512


def device_requests(host: HostConfig) -> tuple[DeviceRequest, ...]:
    """``HostConfig.DeviceRequests``. fact: gpu-model-servers 3.1; a Count of 0 stands beside ids and means nothing."""
    return tuple(_request(one) for one in host.device_requests or () if one is not None)


def _request(one: ApiDeviceRequest) -> DeviceRequest:
    sets = (words for words in one.capabilities or () if words)
    return DeviceRequest(
        driver=clean_line(one.driver or ""),
        count=one.count or None,
        ids=_lines(one.device_ids),
        capabilities=tuple(dict.fromkeys(clean_line(word) for words in sets for word in words if word)),
    )


def devices(host: HostConfig) -> tuple[str, ...]:
    """Device files of the machine, passed in one by one."""
    return _lines(device.path_on_host for device in host.devices or () if isinstance(device, ApiDevice))


def extra_hosts(host: HostConfig) -> tuple[str, ...]:
    """``name:address`` each."""
    return _lines(host.extra_hosts)


def runtimes(info: Info) -> tuple[str, ...] | None:
    """Names of the OCI runtimes; None when the Engine does not tell."""
    return None if info.runtimes is None else _lines(sorted(info.runtimes))


def cdi_directories(info: Info) -> tuple[str, ...] | None:
    """Where the Engine looks for CDI specs. fact: moby /info from API 1.43 on; empty while the feature is off."""
    return None if info.cdi_spec_dirs is None else _lines(info.cdi_spec_dirs)


def _lines(texts: Iterable[Any] | None) -> tuple[str, ...]:
    return tuple(clean_line(text, IDS_LIMIT) for text in texts or () if isinstance(text, str) and text)
