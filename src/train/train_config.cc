#include "train/train_config.h"

#include <fmt/format.h>

#include <limits>
#include <span>

#include "model/table_reader.h"

namespace weft {
namespace {

constexpr int64_t kMost = int64_t{1} << 40;  // of counts: their products stay in 64 bits
constexpr double kAny = 1e300;

void read_precision(TableReader& table, DType& out) {
  std::string name(name_of(out));
  table.read("precision", name);
  if (name != "f32" && name != "bf16") {
    table.refuse("precision", "f32 or bf16", "\"" + name + "\"");
  }
  out = name == "bf16" ? DType::bf16 : DType::f32;
}

template <class Kind>
void read_kind(TableReader& table, std::string_view key, std::span<const Kind> kinds, Kind& out) {
  std::string given(name_of(out));
  table.read(key, given);
  std::vector<std::string> names;
  for (const Kind kind : kinds) {
    if (name_of(kind) == given) {
      out = kind;
      return;
    }
    names.emplace_back(name_of(kind));
  }
  table.refuse(key, fmt::format("one of {}", fmt::join(names, ", ")), "\"" + given + "\"");
}

void read_rates(TableReader& table, TrainConfig& t) {
  constexpr ScheduleKind kKinds[] = {ScheduleKind::constant, ScheduleKind::linear,
                                     ScheduleKind::cosine, ScheduleKind::wsd};
  read_kind<ScheduleKind>(table, "schedule", kKinds, t.schedule);
  table.read("lr", t.lr, 0, kAny);
  t.min_lr = t.lr / 10;
  table.read("min_lr", t.min_lr, 0, t.lr);
  table.read("warmup_lr", t.warmup_lr, 0, t.lr);
  table.read("warmup", t.warmup, 0, kMost);
  table.read("decay_fraction", t.decay_fraction, 0, 1);
}

void read_optimizer(TableReader& table, OptimizerConfig& o) {
  constexpr OptimizerKind kKinds[] = {OptimizerKind::adamw, OptimizerKind::sgd};
  read_kind<OptimizerKind>(table, "optimizer", kKinds, o.kind);
  table.read("beta1", o.beta1, 0, 0.999999);
  table.read("beta2", o.beta2, 0, 0.9999999);
  table.read("eps", o.eps, 1e-30, 1);
  table.read("momentum", o.momentum, 0, 0.999999);
  table.read("weight_decay", o.weight_decay, 0, kAny);
  table.read("clip", o.clip, 0, kAny);
}

void read_paths(TableReader& table, std::string_view key, std::vector<std::string>& out) {
  table.read(key, out);
  for (const std::string& path : out) {
    if (path.empty()) table.refuse(key, "paths", "\"\"");
  }
}

// A task in place of text: nothing else then says where tokens come from.
void read_task_settings(TableReader& table, TaskSettings& task, const TaskRegistry& tasks) {
  const bool given = table.has("task");
  std::map<std::string, Arg> args;
  table.read("task", task.name);
  table.read("task_args", args);
  if (!given && table.has("task_args")) {
    table.refuse("task_args", "data.task beside it", "none", "name the task, or remove them");
  }
  if (!given) return;
  task = configure_task(task.name, args, table.where("task_args"), tasks);
  for (const char* key :
       {"train", "validation", "holdout", "tokenizer", "mask_documents", "binary"}) {
    if (!table.has(key)) continue;
    table.refuse(key, "nothing beside data.task: sequences are generated",
                 "data." + std::string(key), "remove one of the two");
  }
}

template <class T>
io::Value to_value(T x) {
  io::Value v;
  v.data = std::move(x);
  return v;
}

io::Value to_value(const std::vector<std::string>& texts) {
  io::Value::Array list;
  for (const std::string& text : texts) list.push_back(to_value(text));
  return to_value(std::move(list));
}

}  // namespace

Schedule TrainConfig::rates() const {
  return {schedule, lr, min_lr, warmup_lr, steps, warmup, decay_fraction};
}

DataConfig read_data_config(const io::Value& value, std::string_view file,
                            const TaskRegistry& tasks) {
  DataConfig d;
  TableReader table(value, file, "data");
  read_paths(table, "train", d.train);
  read_paths(table, "validation", d.validation);
  table.read("holdout", d.holdout, 0, 0.999);
  table.read("tokenizer", d.tokenizer);
  table.read("mask_documents", d.mask_documents);
  table.read("binary", d.binary);
  read_task_settings(table, d.task, tasks);
  table.finish();
  return d;
}

TrainConfig read_train_config(const io::Value& value, std::string_view file) {
  TrainConfig t;
  TableReader table(value, file, "train");
  table.read("from", t.from);
  table.read("steps", t.steps, 0, kMost);
  table.read("batch", t.batch, 1, 1 << 20);
  table.read("accumulate", t.accumulate, 1, 1 << 20);
  auto seed = static_cast<int64_t>(t.seed);
  table.read("seed", seed, 0, std::numeric_limits<int64_t>::max());
  t.seed = static_cast<uint64_t>(seed);
  read_precision(table, t.precision);
  table.read("recompute", t.recompute);
  read_rates(table, t);
  read_optimizer(table, t.optimizer);
  table.read("log_every", t.log_every, 1, kMost);
  table.read("eval_every", t.eval_every, 0, kMost);
  table.read("eval_batches", t.eval_batches, 0, kMost);
  table.read("checkpoint_every", t.checkpoint_every, 0, kMost);
  table.read("keep_checkpoints", t.keep_checkpoints, 0, kMost);
  table.finish();
  return t;
}

io::Value write_data_config(const DataConfig& d) {
  io::Value out;
  if (d.is_task()) {
    out.at("task") = to_value(d.task.name);
    out.at("task_args") = args_table(d.task.args);
    return out;
  }
  out.at("train") = to_value(d.train);
  out.at("validation") = to_value(d.validation);
  out.at("holdout") = to_value(d.holdout);
  out.at("tokenizer") = to_value(d.tokenizer);
  out.at("mask_documents") = to_value(d.mask_documents);
  // Only where it is asked for: versions that do not know it read the rest.
  if (d.binary) out.at("binary") = to_value(d.binary);
  return out;
}

io::Value write_train_config(const TrainConfig& t) {
  io::Value out;
  if (!t.from.empty()) out.at("from") = to_value(t.from);
  out.at("steps") = to_value(t.steps);
  out.at("batch") = to_value(t.batch);
  out.at("accumulate") = to_value(t.accumulate);
  out.at("seed") = to_value(static_cast<int64_t>(t.seed));
  out.at("precision") = to_value(std::string(name_of(t.precision)));
  out.at("recompute") = to_value(t.recompute);
  out.at("schedule") = to_value(std::string(name_of(t.schedule)));
  out.at("lr") = to_value(t.lr);
  out.at("min_lr") = to_value(t.min_lr);
  out.at("warmup_lr") = to_value(t.warmup_lr);
  out.at("warmup") = to_value(t.warmup);
  out.at("decay_fraction") = to_value(t.decay_fraction);
  out.at("optimizer") = to_value(std::string(name_of(t.optimizer.kind)));
  out.at("beta1") = to_value(t.optimizer.beta1);
  out.at("beta2") = to_value(t.optimizer.beta2);
  out.at("eps") = to_value(t.optimizer.eps);
  out.at("momentum") = to_value(t.optimizer.momentum);
  out.at("weight_decay") = to_value(t.optimizer.weight_decay);
  out.at("clip") = to_value(t.optimizer.clip);
  out.at("log_every") = to_value(t.log_every);
  out.at("eval_every") = to_value(t.eval_every);
  out.at("eval_batches") = to_value(t.eval_batches);
  out.at("checkpoint_every") = to_value(t.checkpoint_every);
  out.at("keep_checkpoints") = to_value(t.keep_checkpoints);
  return out;
}

}  // namespace weft
