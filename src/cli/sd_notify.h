/* Tells systemd how a service is (sd_notify(3)): nothing happens where it did not start us. */
#ifndef TW_CLI_SD_NOTIFY_H
#define TW_CLI_SD_NOTIFY_H

#include <stdint.h>

/* "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1"; lines of one message. */
void sd_notify_send(const char *state);
/* Before a reload; "READY=1" ends it. */
void sd_notify_reloading(void);
/* To our own supervisor: it has drained, and ends. systemd lets it pass. */
#define SD_NOTIFY_DRAINED "X_TRADEWIND_DRAINED=1"
/* How often it wants to hear WATCHDOG=1 at least; 0: it does not. */
int64_t sd_notify_watchdog_us(void);

#endif
