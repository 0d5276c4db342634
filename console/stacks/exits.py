"""What a container's exit code means, in one sentence. Pure.

fact: shells and runc report a signal as 128 + its number; 125 to 127 are said before the program itself runs.
"""

from __future__ import annotations

from ..model import Role

_SIGNALS = {
    129: "ended by SIGHUP",
    130: "interrupted by SIGINT (Ctrl-C)",
    131: "ended by SIGQUIT",
    132: "illegal instruction (SIGILL): the processor lacks something the program was built for",
    133: "ended by a trap (SIGTRAP)",
    134: "aborted itself (SIGABRT): an assertion failed or memory ran out inside it",
    135: "bus error (SIGBUS): often a full disk behind a memory-mapped file, or too little /dev/shm",
    136: "arithmetic error (SIGFPE)",
    138: "ended by SIGUSR1",
    139: "crashed (SIGSEGV): it touched memory that is not its own",
    141: "broken pipe (SIGPIPE)",
    143: "stopped as asked (SIGTERM)",
}
# fact: mongod's exit codes, src/mongo/util/exit_code.h
_MONGO = {
    2: "a bad option, or a key file that is missing while authentication is on",
    14: "mongod met an error it could not go on from; its log says which",
    48: "the port is taken, or the address cannot be bound",
    51: "mongod gave up on a fatal assertion",
    62: "the data folder is of another major version of MongoDB; go back to the old image and step one major at a time",
    100: "mongod cannot use its data folder: locked by another mongod, read-only, or not its own",
    132: "the processor lacks AVX, which MongoDB 5.0 and later need (on ARM: version 8.2-A)",
}
_ORDINARY = {
    0: "ended by itself without an error",
    1: "ended with an error of its own; its log says which",
    2: "ended because of wrong usage or options; its log says which",
    125: "Docker itself could not run it",
    126: "its program was found but cannot be executed",
    128: "Docker could not start it",
    255: "ended with an unspecified error, or its host went down while it ran",
}


def exit_meaning(
    code: int | None, oom: bool | None = None, error: str | None = None, role: Role | None = None
) -> str | None:
    """What the code means; None for an unknown code. ``error`` is the Engine's own reason (State.Error)."""
    if code is None:
        return None
    if oom:
        return "killed because it used more memory than it may (out of memory)"
    if role == "mongo" and code in _MONGO:
        return _MONGO[code]
    if code == 127 or (error and code in {126, 128}):
        return _not_started(code, error or "")
    if code == 137:
        return "killed (SIGKILL): by docker kill, after a stop that took too long, or by the kernel when memory ran out"
    return _SIGNALS.get(code) or _ORDINARY.get(code) or _other(code)


def _not_started(code: int, error: str) -> str:
    """Told apart by the Engine's reason. fact: a mount that fails at start gives 127 as a missing command does."""
    reason = error.lower()
    if "not a directory" in reason or "mount" in reason:
        return "it could not start: a mount failed; a file is mounted where a folder is, or the other way round"
    if "port is already allocated" in reason or "address already in use" in reason:
        return "it could not start: a port it publishes is taken"
    if "could not select device driver" in reason or "nvidia" in reason:
        return "it could not start: the GPU it asks for is not available to Docker"
    if "permission denied" in reason or code == 126:
        return "its program was found but cannot be executed"
    return "its program was not found in the image" if code == 127 else "Docker could not start it"


def _other(code: int) -> str | None:
    return f"ended by signal {code - 128}" if 128 < code < 193 else None
