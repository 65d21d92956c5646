// SPDX-License-Identifier: MIT
//
// The functions that src/vectors calls. They trust nothing: callers without types pass anything, and what src/vectors has
// looked at may have changed since (getters, other threads). Its own checks have the better messages.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <napi.h>

#include "simdgres.h"

#include "arguments.h"
#include "bandwidth.h"
#include "build.h"
#include "environment.h"
#include "files.h"
#include "handle.h"
#include "search.h"
#include "set_handle.h"
#include "vector_set.h"

namespace simdgres {
namespace {

struct ResultHandle {
    static constexpr napi_type_tag kTag{0x1b92d47e0c6f4a53, 0x8a75f3e1d04c2b96};
    static constexpr const char *kName = "a result";

    SearchResult result;

    void Release(Napi::Env) {}
};

// A set before it can be searched.
struct BuildHandle {
    static constexpr napi_type_tag kTag{0x27c4b8e05d913f6a, 0xd10f5b7296ce4a83};
    static constexpr const char *kName = "a set that is being made";

    std::shared_ptr<VectorSet> set; // null: it has been started or dropped
    bool has_codes = false;
    std::size_t filled = 0; // values

    void Release(Napi::Env) { set.reset(); }
};

struct TokenHandle {
    static constexpr napi_type_tag kTag{0x5e08a3c9f17b4d62, 0xb3296d80e5fa17c4};
    static constexpr const char *kName = "a search";

    std::weak_ptr<Job> job;

