"""Why the Engine could not be asked, one sentence for each way a socket can fail. Looks at its file, sends nothing."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import pwd
import shlex
import socket
import ssl
import stat
from pathlib import Path

from ...text import N_, _
from .. import EngineFailed, EngineUnreachable, HostError, NotFound, NotPermitted
from .docker_command import EngineAddress


def unreachable(error: OSError, address: EngineAddress) -> HostError:
    """The sentence for a connection that could not be made or was lost before any answer."""
    if isinstance(error, ssl.SSLError):
        return _tls(error, address)
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return HostError(_("Out of file descriptors: the Engine cannot be asked"), _("raise the limit: ulimit -n 4096"))
    if address.socket:
        return _socket_reason(error, address.socket)
    return _tcp_reason(error, address)


def hung(address: EngineAddress, seconds: float) -> EngineUnreachable:
    """The sentence for an Engine that accepts and stays silent."""
    return EngineUnreachable(
        _("The Engine at {where} is not answering (nothing for {seconds:g} s)", where=address.where, seconds=seconds),
        _("see what it is doing: systemctl status docker; journalctl -u docker -n 50"),
    )


def cut_short(address: EngineAddress) -> EngineFailed:
    """The sentence for a reply that ended in the middle, twice."""
    return EngineFailed(
        _("The Engine at {where} replied badly: the reply was cut short", where=address.where),
        _("is it being restarted? look again"),
    )


def refused(status: int, message: str, address: EngineAddress) -> HostError:
    """The error for an HTTP status from 400 up, with the Engine's own message, already clean."""
    if status == 404:
        return NotFound(message or _("the Engine does not know it"))
    if status in {401, 403}:
        return NotPermitted(
            _("The Engine at {where} does not allow it: {message}", where=address.where, message=message or status)
        )
    said = f": {message}" if message else ""
    if status == 429 or status >= 500:
        return EngineFailed(
            _(
                "The Engine at {where} answered with error {status}{said}",
                where=address.where,
                status=status,
                said=said,
            ),
            status=status,
        )
    return EngineFailed(_("The Engine refused the request ({status}){said}", status=status, said=said), status=status)


def _socket_reason(error: OSError, path: str) -> EngineUnreachable:
    if isinstance(error, PermissionError):
        return _no_permission(path)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return EngineUnreachable(
            _("no Engine at {path}; is it installed or running?", path=path),
            _("sudo systemctl start docker; or name another with --host"),
        )
    if error.errno == errno.ECONNREFUSED:
        return EngineUnreachable(
            _("nobody listens at {path}: the Engine is not running", path=path),
            "sudo systemctl start docker; systemctl status docker",
        )
    if error.errno == errno.ENOTSOCK:
        return EngineUnreachable(_("{path} is not a socket", path=path), _("name the Engine's socket with --host"))
    return EngineUnreachable(
        _("The Engine at {path} cannot be asked: {strerror}", path=path, strerror=error.strerror or error)
    )


def _no_permission(path: str) -> EngineUnreachable:
    user = _name_of_user(os.geteuid())
    try:
        status = Path(path).stat()
    except OSError:
        return EngineUnreachable(
            _("permission denied: this user ({user}) may not reach {path}", user=user, path=path),
            _("see which folder is closed: namei -l {path}", path=path),
        )
    group = _name_of_group(status.st_gid)
    sentence = _(
        "permission denied on {path}: it belongs to the group {group}, and this user ({user}) is not in it",
        path=path,
        group=group,
        user=user,
    )
    if status.st_gid == 0 or not status.st_mode & stat.S_IWGRP:
        return EngineUnreachable(
            _(
                "permission denied on {path}: only {name_of_user} may use it",
                path=path,
                name_of_user=_name_of_user(status.st_uid),
            ),
            _(
                "sudo chgrp docker {path}; sudo chmod 660 {path}; sudo usermod -aG docker {user}; then log in again",
                path=path,
                user=user,
            ),
        )
    if user in _members(group):
        return EngineUnreachable(
            _(
                "permission denied on {path}: {user} was added to the group {group}, but this login is older than that",
                path=path,
                user=user,
                group=group,
            ),
            _("log out and in again"),
        )
    return EngineUnreachable(sentence, _("sudo usermod -aG {group} {user}, then log in again", group=group, user=user))


def _tcp_reason(error: OSError, address: EngineAddress) -> EngineUnreachable:
    if isinstance(error, socket.gaierror):
        return EngineUnreachable(
            _("The host name {host} is not known ({url})", host=address.host, url=address.url),
            _("check the address given"),
        )
    if isinstance(error, ConnectionRefusedError):
        return EngineUnreachable(
            _("nobody listens at {url}", url=address.url), _("is the Engine running there, and on that port?")
        )
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return EngineUnreachable(_("There is no route to {url}", url=address.url), _("check the network or the VPN"))
    return EngineUnreachable(
        _("The Engine at {url} cannot be asked: {strerror}", url=address.url, strerror=error.strerror or error)
    )


