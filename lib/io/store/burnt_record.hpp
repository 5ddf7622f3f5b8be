#pragma once

#include "base/time.hpp"
#include "grant/burnt.hpp"
#include "grant/opened.hpp"
#include "io/store/sqlite.hpp"
#include "io/store/store_mark.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace chronoknock::io {

/// The tokens that are burnt, in a database. Each call is one transaction, committed when it returns; when
/// another process holds the database, it fails at once (is_held).
///
/// A commit is noted outside of the database as well, so that the next opening tells whether it lacks
/// something: a knock could not be burnt and the process ended before it was, or an older copy of the file
/// was put in its place. Then the floor must be set anew. Two marks (store_mark) are renewed by turns: one
/// before each commit, with what is about to be burnt; the commit notes what it became. So:
/// - A kill between the two leaves one mark that the database does not know, and the other as the commit
///   before noted it, which is the commit that the unknown one names. What it holds is burnt when the store
///   is opened, and nothing is lost. The same heals a database that lacks just the last commit.
/// - A database that lacks more finds neither mark as it noted them, for since then both were renewed.
/// - The kernel gives a mark that was put back with it another change time than the database notes. It does
///   not know that of the mark that was to be renewed next, but always that of the other.
/// Not noticed is what changes all and the inodes' change times too: a file system, or a machine, that is put
/// back as a whole.
class burnt_record {
public:
    static result<burnt_record> open(const std::string& path);

    result<std::vector<granting::burnt>> load();
    /// Burns tokens, and writes down what they open. If it fails, both are kept, and written by the next
    /// call that does not.
    result<void> burn(std::span<const granting::burnt> tokens,
                      std::span<const granting::opened_grant> grants = {});
    /// The same, but a mark that holds all of it is enough: that takes a tenth of the time of a commit, and
    /// a kill loses no more of it. What only the mark has (has_unburnt) any next call of burn() commits.
    result<void> note(std::vector<granting::burnt> tokens, std::vector<granting::opened_grant> grants);
    /// True if tokens are kept that are not in the database.
    bool has_unburnt() const { return !unburnt_.empty(); }
    /// What these open.
    std::span<const granting::opened_grant> unopened() const { return unopened_; }
    result<void> forget(std::span<const granting::burnt> tokens);

    /// True if what failed last failed because another process holds the database.
    bool is_held() const { return db_.is_held(); }
    /// For what else the file keeps.
    database& connection() { return db_; }

    /// What began before this moment is refused (granting::replay_guard). Nothing as long as it must be set
    /// anew: the file is new or lacks something, or the machine went down without a clean stop, and what was
    /// accepted last may not have reached the disk.
    std::optional<unix_time> floor() const { return floor_; }
    result<void> set_floor(unix_time t);
    /// The floor that was set when it was last found that the file lacked tokens which it had, itself among
    /// what may be lost, or an earlier one that was set after that, when the clock had been ahead; the
    /// greatest time before one is set. Nothing: never, as far as the marks know.
    std::optional<unix_time> lacking() const { return lacking_; }
    /// Sees everything to the disk, so that the next boot finds no gap; waits for who holds the database.
    /// Nothing is to be burnt after it.
    result<void> close_cleanly();

private:
    burnt_record(database d, store_mark one, store_mark other)
        : db_(std::move(d)), marks_{std::move(one), std::move(other)} {}
    result<void> write_floor(const std::string& boot, unix_time t);
    result<void> renew_mark();
    result<void> commit();
    result<void> note_mark(std::size_t mark);
    result<void> put_burnt(std::span<const granting::burnt> tokens);
    result<bool> begins_now();
    result<bool> is_whole();
    result<void> find_lacking(bool whole);
    std::size_t next() const { return 1 - last_; }
    error keep_unburnt(error why);

    database db_;
    std::array<store_mark, 2> marks_;
    std::size_t last_ = 0; ///< the mark that the last commit was noted with; the other is renewed next
    std::optional<unix_time> floor_;
    std::optional<unix_time> lacking_;
    std::vector<granting::burnt> unburnt_;
    std::vector<granting::opened_grant> unopened_;
    bool mark_holds_unburnt_ = false; ///< the mark that is next was renewed for all of them
    bool mark_is_enough_ = false;     ///< and they all fit into it
    /// It may lack tokens, so that no commit but a new floor's may say that it is as the marks have it.
    bool lacks_some_ = false;
};

} // namespace chronoknock::io
