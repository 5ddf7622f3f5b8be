#include "base/ini.hpp"
#include "base/ini_edit.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace chronoknock;

std::string value_in(std::string_view text, std::string_view section, std::string_view field) {
    const auto read = parse_ini(text);
    if (!read) std::abort();
    for (const auto& s : *read)
        if (s.name == section)
            for (const auto& f : s.fields)
                if (f.name == field) return std::string(f.value);
    return "(none)";
}

} // namespace

/// A text is read as sections and fields, each once, whose values lie within it; or is refused with a line
/// that can be printed. A field that is written can be read again, and all else stays; a section that is
/// taken out is gone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto read = parse_ini(text);
    if (!read) {
        for (const char c : read.error().text)
            if (c < 0x20 || c == 0x7f) std::abort();
        return 0;
    }
    if (read->empty() || !read->front().name.empty()) std::abort();
    for (auto s = read->begin(); s != read->end(); ++s) {
        if (std::any_of(read->begin(), s, [&](const auto& o) { return o.name == s->name; })) std::abort();
        for (const auto& f : s->fields)
            if (!f.value.empty() && (f.value.data() < text.data() || &f.value.back() > &text.back()))
                std::abort();
    }
    const auto& last = read->back();
    const auto edited = with_fields(text, last.name.empty() ? "new" : last.name, {{"fuzzed", "here"}});
    if (value_in(edited, last.name.empty() ? "new" : last.name, "fuzzed") != "here") std::abort();
    for (const auto& s : *read)
        for (const auto& f : s.fields)
            if (f.name != "fuzzed" && value_in(edited, s.name, f.name) != f.value) std::abort();
    if (!last.name.empty()) {
        const auto without = parse_ini(without_section(text, last.name));
        if (!without || without->size() != read->size() - 1) std::abort();
    }
    return 0;
}
