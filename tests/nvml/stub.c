/* A libnvidia-ml.so.1 that says what a small text file tells it to; the file is read again whenever it changed: see
 * control.h.
 *
 * Layouts and names: sheet gpu-model-servers 6.2 and 6.3. What a GPU has no fact for is Not Supported.
 */
#include "control.h"

#define BEGIN(device) int code = begin(__func__, device); if (code) return code
#define FIGURE(name, key) API int name(struct device *d, unsigned *out) { BEGIN(d); return figure(d, key, out); }

/* -- the system ------------------------------------------------------------------------------------------------ */

static int init(const char *function) {
    int code = begin(function, NULL);
    if (sticky && failed) return failed;
    failed = code;
    if (code == OK) started++;
    return code;
}
API int nvmlInitWithFlags(unsigned flags) { (void)flags; return init(__func__); }
API int nvmlInit_v2(void) { return init(__func__); }
API int nvmlShutdown(void) { BEGIN(NULL); started -= started > 0; return OK; }
API const char *nvmlErrorString(int code) {
    switch (code) {
    case 15: return "GPU is lost";
    case 25: return "Argument version mismatch";
    case 26: return "Deprecated";
    case 28: return "GPU not found";
    default: return "Unknown Error";
    }
}
API int nvmlSystemGetDriverVersion(char *out, unsigned size) { BEGIN(NULL); return text(driver, out, size); }
API int nvmlSystemGetNVMLVersion(char *out, unsigned size) {
    int code = begin(__func__, NULL); /* the real one answers without an init too */
    return code && code != UNINITIALISED ? code : text(nvml, out, size);
}
API int nvmlSystemGetCudaDriverVersion_v2(int *out) { BEGIN(NULL); *out = cuda; return cuda ? OK : NOT_SUPPORTED; }
API int nvmlSystemGetCudaDriverVersion(int *out) { BEGIN(NULL); *out = cuda; return cuda ? OK : NOT_SUPPORTED; }
API int nvmlSystemGetProcessName(unsigned pid, char *out, unsigned size) {
    BEGIN(NULL);
    snprintf(out, size, "process-%u", pid);
    return OK;
}
API int nvmlDeviceGetCount_v2(unsigned *out) { BEGIN(NULL); *out = (unsigned)gpus; return OK; }

/* -- handles --------------------------------------------------------------------------------------------------- */

API int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **out) {
    reload();
    if (index >= (unsigned)gpus || index >= GPUS) return INVALID;
    BEGIN(&devices[index][MIGS]);
    *out = &devices[index][MIGS];
    return OK;
}

static int by_fact(const char *function, const char *key, const char *wanted, struct device **out) {
    int code = begin(function, NULL);
    for (int gpu = 0; !code && gpu < gpus && gpu < GPUS; gpu++)
        for (int mig = 0; mig <= MIGS; mig++) {
            const char *value = fact(&devices[gpu][mig], key);
            if (value && !strcmp(value, wanted)) {
                *out = &devices[gpu][mig];
                return begin(function, *out);
            }
        }
    return code ? code : NOT_FOUND;
}
API int nvmlDeviceGetHandleByUUID(const char *uuid, struct device **out) {
    return by_fact(__func__, "uuid", uuid, out);
}
API int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, struct device **out) {
    return by_fact(__func__, "bus", bus, out);
}
API int nvmlDeviceGetIndex(struct device *d, unsigned *out) { BEGIN(d); *out = (unsigned)d->gpu; return OK; }
API int nvmlDeviceGetName(struct device *d, char *out, unsigned n) { BEGIN(d); return text(fact(d, "name"), out, n); }
API int nvmlDeviceGetUUID(struct device *d, char *out, unsigned n) { BEGIN(d); return text(fact(d, "uuid"), out, n); }

struct pci { char legacy[16]; uint32_t domain, bus, device, id, subsystem; char address[32]; };
API int nvmlDeviceGetPciInfo_v3(struct device *d, struct pci *out) {
    BEGIN(d);
    const char *address = fact(d, "bus");
    if (!address) return NOT_SUPPORTED;
    memset(out, 0, sizeof *out);
    sscanf(address, "%x:%x:%x", &out->domain, &out->bus, &out->device);
    snprintf(out->address, sizeof out->address, "%.31s", address);
    unsigned domain = out->domain & 0xFFFF, bus = out->bus & 0xFF, slot = out->device & 0xFF;
    snprintf(out->legacy, sizeof out->legacy, "%04x:%02x:%02x.0", domain, bus, slot);
    return OK;
}

