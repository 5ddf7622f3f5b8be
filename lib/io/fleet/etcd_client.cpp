#include "io/fleet/etcd_client.hpp"

#include "fleet/messages.hpp"
#include "io/fleet/context.hpp"
#include "io/system/clock.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace chronoknock::io {

namespace asio = boost::asio;

namespace {

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr nanoseconds one_try = milliseconds(800);
constexpr nanoseconds in_no_hurry = milliseconds(1500); // a probe; a watch that begins
constexpr nanoseconds between_rounds = milliseconds(100);
constexpr int not_allowed = 7; // codes of gRPC
constexpr int who_are_you = 16;

/// Most bytes of an answer. A transaction's may have the values of two entries, whoever wrote them: of etcd's
/// 1.5 MiB each, in base64. A host that could not read them would be kept out by what it would overwrite.
std::size_t most_answer(std::string_view path) {
    if (path == fleet::range_path) return 16 << 20;
    return path == fleet::txn_path ? 5 << 20 : 64 << 10;
}

/// A token that is too old, or of before the cluster's users have changed.
bool wants_token(const http_answer& a, const fleet::complaint& c) {
    return a.status == 401 || c.code == who_are_you || c.text.find("auth: revision") != c.text.npos;
}

} // namespace

etcd_client::etcd_client(asio::any_io_executor executor, std::shared_ptr<lookup> names)
    : executor_(std::move(executor)), names_(std::move(names)) {}

result<void> etcd_client::use(const config::fleet_settings& f) {
    auto context = fleet_context(f);
    if (!context) return context.error();
    for (const auto& p : peers_) p->hang_up();
    peers_.clear();
    ++generation_;
    std::vector<std::string> ends;
    for (const auto& e : f.endpoints) {
        ends.push_back(e.to_string());
        peers_.push_back(std::make_shared<https_peer>(executor_, e, names_));
        peers_.back()->use(*context);
    }
    link_ = std::make_unique<fleet::link>(std::move(ends), boot_now());
    user_ = f.user;
    password_ = f.password;
    token_.clear();
    return {};
}

void etcd_client::close() {
    changed_ = {};
    for (const auto& p : peers_) p->hang_up();
}

void etcd_client::answered(std::size_t which) {
    link_->answered(which, boot_now());
    if (link_->take_change() && changed_) changed_();
}

void etcd_client::wrote() {
    link_->wrote(boot_now());
    if (link_->take_change() && changed_) changed_();
}

void etcd_client::failed(std::size_t which, const std::string& why) {
    link_->failed(which, why, boot_now());
    if (link_->take_change() && changed_) changed_();
}

asio::awaitable<void> etcd_client::pause(nanoseconds d) {
    asio::steady_timer timer(executor_, d);
    co_await timer.async_wait(token);
}

asio::awaitable<result<std::string>> etcd_client::authenticate(std::shared_ptr<https_peer> peer,
                                                               nanoseconds limit) {
    http_question q;
    q.path = fleet::authenticate_path;
    q.body = fleet::authenticate_request(user_, password_);
    const auto a = co_await peer->ask(std::move(q), limit);
    if (!a) co_return a.error();
    if (a->status != 200) co_return error{"as user " + user_ + ": " + fleet::parse_complaint(a->body).text};
    co_return fleet::parse_authenticate_answer(a->body);
}

