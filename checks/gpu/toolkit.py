"""Docker cannot hand a GPU to a container: the start failed, or is going to.

What it does
    Reads why the Engine could not start a container that asks for a GPU; the reason stands in the container's state and
    in no log. Each reason is told apart by its own words: no toolkit that the Engine knows of, a toolkit that was
    installed after the Engine had started, CDI switched off or without a valid description of the devices, a runtime
    that is not configured, no driver or two versions of it, a card that needs too long to wake, an image that wants a
    newer CUDA than the driver has or holds files of a driver itself, an ldconfig that lies elsewhere, a device that
    does not exist. For services that have not been started yet, says
    beforehand what the Engine's own list of runtimes lets expect.

Why it matters
    The container stays in the state "created" and has an empty log, so that there seems to be nothing to go by. The
    messages name the layer that failed and seldom what to do there.

Fix
    Explained, with the commands for this case: most of them install a package or restart Docker, which stops every
    container that live-restore does not keep.

Sources
    moby daemon/start.go, daemon/nvidia_linux.go (the Engine looks for nvidia-container-runtime-hook when it starts) and
    daemon/cdi.go; nvidia-container-toolkit and libnvidia-container (texts of nvidia-container-cli); moby pull requests
    50228 and 52704 on CDI; two of the texts and the exit code seen with Engine 20.10.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...console.model import Container
from ...console.products.dockerd import is_desktop, is_podman
from ...console.products.gpu_grants import grant_of
from ...console.text import _
from ..api import Answers, Case, Check, Evidence, Fine, Form, Found, Plan, Settings, Snapshot, Unknown, manual
from ..compose import Placed
from .common import Asker, askers, card, without_card

HOOK = "nvidia-container-runtime-hook"
CONFIGURE = "sudo nvidia-ctk runtime configure --runtime=docker"
RESTART = "sudo systemctl restart docker (it stops all containers, unless live-restore is on)"
INSTALL = "Install the package nvidia-container-toolkit from NVIDIA's repository for this distribution."

TOOLKIT_MISSING = Form(
    "toolkit-missing",
    "Docker cannot give {subject} a GPU: it knows of no NVIDIA toolkit",
    "The driver alone is not enough. Docker hands GPUs out through NVIDIA's container toolkit, and looks for it"
    " once, when it starts",
    "install NVIDIA's container toolkit, configure it, restart Docker",
    advice=f"{INSTALL}\n{CONFIGURE}\n{RESTART}",
)
TOOLKIT_EXPECTED = replace(
    TOOLKIT_MISSING,
    variant="expected",
    because=f"{TOOLKIT_MISSING.because}. Nothing of it was found where Docker looks, so the start is likely to fail",
    severity="warning",
)
NOT_RESTARTED = Form(
    "engine-not-restarted",
    "Docker has not seen NVIDIA's toolkit yet, so {subject} gets no GPU",
    "The toolkit is installed by now, but Docker looks for it only when it starts",
    "restart Docker, which has not seen the toolkit yet",
    advice=RESTART,
)
CDI_OFF = Form(
    "cdi-off",
    "{subject} asks for its GPU through CDI, which is off in this Docker",
    "CDI is a feature of Docker's own, which has to be enabled in daemon.json in this version",
    "switch CDI on in Docker, or ask with driver: nvidia",
    advice='Add to /etc/docker/daemon.json: "features": {{"cdi": true}}\n'
    f"{RESTART}\n"
    "Or write driver: nvidia instead of driver: cdi in the compose file.",
)
RUNTIME_MISSING = Form(
    "runtime-missing",
    "{subject} wants the runtime nvidia, which Docker does not know",
    "runtime: nvidia names an entry of daemon.json, and there is none of that name",
    "configure the runtime nvidia, restart Docker",
    advice=f"{INSTALL}\n{CONFIGURE}\n{RESTART}",
)
DRIVER_MISSING = Form(
    "driver-missing",
    "{subject} gets no GPU: the host has no NVIDIA driver",
    "The toolkit is there, but libnvidia-ml.so.1, which comes with the driver, is not; so too in snap's Docker",
    "install the NVIDIA driver on the host",
    advice="See what gpu.driver says: stackops check gpu.driver\n"
    "Docker from snap cannot see the host's driver: use Docker's own packages instead.",
)
NOT_LOADED = replace(
    DRIVER_MISSING,
    variant="not-loaded",
    title="{subject} gets no GPU: the NVIDIA driver's kernel module is not loaded, or finds no card",
    because="The driver's libraries are there, but the driver itself does not answer",
    fix="load the driver's kernel module",
    advice="sudo modprobe nvidia\nSee what gpu.driver says: stackops check gpu.driver",
)
TIMED_OUT = Form(
    "timed-out",
    "{subject} did not get its GPU in time",
    "Without persistence mode the driver puts an unused card to sleep, and waking it can take half a minute",
    "keep the card awake with persistence mode",
    advice="sudo nvidia-smi -pm 1\nTo keep it so after a reboot: sudo systemctl enable --now nvidia-persistenced",
)
MISMATCH = Form(
    "mismatch",
    "{subject} gets no GPU: the driver was upgraded and the old module runs on",
    "The driver's libraries and its kernel module are of two versions",
    "load the new kernel module, or reboot",
    advice="Stop what uses the GPUs, then: sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia\n"
    "sudo modprobe nvidia, or reboot where a module is in use",
)
CUDA_TOO_NEW = Form(
    "cuda-too-new",
    "The image of {subject} wants CUDA {cuda}, more than the driver has",
    "A driver supports CUDA up to a version; an image built for a newer one is refused",
    "install a newer driver, or use an older image",
    advice="Install a driver{wanted}, and reboot.\nOr use a tag of the image.",
)
CUDA_LIMIT = replace(
    CUDA_TOO_NEW,
    variant="limit",
    because=f"{CUDA_TOO_NEW.because}. This driver supports up to {{supported}}",
    advice="Install a driver{wanted}, and reboot.\nOr use a tag of the image for CUDA {supported} or older.",
)
DEVICE_UNKNOWN = Form(
    "device-unknown",
    "{subject} asks for GPU {device}, which does not exist here",
    "The number or UUID in device_ids (or NVIDIA_VISIBLE_DEVICES) names no card of this machine",
    "name a GPU that is there",
    advice="GPUs of this machine: {cards}.\nCorrect {grant} in the compose file.",
)
CDI_UNRESOLVABLE = Form(
    "cdi-unresolvable",
    "No CDI description has the device {device} that {subject} asks for",
    "CDI devices are described by files below /etc/cdi or /var/run/cdi; they are missing, or older than the driver",
    "write the CDI description anew",
    advice="sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml\n"
    "With toolkit 1.18 and later: sudo systemctl restart nvidia-cdi-refresh\n"
    "See the names there are: nvidia-ctk cdi list",
)
CDI_STALE = replace(
    CDI_UNRESOLVABLE,
    variant="stale",
    title="The CDI description that {subject} is started by names {device}, which is no longer there",
    because="It was written for another release of the driver: its files have gone since",
)
FILE_EXISTS = Form(
    "file-exists",
    "{subject} gets no GPU: its image holds a file of an NVIDIA driver itself ({device})",
    "The toolkit puts the driver's files of this machine into the container, and the place is taken. An image gets such"
    " files where it was committed from a running container, or built on a machine whose toolkit is on while it builds",
    "make the image again without the driver's files",
    advice="Start from the image as it was published, instead of one that was committed from a running container.\n"
    "Or take the files out in its Dockerfile: RUN rm -f /usr/lib/x86_64-linux-gnu/libnvidia-*.so*"
    " /usr/lib/x86_64-linux-gnu/libcuda.so* /usr/lib/x86_64-linux-gnu/libnvcuvid.so*\n"
    "Then make the container again: docker compose up -d --force-recreate",
)
LDCONFIG = Form(
    "ldconfig",
    "{subject} gets no GPU: NVIDIA's toolkit looks for {device}, which this distribution does not have",
    "config.toml of nvidia-container-runtime names the ldconfig of another distribution: Debian and Ubuntu have"
    " /sbin/ldconfig.real or /sbin/ldconfig, Fedora and others /sbin/ldconfig alone",
    "correct the path of ldconfig in the toolkit's config.toml",
    advice="See which there is: ls -l /sbin/ldconfig /sbin/ldconfig.real\n"
    "Write it into /etc/nvidia-container-runtime/config.toml, below [nvidia-container-cli]:\n"
    'ldconfig = "@/sbin/ldconfig"',
)
LDCONFIG_FAILED = replace(
    LDCONFIG,
    variant="failed",
    title="{subject} gets no GPU: {device} failed inside the container",
    because="The toolkit runs the machine's ldconfig on the image's folders. A small memory limit ends it, and so does"
    " an image for another processor",
    fix="see what keeps ldconfig from running in this image",
    advice="Look at the service's mem_limit and platform.\n"
    "See what the toolkit says: /var/log/nvidia-container-toolkit.log",
)
CGROUPS = Form(
    "cgroups",
    "{subject} gets no GPU: NVIDIA's toolkit may not write its device rules",
    "Rootless Docker leaves no device cgroups to the toolkit, and a toolkit older than 1.8 does not know cgroup v2",
    "update the toolkit; with rootless Docker switch its cgroups off",
    advice="With rootless Docker: sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place\n"
    "Else install a toolkit of 1.8 or later, which knows cgroup v2.",
)
OTHER = Form(
    "other",
    "NVIDIA's toolkit could not prepare {subject}",
    "nvidia-container-cli gave up before the container started",
    "see what nvidia-container-cli complains about",
    advice="See what it says on the host: sudo nvidia-container-cli -k -d /dev/tty info\n"
    "See whether the driver works: nvidia-smi",
)
_ERRORS = (
    (TOOLKIT_MISSING, r'could not select device driver "(?P<driver>[^"]*)" with capabilities'),
    (RUNTIME_MISSING, r"(?i)unknown (?:or invalid )?runtime(?: name| specified)?:? ?\"?nvidia"),
    (RUNTIME_MISSING, r"(?:exec:?|stat) \"?\S*nvidia-container-runtime\S*: (?:no such file|executable file not found)"),
    (DRIVER_MISSING, r"initialization error: load library failed: lib(?:nvidia-ml|cuda)\.so"),
    (NOT_LOADED, r"nvml error: driver not loaded|cuda error: no cuda-capable device|no adapters were found"),
    (TIMED_OUT, r"initialization error: driver (?:rpc )?error: timed out"),
    (MISMATCH, r"nvml error: driver/library version mismatch"),
    (CUDA_TOO_NEW, r"unsatisfied condition: (?:cuda ?>= ?(?P<cuda>[\d.]+)?|driver|brand)"),
    (FILE_EXISTS, r"mount error: file creation failed: \S*?/(?:merged|rootfs)(?P<device>/\S+): file exists"),
    (LDCONFIG, r"ldcache error: open failed: (?P<device>\S+): no such file"),
    (LDCONFIG_FAILED, r"ldcache error: process (?P<device>\S+) (?:failed|terminated)"),
    (CGROUPS, r"cgroup subsystem devices not found|mount error: \S.*?/cgroup/\S*: (?:permission denied|operation not)"),
    (CDI_STALE, r"failed to fulfil mount request: open (?P<device>\S*(?:nvidia|cuda)\S*): no such file"),
    (DEVICE_UNKNOWN, r"device error: ?(?P<device>[^:\s]{1,80}):? .*?unknown device"),
    (CDI_UNRESOLVABLE, r"unresolvable CDI devices (?P<device>\S{1,200})"),
    (OTHER, r"nvidia-container-cli: .{1,200}"),
)
"""What the Engine writes, the narrower text before the wider one."""


def refused(container: Container) -> bool:
    """Whether it was not started for want of a GPU that it asks for: this check says so, or gpu.driver."""
    asks = bool(container.error) and grant_of(container) is not None
    return asks and any(re.search(text, container.error or "") for _form, text in _ERRORS)


def find(snapshot: Snapshot, _settings: Settings) -> Iterator[Found]:
    """Each container or service that asks for a GPU and of which something can be told."""
    if without_card(snapshot):
        return
    asking = askers(snapshot)
    served = any(one.place.state == "running" and one.grant.how == "request" for one in asking)
    for one in asking:
        yield from _started(one, snapshot) if one.place.container else _expected(one, snapshot, served=served)


def _started(one: Asker, snapshot: Snapshot) -> Iterator[Found]:
    """What became of a container."""
    if one.place.state in ("running", "paused"):
        yield Fine(one.name, _("{one} was given its GPUs", one=one.name), _rows(one))
        return
    error = one.place.container.error if one.place.container else None
    for form, text in _ERRORS:
        match = re.search(text, error or "")
        if match is not None:
            yield _case(one, _exactly(form, match, snapshot), snapshot, match.groupdict())
            return


def _exactly(form: Form, match: re.Match[str], snapshot: Snapshot) -> Form:
    """The form, where the error alone does not tell it."""
    if form is CUDA_TOO_NEW:
        return CUDA_LIMIT if snapshot.gpu_driver and snapshot.gpu_driver.cuda else form
    if form is not TOOLKIT_MISSING:
        return form
    if match["driver"] == "cdi":
        return CDI_OFF
    there = any(path.endswith("/" + HOOK) for path in _programs(snapshot) or ())
    return NOT_RESTARTED if there else form


def _expected(one: Asker, snapshot: Snapshot, *, served: bool) -> Iterator[Found]:
    """What will become of a service that has no container; nothing where it cannot be told."""
    engine = snapshot.engine
    if engine is None or engine.runtimes is None:
        return
    if "nvidia" in engine.runtimes or served:
        yield Fine(one.name, _("Docker has what {one} needs for its GPUs", one=one.name), _rows(one))
    elif one.grant.how == "runtime":
        yield _case(one, RUNTIME_MISSING, snapshot, {})
    elif one.grant.how != "request" or engine.cdi_directories:
        return
    elif _programs(snapshot) is None:
        why = _("it knows no runtime nvidia, and whether the toolkit is on its machine is not seen from here")
        yield Unknown(
            one.name, _("Whether Docker can give {one} a GPU cannot be told", one=one.name), why, _rows(one, snapshot)
        )
    elif not _programs(snapshot):
        yield _case(one, TOOLKIT_EXPECTED, snapshot, {})


def _programs(snapshot: Snapshot) -> tuple[str, ...] | None:
    """What of the toolkit was found; None where the Engine has a virtual machine of its own, or uses CDI alone."""
    return None if is_desktop(snapshot.engine) or is_podman(snapshot.engine) else snapshot.gpu_programs


def _case(one: Asker, form: Form, snapshot: Snapshot, named: Mapping[str, str | None]) -> Case[Placed]:
    cuda, driver = named.get("cuda"), snapshot.gpu_driver
    words = {
        "cuda": cuda or _("of a newer kind"),
        "wanted": _(" that supports CUDA {cuda}", cuda=cuda) if cuda else "",
        "supported": driver.cuda or "" if driver else "",
        "device": named.get("device") or "",
        "cards": ", ".join(f"{card(gpu)} = {gpu.uuid}" for gpu in snapshot.gpus) or _("see nvidia-smi -L"),
        "grant": one.grant.words,
    }
    return Case(one.name, form, one.place, _rows(one, snapshot), words)


def _rows(one: Asker, snapshot: Snapshot | None = None) -> tuple[Evidence, ...]:
    container, rows = one.place.container, [Evidence(_("asks for"), one.grant.words, one.source)]
    if container and container.error:
        source = f"docker inspect {one.name}"
        ended = "" if container.exit_code is None else _(", exit code {exit_code}", exit_code=container.exit_code)
        rows.insert(0, Evidence(_("the Engine's reason"), container.error, source))
        rows.append(Evidence(_("state"), f"{_(container.state)}{ended}", source))
    if snapshot and snapshot.engine and snapshot.engine.runtimes is not None:
        rows.append(Evidence(_("runtimes of the Engine"), ", ".join(snapshot.engine.runtimes) or "none", "docker info"))
    programs = _programs(snapshot) if snapshot else None
    if programs is not None:
        found = ", ".join(programs) or _("not found")
        rows.append(Evidence(_("NVIDIA's toolkit"), found, "/usr/bin, /usr/local/bin, /usr/sbin"))
    return tuple(rows)


def plan(case: Case[Placed], _answers: Answers) -> Plan:
    """Says what to type: packages, Docker's configuration and its restart are the operator's."""
    container, service = case.facts.container, case.facts.service or ""
    again = (
        _("start {container}", container=shlex.quote(container.name))
        if container
        else f"compose up -d {shlex.quote(service)}"
    )
    return manual(*case.advice, _("Then: docker {again}", again=again))


FORMS = (
    TOOLKIT_MISSING, TOOLKIT_EXPECTED, NOT_RESTARTED, CDI_OFF, RUNTIME_MISSING, DRIVER_MISSING, TIMED_OUT, MISMATCH,
    CUDA_TOO_NEW, CUDA_LIMIT, DEVICE_UNKNOWN, CDI_UNRESOLVABLE, CDI_STALE, NOT_LOADED, FILE_EXISTS, LDCONFIG,
    LDCONFIG_FAILED, CGROUPS, OTHER,
)  # fmt: skip
CHECK = Check(
    "gpu.toolkit", "Docker can give containers their GPUs", __doc__ or "", FORMS, find, plan,
    reads=("engine", "containers", "projects", "gpus", "gpu_driver", "gpu_programs"),
)  # fmt: skip