/* -- figures --------------------------------------------------------------------------------------------------- */

struct memory { uint64_t total, free, used; };
struct memory_v2 { uint32_t version; uint64_t total, reserved, free, used; };
API int nvmlDeviceGetMemoryInfo_v2(struct device *d, struct memory_v2 *out) {
    BEGIN(d);
    if (out->version != (sizeof *out | 2u << 24)) return BAD_VERSION;
    out->reserved = 0;
    number(d, "memory_reserved", &out->reserved);
    if (number(d, "memory_total", &out->total) || number(d, "memory_used", &out->used)) return NOT_SUPPORTED;
    out->free = out->total - out->used - out->reserved;
    return OK;
}
API int nvmlDeviceGetMemoryInfo(struct device *d, struct memory *out) {
    BEGIN(d);
    uint64_t reserved = 0;
    number(d, "memory_reserved", &reserved);
    if (number(d, "memory_total", &out->total) || number(d, "memory_used", &out->used)) return NOT_SUPPORTED;
    out->used += reserved;
    out->free = out->total - out->used;
    return OK;
}

struct rates { uint32_t gpu, memory; };
API int nvmlDeviceGetUtilizationRates(struct device *d, struct rates *out) {
    BEGIN(d);
    out->memory = 0;
    figure(d, "memory_utilisation", &out->memory);
    return figure(d, "utilisation", &out->gpu);
}
struct heat { uint32_t version, sensor; int32_t degrees; };
API int nvmlDeviceGetTemperatureV(struct device *d, struct heat *out) {
    BEGIN(d);
    return out->version == 0x0100000C ? figure(d, "temperature", (unsigned *)&out->degrees) : BAD_VERSION;
}
API int nvmlDeviceGetTemperature(struct device *d, int sensor, unsigned *out) {
    BEGIN(d);
    return sensor ? INVALID : figure(d, "temperature", out);
}
static int clock_of(struct device *d, int type, const char *prefix, unsigned *out) {
    static const char *const names[] = {"graphics", "sm", "memory", "video"};
    char key[32];
    if (type < 0 || type > 3) return INVALID;
    snprintf(key, sizeof key, "%s_%s", prefix, names[type]);
    return figure(d, key, out);
}
API int nvmlDeviceGetClockInfo(struct device *d, int t, unsigned *out) {
    BEGIN(d);
    return clock_of(d, t, "clock", out);
}
API int nvmlDeviceGetMaxClockInfo(struct device *d, int t, unsigned *out) {
    BEGIN(d);
    return clock_of(d, t, "max_clock", out);
}
FIGURE(nvmlDeviceGetPowerUsage, "power_mw")
FIGURE(nvmlDeviceGetEnforcedPowerLimit, "power_limit_mw")
FIGURE(nvmlDeviceGetFanSpeed, "fan")
FIGURE(nvmlDeviceGetPerformanceState, "performance_state")
FIGURE(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation")
FIGURE(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_generation_max")
FIGURE(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width")
FIGURE(nvmlDeviceGetMaxPcieLinkWidth, "pcie_width_max")
FIGURE(nvmlDeviceGetPersistenceMode, "persistence")

static int reasons(struct device *d, unsigned long long *out) {
    uint64_t wide = 0;
    int code = number(d, "throttle", &wide);
    *out = wide;
    return code;
}
API int nvmlDeviceGetCurrentClocksEventReasons(struct device *d, unsigned long long *out) {
    BEGIN(d);
    return reasons(d, out);
}
API int nvmlDeviceGetCurrentClocksThrottleReasons(struct device *d, unsigned long long *out) {
    BEGIN(d);
    return reasons(d, out);
}
API int nvmlDeviceGetEccMode(struct device *d, unsigned *current, unsigned *pending) {
    BEGIN(d);
    code = figure(d, "ecc", current);
    *pending = *current;
    figure(d, "ecc_pending", pending);
    return code;
}
API int nvmlDeviceGetTotalEccErrors(struct device *d, int type, int counter, unsigned long long *out) {
    BEGIN(d);
    uint64_t wide = 0;
    code = type == 1 && counter == 0 ? number(d, "ecc_uncorrected", &wide) : NOT_SUPPORTED;
    *out = wide;
    return code;
}
API int nvmlDeviceGetRemappedRows(struct device *d, unsigned *one, unsigned *two, unsigned *pending, unsigned *bad) {
    BEGIN(d);
    *one = *two = *bad = 0;
    figure(d, "remap_failed", bad);
    return figure(d, "remap_pending", pending);
}
struct field { uint32_t id, scope; int64_t at, latency; int32_t type, code; uint64_t value; };
API int nvmlDeviceGetFieldValues(struct device *d, int count, struct field *fields) {
    BEGIN(d);
    for (int i = 0; i < count; i++) {
        char key[32];
        unsigned value = 0;
        snprintf(key, sizeof key, "field_%u", fields[i].id);
        fields[i].code = figure(d, key, &value);
        fields[i].type = 1;
        fields[i].value = value;
    }
    return OK;
}

/* -- MIG ------------------------------------------------------------------------------------------------------- */

API int nvmlDeviceGetMigMode(struct device *d, unsigned *current, unsigned *pending) {
    BEGIN(d);
    code = figure(d, "mig", current);
    *pending = *current;
    return code;
}
API int nvmlDeviceGetMaxMigDeviceCount(struct device *d, unsigned *out) { BEGIN(d); *out = MIGS - 1; return OK; }
API int nvmlDeviceGetMigDeviceHandleByIndex(struct device *d, unsigned index, struct device **out) {
    BEGIN(d);
    if (index >= MIGS || !fact(&devices[d->gpu][index], "uuid")) return NOT_FOUND;
    *out = &devices[d->gpu][index];
    return begin(__func__, *out);
}
API int nvmlDeviceIsMigDeviceHandle(struct device *d, unsigned *out) { BEGIN(d); *out = d->mig != MIGS; return OK; }
API int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(struct device *d, struct device **out) {
    BEGIN(d);
    *out = &devices[d->gpu][MIGS];
    return OK;
}
FIGURE(nvmlDeviceGetGpuInstanceId, "gpu_instance")
FIGURE(nvmlDeviceGetComputeInstanceId, "compute_instance")

/* -- processes ------------------------------------------------------------------------------------------------- */

struct info { uint32_t pid; uint64_t bytes; uint32_t gi, ci; };
static int list(struct device *d, char kind, unsigned *count, struct info *out) {
    char scope[24];
    unsigned room = *count, found = 0;
    name_scope(d, scope, sizeof scope);
    for (int i = 0; i < held; i++) {
        if (holders[i].kind != kind || strcmp(holders[i].scope, scope)) continue;
        const struct holder *one = &holders[i];
        if (out && found < room) out[found] = (struct info){one->pid, one->bytes, one->gi, one->ci};
        found++;
    }
    *count = found;
    return found > room || (found && !out) ? TOO_SMALL : OK;
}
#define LIST(name, kind) \
    API int name(struct device *d, unsigned *n, struct info *out) { BEGIN(d); return list(d, kind, n, out); }
LIST(nvmlDeviceGetComputeRunningProcesses_v3, 'c')
LIST(nvmlDeviceGetComputeRunningProcesses_v2, 'c')
LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, 'g')
LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, 'g')
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, 'm')

struct use { uint32_t pid; uint64_t at; uint32_t sm, mem, enc, dec; };
API int nvmlDeviceGetProcessUtilization(struct device *d, struct use *out, unsigned *count, unsigned long long since) {
    BEGIN(d);
    char scope[24];
    unsigned room = *count, found = 0;
    name_scope(d, scope, sizeof scope);
    for (int i = 0; i < sampled; i++) {
        const struct sample *one = &samples[i];
        if (strcmp(one->scope, scope) || one->at < since) continue;
        if (out && found < room) out[found] = (struct use){one->pid, one->at, one->sm, one->mem, one->enc, one->dec};
        found++;
    }
    *count = found;
    if (!found) return silent[d->gpu] ? OK : NOT_FOUND;
    return !out || found > room ? TOO_SMALL : OK;
}
