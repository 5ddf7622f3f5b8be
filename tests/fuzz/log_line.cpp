#include "packet/log_line.hpp"
#include "packet/line_splitter.hpp"

#include <cstdlib>
#include <string>
#include <vector>

using namespace chronoknock;

namespace {

const packet::log_format& format_of(std::string_view pattern) {
    static std::vector<std::shared_ptr<const packet::log_format>> kept;
    const auto made = packet::log_format::compile(pattern);
    if (!made) std::abort();
    return *kept.emplace_back(*made);
}

/// One that takes whatever stands in the places of addresses and ports.
constexpr std::string_view loose = "SRC=(?P<src>[^ ]*) DST=(?P<dst>[^ ]*).*?(?:PROTO=(?P<proto>[^ ]*))? "
                                   "SPT=(?P<spt>[^ ]*) DPT=(?P<dpt>[^ ]*)"
                                   "(?: SEQ=(?P<seq>[^ ]*))?(?P<flags>.*)";

std::vector<std::string> lines_of(std::string_view text, std::size_t piece) {
    std::vector<std::string> all;
    packet::line_splitter splitter;
    for (std::size_t at = 0; at < text.size(); at += piece)
        splitter.take(text.substr(at, piece), [&](std::string_view one) { all.emplace_back(one); });
    return all;
}

} // namespace

/// Text of a log file: cut anywhere it has the same lines, and what is read of a line keeps its promises.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto& strict = format_of("");
    static const auto& by_pattern = format_of(loose);
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto lines = lines_of(text, text.size() + 1);
    if (lines != lines_of(text, 1) || lines != lines_of(text, 61)) std::abort();
    for (const auto& one : lines) {
        if (one.size() > packet::line_splitter::most_line) std::abort();
        for (const auto* format : {&strict, &by_pattern}) {
            packet::event e;
            const bool read = format->read(one, e);
            if (!read && (e.source != address{} || e.port != 0)) std::abort();
            if (read && (e.source.is_v4() != e.destination.is_v4() || !e.payload.empty())) std::abort();
            // Each field stands once, so that no other text can have been taken for it.
            if (read && format == &strict)
                for (const std::string_view field : {" SRC=", " DST=", " SPT=", " DPT=", " PROTO="})
                    if (one.find(field) == one.npos || one.find(field) != one.rfind(field)) std::abort();
        }
    }
    return 0;
}
