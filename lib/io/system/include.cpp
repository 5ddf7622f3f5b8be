#include "io/system/include.hpp"

#include "io/system/files.hpp"

#include <cerrno>
#include <cstring>
#include <fnmatch.h>
#include <glob.h>
#include <set>

namespace chronoknock::io {

namespace {

/// Ends the search where a folder cannot be read, unless it is not there (glob(3), errfunc).
int judge_failure(const char*, int number) { return number != ENOENT && number != ENOTDIR; }

result<std::set<std::string>> paths_of(const std::string& pattern) {
    glob_t found{};
    const int failed = ::glob(pattern.c_str(), 0, judge_failure, &found);
    const int number = errno;
    std::set<std::string> paths;
    if (failed == 0)
        for (std::size_t i = 0; i < found.gl_pathc; ++i) paths.emplace(found.gl_pathv[i]);
    ::globfree(&found);
    if (failed == 0 || failed == GLOB_NOMATCH) return paths;
    return error{pattern + ": cannot read the folder" +
                 (failed == GLOB_NOSPACE ? ": out of memory" : std::string(": ") + std::strerror(number))};
}

} // namespace

result<std::vector<config::included_file>> read_included(const std::string& pattern,
                                                         const file_changes& after) {
    auto paths = paths_of(pattern);
    if (!paths) return paths.error();
    for (const auto& f : after.written)
        if (is_included(pattern, f.path)) paths->insert(f.path);
    std::vector<config::included_file> files;
    for (const auto& path : *paths) {
        if (after.takes_away(path)) continue;
        const auto* changed = after.text_of(path);
        auto text =
            changed ? result<std::string>(boost::system::in_place_value, *changed) : read_found_file(path);
        if (!text) return text.error();
        files.push_back({path, std::move(*text)});
    }
    return files;
}

bool is_included(const std::string& pattern, const std::string& path) {
    return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

} // namespace chronoknock::io
