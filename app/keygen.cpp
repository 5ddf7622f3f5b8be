#include "app/key_options.hpp"
#include "io/system/files.hpp"

namespace chronoknock::app {

namespace {

usage keygen_usage() {
    usage u{"keygen --out FILE [OPTION...]", "Makes a key file with a fresh random secret, mode 0600. Give "
                                             "the same file to server and client; of\n"
                                             "the method otp the server has a file of its own. What is left "
                                             "out is left to the defaults that both\n"
                                             "ends share."};
    u.options.add_options()                                                  //
        ("out", text("FILE")->required(), "file to make; never overwritten") //
        ("server-out", text("FILE"), "the server's file, where that is another one (FILE.server)");
    add_key_options(u.options);
    return u;
}

/// Both files, or neither.
result<void> write(const po::variables_map& options, const method::key_files& files) {
    const auto out = *given(options, "out");
    if (files.server.empty()) return io::write_new_file(out, files.client);
    const auto server_out = given(options, "server-out").value_or(out + ".server");
    if (const auto written = io::write_new_file(server_out, files.server); !written) return written;
    auto written = io::write_new_file(out, files.client);
    if (!written) io::remove_file(server_out);
    return written;
}

} // namespace

int run_keygen(const arguments& args) {
    const auto options = parse_options(args, keygen_usage());

    const auto found = find_method(given(options, "method").value_or("time-sequence"));
    if (!found) return unfit("method", found.error());
    const auto fields = read_key_fields(options);
    if (!fields) return say(bad_usage, fields.error().text);
    const auto made = make_key(**found, *fields);
    if (const auto* none = std::get_if<not_made>(&made)) return say(none->status, none->why);
    const auto* const files = &std::get<method::key_files>(made);
    if (files->server.empty() && options.count("server-out"))
        return unfit("server-out", {"expected none: both ends have the same file"});
    const auto written = write(options, *files);
    if (!written) return say(failed, written.error().text);
    return done;
}

} // namespace chronoknock::app
