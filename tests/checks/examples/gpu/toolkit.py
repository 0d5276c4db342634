"""Starts that failed for want of a GPU, each by its own words, and what ``gpu.toolkit`` must say of them."""

from __future__ import annotations

from msgspec.structs import replace
from stackops.console.model import Container, DeviceRequest, EnvVar, GpuDriver, Snapshot

from examples import Example
from examples.gpu.machines import ALL, READY, box, count, gpu, ids, machine, service
from examples.snapshots import ENGINE

CLI = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running hook #0: error running hook: exit "
    "status 1, stdout: , stderr: Auto-detected mode as 'legacy'\nnvidia-container-cli: "
)
NO_DRIVER = 'could not select device driver "{}" with capabilities: [[gpu]]'
BARE = replace(ENGINE, runtimes=("io.containerd.runc.v2", "runc"))
CDI = DeviceRequest("cdi", None, ("nvidia.com/gpu=all",), ())
HOOK = ("/usr/bin/nvidia-container-runtime-hook", "/usr/bin/nvidia-ctk")
RUNTIME = (EnvVar("NVIDIA_VISIBLE_DEVICES", "all"),)


def failed(error: str | None, *requests: DeviceRequest, programs: tuple[str, ...] | None = None) -> Snapshot:
    """A container that the Engine could not start."""
    made = box("ollama", "ollama/ollama", *(requests or (ALL,)), state="created", exit_code=128, error=error)
    return machine(made, gpus=(gpu(0), gpu(1)), engine=BARE, gpu_programs=programs)


def _finds(name: str, form: str, snapshot: Snapshot) -> Example:
    return Example(name, snapshot, "finding", form, ())


FINDS = (
    _finds("started it with --gpus and no toolkit", "toolkit-missing", failed(NO_DRIVER.format(""))),
    _finds("started it by compose and no toolkit", "toolkit-missing", failed(NO_DRIVER.format("nvidia"), count(1))),
    _finds("has looked for the toolkit and not found it", "toolkit-missing",
           failed(NO_DRIVER.format("nvidia"), programs=())),
    _finds("installed the toolkit and did not restart Docker", "engine-not-restarted",
           failed(NO_DRIVER.format("nvidia"), programs=HOOK)),
    _finds("asked through CDI while it is off", "cdi-off", failed(NO_DRIVER.format("cdi"), CDI)),
    _finds("has an Engine that names the runtime as unknown", "runtime-missing",
           failed("Unknown runtime specified nvidia")),
    _finds("has a newer Engine that names the runtime as unknown", "runtime-missing",
           failed("unknown or invalid runtime name: nvidia")),
    _finds("has the toolkit without a driver", "driver-missing",
           failed(CLI + "initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object "
                  "file: no such file or directory: unknown")),
    _finds("has a card that sleeps", "timed-out", failed(CLI + "initialization error: driver error: timed out")),
    _finds("upgraded the driver", "mismatch",
           failed(CLI + "initialization error: nvml error: driver/library version mismatch: unknown")),
    _finds("uses an image that is too new", "cuda-too-new",
           failed(CLI + "requirement error: unsatisfied condition: cuda>=12.8, please update your driver")),
    _finds("names a card that is not there", "device-unknown",
           failed(CLI + "device error: 7: unknown device: unknown", ids("7"))),
    _finds("has no description for CDI", "cdi-unresolvable",
           failed("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all", CDI)),
    _finds("has an image that holds a driver's library", "file-exists",
           failed(CLI + "mount error: file creation failed: /var/lib/docker/overlay2/4e1b/merged/usr/lib/libcuda.so.1: "
                  "file exists: unknown")),
    _finds("has an image that holds nvidia-smi, and another storage folder", "file-exists",
           failed(CLI + "mount error: file creation failed: /data/docker/overlay2/77/merged/usr/bin/nvidia-smi: file "
                  "exists: unknown")),
    _finds("has the configuration of another distribution", "ldconfig",
           failed(CLI + "ldcache error: open failed: /sbin/ldconfig.real: no such file or directory: unknown")),
    _finds("has an ldconfig that is killed", "ldconfig",
           failed(CLI + "ldcache error: process /sbin/ldconfig terminated with signal 9: unknown")),
    _finds("has a module that is not loaded", "driver-missing",
           failed(CLI + "initialization error: nvml error: driver not loaded: unknown")),
    _finds("waits for a card in vain, and the toolkit says so anew", "timed-out",
           failed(CLI + "initialization error: driver rpc error: timed out: unknown")),
    _finds("took the toolkit away and left the runtime", "runtime-missing",
           failed("failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime error: fork/"
                  "exec /usr/bin/nvidia-container-runtime: no such file or directory: unknown")),
    _finds("has a toolkit that does not know cgroup v2", "cgroups",
           failed(CLI + "container error: cgroup subsystem devices not found: unknown")),
    _finds("upgraded the driver and not its CDI description", "cdi-unresolvable",
           failed("failed to fulfil mount request: open /usr/lib/libEGL_nvidia.so.550.54.14: no such file or directory",
                  CDI)),
    _finds("has an error that nobody has written down yet", "other", failed(CLI + "mount error: unlink failed")),
    _finds("is about to start runtime: nvidia on a Docker without it", "runtime-missing",
           machine(declared=(service("ollama", runtime="nvidia", env=RUNTIME),), engine=BARE)),
    _finds("is about to start on a machine without the toolkit", "toolkit-missing",
           machine(declared=(service("ollama", count(1)),), engine=BARE, gpu_programs=())),
)  # fmt: skip