    void Release(Napi::Env) {}
};

constexpr std::size_t kMostRows = 0xffffffff; // ids are of 32 bits
constexpr std::size_t kMostDims = 65536;
constexpr std::size_t kMostThreads = 1024;
constexpr std::size_t kMostResults = std::size_t{1} << 40;

// Values that one turn of the event loop copies: to copy 2 MiB into fresh pages takes about a millisecond.
constexpr std::size_t kFillValues = (std::size_t{2} << 20) / sizeof(float);

// (data: Float32Array, dims, metric, codes: 0 or 1), the arguments of a set, which nothing has been copied to.
std::unique_ptr<BuildHandle> BuildFrom(const Napi::CallbackInfo &info, const View &data) {
    const Napi::Env env = info.Env();
    const std::size_t dims = ReadInteger("dims", info[1], 1, kMostDims);
    const auto metric = static_cast<Metric>(ReadInteger("metric", info[2], 0, kMetrics - 1));
    const std::size_t rows = ReadRows("data", env, data, dims);
    if (rows > kMostRows)
        throw InvalidArgument(env, "Expected at most " + std::to_string(kMostRows) + " rows for data");
    auto build = std::make_unique<BuildHandle>();
    build->has_codes = ReadInteger("codes", info[3], 0, 1) == 1;
    if (build->has_codes && dims > Codes::kMostDims)
        throw InvalidArgument(env, "Expected at most " + std::to_string(Codes::kMostDims) +
                                       " dims of vectors with codes");
    build->set = std::make_shared<VectorSet>(rows, dims, metric);
    return build;
}

Napi::Error NotFinite(Napi::Env env, std::size_t row) {
    return InvalidArgument(env, "Expected finite values for codes but row " + std::to_string(row) +
                                    " holds NaN or infinity");
}

// (data: Float32Array, dims, metric, codes: 0 or 1) => handle of a set
Napi::Value CreateSet(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    const View data = ReadView("data", info[0], napi_float32_array);
    const auto made = BuildFrom(info, data);
    std::memcpy(made->set->values(), data.data, made->set->rows() * made->set->dims() * sizeof(float));
    const auto build = std::make_shared<Build>(made->set, made->has_codes, [](Build &) {});
    made->set.reset();
    build->RunHere();
    if (build->is_out_of_memory())
        throw Napi::Error::New(env, "out of memory");
    if (const auto row = build->not_finite_row())
        throw NotFinite(env, *row);
    return HandleOf(env, SavedSet{build->TakeSet(), {}});
}

// (data, dims, metric, codes) => handle of a set that fillSet fills
Napi::Value BeginSet(const Napi::CallbackInfo &info) {
    const View data = ReadView("data", info[0], napi_float32_array);
    return Handle<BuildHandle>::New(info.Env(), BuildFrom(info, data));
}

BuildHandle &OpenBuild(const Napi::CallbackInfo &info) {
    BuildHandle &build = Handle<BuildHandle>::Of(info[0]);
    if (build.set == nullptr)
        throw InvalidArgument(info.Env(), "Expected a set that has not been started");
    return build;
}

// (build, data) => number of values that have been copied: a part more than before, until it is all of them
Napi::Value FillSet(const Napi::CallbackInfo &info) {
    BuildHandle &build = OpenBuild(info);
    const std::size_t length = build.set->rows() * build.set->dims();
    const View data = ReadView("data", info[1], napi_float32_array);
    // A view of a buffer that grows may have grown, too.
    if (data.length < length)
        throw InvalidArgument(info.Env(), "Expected " + std::to_string(length) +
                                              " values for data but only " + std::to_string(data.length) +
                                              " are left");
    const std::size_t count = std::min(kFillValues, length - build.filled);
    std::memcpy(build.set->values() + build.filled, data.as<float>() + build.filled, count * sizeof(float));
    build.filled += count;
    return Napi::Number::New(info.Env(), static_cast<double>(build.filled));
}

// (build) => void: frees its memory, unless it has been started
void DropBuild(const Napi::CallbackInfo &info) {
    Handle<BuildHandle>::Of(info[0]).Release(info.Env());
}

// (handle) => void
void CloseSet(const Napi::CallbackInfo &info) {
    Handle<SetHandle>::Of(info[0]).Release(info.Env());
}

// A finite number, or undefined.
std::optional<double> ReadRadius(const Napi::Value &value) {
    if (value.IsUndefined())
        return std::nullopt;
    const double radius = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
    if (!std::isfinite(radius))
        throw InvalidArgument(value.Env(), "Expected a finite number for radius");
    return radius;
}

// (handle, queries: Float32Array, k, threads, filter: Uint8Array | Uint32Array | undefined, radius: number | undefined): the
// caller may change its queries and its filter during the search. With a radius k is how many of those within are wanted.
SearchRequest RequestFrom(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    std::shared_ptr<const Snapshot> set = OpenHandle(info[0]).set->snapshot();
    const std::size_t asked = ReadInteger("k", info[2], 1, set->ids);
    const std::size_t threads = ReadInteger("threads", info[3], 1, kMostThreads);
    const View queries = ReadView("queries", info[1], napi_float32_array);
    const std::size_t count = ReadRows("queries", env, queries, set->dims());
    const std::optional<double> radius = ReadRadius(info[5]);
    const std::unique_ptr<const Filter> filter =
        info[4].IsUndefined() ? nullptr : std::make_unique<const Filter>(info[4], set->ids);
    std::vector<std::shared_ptr<const Filter>> passing;
    std::size_t rows = 0;
    for (const Segment &segment : set->segments) {
        passing.push_back(PassingIn(segment, filter.get()));
        rows += passing.back() != nullptr ? passing.back()->count() : segment.rows;
    }
    const std::size_t k = std::min(asked, rows);
    if (!radius && k > 0 && count > kMostResults / k)
        throw Napi::Error::New(env, "out of memory: a result of more than 2^40 rows");
    AlignedVectors vectors(queries.as<float>(), count, set->dims());
    return {std::move(set), std::move(vectors), k, threads, std::move(passing), radius};
}

Napi::Object ObjectOf(Napi::Env env, const SearchStats &stats) {
    Napi::Object object = Napi::Object::New(env);
    const auto set = [&](const char *name, std::uint64_t value) {
        object.Set(name, Napi::Number::New(env, static_cast<double>(value)));
    };
    set("scanned", stats.scanned);
    set("level1", stats.level1);
    set("level2", stats.level2);
    set("level3", stats.level3);
    set("exact", stats.exact);
    set("bytes", stats.bytes);
    return object;
}

// { count, offsets, stats }: so many ids and distances, and offsets of a search with a radius, the handle of a result.
// Typed arrays for it are made in JavaScript: V8 ends the process where it cannot make them for native code.
Napi::Object HandleOf(Napi::Env env, SearchResult &result) {
    const auto count = static_cast<double>(result.ids.size());
    const auto offsets = static_cast<double>(result.offsets.size());
    const Napi::Object stats = ObjectOf(env, result.stats);
    auto owned = std::make_unique<ResultHandle>();
    owned->result = std::move(result);
    Napi::Object handle = Handle<ResultHandle>::New(env, std::move(owned));
    handle.Set("count", Napi::Number::New(env, count));
    handle.Set("offsets", Napi::Number::New(env, offsets));
    handle.Set("stats", stats);
    return handle;
}

// (result, ids: Uint32Array, distances: Float64Array, offsets: Uint32Array, of a search with a radius) => void: copies the
// result, and frees its memory.
void TakeResult(const Napi::CallbackInfo &info) {
    SearchResult &result = Handle<ResultHandle>::Of(info[0]).result;
    const View ids = ReadView("ids", info[1], napi_uint32_array);
    const View distances = ReadView("distances", info[2], napi_float64_array);
    const std::size_t count = result.ids.size();
    if (ids.length != count || distances.length != count)
        throw InvalidArgument(info.Env(), "Expected arrays of " + std::to_string(count) +
                                              " values for a result that is taken once");
    if (!result.offsets.empty()) {
        const View offsets = ReadView("offsets", info[3], napi_uint32_array);
        if (offsets.length != result.offsets.size())
            throw InvalidArgument(info.Env(), "Expected " + std::to_string(result.offsets.size()) +
                                                  " values for offsets of a search with a radius");
        std::copy(result.offsets.begin(), result.offsets.end(), offsets.as<std::uint32_t>());
    }
    std::copy(result.ids.begin(), result.ids.end(), ids.as<std::uint32_t>());
    std::copy(result.distances.begin(), result.distances.end(), distances.as<double>());
    result = {};
}

constexpr const char *kTooMuch = "too many rows lie within the radius";

Napi::Value ErrorValue(Napi::Env env, const char *message) {
    return Napi::Error::New(env, message).Value();
}

Napi::Object TokenOf(Napi::Env env, const std::shared_ptr<Job> &job) {
    auto owned = std::make_unique<TokenHandle>();
    owned->job = job;
    return Handle<TokenHandle>::New(env, std::move(owned));
}

// (handle, queries, k, threads, filter, radius) => { done: Promise<result | undefined>, token }
// Resolves with undefined if it was cancelled before it was complete.
Napi::Value StartSearch(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    const auto environment = Environment::Of(env);
    const auto deferred = Napi::Promise::Deferred::New(env);
    auto search = std::make_shared<Search>(RequestFrom(info), [environment, deferred](Search &ended) {
        environment->Finish(ended, [deferred, search = ended.shared_from_this()](Napi::Env env) {
            if (search->is_out_of_memory())
                deferred.Reject(ErrorValue(env, "out of memory"));
            else if (search->is_too_much())
                deferred.Reject(ErrorValue(env, kTooMuch));
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

// (build) => { done: Promise<handle of a set | undefined>, token }
// Resolves with undefined if it was cancelled before it was complete.
Napi::Value StartBuild(const Napi::CallbackInfo &info) {
    const Napi::Env env = info.Env();
    BuildHandle &made = OpenBuild(info);
    if (made.filled < made.set->rows() * made.set->dims())
        throw InvalidArgument(env, "Expected a set that has been filled");
    const auto environment = Environment::Of(env);
    const auto deferred = Napi::Promise::Deferred::New(env);
    auto build = std::make_shared<Build>(made.set, made.has_codes, [environment, deferred](Build &ended) {
        environment->Finish(ended, [deferred, build = ended.shared_from_this()](Napi::Env env) {
            if (build->is_out_of_memory())
                deferred.Reject(ErrorValue(env, "out of memory"));
            else if (const auto row = build->not_finite_row())
                deferred.Reject(NotFinite(env, *row).Value());
            else if (auto set = build->TakeSet())
                deferred.Resolve(HandleOf(env, SavedSet{std::move(set), {}}));
            else
                deferred.Resolve(env.Undefined());
        });
    });
    auto started = Napi::Object::New(env);
    started.Set("done", deferred.Promise());
    started.Set("token", TokenOf(env, build));
    environment->Submit(build, 1);
    made.set.reset();
    return started;
}

// (token) => number from 0 to 1
Napi::Value Progress(const Napi::CallbackInfo &info) {
    const auto job = Handle<TokenHandle>::Of(info[0]).job.lock();
    return Napi::Number::New(info.Env(), job == nullptr ? 1.0 : job->progress());
}

// (token) => void
void CancelSearch(const Napi::CallbackInfo &info) {
    if (const auto job = Handle<TokenHandle>::Of(info[0]).job.lock())
        job->Cancel();
}

// (handle, queries, k, threads, filter, radius) => result: this thread and the pool's.
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
    if (search->is_too_much())
        throw Napi::Error::New(info.Env(), kTooMuch);
    return HandleOf(info.Env(), search->result());
}

// The typed array that holds elements of a type, in the order of sg_type.
constexpr napi_typedarray_type kArrays[SG_TYPE_COUNT] = {napi_float32_array, napi_uint16_array,
                                                         napi_int8_array, napi_uint8_array};

// (op, type, a, b) => number
Napi::Value Distance(const Napi::CallbackInfo &info) {
    const std::size_t op = ReadInteger("op", info[0], 0, SG_OP_COUNT - 1);
    const std::size_t type = ReadInteger("type", info[1], 0, SG_TYPE_COUNT - 1);
    const View a = ReadView("a", info[2], kArrays[type]);
    const View b = ReadView("b", info[3], kArrays[type]);
    if (a.length != b.length)
        throw InvalidArgument(info.Env(), "Expected vectors of the same length but a has " +
                                              std::to_string(a.length) + " elements and b has " +
                                              std::to_string(b.length));
    const sg_pair_fn pair = sg_active()->pair[type][op];
    if (pair == nullptr)
        throw InvalidArgument(info.Env(), "Expected a distance that this type of vector has");
    return Napi::Number::New(info.Env(), pair(a.data, b.data, a.length));
}

// (type, a) => number
Napi::Value Norm(const Napi::CallbackInfo &info) {
    const std::size_t type = ReadInteger("type", info[0], 0, SG_TYPE_COUNT - 1);
    const View a = ReadView("a", info[1], kArrays[type]);
    const sg_norm_fn norm = sg_active()->norm[type];
    if (norm == nullptr)
        throw InvalidArgument(info.Env(), "Expected a type of vector that has a norm");
    return Napi::Number::New(info.Env(), norm(a.data, a.length));
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
    exports.Set("beginSet", Napi::Function::New<BeginSet>(env, "beginSet"));
    exports.Set("fillSet", Napi::Function::New<FillSet>(env, "fillSet"));
    exports.Set("startBuild", Napi::Function::New<StartBuild>(env, "startBuild"));
    exports.Set("dropBuild", Napi::Function::New<DropBuild>(env, "dropBuild"));
    exports.Set("progress", Napi::Function::New<Progress>(env, "progress"));
    exports.Set("closeSet", Napi::Function::New<CloseSet>(env, "closeSet"));
    exports.Set("startSearch", Napi::Function::New<StartSearch>(env, "startSearch"));
    exports.Set("cancelSearch", Napi::Function::New<CancelSearch>(env, "cancelSearch"));
    exports.Set("takeResult", Napi::Function::New<TakeResult>(env, "takeResult"));
    exports.Set("searchSync", Napi::Function::New<SearchSync>(env, "searchSync"));
    AddFileFunctions(env, exports);
    AddChangeFunctions(env, exports);
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
