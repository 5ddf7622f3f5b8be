#include "app/asking.hpp"
#include "config/import/fwknop.hpp"
#include "config/import/knockd.hpp"
#include "io/server_config.hpp"
#include "io/system/clock.hpp"
#include "io/system/files.hpp"

#include <boost/json.hpp>
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
    u.options.add_options()("out", text("FOLDER")->required(), "where to make them; made if need be") //
        ("json", "print JSON");
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

/// What is to be made of it in a folder: the keys before the configuration that names them.
io::file_changes files_of(const importing::imported& from, const fs::path& out) {
    io::file_changes files;
    for (const auto& k : from.keys) files.written.push_back({(out / k.name).string(), k.text, true});
    files.written.push_back({(out / "chronoknock.ini").string(), from.configuration, true});
    return files;
}

void print(const po::variables_map& options, const io::file_changes& files,
           const std::vector<std::string>& notes) {
    boost::json::array made, remarks;
    for (const auto& f : files.written) made.emplace_back(f.path);
    for (const auto& n : notes) remarks.emplace_back(n);
    if (print_json(options, {{"made", std::move(made)}, {"notes", std::move(remarks)}})) return;
    for (const auto& f : files.written) std::cout << "made " << printable(f.path) << "\n";
    for (const auto& n : notes) std::cout << n << "\n";
}

} // namespace

int run_import(const arguments& args) {
    const auto options = parse_options(args, import_usage());
    const auto wanted = read_request(options);
    if (!wanted) return say(bad_usage, wanted.error().text);
    const auto imported = read(*wanted);
    if (!imported) return say(bad_usage, imported.error().text);

    const auto files = files_of(*imported, *given(options, "out"));
    // A server takes it as it is, or nothing is made.
    if (const auto good = io::load_server_config(files.written.back().path, false, files); !good)
        return say(failed, good.error().text);
    auto made = io::made_changes::make(files);
    if (!made) return say(failed, made.error().text);
    print(options, files, imported->notes);
    if (!std::cout.flush()) return failed; // main says so
    made->keep();
    return done;
}

} // namespace chronoknock::app