def running(*more: Container) -> Snapshot:
    """A container that was given its GPU."""
    return machine(box("ollama", "ollama/ollama", ALL), *more, engine=READY)


def planned(**engine: object) -> Snapshot:
    """A service that has not been started."""
    return machine(declared=(service("ollama", count(1)),), engine=replace(ENGINE, **engine), gpu_programs=HOOK)


FINDS_NOT = (
    Example("runs it", running(), "ok"),
    Example("runs it although nvidia is no runtime there",
            machine(box("ollama", "ollama/ollama", ALL), engine=BARE, gpu_programs=()), "ok"),
    Example("runs it, after a start that failed",
            machine(box("ollama", "ollama/ollama", ALL, error=NO_DRIVER.format("nvidia")), engine=BARE), "ok"),
    Example("has not started it, and Docker is ready", planned(runtimes=("nvidia", "runc")), "ok"),
    Example("has not started it, and the hook is there", planned(runtimes=("runc",)), "not_applicable"),
    Example("has not started it, and nobody has looked for the toolkit",
            machine(declared=(service("ollama", count(1)),), engine=BARE), "unknown"),
    Example("has not started it, and CDI may do it",
            machine(declared=(service("ollama", count(1)),), gpu_programs=(),
                    engine=replace(BARE, cdi_directories=("/etc/cdi",))), "not_applicable"),
    Example("has not started it, and Docker Desktop runs the Engine",
            machine(declared=(service("ollama", count(1)),), gpu_programs=(),
                    engine=replace(BARE, os="Docker Desktop")), "unknown"),
    Example("has not started it, and Podman would", machine(declared=(service("ollama", count(1)),), gpu_programs=(),
            engine=replace(BARE, version="4.9.3")), "unknown"),
    Example("has an Engine that does not tell its runtimes", planned(), "not_applicable"),
    Example("judges a folder without an Engine",
            machine(declared=(service("ollama", count(1)),), engine=None, driver=None), "not_applicable"),
    Example("stopped it", machine(box("ollama", "ollama/ollama", ALL, state="exited", exit_code=0)), "not_applicable"),
    Example("has a container that failed for another reason",
            failed("driver failed programming external connectivity: port is already allocated"), "not_applicable"),
    Example("has a container without a GPU that failed",
            machine(box("pg", "pgvector/pgvector", state="created", error=NO_DRIVER.format("nvidia"))),
            "not_applicable"),
    Example("has no containers at all", machine(driver=GpuDriver("ok", cards=1)), "not_applicable"),
)  # fmt: skip

EXAMPLES = FINDS + FINDS_NOT
