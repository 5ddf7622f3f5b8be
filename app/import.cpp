#include "app/options.hpp"
#include "config/import/fwknop.hpp"
#include "config/import/knockd.hpp"
#include "io/server_config.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"

#include <filesystem>
#include <iostream>
#include <vector>

namespace chronoknock::app {

namespace {

namespace importing = config::importing;
namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 1 << 20; // of a file that is read

usage import_usage() {
    usage u{
        "import [knockd|fwknop] FILE --out FOLDER",
        "Makes services and keys of knockd's knockd.conf or fwknop's access.conf: FOLDER/chronoknock.ini, "
        "and "
        "beside it keys/NAME.key, mode 0600. Nothing is overwritten, and of what it makes all is there or "
        "nothing. What could not be carried over it says, line by line."};
    u.options.add_options()("out", text("FOLDER")->required(), "where to make them; made if need be");
    u.positional.add("file", 2);
    u.hidden.add_options()("file", po::value<std::vector<std::string>>());
    return u;
}

enum class format { knockd, fwknop };

/// By its first line that is no remark: knockd.conf has sections.
format format_of(std::string_view text) {
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = trim(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (!line.empty() && line.front() != '#')
            return line.front() == '[' ? format::knockd : format::fwknop;
    }
    return format::fwknop;
}

struct request {
    std::string file;
    std::optional<format> kind;
};

result<request> read_request(const po::variables_map& options) {
    const error unfit{"expected knockd.conf or access.conf: chronoknock " + import_usage().synopsis};
    if (!options.count("file")) return unfit;
    const auto& words = options["file"].as<std::vector<std::string>>();
    if (words.size() == 1) return request{words[0], {}};
    if (words[0] == "knockd") return request{words[1], format::knockd};
    if (words[0] == "fwknop") return request{words[1], format::fwknop};
    return error{"expected knockd or fwknop before the file, not '" + printable(words[0]) + "'"};
}

result<importing::imported> read(const request& r) {
    const auto text = io::read_file(r.file, most_bytes);
    if (!text) return text.error();
    const auto now = to_seconds(io::system_now());
    if (r.kind.value_or(format_of(*text)) == format::fwknop)
        return importing::read_fwknop(*text, r.file, now);
    return importing::read_knockd(*text, r.file, now, [&](const std::string& other) {
        return io::read_file(fs::path(r.file).parent_path() / other, most_bytes);
    });
}

/// What was made so far, taken back unless it is kept.
class made {
public:
    made() = default;
    made(const made&) = delete;
    made& operator=(const made&) = delete;
    ~made() {
        for (const auto& f : files_) io::remove_file(f);
        std::error_code ignored;
        for (auto f = folders_.rbegin(); f != folders_.rend(); ++f) fs::remove(*f, ignored);
    }
    /// With those above it.
    void folder(const fs::path& path) {
        std::error_code ignored;
        if (path.empty() || fs::exists(path, ignored)) return;
        folder(path.parent_path());
        io::make_folders(path);
        folders_.push_back(path);
    }
    result<void> file(const fs::path& path, std::string_view content) {
        const auto written = io::write_new_file(path.string(), content);
        if (written) files_.push_back(path.string());
        return written;
    }
    void keep() {
        for (const auto& f : files_) std::cout << "made " << printable(f) << "\n";
        files_.clear();
        folders_.clear();
    }

private:
    std::vector<std::string> files_;
    std::vector<fs::path> folders_;
};

} // namespace

int run_import(const arguments& args) {
    const auto parsed = parse_options(args, import_usage());
    if (const auto* status = std::get_if<int>(&parsed)) return *status;
    const auto& options = std::get<po::variables_map>(parsed);
    const auto wanted = read_request(options);
    if (!wanted) return say(bad_usage, wanted.error().text);
    const auto imported = read(*wanted);
    if (!imported) return say(bad_usage, imported.error().text);

    const fs::path out = *given(options, "out");
    const auto configuration = out / "chronoknock.ini";
    made files;
    files.folder(out / "keys");
    for (const auto& k : imported->keys)
        if (const auto written = files.file(out / k.name, k.text); !written)
            return say(failed, written.error().text);
    if (const auto written = files.file(configuration, imported->configuration); !written)
        return say(failed, written.error().text);
    // A server takes it as it is, or nothing is made.
    if (const auto good = io::load_server_config(configuration.string(), false); !good)
        return say(failed, good.error().text);
    files.keep();
    for (const auto& n : imported->notes) std::cout << n << "\n";
    return done;
}

} // namespace chronoknock::app
