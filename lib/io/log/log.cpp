#include "io/log/log.hpp"

#include "base/text.hpp"

#include <array>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/sources/severity_logger.hpp>
#include <boost/log/utility/exception_handler.hpp>
#include <boost/log/utility/setup/console.hpp>
#include <iostream>

namespace chronoknock::io::log {

namespace logging = boost::log;

namespace {

// <N> at the start of a line is the priority as systemd's journal reads it (sd-daemon(3)); it is written only
// when the journal is what listens.
std::string_view prefix(level l) {
    static constexpr std::array<std::string_view, 3> journal = {"<6>", "<4>", "<3>"};
    static constexpr std::array<std::string_view, 3> plain = {"", "warning: ", "error: "};
    static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
    return (to_journal ? journal : plain)[static_cast<std::size_t>(l)];
}

logging::sources::severity_logger_mt<level>& source() {
    static logging::sources::severity_logger_mt<level> s;
    return s;
}

level threshold = level::info;
std::uint64_t lost = 0; ///< lines since the last that could be written

/// False if it could not be written, or only in part.
bool put(level l, const std::string& line) {
    // A stream that failed once writes nothing more, and Boost.Log passes it over.
    std::clog.clear();
    BOOST_LOG_SEV(source(), l) << line;
    return bool(std::clog);
}

} // namespace

void start(level least) {
    threshold = least;
    static const auto sink = logging::add_console_log(
        std::clog, logging::keywords::auto_flush = true,
        logging::keywords::format = logging::expressions::stream << logging::expressions::smessage);
    // Whatever becomes of standard error, the server goes on.
    logging::core::get()->set_exception_handler(logging::make_exception_suppressor());
}

void write(level l, std::string_view line) {
    if (l < threshold) return;
    std::string safe{prefix(l)};
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            safe += printable({&c, 1});
        else
            safe += c;
    }
    // The disk was full, say. What came last may have been cut: its line ends here.
    if (lost != 0 && put(level::warning, "\n" + std::string(prefix(level::warning)) + std::to_string(lost) +
                                             " lines of the log could not be written"))
        lost = 0;
    if (!put(l, safe)) ++lost;
}

} // namespace chronoknock::io::log
