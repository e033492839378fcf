// Tables that a kernel makes of a node's attributes (trees, vocabularies), kept from one run to the next by who runs
// the node again and again.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "ir/graph.h"

namespace vivace::ops {

/// The tables of one node, made when it first runs.
class Kept {
 public:
  /// While one lives, what this thread prepares for the node is kept in `kept`, or taken from there.
  class Scope {
   public:
    Scope(Kept& kept, const ir::Node& node) : outer_(current_) {
      kept.node_ = &node;
      current_ = &kept;
    }
    ~Scope() { current_ = outer_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Kept* outer_;
  };

  /// What is kept for the node on this thread, if anything; likewise `keep`.
  static std::shared_ptr<const void> find(const ir::Node& node) {
    if (!current_ || current_->node_ != &node) return nullptr;
    const std::lock_guard lock(current_->mutex_);
    return current_->tables_;
  }
  static void keep(const ir::Node& node, std::shared_ptr<const void> tables) {
    if (!current_ || current_->node_ != &node) return;
    const std::lock_guard lock(current_->mutex_);
    current_->tables_ = std::move(tables);
  }

 private:
  static inline thread_local Kept* current_ = nullptr;
  std::mutex mutex_;  // of the tables; threads may run the same node at once
  std::atomic<const ir::Node*> node_ = nullptr;
  std::shared_ptr<const void> tables_;
};

/// What `make` gives for the node; every caller for one node must ask for the same T.
template <class T>
Result<std::shared_ptr<const T>> prepared(const ir::Node& node, Result<T> (*make)(const ir::Node&)) {
  if (std::shared_ptr<const void> found = Kept::find(node)) return std::static_pointer_cast<const T>(found);
  Result<T> made = make(node);
  if (!made.ok()) return Status(made.status().code(), node.describe() + ": " + made.status().message());
  auto tables = std::make_shared<const T>(std::move(made).value());
  Kept::keep(node, tables);
  return std::shared_ptr<const T>(std::move(tables));
}

}  // namespace vivace::ops
