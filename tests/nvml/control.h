/* What the stub was told: the control file, read again whenever it changed, and what every call begins with.
 *
 * STACKOPS_NVML_STUB names the file. One fact a line, words apart by blanks, the value is the rest of the line:
 *
 *   driver 550.54.15 | nvml 12.550.54.15 | cuda 12040 | gpus 2 | sticky 1 (a failed init fails for this process's life)
 *   calls /path                            append the name of every function called, and its GPU
 *   gpu 0 name NVIDIA A100                 "gpu 0/1" is MIG instance 1 of GPU 0; a value "hex:4e56" is bytes
 *   process 0 compute 4242 1073741824 [GI CI]   or graphics, mps; bytes "-" are not told
 *   sample 0 4242 TIME_US SM MEM ENC DEC   one sample of process utilisation; "samples 0 none" is success with none
 *   error 0 nvmlDeviceGetFanSpeed 3        GPU "*" is any, function "*" is all of that GPU
 *   stall * nvmlDeviceGetName 30           seconds; ends early when the line is taken out of the file
 *   crash * nvmlDeviceGetName 11           signal raised
 */
#pragma once
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))
enum { GPUS = 32, MIGS = 8, FACTS = 48, RULES = 128, HOLDERS = 1024 };
enum {
    OK = 0, UNINITIALISED = 1, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, BAD_VERSION = 25
};
static const uint32_t NONE32 = 0xFFFFFFFFu;

struct fact { char key[32]; char value[192]; };
struct device { int gpu, mig, count; struct fact facts[FACTS]; };
struct rule { char verb, scope[8], function[64]; double number; };
struct holder { char scope[8], kind; uint32_t pid, gi, ci; uint64_t bytes; };
struct sample { char scope[8]; uint32_t pid, sm, mem, enc, dec; uint64_t at; };

static struct device devices[GPUS][MIGS + 1]; /* the last of each row is the GPU itself */
static struct rule rules[RULES];
static struct holder holders[HOLDERS];
static struct sample samples[HOLDERS];
static int ruled, held, sampled, gpus, sticky, started, failed, silent[GPUS];
static char driver[80], nvml[80], calls[512];
static int cuda;
static struct stat seen;

static struct device *device_of(const char *scope) {
    int gpu = atoi(scope);
    const char *slash = strchr(scope, '/');
    int mig = slash ? atoi(slash + 1) : MIGS;
    if (gpu < 0 || gpu >= GPUS || mig < 0 || mig > MIGS) return NULL;
    return &devices[gpu][mig];
}

static void learn(char *line) {
    char word[4][96] = {"", "", "", ""};
    int after = 0;
    if (sscanf(line, "%95s %95s %95s %n", word[0], word[1], word[2], &after) < 2) return;
    const char *verb = word[0], *rest = after ? line + after : "";
    if (!strcmp(verb, "driver")) snprintf(driver, sizeof driver, "%.79s", word[1]);
    else if (!strcmp(verb, "nvml")) snprintf(nvml, sizeof nvml, "%.79s", word[1]);
    else if (!strcmp(verb, "calls")) snprintf(calls, sizeof calls, "%.95s", word[1]);
    else if (!strcmp(verb, "cuda")) cuda = atoi(word[1]);
    else if (!strcmp(verb, "gpus")) gpus = atoi(word[1]);
    else if (!strcmp(verb, "sticky")) sticky = atoi(word[1]);
    else if (!strcmp(verb, "samples")) { if (atoi(word[1]) < GPUS) silent[atoi(word[1])] = 1; }
    else if (!strcmp(verb, "gpu")) {
        struct device *device = device_of(word[1]);
        if (!device || device->count == FACTS) return;
        struct fact *fact = &device->facts[device->count++];
        snprintf(fact->key, sizeof fact->key, "%.31s", word[2]);
        snprintf(fact->value, sizeof fact->value, "%.191s", rest);
    } else if (!strcmp(verb, "process") && held < HOLDERS) {
        struct holder *holder = &holders[held++];
        char bytes[32] = "-";
        snprintf(holder->scope, sizeof holder->scope, "%.7s", word[1]);
        holder->kind = word[2][0];
        holder->gi = holder->ci = NONE32;
        sscanf(rest, "%u %31s %u %u", &holder->pid, bytes, &holder->gi, &holder->ci);
        holder->bytes = bytes[0] == '-' ? UINT64_MAX : strtoull(bytes, NULL, 10);
    } else if (!strcmp(verb, "sample") && sampled < HOLDERS) {
        struct sample *sample = &samples[sampled++];
        unsigned long long at = 0;
        snprintf(sample->scope, sizeof sample->scope, "%.7s", word[1]);
        sample->pid = (uint32_t)strtoul(word[2], NULL, 10);
        sscanf(rest, "%llu %u %u %u %u", &at, &sample->sm, &sample->mem, &sample->enc, &sample->dec);
        sample->at = at;
    } else if (ruled < RULES) {
        struct rule *rule = &rules[ruled++];
        rule->verb = verb[0];
        snprintf(rule->scope, sizeof rule->scope, "%.7s", word[1]);
        snprintf(rule->function, sizeof rule->function, "%.63s", word[2]);
        rule->number = atof(rest);
    }
}

