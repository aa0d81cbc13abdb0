#include <string.h>

#include "api/priv.h"
#include "base/mem.h"

struct tw_error {
    int code;
    char text[];
};

int api_code(int rc)
{
    static const struct {
        enum err_code from;
        int to;
    } codes[] = {
        {ERR_NOMEM, TW_ERR_NOMEM},       {ERR_LIMIT, TW_ERR_LIMIT},
        {ERR_INVALID, TW_ERR_INVALID},   {ERR_SYNTAX, TW_ERR_INVALID},
        {ERR_USAGE, TW_ERR_INVALID},     {ERR_NOTFOUND, TW_ERR_NOTFOUND},
        {ERR_EXISTS, TW_ERR_EXISTS},     {ERR_BUSY, TW_ERR_BUSY},
        {ERR_CANCELED, TW_ERR_CANCELED}, {ERR_IO, TW_ERR_IO},
        {ERR_FULL, TW_ERR_FULL},         {ERR_UNSUPPORTED, TW_ERR_UNSUPPORTED},
        {ERR_VERSION, TW_ERR_VERSION},
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (-rc == (int)codes[i].from) {
            return codes[i].to;
        }
    }
    return rc == 0 ? TW_OK : TW_ERR_FAILED;
}

int api_fail(tw_error **ret, int rc, const struct err *e)
{
    const char *text = e != NULL && e->text[0] != '\0' ? e->text : err_text(rc);

    if (ret != NULL) {
        size_t n = strlen(text) + 1;

        *ret = mem_alloc(sizeof **ret + n);
        if (*ret != NULL) {
            (*ret)->code = api_code(rc);
            memcpy((*ret)->text, text, n);
        }
    }
    return api_code(rc);
}

int tw_error_code(const tw_error *error)
{
    return error != NULL ? error->code : TW_OK;
}

const char *tw_error_text(const tw_error *error)
{
    return error != NULL ? error->text : "no error, or out of memory for its words";
}

void tw_error_free(tw_error *error)
{
    mem_free(error);
}

void tw_free(char *text)
{
    mem_free(text);
}

int tw_abi_version(void)
{
    return TW_ABI_VERSION;
}

const char *tw_version(void)
{
    return TRADEWIND_VERSION;
}
