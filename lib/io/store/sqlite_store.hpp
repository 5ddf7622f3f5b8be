#pragma once

#include "io/store/burnt_record.hpp"
#include "io/store/grant_store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The grant store in a file of SQLite's. While another process holds the database, what is to be written
/// waits in memory and is tried again in later turns of the loop. Tokens are answered for once a mark holds
/// them (burnt_record), so that no door waits for a commit: that comes in the turn of the loop behind.
class sqlite_store final : public grant_store {
public:
    static result<std::unique_ptr<sqlite_store>> open(boost::asio::io_context& context,
                                                      const std::string& path);

    result<std::vector<granting::burnt>> load() override { return record_.load(); }
    /// All that was asked for until its turn comes is one transaction.
    void redeem(std::vector<granting::burnt> tokens, std::vector<granting::opened_grant> grants,
                answer done) override;
    void forget(std::vector<granting::burnt> tokens) override;
    std::optional<unix_time> floor() const override { return record_.floor(); }
    result<void> set_floor(unix_time t) override;
    std::optional<unix_time> lacking() const override { return record_.lacking(); }
    result<std::vector<granting::opened_grant>> open_grants() override;
    result<std::vector<granting::opened_grant>> newest_opened() override;
    result<opened_by_key> opened_of(const std::string& key) override;
    result<std::set<std::pair<prefix, std::string>>> opened_by(const std::set<std::string>& keys) override;
    void end(std::span<const granting::opened_grant> grants) override;
    void closed(const prefix& who, const std::string& service) override;
    result<std::string> exchange_backend(const std::string& name) override;
    void note(granting::history_entry entry, bool stays_open = false) override;
    result<std::vector<granting::history_entry>> history(std::size_t most) override;
    result<std::vector<granting::numbered_entry>> find_in_history(const granting::history_query& q) override;
    void keep(const report::period& p) override;
    result<void> close_cleanly() override;

private:
    sqlite_store(boost::asio::io_context& context, burnt_record record);

    struct waiting {
        answer done;
        boost::asio::steady_timer::time_point until;
    };

    void burn();
    result<void> settle();
    template <class Things, class Write>
    bool write_off(Things& things, Write write, const std::string& complaint);
    bool forget_some();
    void ends(opened_id grant, const ended_by& by);
    void spare(const granting::opened_grant& g);
    bool end_some();
    bool trim_some();
    bool keep_notes();
    bool keep_series();
    void do_chores();
    void do_chores_soon();

    boost::asio::io_context& context_;
    burnt_record record_;
    boost::asio::steady_timer retry_;  ///< of what is waited for
    boost::asio::steady_timer chores_; ///< of what nobody waits for
    bool chores_due_ = false;
    std::vector<granting::burnt> to_burn_; ///< not yet given to the record
    std::vector<granting::opened_grant> to_open_;
    std::list<waiting> waiting_; ///< the one that waits longest first
    std::vector<granting::burnt> to_forget_;
    ended_grants to_end_;
    std::set<std::string> to_trim_; ///< keys that have opened something
    std::vector<granting::history_entry> to_note_;
    std::vector<report::period> to_keep_;
    std::string told_; ///< why it could not be noted
    std::shared_ptr<void> alive_;
};

} // namespace chronoknock::io
