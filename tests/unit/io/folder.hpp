#pragma once

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

/// A folder that goes with it.
class folder {
public:
    folder() {
        std::string name = std::filesystem::temp_directory_path() / "chronoknock-XXXXXX";
        BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~folder() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ / name; }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};
