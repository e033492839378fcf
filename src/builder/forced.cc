#include "builder/forced.h"

namespace vivace::builder {

ForcedTactics::ForcedTactics(const std::vector<std::string>& rules) {
  for (const std::string& rule : rules) {
    const size_t at = rule.rfind('=');
    if (at != std::string::npos) tactics_[rule.substr(0, at)] = rule.substr(at + 1);
  }
}

const std::string* ForcedTactics::find(const ir::Node& node) const {
  const auto named = [&](const std::string& name) {
    if (name == "*" || name == node.op || name == node.name) return true;
    // Nodes that were fused are called "a+b+c".
    const std::string parts = "+" + node.name + "+";
    return !name.empty() && parts.find("+" + name + "+") != std::string::npos;
  };
  for (const auto& [name, tactic] : tactics_)
    if (named(name)) {
      obeyed_.insert(name);
      return &tactic;
    }
  return nullptr;
}

Status ForcedTactics::check() const {
  for (const auto& [name, tactic] : tactics_)
    if (!obeyed_.contains(name))
      return {
          Code::invalid_argument,
          "tactic '" + tactic + "' was asked for '" + name +
              "', but no node and no operator is called so after optimization; `vivace inspect` shows what is left"};
  return {};
}

}  // namespace vivace::builder
