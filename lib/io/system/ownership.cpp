#include "io/system/ownership.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace chronoknock::io {

namespace fs = std::filesystem;

namespace {

std::string octal(mode_t mode) {
    char text[16];
    std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
    return text;
}

void add_folders(fs::path path, std::vector<std::string>& all) {
    while (path.has_parent_path() && path.parent_path() != path) {
        path = path.parent_path();
        if (std::ranges::find(all, path.string()) == all.end()) all.push_back(path.string());
    }
}

} // namespace

std::string doubt_on_owner(const std::string& path, const std::string& which, kept_from others,
                           const std::optional<also_trusted>& but) {
    struct stat s{};
    if (::stat(path.c_str(), &s) != 0)
        return errno == ENOENT ? "" : path + ": cannot look: " + std::strerror(errno);
    if (s.st_uid != 0 && s.st_uid != ::geteuid() && !(but && s.st_uid == but->user))
        return path + ": " + which + " belongs to user " + std::to_string(s.st_uid) +
               ", who can change it; expected us or root";
    const auto mode = path + ": mode " + octal(s.st_mode) + " lets others ";
    const mode_t of_others = but && s.st_gid == but->group ? S_IRWXO : S_IRWXG | S_IRWXO;
    const bool is_sticky = S_ISDIR(s.st_mode) && (s.st_mode & S_ISVTX) != 0;
    if (!is_sticky && (s.st_mode & (S_IWGRP | S_IWOTH) & of_others) != 0)
        return mode + "change " + which + "; expected chmod go-w";
    if (others == kept_from::reading && (s.st_mode & of_others) != 0)
        return mode + "into " + which + "; expected chmod go-rwx";
    return "";
}

std::vector<std::string> folders_on_the_way(const std::string& path) {
    std::error_code failed;
    std::vector<std::string> all;
    const auto whole = fs::absolute(path, failed).lexically_normal();
    if (failed) return all;
    add_folders(whole, all);
    if (const auto real = fs::canonical(whole, failed); !failed) add_folders(real, all);
    return all;
}

} // namespace chronoknock::io
