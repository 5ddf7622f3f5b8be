#include "io/system/run_loop.hpp"

#include "io/system/clock.hpp"

#include <cstdint>
#include <exception>

namespace chronoknock::io {

void run_loop(boost::asio::io_context& context, const std::function<void(const std::string&)>& tell) {
    constexpr nanoseconds tell_again = std::chrono::minutes(1);
    instant next{};
    std::uint64_t failures = 0;
    for (;;) {
        try {
            context.run();
            return;
        } catch (const std::exception& e) {
            ++failures;
            const auto now = boot_now();
            if (now < next) continue;
            next = now + tell_again;
            tell(std::string("going on after a failure that nothing provides for: ") + e.what() +
                 (failures == 1 ? "" : " (" + std::to_string(failures) + " since the start)"));
        }
    }
}

} // namespace chronoknock::io
