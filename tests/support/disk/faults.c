/* A disk with faults, and one that tells what it was asked to do.
 *
 * Loaded into a server with LD_PRELOAD, this stands between its database and the system:
 * it carries out the calls for files of one folder, refuses them as a broken disk would, or
 * puts them on record, so that a test can say what a power cut would have left.
 *
 *   DISK_FOLDER   the folder
 *   DISK_CONTROL  a file of 64 bytes: a word for each fault that the disk has now
 *   DISK_JOURNAL  where to put on record what changes the disk; nothing is synced then
 *
 * A file is known by its descriptor, from the moment that it is opened by name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 4096, CONTROL = 64, NAME = 64, DIES_AT = 3 };

static const char *folder;
static const volatile char *control;
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char names[DESCRIPTORS][NAME];
static char is_known[DESCRIPTORS];

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("DISK_CONTROL"), *record = getenv("DISK_JOURNAL");
    int descriptor = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY) : -1;
    if (descriptor >= 0) {
        void *page = mmap(NULL, CONTROL, PROT_READ, MAP_SHARED, descriptor, 0);
        control = page == MAP_FAILED ? NULL : page;
        syscall(SYS_close, descriptor);
    }
    if (record)
        journal = (int)syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_APPEND | O_CLOEXEC);
    folder = getenv("DISK_FOLDER");
    if (!folder || (!control && journal < 0)) abort();
}

static int has(const char *fault) {
    return control && strstr((const char *)control, fault) != NULL;
}

static int refuse(int error) {
    errno = error;
    return -1;
}

/* The name of a path within the folder; "" is the folder itself, NULL another place. */
static const char *within(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length) != 0) return NULL;
    if (path[length] == '\0') return path + length;
    return path[length] == '/' && strlen(path + length + 1) < NAME ? path + length + 1 : NULL;
}

static const char *name_of(int descriptor) {
    int fits = descriptor >= 0 && descriptor < DESCRIPTORS;
    return fits && is_known[descriptor] ? names[descriptor] : NULL;
}

static int is_database(const char *name) {
    size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, ".db") == 0;
}

/* Under the lock, so that the record has the order in which things happened. */
static void put_on_record(char what, const char *name, uint64_t place, const void *bytes,
                          uint32_t count) {
    struct { char what, name; uint16_t zero; uint32_t count; uint64_t place; } head =
        { what, (char)strlen(name), 0, count, place };
    struct iovec parts[] = {
        { &head, sizeof head }, { (void *)name, strlen(name) }, { (void *)bytes, count } };
    int before = errno;
    if (journal >= 0 && syscall(SYS_writev, journal, parts, 3) < 0) abort();
    errno = before;
}

static int open_file(const char *path, int flags, mode_t mode) {
    const char *name = within(path);
    if (!name) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    struct stat found;
    int is_new = (flags & O_CREAT) && stat(path, &found) != 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (has("read-only") && writes && (is_new || !(flags & O_EXCL))) return refuse(EROFS);
    pthread_mutex_lock(&lock);
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS) {
        strcpy(names[descriptor], name);
        is_known[descriptor] = 1;
        if (is_new) put_on_record('C', name, 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    return descriptor;
}

#define OPEN(function)                                        \
    int function(const char *path, int flags, ...) {          \
        va_list rest;                                         \
        va_start(rest, flags);                                \
        int makes = flags & (O_CREAT | O_TMPFILE);            \
        mode_t mode = makes ? va_arg(rest, mode_t) : 0;       \
        va_end(rest);                                         \
        return open_file(path, flags, mode);                  \
    }
OPEN(open)
OPEN(open64)

int close(int descriptor) {
    if (name_of(descriptor)) is_known[descriptor] = 0;
    return (int)syscall(SYS_close, descriptor);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t place) {
    static int writes;
    const char *name = name_of(descriptor);
    if (!name) return syscall(SYS_pwrite64, descriptor, bytes, count, place);
    if (has("read-only")) return refuse(EROFS);
    if (has("bad-write") || (has("bad-db-write") && is_database(name))) return refuse(EIO);
    if (has("short") && count > 1) count /= 2;
    pthread_mutex_lock(&lock);
    if (has("die") && is_database(name) && ++writes == DIES_AT) kill(getpid(), SIGKILL);
    struct stat file;
    if (has("full") && fstat(descriptor, &file) == 0 && place + (off64_t)count > file.st_size)
        count = place < file.st_size ? (size_t)(file.st_size - place) : 0;
    ssize_t written = count ? syscall(SYS_pwrite64, descriptor, bytes, count, place)
                            : refuse(ENOSPC);
    if (written > 0) put_on_record('W', name, (uint64_t)place, bytes, (uint32_t)written);
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int descriptor, off64_t size) {
    const char *name = name_of(descriptor);
    if (!name) return (int)syscall(SYS_ftruncate, descriptor, size);
    if (has("read-only")) return refuse(EROFS);
    struct stat file;
    if (has("full") && fstat(descriptor, &file) == 0 && size > file.st_size)
        return refuse(ENOSPC);
    pthread_mutex_lock(&lock);
    int outcome = (int)syscall(SYS_ftruncate, descriptor, size);
    if (outcome == 0) put_on_record('T', name, (uint64_t)size, "", 0);
    pthread_mutex_unlock(&lock);
    return outcome;
}

static int sync_by(long call, int descriptor) {
    const char *name = name_of(descriptor);
    if (!name) return (int)syscall(call, descriptor);
    int fails = has("no-sync") || (has("no-db-sync") && is_database(name));
    pthread_mutex_lock(&lock);
    put_on_record(fails ? 'F' : 'S', name, 0, "", 0);
    pthread_mutex_unlock(&lock);
    if (fails) return refuse(EIO);
    return journal >= 0 ? 0 : (int)syscall(call, descriptor);
}

int fsync(int descriptor) { return sync_by(SYS_fsync, descriptor); }

/* The difference to fsync is what no test here looks at, the times of a file. Of a folder the
 * file systems of Linux write the names with it too, though no manual promises that. */
int fdatasync(int descriptor) { return sync_by(SYS_fdatasync, descriptor); }

int unlink(const char *path) {
    const char *name = within(path);
    if (!name) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (has("read-only")) return refuse(EROFS);
    pthread_mutex_lock(&lock);
    int outcome = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (outcome == 0) put_on_record('U', name, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return outcome;
}