def _tls(error: ssl.SSLError, address: EngineAddress) -> EngineUnreachable:
    from ...text.cleaning import clean_line

    trusted = (address.tls and address.tls.ca) or _("the system's certificates")
    if isinstance(error, ssl.SSLCertVerificationError):
        return EngineUnreachable(
            _(
                "The certificate of {url} is refused: {verify_message} (checked against {trusted})",
                url=address.url,
                verify_message=clean_line(error.verify_message.rstrip(".")),
                trusted=trusted,
            ),
            _("renew the certificate, or put the right ca.pem into DOCKER_CERT_PATH"),
        )
    reason = clean_line(error.reason or str(error)).replace("_", " ").lower()
    return EngineUnreachable(
        _("No TLS connection to {url}: {reason}", url=address.url, reason=reason),
        _("check DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and the port (2376)"),
    )


def _name_of_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _name_of_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _members(group: str) -> list[str]:
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []


FS_IOC_GETFLAGS = 0x80086601
IMMUTABLE, APPEND_ONLY = 0x10, 0x20
"""fact: chattr +i and +a; even root gets EPERM."""
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def command(*argv: str) -> str:
    """An argument list as one would type it."""
    from ...text.cleaning import clean_line

    return clean_line(shlex.join(("sudo", *argv)), 4096)


def shown(path: str) -> str:
    """A path as sentences name it: file names are foreign text too."""
    from ...text.cleaning import clean_line

    return clean_line(path)


def not_regular(path: str, mode: int) -> HostError:
    """The refusal of everything that is not a regular file."""
    kind = KINDS.get(stat.S_IFMT(mode), N_("special file"))
    return HostError(_("{path} is a {kind}, not a regular file", path=shown(path), kind=kind))


def because(error: OSError, path: str, *, remedy: str | None = None) -> HostError:
    """The sentence for a failed call on a path; ``remedy`` is the command that has the right."""
    number = error.errno
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return NotFound(_("{path} does not exist", path=shown(path)))
    if number == errno.EROFS:
        mount = mount_of(path)
        return HostError(
            _(
                "{path} is on a file system that is read-only (mounted at {mount})",
                path=shown(path),
                mount=shown(mount),
            ),
            N_(f"find out why first (dmesg), then {command('mount', '-o', 'remount,rw', mount)}"),
        )
    if number in {errno.ENOSPC, errno.EDQUOT}:
        return no_space(path, number)
    if number == errno.EBUSY:
        return HostError(
            _("{path} is itself a mount point and cannot be replaced from here", path=shown(path)),
            _("run stackops on the host rather than in a container"),
        )
    if number in {errno.EPERM, errno.EACCES}:
        return _not_permitted(path, remedy)
    return _other(error, path)


def _other(error: OSError, path: str) -> HostError:
    if error.errno == errno.ELOOP:
        return HostError(_("{path} is a symbolic link that leads in a circle", path=shown(path)))
    if error.errno == errno.EEXIST:
        return HostError(
            _("{path} exists already", path=shown(path)), _("look again: it has appeared since the preview")
        )
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return HostError(
            _("{path} cannot be opened: out of file descriptors", path=shown(path)),
            _("raise the limit: ulimit -n 4096"),
        )
    return HostError(f"{shown(path)}: {error.strerror or error}")


def protected(path: str) -> bool:
    """Whether the path or its folder is immutable or append-only."""
    return bool(_flag(path) or _flag(str(Path(path).parent)))


def _not_permitted(path: str, remedy: str | None) -> HostError:
    for place in (path, str(Path(path).parent)):
        if flag := _flag(place):
            letter = "i" if flag == IMMUTABLE else "a"
            word = "immutable" if flag == IMMUTABLE else "append-only"
            return NotPermitted(
                _("{place} is marked {word} (chattr +{letter})", place=shown(place), word=word, letter=letter),
                command("chattr", f"-{letter}", place),
            )
    return NotPermitted(
        _("permission denied: this user (uid {geteuid}) may not change {path}", geteuid=os.geteuid(), path=shown(path)),
        remedy,
    )


def no_space(path: str, number: int = errno.ENOSPC) -> HostError:
    """The sentence for a full file system, or one without inodes, or a used up quota."""
    folder = shown(str(Path(path).parent))
    if number == errno.EDQUOT:
        return HostError(_("the disk quota for {folder} is used up", folder=folder), _("make room there and try again"))
    try:
        found = os.statvfs(Path(path).parent)
    except OSError:
        return HostError(_("no space left in {folder}", folder=folder), _("make room there and try again"))
    if found.f_files and not found.f_favail:
        return HostError(
            _("0 inodes free in {folder}", folder=folder), _("remove files there: df -i names the file system")
        )
    free = found.f_bavail * found.f_frsize
    return HostError(
        _("not enough space: {free} bytes free in {folder}", free=free, folder=folder),
        _("make room there: df -h names the file system"),
    )


def mount_of(path: str) -> str:
    """The mount point that holds the path."""
    place = os.path.realpath(path)
    while not os.path.ismount(place) and place != "/":
        place = os.path.dirname(place)  # noqa: PTH120
    return place


def _flag(path: str) -> int:
    """IMMUTABLE, APPEND_ONLY or 0."""
    try:
        if stat.S_IFMT(os.lstat(path).st_mode) not in {stat.S_IFREG, stat.S_IFDIR}:
            return 0
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        flags = int.from_bytes(fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8))[:4], "little")
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return flags & IMMUTABLE or flags & APPEND_ONLY
