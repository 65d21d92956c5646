// SPDX-License-Identifier: MIT
//
// The functions that bench/native-loops.ts calls. They run on the calling thread: nothing else is measured.
#include <cstring>
#include <string>
#include <vector>

#include <napi.h>

#include "simdgres.h"

#include "auto_vectorised.h"
#include "plain.h"
#include "work.h"

namespace simdgres {
namespace {

// What this machine runs: the baseline without SIMD, the kernels, and the compiler's own SIMD.
std::vector<const sg_kernels *> Implementations() {
    std::vector<const sg_kernels *> found = {&sg_plain};
    for (int isa = 0; isa < SG_ISA_COUNT; isa++) {
        if (const sg_kernels *kernels = sg_for_isa(static_cast<sg_isa>(isa)))
            found.push_back(kernels);
    }
#if defined(__x86_64__)
    const auto has = [](const char *feature) { return std::strstr(sg_cpu_features(), feature) != nullptr; };
    if (sg_for_isa(SG_ISA_AVX2) != nullptr)
        found.push_back(&sg_auto_v3);
    if (sg_for_isa(SG_ISA_AVX512) != nullptr && has("avx512vnni") && has("avx512vpopcntdq"))
        found.push_back(&sg_auto_v4);
#endif
    return found;
}

const sg_kernels *Named(const std::string &name) {
    for (const sg_kernels *one : Implementations()) {
        if (name == one->name)
            return one;
    }
    return nullptr;
}

Napi::Value ToObject(Napi::Env env, const Work &work) {
    auto object = Napi::Object::New(env);
    object.Set("nanoseconds", work.nanoseconds);
    object.Set("calls", work.calls);
    object.Set("bytes", work.bytes);
    return object;
}

// () => names
Napi::Value List(const Napi::CallbackInfo &info) {
    const auto found = Implementations();
    auto names = Napi::Array::New(info.Env(), found.size());
    for (std::uint32_t i = 0; i < found.size(); i++)
        names[i] = found[i]->name;
    return names;
}

std::uint32_t Integer(const Napi::Value &value) {
    return value.As<Napi::Number>().Uint32Value();
}

// (name, op, type, dims, milliseconds) => { nanoseconds, calls, bytes }
Napi::Value Pairs(const Napi::CallbackInfo &info) {
    const std::uint32_t op = Integer(info[1]), type = Integer(info[2]), dims = Integer(info[3]);
    const sg_pair_fn pair = Named(info[0].As<Napi::String>())->pair[type][op];
    const double milliseconds = info[4].As<Napi::Number>().DoubleValue();
    return ToObject(info.Env(), TimePairs(pair, static_cast<sg_type>(type), dims, milliseconds));
}

// (name, op, type, dims) => { nanoseconds, calls, bytes }
Napi::Value Scan(const Napi::CallbackInfo &info) {
    const std::uint32_t op = Integer(info[1]), type = Integer(info[2]), dims = Integer(info[3]);
    const sg_many_fn many = Named(info[0].As<Napi::String>())->many[type][op];
    return ToObject(info.Env(), TimeScan(many, static_cast<sg_type>(type), dims));
}

// (bytes) => { nanoseconds, calls, bytes }
Napi::Value Read(const Napi::CallbackInfo &info) {
    const double bytes = info[0].As<Napi::Number>().DoubleValue();
    return ToObject(info.Env(), TimeRead(static_cast<std::size_t>(bytes)));
}

Napi::Object Load(Napi::Env env, Napi::Object exports) {
    // What is best on this CPU beside the choice of kernels, which are called by name here.
    (void)sg_init(nullptr);
    exports.Set("list", Napi::Function::New<List>(env, "list"));
    exports.Set("pairs", Napi::Function::New<Pairs>(env, "pairs"));
    exports.Set("scan", Napi::Function::New<Scan>(env, "scan"));
    exports.Set("read", Napi::Function::New<Read>(env, "read"));
    return exports;
}

NODE_API_MODULE(simdgres_bench, Load)

} // namespace
} // namespace simdgres
