// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <napi.h>

#include "handle.h"
#include "vector_set.h"

namespace simdgres {

// Searches own the set too, so close() never pulls it from under one.
struct SetHandle {
    static constexpr napi_type_tag kTag{0x6d3f1c0b5a8e4972, 0x9c41e7d2b6a80f35};
    static constexpr const char *kName = "a set";

    std::shared_ptr<const VectorSet> set; // null: it has been closed

    void Release(Napi::Env env);
};

// The set of a handle that has not been closed. Throws a JavaScript error.
const std::shared_ptr<const VectorSet> &OpenSetOf(const Napi::Value &handle);

// { rows, dims, metric, bytes }, the handle of a set
Napi::Object HandleOf(Napi::Env env, std::shared_ptr<const VectorSet> set);

} // namespace simdgres
