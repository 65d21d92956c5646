// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

namespace simdgres {

// saveSet, startOpen and openSet. What goes wrong with a file is an Error with a code of src/errors.ts and a hint.
void AddFileFunctions(Napi::Env env, Napi::Object exports);

} // namespace simdgres
