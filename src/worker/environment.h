/* The environment that every task starts with: a defined list of names, nothing of Tradewind's own. */
#ifndef TW_WORKER_ENVIRONMENT_H
#define TW_WORKER_ENVIRONMENT_H

/* NULL-terminated, owned; NULL when out of memory. extra: further names to pass ("NAME", or "PREFIX_*"), or NULL. home: its folders of plugins and
 * settings of the installation, as far as they are there, become TRADEWIND_EXTENSIONS; or NULL. */
char **environment_base(const char *const *extra, const char *home);
/* The values of entries whose names say that they are secret (Airflow's list), NULL-terminated, owned. */
char **environment_secrets(const char *const *env);
void environment_free(char **list);

#endif
