/*
 * What the holder and the engine's local executor share: names of files, journal lines, process
 * identities and trees. The protocol is docs/internals/wire.md; how the holder is built is
 * docs/internals/holder.md.
 */
#ifndef TW_HOLDER_HOLDER_H
#define TW_HOLDER_HOLDER_H

#include "base/limits.h"

#define HOLDER_ID_MAX      64 /* letters, digits, '.', '_' and '-', not beginning with '.' */
#define HOLDER_QUEUE       8  /* starts that wait in a holder for the one that runs */
#define HOLDER_IDLE_EXIT_S 60
#define HOLDER_REASON_MAX  256 /* of a kill reason; longer ones are cut */
#define HOLDER_NOT_SEEN \
    "exit not seen" /* the `error` of an end whose status nobody got (rule 8) \
                     */

#endif
