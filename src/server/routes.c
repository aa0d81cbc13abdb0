/* The one table of routes; api/openapi.yaml describes each (test/server/test_routes.c compares). */
#include "server/handlers.h"
#include "server/router.h"

const struct route routes[] = {
    {"GET", "/health", api_health, ROLE_VIEWER, ROUTE_LOCAL},
    {"GET", "/metrics", api_metrics, ROLE_VIEWER, ROUTE_LOCAL},
    {"POST", "/webhooks/{name}", api_webhook, ROLE_ADMIN, ROUTE_SIGNED | ROUTE_STORE, 1048576},
    {"GET", "/api/v2/monitor/health", api_monitor_health, ROLE_NONE},
    {"GET", "/api/v2/version", api_version, ROLE_NONE},
};
const size_t routes_len = sizeof routes / sizeof routes[0];
