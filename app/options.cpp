#include "app/options.hpp"

#include <iostream>

namespace chronoknock::app {

namespace {

// A misspelt option is an error, not the nearest one that exists.
constexpr int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;

void print_help(const usage& u, const po::options_description& shown) {
    std::cout << "Usage: chronoknock " << u.synopsis << "\n\n" << u.about << "\n\n" << shown;
}

} // namespace

std::variant<po::variables_map, int> parse_options(const arguments& args, const usage& u) {
    po::options_description shown = u.options;
    shown.add_options()("help,h", "show this help and exit");
    po::options_description all;
    all.add(shown).add(u.hidden);
    po::variables_map options;
    try {
        po::store(po::command_line_parser(args).options(all).positional(u.positional).style(style).run(),
                  options);
        if (options.count("help")) {
            print_help(u, shown);
            return done;
        }
        po::notify(options);
    } catch (const po::error& e) {
        return say(bad_usage, std::string(e.what()) + "; usage: chronoknock " + u.synopsis);
    }
    return options;
}

std::optional<std::string> given(const po::variables_map& options, const std::string& name) {
    if (!options.count(name)) return std::nullopt;
    return options[name].as<std::string>();
}

void tell(std::string_view text) {
    // Names of files and hosts come from elsewhere: one line stays one line, and no escape reaches a
    // terminal.
    std::string line = "chronoknock: ";
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            line += printable({&c, 1});
        else
            line += c;
    std::cerr << line + "\n";
}

int say(int status, std::string_view text) {
    tell(text);
    return status;
}

int unfit(std::string_view option, const error& e) {
    return say(bad_usage, "--" + std::string(option) + ": " + e.text);
}

result<std::int64_t> number_option(const po::variables_map& options, const std::string& name,
                                   std::int64_t least, std::int64_t most, std::int64_t otherwise) {
    const auto text = given(options, name);
    if (!text) return otherwise;
    return parse_number(*text, least, most);
}

} // namespace chronoknock::app
