// The house holds to its plan: which room may include which, what a pure room may not touch, and that the
// shells meet in io/runtime and what serves it only. lib/CMakeLists.txt is the same plan as the linker sees
// it.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace fs = std::filesystem;

namespace {

using names = std::set<std::string>;

const std::map<std::string, names> may_include = {
    {"base", {"base"}},
    {"key", {"base", "key"}},
    {"packet", {"base", "packet"}},
    {"timesync", {"base", "key", "timesync"}},
    {"firewall", {"base", "firewall"}},
    {"supervisor", {"base", "supervisor"}},
    {"grant", {"base", "key", "firewall", "grant"}},
    {"config", {"base", "key", "packet", "firewall", "config"}},
    {"method", {"base", "key", "packet", "grant", "config", "client", "method"}},
    {"fleet", {"base", "key", "grant", "fleet"}},
    {"client", {"base", "key", "packet", "client"}},
    {"notify", {"base", "grant", "config", "notify"}},
    {"helper", {"base", "key", "firewall", "helper"}},
    {"io",
     {"base", "key", "packet", "timesync", "firewall", "supervisor", "grant", "config", "method", "client",
      "fleet", "notify", "report", "helper", "io"}},
    {"report", {"base", "grant", "report"}},
};

const names shells = {"io/capture/capture.hpp",    "io/control/control.hpp", "io/firewall/backend.hpp",
                      "io/fleet/fleet_store.hpp",  "io/fleet/member.hpp",    "io/notify/notices.hpp",
                      "io/store/sqlite_store.hpp", "io/time/timesync.hpp"};
const names where_shells_meet = {"runtime", "granter", "granter_fleet", "status"};

const std::regex
    worldly("boost/asio|boost/log|pcap|sys/socket|sqlite3|libmnl|fstream|filesystem|iostream|unistd|"
            "openssl/rand|openssl/ssl|<random>|<thread>");
const std::regex
    clocks_and_entropy("system_clock::now|steady_clock::now|clock_gettime|getrandom|random_device|getenv");

template <class Visit>
void each_line(const fs::path& file, Visit visit) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) visit(line);
}

} // namespace

BOOST_AUTO_TEST_CASE(every_include_keeps_to_the_plan) {
    const std::regex ours("^#include \"([a-z]+)/([^\"]+)\"");
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(CHRONOKNOCK_SOURCE_DIR "/lib")) {
        const auto& path = entry.path();
        if (path.extension() != ".cpp" && path.extension() != ".hpp") continue;
        ++files;
        const auto room = path.lexically_relative(CHRONOKNOCK_SOURCE_DIR "/lib").begin()->string();
        const auto& allowed = may_include.at(room);
        each_line(path, [&](const std::string& line) {
            if (std::smatch m; std::regex_search(line, m, ours)) {
                BOOST_TEST(allowed.contains(m[1]), path << " includes " << m[1]);
                const auto header = m[1].str() + "/" + m[2].str();
                if (room == "io" && shells.contains(header) &&
                    path.parent_path().stem() != fs::path(header).parent_path().stem())
                    BOOST_TEST(where_shells_meet.contains(path.stem()),
                               path << " includes the shell " << header);
            }
            if (room == "io") return;
            BOOST_TEST(!(line.starts_with("#include") && std::regex_search(line, worldly)),
                       path << ": " << line);
            BOOST_TEST(!std::regex_search(line, clocks_and_entropy), path << ": " << line);
        });
    }
    BOOST_TEST(files > 50);
}
