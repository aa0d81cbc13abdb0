#include "runtime/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"

bool notify_is_remote(const char *path)
{
    static const unsigned long remote[] = {0x6969 /* NFS */,
                                           0xff534d42 /* CIFS */,
                                           0xfe534d42 /* SMB2 */,
                                           0x517b /* SMB */,
                                           0x65735546 /* FUSE */,
                                           0x01021997 /* 9P */,
                                           0x5346414f /* AFS */,
                                           0x00c36400 /* CEPH */,
                                           0x0bd00bd0 /* LUSTRE */,
                                           0x01161970 /* GFS2 */,
                                           0x6b414653 /* kAFS */};
    struct statfs fs;

    if (statfs(path, &fs) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++) {
        if ((unsigned long)(unsigned)fs.f_type == remote[i]) {
            return true;
        }
    }
    return false;
}

int notify_open(void)
{
    return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

int notify_add(int fd, const char *folder, uint32_t mask, const char **ret_why)
{
    if (fd < 0) {
        *ret_why = "the system gives no inotify instance (sysctl fs.inotify.max_user_instances)";
        return -ERR_LIMIT;
    }
    if (inotify_add_watch(fd, folder, mask) >= 0) {
        return 0;
    }
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        *ret_why = "it is not there yet";
        return -ERR_NOTFOUND;
    case ENOSPC:
        *ret_why = "no inotify watches are left (raise sysctl fs.inotify.max_user_watches)";
        return -ERR_LIMIT;
    default:
        *ret_why = strerror(errno);
        return -ERR_IO;
    }
}

void notify_read(int fd, notify_fn *each, void *arg)
{
    char room[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;

    while ((n = read(fd, room, sizeof room)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *ev =
                (const struct inotify_event *)(const void *)(room + at);

            at += (ssize_t)(sizeof *ev + ev->len);
            if (!each(arg, ev)) {
                return;
            }
        }
    }
}
