// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include <napi.h>

namespace simdgres {

// Arguments of JavaScript. What they are is asked of the engine, never of properties, which callers can change:
// `length` of a subclass, a prototype that was set by hand. Each is read once. Everything here throws a JavaScript error
// with the code ERR_INVALID_ARGUMENT.

// A typed array as it was when it was read. A growable SharedArrayBuffer may grow meanwhile: that moves no memory.
struct View {
    napi_typedarray_type type;
    std::size_t length; // elements, at least 1
    void *data;

    template <typename Element> Element *as() const { return static_cast<Element *>(data); }
};

// Refuses other types, and views that are empty or detached. byteOffset and SharedArrayBuffer are taken care of.
View ReadView(const char *name, const Napi::Value &value, napi_typedarray_type type);

// A whole number from smallest to largest.
std::size_t ReadInteger(const char *name, const Napi::Value &value, std::size_t smallest,
                        std::size_t largest);

// Rows of dims values in a view that has to be whole rows.
std::size_t ReadRows(const char *name, Napi::Env env, const View &view, std::size_t dims);

Napi::Error InvalidArgument(Napi::Env env, const std::string &message);

} // namespace simdgres
