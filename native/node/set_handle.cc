// SPDX-License-Identifier: MIT
#include "set_handle.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"

namespace simdgres {

void SetHandle::Account(Napi::Env env) {
    const std::int64_t bytes = set != nullptr ? static_cast<std::int64_t>(set->bytes()) : 0;
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes - accounted);
    accounted = bytes;
}

void SetHandle::Release(Napi::Env env) {
    set.reset();
    Account(env);
}

SetHandle &OpenHandle(const Napi::Value &value) {
    SetHandle &handle = Handle<SetHandle>::Of(value);
    if (handle.set == nullptr)
        throw InvalidArgument(value.Env(), "Expected an open VectorSet but it has been closed");
    return handle;
}

Napi::Object HandleOf(Napi::Env env, SavedSet made) {
    auto owned = std::make_unique<SetHandle>();
    const auto dims = static_cast<double>(made.set->dims());
    const auto metric = static_cast<double>(made.set->metric());
    owned->set = std::make_unique<LiveSet>(std::move(made));
    SetHandle &set = *owned;
    Napi::Object handle = Handle<SetHandle>::New(env, std::move(owned));
    set.Account(env);
    handle.Set("dims", Napi::Number::New(env, dims));
    handle.Set("metric", Napi::Number::New(env, metric));
    return handle;
}

namespace {

constexpr std::size_t kMostRows = 0xffffffff; // ids are of 32 bits

Napi::Error NotFinite(Napi::Env env, std::size_t row) {
    return InvalidArgument(env, "Expected finite values for codes but row " + std::to_string(row) +
                                    " holds NaN or infinity");
}

// (handle) => { rows, size, bytes }: ids that have been given, rows that are there, memory
Napi::Value SizeOf(const Napi::CallbackInfo &info) {
    const LiveSet &set = *OpenHandle(info[0]).set;
    Napi::Object size = Napi::Object::New(info.Env());
    size.Set("rows", Napi::Number::New(info.Env(), static_cast<double>(set.snapshot()->ids)));
    size.Set("size", Napi::Number::New(info.Env(), static_cast<double>(set.snapshot()->present)));
    size.Set("bytes", Napi::Number::New(info.Env(), static_cast<double>(set.bytes())));
    return size;
}

// (handle, data: Float32Array) => the id of the first of them; the others follow it
Napi::Value AddRows(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    SetHandle &handle = OpenHandle(info[0]);
    const Snapshot &now = *handle.set->snapshot();
    const View data = ReadView("rows", info[1], napi_float32_array);
    const std::size_t count = ReadRows("rows", env, data, now.dims());
    if (count > kMostRows - now.ids)
        throw InvalidArgument(env, "Expected at most " + std::to_string(kMostRows - now.ids) +
                                       " more rows for rows");
    std::size_t row = 0;
    const std::optional<std::size_t> first = handle.set->Add(data.as<float>(), count, &row);
    if (!first)
        throw NotFinite(env, row);
    handle.Account(env);
    return Napi::Number::New(env, static_cast<double>(*first));
}

// (handle, ids: Uint32Array) => how many of them were still there
Napi::Value RemoveRows(const Napi::CallbackInfo &info) {
    SetHandle &handle = OpenHandle(info[0]);
    const View view = ReadView("ids", info[1], napi_uint32_array);
    // Another thread may write to shared memory meanwhile: each is read once.
    const volatile std::uint32_t *const from = view.as<std::uint32_t>();
    const std::size_t ids = handle.set->snapshot()->ids;
    std::vector<std::uint32_t> read(view.length);
    for (std::size_t i = 0; i < view.length; i++) {
        read[i] = from[i];
        if (read[i] >= ids)
            throw InvalidArgument(info.Env(), "Expected ids below " + std::to_string(ids) +
                                                  " for ids but number " + std::to_string(i) + " is " +
                                                  std::to_string(read[i]));
    }
    const std::size_t removed = handle.set->Remove(read);
    handle.Account(info.Env());
    return Napi::Number::New(info.Env(), static_cast<double>(removed));
}

// (handle, id, vector: Float32Array) => void
void SetRow(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    SetHandle &handle = OpenHandle(info[0]);
    const Snapshot &now = *handle.set->snapshot();
    const std::size_t id = ReadInteger("id", info[1], 0, now.ids - 1);
    const View data = ReadView("vector", info[2], napi_float32_array);
    if (data.length != now.dims())
        throw InvalidArgument(env, "Expected " + std::to_string(now.dims()) +
                                       " values for vector but received " + std::to_string(data.length) +
                                       " of them");
    switch (handle.set->Set(static_cast<std::uint32_t>(id), data.as<float>())) {
    case LiveSet::Outcome::kGone:
        throw InvalidArgument(env, "Expected the id of a row for id but " + std::to_string(id) +
                                       " has been removed");
    case LiveSet::Outcome::kNotFinite:
        throw NotFinite(env, id);
    case LiveSet::Outcome::kDone:
        handle.Account(env);
    }
}

} // namespace

void AddChangeFunctions(Napi::Env env, Napi::Object exports) {
    exports.Set("sizeOf", Napi::Function::New<SizeOf>(env, "sizeOf"));
    exports.Set("addRows", Napi::Function::New<AddRows>(env, "addRows"));
    exports.Set("removeRows", Napi::Function::New<RemoveRows>(env, "removeRows"));
    exports.Set("setRow", Napi::Function::New<SetRow>(env, "setRow"));
}

} // namespace simdgres
