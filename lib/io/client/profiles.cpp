#include "io/client/profiles.hpp"

#include "io/system/files.hpp"

#include <array>
#include <cstdlib>
#include <netdb.h>
#include <netinet/in.h>
#include <string_view>
#include <utility>

namespace chronoknock::io {

namespace {

constexpr std::array<std::pair<std::string_view, std::uint16_t>, 3> well_known = {
    {{"ssh", 22}, {"http", 80}, {"https", 443}}};

} // namespace

std::string profiles_path(const std::optional<std::string>& given) {
    if (given) return *given;
    // A relative $XDG_CONFIG_HOME is to be ignored (XDG Base Directory Specification).
    if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && folder[0] == '/')
        return std::string(folder) + "/chronoknock/client.ini";
    return home_folder() + "/.config/chronoknock/client.ini";
}

std::string home_folder() {
    const char* home = std::getenv("HOME");
    return home != nullptr ? home : "";
}

result<std::vector<config::profile>> load_profiles(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return text.error();
    return config::parse_profiles(*text, path, home_folder());
}

std::optional<std::uint16_t> port_of_service(const std::string& name) {
    servent found{};
    servent* result = nullptr;
    std::array<char, 4096> room;
    if (::getservbyname_r(name.c_str(), "tcp", &found, room.data(), room.size(), &result) == 0 && result != nullptr)
        return ntohs(static_cast<std::uint16_t>(result->s_port));
    for (const auto& [known, port] : well_known)
        if (known == name) return port;
    return {};
}

} // namespace chronoknock::io
