// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

#include <napi.h>

#include "handle.h"
#include "live_set.h"

namespace simdgres {

// Searches own what they look at, so close() never pulls it from under one.
struct SetHandle {
    static constexpr napi_type_tag kTag{0x6d3f1c0b5a8e4972, 0x9c41e7d2b6a80f35};
    static constexpr const char *kName = "a set";

    std::unique_ptr<LiveSet> set; // null: it has been closed
    std::int64_t accounted = 0;   // bytes that the garbage collector knows of

    void Account(Napi::Env env);
    void Release(Napi::Env env);
};

// The handle of a set that has not been closed. Throws a JavaScript error.
SetHandle &OpenHandle(const Napi::Value &handle);

// { dims, metric }, the handle of a set
Napi::Object HandleOf(Napi::Env env, SavedSet made);

// addRows, removeRows, setRow and sizeOf.
void AddChangeFunctions(Napi::Env env, Napi::Object exports);

} // namespace simdgres