static void reload(void) {
    const char *path = getenv("STACKOPS_NVML_STUB");
    struct stat now;
    if (!path || stat(path, &now)) return;
    if (now.st_ino == seen.st_ino && now.st_size == seen.st_size && now.st_mtim.tv_sec == seen.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec) return;
    FILE *file = fopen(path, "re");
    if (!file) return;
    seen = now;
    for (int gpu = 0; gpu < GPUS; gpu++)
        for (int mig = 0; mig <= MIGS; mig++) {
            devices[gpu][mig].gpu = gpu;
            devices[gpu][mig].mig = mig;
            devices[gpu][mig].count = 0;
        }
    memset(silent, 0, sizeof silent);
    ruled = held = sampled = gpus = sticky = cuda = 0;
    driver[0] = nvml[0] = calls[0] = 0;
    char line[512];
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        learn(line);
    }
    fclose(file);
}

static void name_scope(const struct device *device, char *out, size_t size) {
    if (!device) snprintf(out, size, "*");
    else if (device->mig == MIGS) snprintf(out, size, "%d", device->gpu);
    else snprintf(out, size, "%d/%d", device->gpu, device->mig);
}

static const struct rule *rule_for(char verb, const char *function, const char *scope) {
    for (int i = 0; i < ruled; i++) {
        const struct rule *rule = &rules[i];
        if (rule->verb == verb && (!strcmp(rule->function, "*") || !strcmp(rule->function, function)) &&
            (!strcmp(rule->scope, "*") || !strcmp(rule->scope, scope))) return rule;
    }
    return NULL;
}

static void stall(const char *function, const char *scope) {
    const struct rule *rule = rule_for('s', function, scope);
    for (double left = rule ? rule->number : 0; left > 0 && rule_for('s', function, scope); left -= 0.02) {
        struct timespec nap = {0, 20000000};
        nanosleep(&nap, NULL);
        reload();
    }
}

/* What every function begins with: the code it is told to fail with, else OK. */
static int begin(const char *function, const struct device *device) {
    reload();
    char scope[24];
    name_scope(device, scope, sizeof scope);
    if (calls[0]) {
        FILE *file = fopen(calls, "ae");
        if (file) {
            fprintf(file, "%s %s\n", function, scope);
            fclose(file);
        }
    }
    stall(function, scope);
    const struct rule *rule = rule_for('c', function, scope);
    if (rule) raise((int)rule->number);
    rule = rule_for('e', function, scope);
    if (rule) return (int)rule->number;
    return started || !strncmp(function, "nvmlInit", 8) ? OK : UNINITIALISED;
}

static const char *fact(const struct device *device, const char *key) {
    for (int i = 0; i < device->count; i++)
        if (!strcmp(device->facts[i].key, key)) return device->facts[i].value;
    return NULL;
}

static int number(const struct device *device, const char *key, uint64_t *out) {
    const char *value = fact(device, key);
    if (!value) return NOT_SUPPORTED;
    *out = strtoull(value, NULL, 0);
    return OK;
}

static int figure(const struct device *device, const char *key, unsigned *out) {
    uint64_t wide;
    int code = number(device, key, &wide);
    if (code == OK) *out = (unsigned)wide;
    return code;
}

static int text(const char *value, char *out, unsigned size) {
    if (!value) return NOT_SUPPORTED;
    memset(out, 0, size);
    if (strncmp(value, "hex:", 4)) {
        snprintf(out, size, "%s", value);
        return OK;
    }
    unsigned byte, at = 0;
    for (value += 4; at + 1 < size && sscanf(value, "%2x", &byte) == 1; value += 2) out[at++] = (char)byte;
    return OK;
}
