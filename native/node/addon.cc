// SPDX-License-Identifier: MIT
//
// The functions that src/vectors calls. Arguments are validated there; here they are trusted.
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <napi.h>

#include "simdgres.h"

#include "bandwidth.h"
#include "environment.h"
#include "search.h"
#include "vector_set.h"

namespace simdgres {
namespace {

// What a JavaScript handle owns. Searches own the set too, so close() never pulls it from under one.
struct SetHandle {
    std::shared_ptr<const VectorSet> set;

    void Close(Napi::Env env) {
        if (set == nullptr)
            return;
        Napi::MemoryManagement::AdjustExternalMemory(env, -static_cast<std::int64_t>(set->bytes()));
        set.reset();
    }
};

// Memory of the view: byteOffset and SharedArrayBuffer are taken care of by Node-API.
template <typename Element> const Element *Data(const Napi::Value &view) {
    void *data = nullptr;
    const napi_status status =
        napi_get_typedarray_info(view.Env(), view, nullptr, nullptr, &data, nullptr, nullptr);
    NAPI_THROW_IF_FAILED(view.Env(), status, nullptr);
    return static_cast<const Element *>(data);
}

std::size_t Length(const Napi::Value &view) {
    return view.As<Napi::TypedArray>().ElementLength();
}

std::size_t Integer(const Napi::Value &value) {
    return static_cast<std::size_t>(value.As<Napi::Number>().Int64Value());
}

// (data: Float32Array, dims, metric) => handle
Napi::Value CreateSet(const Napi::CallbackInfo &info) {
    const std::size_t dims = Integer(info[1]);
    const auto metric = static_cast<Metric>(Integer(info[2]));
    auto handle = std::make_unique<SetHandle>();
    handle->set =
        std::make_shared<const VectorSet>(Data<float>(info[0]), Length(info[0]) / dims, dims, metric);
    const auto bytes = static_cast<std::int64_t>(handle->set->bytes());
    auto external =
        Napi::External<SetHandle>::New(info.Env(), handle.get(), [](Napi::Env env, SetHandle *owned) {
            owned->Close(env);
            delete owned;
        });
    (void)handle.release();
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes);
    return external;
}

// (handle) => void
void CloseSet(const Napi::CallbackInfo &info) {
    info[0].As<Napi::External<SetHandle>>().Data()->Close(info.Env());
}

// (handle, queries: Float32Array, k, threads, ...): the caller may change its queries during the search.
SearchRequest RequestFrom(const Napi::CallbackInfo &info) {
    const std::shared_ptr<const VectorSet> &set = info[0].As<Napi::External<SetHandle>>().Data()->set;
    return {set, AlignedVectors(Data<float>(info[1]), Length(info[1]) / set->dims(), set->dims()),
            Integer(info[2]), Integer(info[3])};
}

using ResultHandle = Napi::External<SearchResult>;

// Typed arrays for it are made in JavaScript: V8 ends the process where it cannot make them for native code.
ResultHandle HandleOf(Napi::Env env, SearchResult &result) {
    return ResultHandle::New(env, new SearchResult(std::move(result)),
                             [](Napi::Env, SearchResult *owned) { delete owned; });
}

// (result, ids: Uint32Array, distances: Float64Array) => void: copies the result, and frees its memory.
void TakeResult(const Napi::CallbackInfo &info) {
    SearchResult &result = *info[0].As<ResultHandle>().Data();
    std::copy(result.ids.begin(), result.ids.end(), info[1].As<Napi::Uint32Array>().Data());
    std::copy(result.distances.begin(), result.distances.end(), info[2].As<Napi::Float64Array>().Data());
    result = {};
}

Napi::Value ErrorValue(Napi::Env env, const char *message) {
    return Napi::Error::New(env, message).Value();
}

using JobToken = Napi::External<std::weak_ptr<Job>>;

JobToken TokenOf(Napi::Env env, const std::shared_ptr<Job> &job) {
    return JobToken::New(env, new std::weak_ptr<Job>(job),
                         [](Napi::Env, std::weak_ptr<Job> *owned) { delete owned; });
}

// (handle, queries, k, threads) => { done: Promise<result | undefined>, token }
// Resolves with undefined if it was cancelled before it was complete.
Napi::Value StartSearch(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    const auto environment = Environment::Of(env);
    const auto deferred = Napi::Promise::Deferred::New(env);
    auto search = std::make_shared<Search>(RequestFrom(info), [environment, deferred](Search &ended) {
        environment->Finish(ended, [deferred, search = ended.shared_from_this()](Napi::Env env) {
            if (search->is_out_of_memory())
                deferred.Reject(ErrorValue(env, "out of memory"));
            else if (!search->is_complete())
                deferred.Resolve(env.Undefined());
            else
                deferred.Resolve(HandleOf(env, search->result()));
        });
    });
    auto started = Napi::Object::New(env);
    started.Set("done", deferred.Promise());
    started.Set("token", TokenOf(env, search));
    environment->Submit(search, search->usable_threads());
    return started;
}

// (token) => void
void CancelSearch(const Napi::CallbackInfo &info) {
    if (const auto job = info[0].As<JobToken>().Data()->lock())
        job->Cancel();
}

// (handle, queries, k, threads) => result: this thread and the pool's.
Napi::Value SearchSync(const Napi::CallbackInfo &info) {
    std::mutex mutex;
    std::condition_variable ended;
    bool has_ended = false;
    auto search = std::make_shared<Search>(RequestFrom(info), [&](Search &) {
        const std::lock_guard<std::mutex> lock(mutex);
        has_ended = true;
        ended.notify_one();
    });
    if (search->usable_threads() > 1)
        Pool::Shared().Submit(search, search->usable_threads() - 1);
    search->Work();
    {
        std::unique_lock<std::mutex> lock(mutex);
        ended.wait(lock, [&] { return has_ended; });
    }
    if (search->is_out_of_memory())
        throw Napi::Error::New(info.Env(), "out of memory");
    return HandleOf(info.Env(), search->result());
}

// (op, type, a, b) => number
Napi::Value Distance(const Napi::CallbackInfo &info) {
    const sg_pair_fn pair = sg_active()->pair[Integer(info[1])][Integer(info[0])];
    return Napi::Number::New(info.Env(), pair(Data<void>(info[2]), Data<void>(info[3]), Length(info[2])));
}

// (type, a) => number
Napi::Value Norm(const Napi::CallbackInfo &info) {
    const sg_norm_fn norm = sg_active()->norm[Integer(info[0])];
    return Napi::Number::New(info.Env(), norm(Data<void>(info[1]), Length(info[1])));
}

// () => { version, isa, available, cpuFeatures }, lists separated by spaces
Napi::Value Capabilities(const Napi::CallbackInfo &info) {
    std::string available;
    for (int isa = 0; isa < SG_ISA_COUNT; isa++) {
        if (const sg_kernels *kernels = sg_for_isa(static_cast<sg_isa>(isa)))
            available += (available.empty() ? "" : " ") + std::string(kernels->name);
    }
    auto object = Napi::Object::New(info.Env());
    object.Set("version", SG_VERSION);
    object.Set("isa", sg_active()->name);
    object.Set("available", available);
    object.Set("cpuFeatures", sg_cpu_features());
    return object;
}

// () => Promise<number>, 10^9 bytes per second
Napi::Value MeasureReadBandwidth(const Napi::CallbackInfo &info) {
    const auto environment = Environment::Of(info.Env());
    const auto deferred = Napi::Promise::Deferred::New(info.Env());
    const auto job =
        std::make_shared<BandwidthMeasurement>([environment, deferred](BandwidthMeasurement &ended) {
            environment->Finish(ended, [deferred, result = ended.gigabytes_per_second()](Napi::Env env) {
                if (result > 0)
                    deferred.Resolve(Napi::Number::New(env, result));
                else
                    deferred.Reject(ErrorValue(env, "out of memory"));
            });
        });
    environment->Submit(job, 1);
    return deferred.Promise();
}

// Fails to load when SIMDGRES_ISA names something this machine cannot run. Chosen once for the process: threads of
// its first environment may be using the kernels when a worker loads the addon.
void SelectKernels(Napi::Env env) {
    static std::mutex mutex;
    static bool is_selected = false;
    const std::lock_guard<std::mutex> lock(mutex);
    if (is_selected)
        return;
    const char *forced = std::getenv("SIMDGRES_ISA");
    const sg_status status = sg_init(forced);
    is_selected = status == SG_OK;
    if (is_selected)
        return;
    const std::string name = std::string("SIMDGRES_ISA=") + forced;
    throw Napi::Error::New(env, status == SG_ERR_UNKNOWN_ISA
                                    ? name + " is unknown: it is one of " + sg_isa_names()
                                    : name + " is not supported by this CPU or operating system");
}

Napi::Object Load(Napi::Env env, Napi::Object exports) {
    SelectKernels(env);
    Environment::Start(env);
    exports.Set("createSet", Napi::Function::New<CreateSet>(env, "createSet"));
    exports.Set("closeSet", Napi::Function::New<CloseSet>(env, "closeSet"));
    exports.Set("startSearch", Napi::Function::New<StartSearch>(env, "startSearch"));
    exports.Set("cancelSearch", Napi::Function::New<CancelSearch>(env, "cancelSearch"));
    exports.Set("takeResult", Napi::Function::New<TakeResult>(env, "takeResult"));
    exports.Set("searchSync", Napi::Function::New<SearchSync>(env, "searchSync"));
    exports.Set("distance", Napi::Function::New<Distance>(env, "distance"));
    exports.Set("norm", Napi::Function::New<Norm>(env, "norm"));
    exports.Set("capabilities", Napi::Function::New<Capabilities>(env, "capabilities"));
    exports.Set("measureReadBandwidth",
                Napi::Function::New<MeasureReadBandwidth>(env, "measureReadBandwidth"));
    return exports;
}

NODE_API_MODULE(simdgres, Load)

} // namespace
} // namespace simdgres
