/* SPDX-License-Identifier: MIT
 *
 * Loading of the module, and the functions that say what was loaded.
 */
#include "postgres.h"

#include <stdlib.h>

#include "fmgr.h"
#include "simdgres.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/* Chooses the kernels once per backend. An error here is raised again by the next call of the session. */
void _PG_init(void) {
    const char *forced = getenv("SIMDGRES_ISA");

    switch (sg_init(forced)) {
    case SG_OK:
        return;
    case SG_ERR_UNKNOWN_ISA:
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("SIMDGRES_ISA names an unknown instruction set: \"%s\"", forced),
                 errhint("Restart the server with SIMDGRES_ISA unset or one of: %s.", sg_isa_names())));
        break;
    case SG_ERR_UNSUPPORTED_ISA:
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("SIMDGRES_ISA asks for \"%s\", which this CPU or operating system cannot run",
                               forced),
                        errdetail("Features found: %s.", sg_cpu_features()),
                        errhint("Restart the server with SIMDGRES_ISA unset to get the best it can run.")));
        break;
    }
}

PG_FUNCTION_INFO_V1(simdgres_isa);
PGDLLEXPORT Datum simdgres_isa(PG_FUNCTION_ARGS) {
    PG_RETURN_TEXT_P(cstring_to_text(sg_active()->name));
}

PG_FUNCTION_INFO_V1(simdgres_version);
PGDLLEXPORT Datum simdgres_version(PG_FUNCTION_ARGS) {
    PG_RETURN_TEXT_P(cstring_to_text(SIMDGRES_EXTENSION_VERSION));
}

PG_FUNCTION_INFO_V1(simdgres_cpu_features);
PGDLLEXPORT Datum simdgres_cpu_features(PG_FUNCTION_ARGS) {
    PG_RETURN_TEXT_P(cstring_to_text(sg_cpu_features()));
}
