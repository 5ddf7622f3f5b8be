#pragma once

#include "base/error.hpp"
#include "base/ini.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// (A std::string could be a value or an error: a result<std::string> is told which by in_place_value.)

/// What the tables of fields are made of: a table names each field of a section once, with what it takes.
namespace chronoknock::config {

/// Reads a field's text into a structure; the error says what was expected.
template <class T>
using setter = std::function<result<void>(T&, std::string_view)>;

template <class T>
struct field {
    std::string_view name;
    setter<T> set;
    bool required = false;
};

template <class T>
using fields = std::vector<field<T>>;

/// A setter that puts what `parse` makes of the text into a member.
template <class T, class M, class Parse>
setter<T> value(M T::* member, Parse parse) {
    return [=](T& to, std::string_view text) -> result<void> {
        auto parsed = parse(text);
        if (!parsed) return parsed.error();
        to.*member = static_cast<M>(std::move(*parsed));
        return {};
    };
}

template <class T, class N>
setter<T> number(N T::* member, std::int64_t least, std::int64_t most) {
    return value(member, [=](std::string_view text) { return parse_number(text, least, most); });
}

template <class T>
setter<T> duration(nanoseconds T::* member, nanoseconds least, nanoseconds most) {
    return value(member, [=](std::string_view text) { return parse_duration(text, least, most); });
}

template <class T>
setter<T> boolean(bool T::* member) {
    return value(member, parse_bool);
}

/// What a member holds, if it may hold nothing.
template <class M>
struct unwrapped {
    using type = M;
};
template <class E>
struct unwrapped<std::optional<E>> {
    using type = E;
};

/// One of a few words, each with what it means.
template <class T, class M, class E = typename unwrapped<M>::type>
setter<T> choice(M T::* member, std::initializer_list<std::pair<std::string_view, E>> words) {
    return value(member, [words = std::vector(words)](std::string_view text) -> result<E> {
        std::string expected;
        for (const auto& [word, meaning] : words) {
            if (text == word) return {boost::system::in_place_value, meaning};
            expected += (expected.empty() ? "expected " : " or ") + std::string(word);
        }
        return error{expected + ", not '" + printable(text) + "'"};
    });
}

/// Comma-separated values without repeats; at least `least` of them.
template <class T, class M, class Parse>
setter<T> list(std::vector<M> T::* member, std::size_t least, std::string_view what, Parse parse) {
    return value(member, [=](std::string_view text) -> result<std::vector<M>> {
        std::vector<M> values;
        for (const auto part : split_list(text)) {
            auto parsed = parse(part);
            if (!parsed) return parsed.error();
            if (std::ranges::find(values, *parsed) != values.end())
                return error{"expected each " + std::string(what) + " once, not '" + printable(part) +
                             "' twice"};
            values.push_back(std::move(*parsed));
        }
        if (values.size() < least) return error{"expected at least one " + std::string(what)};
        return values;
    });
}

/// A path, not empty. A relative one counts from `folder`, the configuration file's own, wherever the
/// program was started.
template <class T>
setter<T> path(std::string T::* member, std::string folder, std::size_t most = 4095) {
    return value(member, [=](std::string_view text) -> result<std::string> {
        if (text.empty() || text.find('\0') != text.npos) return error{"expected a path"};
        auto whole = text.front() == '/' ? std::string(text) : folder + std::string(text);
        if (whole.size() > most)
            return error{"expected a path of at most " + std::to_string(most) + " bytes"};
        return {boost::system::in_place_value, std::move(whole)};
    });
}

/// "FILE:LINE: [section] field: what", about a field of a section, or about the section where the field is
/// missing.
inline error complain(const std::string& file, const ini_section& section, std::string_view name,
                      std::string_view what) {
    const auto found = std::ranges::find(section.fields, name, &ini_field::name);
    return {file + ":" + std::to_string(found == section.fields.end() ? section.line : found->line) + ": [" +
            printable(section.name) + "] " + printable(name) + ": " + std::string(what)};
}

/// Reads a section into a structure as its table says.
template <class T>
result<void> read_section(const std::string& file, const ini_section& section, const fields<T>& table,
                          T& to) {
    for (const auto& given : section.fields) {
        const auto known = std::ranges::find(table, given.name, &field<T>::name);
        if (known == table.end()) {
            std::string names;
            for (const auto& f : table) names += (names.empty() ? "" : ", ") + std::string(f.name);
            return complain(file, section, given.name, "unknown field; expected one of " + names);
        }
        if (const auto set = known->set(to, given.value); !set)
            return complain(file, section, given.name, set.error().text);
    }
    for (const auto& f : table)
        if (f.required && std::ranges::find(section.fields, f.name, &ini_field::name) == section.fields.end())
            return complain(file, section, f.name, "expected, and missing");
    return {};
}

/// The folder of a file as a beginning for paths: "/etc/a.ini" gives "/etc/", "a.ini" nothing.
inline std::string folder_of(const std::string& file) {
    return file.substr(0, file.rfind('/') == file.npos ? 0 : file.rfind('/') + 1);
}

} // namespace chronoknock::config
