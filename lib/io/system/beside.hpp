#pragma once

#include "base/error.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace chronoknock::io {

/// Work that would hold up the loop, done beside it: one piece after the other, in one thread, which there is
/// from the first piece on.
class beside {
public:
    explicit beside(boost::asio::io_context& context) : context_(context) {}
    beside(const beside&) = delete;
    beside& operator=(const beside&) = delete;
    /// Waits for all pieces.
    ~beside() {
        if (thread_) thread_->join();
    }

    /// `work` returns a result, and must touch nothing that the loop may change meanwhile; what it throws is
    /// an error. The loop calls `then` with it. Throws if there is no thread to be had.
    template <class Work, class Answer>
    void run(Work work, Answer then) {
        using outcome = std::invoke_result_t<Work&>;
        struct piece {
            Work work;
            Answer then;
            std::optional<outcome> done{};
        };
        auto p = std::make_shared<piece>(piece{std::move(work), std::move(then)});
        if (!thread_) thread_.emplace(1);
        boost::asio::post(*thread_, [this, p = std::move(p)]() mutable {
            try {
                p->done.emplace(p->work());
            } catch (const std::exception& e) {
                p->done.emplace(error{e.what()});
            }
            deliver([p = std::move(p)] { p->then(std::move(*p->done)); });
        });
    }
    /// Ends something big there.
    template <class T>
    void destroy(T big) {
        run(
            [big = std::make_shared<T>(std::move(big))]() mutable -> result<void> {
                big.reset();
                return {};
            },
            [](const result<void>&) {});
    }

private:
    template <class Handler>
    void deliver(Handler h) {
        for (;;) try { // a `then` that does not come would be waited for without end
                return boost::asio::post(context_, h);
            } catch (const std::bad_alloc&) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            }
    }

    boost::asio::io_context& context_;
    std::optional<boost::asio::thread_pool> thread_;
};

} // namespace chronoknock::io
