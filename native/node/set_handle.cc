// SPDX-License-Identifier: MIT
#include "set_handle.h"

#include <cstdint>
#include <utility>

#include "arguments.h"

namespace simdgres {

void SetHandle::Release(Napi::Env env) {
    if (set == nullptr)
        return;
    Napi::MemoryManagement::AdjustExternalMemory(env, -static_cast<std::int64_t>(set->bytes()));
    set.reset();
}

const std::shared_ptr<const VectorSet> &OpenSetOf(const Napi::Value &handle) {
    const std::shared_ptr<const VectorSet> &set = Handle<SetHandle>::Of(handle).set;
    if (set == nullptr)
        throw InvalidArgument(handle.Env(), "Expected an open VectorSet but it has been closed");
    return set;
}

Napi::Object HandleOf(Napi::Env env, std::shared_ptr<const VectorSet> set) {
    const auto bytes = static_cast<std::int64_t>(set->bytes());
    auto owned = std::make_unique<SetHandle>();
    owned->set = set;
    Napi::Object handle = Handle<SetHandle>::New(env, std::move(owned));
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
    const auto put = [&](const char *name, double value) { handle.Set(name, Napi::Number::New(env, value)); };
    put("rows", static_cast<double>(set->rows()));
    put("dims", static_cast<double>(set->dims()));
    put("metric", static_cast<double>(set->metric()));
    put("bytes", static_cast<double>(bytes));
    return handle;
}

} // namespace simdgres
