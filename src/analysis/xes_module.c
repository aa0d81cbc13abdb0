/* libexpat behind xes_module.h. A document type is refused: no entities, nothing that grows or comes from elsewhere. */
#include "analysis/xes_module.h"

#include <expat.h>
#include <stdlib.h>

struct parser {
    XML_Parser xml;
    int (*start)(void *arg, const char *name, const char **attributes);
    int (*end)(void *arg, const char *name);
    void *arg;
    int ended, doctype;
};

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct parser *p = user;

    if (p->ended == 0 && p->start(p->arg, name, attributes) != 0) {
        p->ended = 1;
        (void)XML_StopParser(p->xml, XML_FALSE);
    }
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct parser *p = user;

    if (p->ended == 0 && p->end(p->arg, name) != 0) {
        p->ended = 1;
        (void)XML_StopParser(p->xml, XML_FALSE);
    }
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public_id, int internal)
{
    struct parser *p = user;

    (void)name;
    (void)system;
    (void)public_id;
    (void)internal;
    p->doctype = 1;
    (void)XML_StopParser(p->xml, XML_FALSE);
}

static void *module_open(int (*start)(void *arg, const char *name, const char **attributes),
                         int (*end)(void *arg, const char *name), void *arg)
{
    struct parser *p = calloc(1, sizeof *p);

    if (p == NULL) {
        return NULL;
    }
    *p = (struct parser){.xml = XML_ParserCreate(NULL), .start = start, .end = end, .arg = arg};
    if (p->xml == NULL) {
        free(p);
        return NULL;
    }
    XML_SetUserData(p->xml, p);
    XML_SetElementHandler(p->xml, on_start, on_end);
    XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
    return p;
}

static int module_feed(void *parser, const char *bytes, size_t n, int last, const char **ret_wrong,
                       int *ret_line, int *ret_col)
{
    struct parser *p = parser;
    enum XML_Status s = XML_Parse(p->xml, bytes, (int)n, last);

    *ret_line = (int)XML_GetCurrentLineNumber(p->xml);
    *ret_col = (int)XML_GetCurrentColumnNumber(p->xml) + 1;
    if (s == XML_STATUS_OK) {
        return 0;
    }
    if (p->ended) {
        return 1;
    }
    *ret_wrong = p->doctype ? "a document type declaration is not read"
                            : XML_ErrorString(XML_GetErrorCode(p->xml));
    return -1;
}

static void module_close(void *parser)
{
    struct parser *p = parser;

    XML_ParserFree(p->xml);
    free(p);
}

__attribute__((visibility("default"))) extern const struct xes_module tradewind_xes_module;
const struct xes_module tradewind_xes_module = {
    .version = XES_MODULE_VERSION,
    .open = module_open,
    .feed = module_feed,
    .close = module_close,
};