asio::awaitable<result<std::string>> etcd_client::ask(std::string path, std::string body,
                                                      nanoseconds patience) {
    const auto self = shared_from_this();
    const auto deadline = boot_now() + patience;
    error last{"no answer in time"};
    bool renewed = false;
    for (std::size_t tries = 1;; ++tries) {
        const auto generation = generation_;
        const auto which = link_->current();
        const auto peer = peers_[which];
        const auto left = deadline - boot_now();
        if (left <= nanoseconds(0)) co_return last;
        // One that hangs is soon left for another; a machine that is busy is slow at all of them.
        const auto limit =
            std::min<nanoseconds>(left, tries == 1 ? one_try : std::max<nanoseconds>(one_try, left / 2));
        if (!user_.empty() && token_.empty()) {
            auto given = co_await authenticate(peer, limit);
            if (generation != generation_) continue;
            if (!given) {
                last = given.error();
                failed(which, last.text);
                if (tries % peers_.size() == 0) co_await pause(between_rounds);
                continue;
            }
            token_ = std::move(*given);
        }
        http_question q;
        q.path = path;
        q.body = body;
        q.authorization = token_;
        q.most_answer = most_answer(path);
        auto a = co_await peer->ask(std::move(q), limit);
        if (generation != generation_) continue;
        if (a && a->status == 200) {
            answered(which);
            result<std::string> said(boost::system::in_place_value, std::move(a->body));
            co_return said;
        }
        if (!a && a.error().text == too_long_answer) {
            answered(which);
            co_return a.error();
        }
        if (!a) {
            last = a.error();
        } else {
            const auto c = fleet::parse_complaint(a->body);
            last = {c.text};
            if (!user_.empty() && !renewed && wants_token(*a, c)) {
                renewed = true;
                token_.clear();
                continue;
            }
            if (c.is_too_large()) {
                answered(which);
                co_return error{std::string(too_long_answer)};
            }
            if (c.is_full()) {
                link_->refused_write(which, c.text, boot_now());
                if (link_->take_change() && changed_) changed_();
                co_return last;
            }
            if (!c.may_pass() && c.code != not_allowed && c.code != who_are_you) {
                answered(which);
                co_return last;
            }
        }
        failed(which, last.text);
        if (tries % peers_.size() == 0) co_await pause(between_rounds);
    }
}

asio::awaitable<void> etcd_client::probe(std::size_t which, std::string path, std::string body) {
    const auto self = shared_from_this();
    const auto generation = generation_;
    const auto peer = peers_[which];
    if (!user_.empty() && token_.empty()) {
        auto given = co_await authenticate(peer, in_no_hurry);
        if (generation != generation_) co_return;
        if (!given) co_return failed(which, given.error().text);
        token_ = std::move(*given);
    }
    http_question q;
    q.path = std::move(path);
    q.body = std::move(body);
    q.authorization = token_;
    const auto a = co_await peer->ask(std::move(q), in_no_hurry);
    if (generation != generation_) co_return;
    if (a && a->status != 200 && !user_.empty() && wants_token(*a, fleet::parse_complaint(a->body))) {
        token_.clear(); // a member forgets tokens when it is restarted: the next question gets a new one
        co_return answered(which);
    }
    if (a && a->status == 200)
        answered(which);
    else
        failed(which, a ? fleet::parse_complaint(a->body).text : a.error().text);
}

asio::awaitable<error> etcd_client::follow(std::string path, std::string body, https_peer::on_line told) {
    const auto self = shared_from_this();
    const auto generation = generation_;
    const auto which = link_->current();
    const auto peer = peers_[which];
    followed_ = which;
    hung_up_.clear();
    blamed_ = true;
    http_question q;
    q.path = std::move(path);
    q.body = std::move(body);
    q.authorization = token_;
    auto why = co_await peer->follow(std::move(q), in_no_hurry, std::move(told));
    if (!hung_up_.empty()) why.text = hung_up_;
    if (generation == generation_ && blamed_) failed(which, why.text);
    co_return why;
}

void etcd_client::hang_up(const std::string& why, bool blame) {
    hung_up_ = why;
    blamed_ = blame;
    if (followed_ < peers_.size()) peers_[followed_]->hang_up();
}

void etcd_client::heard() {
    hung_up_.clear(); // it was not there yet to be hung up
    blamed_ = true;
    if (followed_ < peers_.size()) answered(followed_);
}

} // namespace chronoknock::io
