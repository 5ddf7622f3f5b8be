#include "app/options.hpp"

#include "base/words.hpp"

#include <iostream>
#include <stdexcept>
#include <utility>

namespace chronoknock::app {

namespace {

// A misspelt option is an error, not the nearest one that exists.
constexpr int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;

constexpr std::size_t page = 80; // columns

std::string name_of(const po::option_description& o) {
    std::string name = o.canonical_display_name(po::command_line_style::allow_dash_for_short);
    if (name.starts_with("-") && !name.starts_with("--")) name += ", --" + o.long_name();
    if (!name.starts_with("-")) name.insert(0, "--");
    return name + (o.format_parameter().empty() ? "" : " " + o.format_parameter());
}

/// An argument that no command line can have: there they end at a NUL.
const std::string describe("\0describe", 9);

/// (Program_options breaks words to fill its lines.)
void print_help(const usage& u, const po::options_description& shown) {
    constexpr std::size_t column = 28;
    std::cout << wrapped("Usage: chronoknock " + u.synopsis, page) << "\n\n"
              << wrapped(u.about, page) << "\n\nOptions:\n";
    for (const auto& o : shown.options()) {
        auto left = "  " + name_of(*o);
        if (left.size() + 2 > column)
            left += "\n" + std::string(column, ' ');
        else
            left.resize(column, ' ');
        std::cout << left << wrapped(o->description(), page, column) << "\n";
    }
}

/// What an option was perhaps meant to be, as the end of a message.
std::string suggestion(const std::string& given, const po::options_description& shown) {
    std::vector<std::string> names;
    for (const auto& o : shown.options()) names.push_back("--" + o->long_name());
    const std::vector<std::string_view> known(names.begin(), names.end());
    const auto name = nearest(given, known);
    return name.empty() ? "" : "; did you mean " + std::string(name) + "?";
}

} // namespace

po::variables_map parse_options(const arguments& args, const usage& u) {
    po::options_description shown = u.options;
    shown.add_options()("help,h", "show this help and exit");
    if (args.size() == 1 && args.front() == describe) {
        auto described = u;
        described.options.add_options()("help,h", "show this help and exit");
        throw usage(std::move(described));
    }
    po::options_description all;
    all.add(shown).add(u.hidden);
    po::variables_map options;
    try {
        po::store(po::command_line_parser(args).options(all).positional(u.positional).style(style).run(),
                  options);
        if (options.count("help")) {
            print_help(u, shown);
            throw stop{done};
        }
        po::notify(options);
    } catch (const po::unknown_option& e) {
        auto name = e.get_option_name();
        const auto meant = suggestion(name, shown);
        throw stop{say(bad_usage,
                       "unknown option '" + printable(name) + "'" +
                           (meant.empty() ? "; chronoknock " + u.synopsis.substr(0, u.synopsis.find(' ')) +
                                                " --help lists them"
                                          : meant))};
    } catch (const po::error& e) {
        throw stop{say(bad_usage, std::string(e.what()) + "; usage: chronoknock " + u.synopsis)};
    }
    return options;
}

usage usage_of(int (*run)(const arguments&)) {
    try {
        run({describe});
    } catch (const usage& u) {
        return u;
    }
    throw std::logic_error("a command has not read its options first");
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
