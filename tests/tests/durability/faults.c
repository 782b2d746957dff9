/* The n-th call to the disk fails, in the real daemon: preloaded, told by a shared page.
 * page[0] counts calls to files under $QUORATE_FAULT_DIR, page[1] is the one that fails (0: none),
 * page[2] is the errno, page[3] counts those that failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic unsigned long *page;
static const char *dir;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("QUORATE_FAULT_PAGE");
    dir = getenv("QUORATE_FAULT_DIR");
    if (!path || !dir) return;
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int fd = real(path, O_RDWR);
    void *at = fd < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) page = at;
}

static int ours(const char *path) {
    return page && path && strstr(path, dir) && !strstr(path, "log.mark") && !strstr(path, "lock")
        && !strstr(path, "control");
}

static int fails(const char *path) {
    if (!ours(path)) return 0;
    if (atomic_fetch_add(&page[0], 1) + 1 != page[1]) return 0;
    atomic_fetch_add(&page[3], 1);
    errno = (int)page[2];
    return 1;
}

static int fd_fails(int fd) {
    char link[64], path[4096];
    if (!page) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0) return 0;
    path[len] = 0;
    return fails(path);
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))
#define OPEN(name)                                                             \
    int name(const char *path, int flags, ...) {                               \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        mode_t mode = va_arg(rest, mode_t);                                    \
        va_end(rest);                                                          \
        if (fails(path)) return -1;                                            \
        return REAL(int, name, const char *, int, ...)(path, flags, mode);     \
    }
OPEN(open)
OPEN(open64)
#define WRITE(name, offset)                                                    \
    ssize_t name(int fd, const void *bytes, size_t len, offset at) {           \
        if (fd_fails(fd)) return -1;                                           \
        return REAL(ssize_t, name, int, const void *, size_t, offset)(fd, bytes, len, at); \
    }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)
#define SYNC(name)                                                             \
    int name(int fd) {                                                         \
        if (fd_fails(fd)) return -1;                                           \
        return REAL(int, name, int)(fd);                                       \
    }
SYNC(fsync)
SYNC(fdatasync)
#define CUT(name, offset)                                                      \
    int name(int fd, offset len) {                                             \
        if (fd_fails(fd)) return -1;                                           \
        return REAL(int, name, int, offset)(fd, len);                          \
    }
CUT(ftruncate, off_t)
CUT(ftruncate64, off64_t)
int rename(const char *from, const char *to) {
    if (fails(to)) return -1;
    return REAL(int, rename, const char *, const char *)(from, to);
}
