// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <cmath>
#include <string>

namespace simdgres {
namespace {

const char *NameOf(napi_typedarray_type type) {
    switch (type) {
    case napi_int8_array:
        return "an Int8Array";
    case napi_uint8_array:
        return "a Uint8Array";
    case napi_uint16_array:
        return "a Uint16Array";
    case napi_uint32_array:
        return "a Uint32Array";
    case napi_float32_array:
        return "a Float32Array";
    case napi_float64_array:
        return "a Float64Array";
    default:
        return "another typed array";
    }
}

[[noreturn]] void Refuse(Napi::Env env, const std::string &expected, const char *name) {
    throw InvalidArgument(env, "Expected " + expected + " for " + name);
}

} // namespace

Napi::Error InvalidArgument(Napi::Env env, const std::string &message) {
    Napi::Error error = Napi::Error::New(env, message);
    error.Set("code", Napi::String::New(env, "ERR_INVALID_ARGUMENT"));
    return error;
}

View ReadView(const char *name, const Napi::Value &value, napi_typedarray_type type) {
    const Napi::Env env = value.Env();
    if (!value.IsTypedArray())
        Refuse(env, NameOf(type), name);
    // Types that this version of Node-API does not know leave it as it is.
    View view{static_cast<napi_typedarray_type>(-1), 0, nullptr};
    const napi_status status =
        napi_get_typedarray_info(env, value, &view.type, &view.length, &view.data, nullptr, nullptr);
    NAPI_THROW_IF_FAILED(env, status, view);
    if (view.type != type)
        Refuse(env, NameOf(type), name);
    if (view.length == 0 || view.data == nullptr)
        Refuse(env, "at least one value in readable memory", name);
    return view;
}

std::size_t ReadInteger(const char *name, const Napi::Value &value, std::size_t smallest,
                        std::size_t largest) {
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
    // Written so that NaN is refused. Limits are below 2^53, so both are doubles.
    if (!(number >= static_cast<double>(smallest) && number <= static_cast<double>(largest)) ||
        number != std::floor(number))
        Refuse(value.Env(), "an integer from " + std::to_string(smallest) + " to " + std::to_string(largest),
               name);
    return static_cast<std::size_t>(number);
}

std::size_t ReadRows(const char *name, Napi::Env env, const View &view, std::size_t dims) {
    if (view.length % dims != 0)
        throw InvalidArgument(env, "Expected a multiple of " + std::to_string(dims) + " values for " + name +
                                       " but received " + std::to_string(view.length) + " of them");
    return view.length / dims;
}

} // namespace simdgres
