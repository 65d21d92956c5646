// SPDX-License-Identifier: MIT
#include "file_error.h"

#include <cerrno>
#include <system_error>

namespace simdgres {

FileError SystemFailure(const char *doing, const std::string &path, int error) {
    const std::string message =
        std::string("Could not ") + doing + " " + path + ": " + std::generic_category().message(error);
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return {kUnavailable, message, "Check the path: the file, or the folder it goes to, is not there."};
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return {"ERR_RESOURCE", message, "Make room on that disk, or save to another one."};
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return {"ERR_INVALID_ARGUMENT", message, "Pass the path of a file."};
    case ENOMEM:
    case EMFILE:
    case ENFILE:
        return {"ERR_RESOURCE", message,
                "Close sets and files that are no longer needed, or raise the limit."};
    default:
        return {"ERR_RESOURCE", message, "Check the permissions of the file and its folder, and the disk."};
    }
}

} // namespace simdgres
