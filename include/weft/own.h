// A program's own mechanisms and wirings, beside those of the library: nothing is patched, and
// nothing is registered behind anybody's back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::own {

/// A real-valued argument, "model.mechanism_args.<name>" or "model.wiring_args.<owner>.<name>".
struct Argument {
  std::string name;
  double fallback = 0;
  std::string help = {};
  double least = -1e300, most = 1e300;
};

/// How scores become weights, in words; the formula is a class (Axes::add_mechanism).
struct Mechanism {
  std::string name;
  std::string source = {};   ///< a paper
  std::string formula = {};  ///< one line
  bool ordered = false;      ///< the result depends on the order of the keys, beside their scores
  bool normalised = false;   ///< the weights of a row sum to one
  bool strict = false;       ///< a query does not see the key at its own position
  std::vector<Argument> arguments = {};  ///< at most four; the formula gets their values
};

/// A formula in one type: `args` are the values of Mechanism::arguments. z [n] are the scores of
/// the keys that a query sees, nearest first; w [n] their weights; g [n] dL/dw; dz [n] dL/dz.
template <class C>
struct Formula {
  void (*weights)(const double* args, const C* z, std::int64_t n, C* w);
  void (*gradient)(const double* args, const C* z, const C* w, std::int64_t n, const C* g, C* dz);
};

/// A named point of a block: input x, queries q, keys k, values v, attention output o, block output
/// y.
struct Tap {
  char port = 'x';
  int layer = 0;     ///< y of layer -1 is the embedding
  bool raw = false;  ///< what the block computes, before any mix on it
};

/// constant * gain * tap.
struct Term {
  Tap from;
  double scale = 1;
  int gain = -1;  ///< index into Wires::gains; -1: none
};

/// The tap is the sum of the terms, for heads [first_head, last_head).
struct Mix {
  Tap to;
  std::vector<Term> terms;
  int first_head = 0;
  int last_head = -1;  ///< -1: to the last (key/value heads for k and v)
};

/// What a wiring comes down to for one model.
struct Wires {
  std::vector<Mix> mixes;
  std::vector<double> gains = {};  ///< initial values of the learned coefficients
};

/// What a wiring may depend on.
struct Model {
  int layers = 0;
  int heads = 0;              ///< query heads
  std::vector<int> kv_heads;  ///< of each layer
};

using Arguments = std::map<std::string, double>;

struct Wiring {
  std::string name;
  std::string source = {};
  std::string summary = {};  ///< one line
  std::vector<Argument> arguments = {};
  std::function<Wires(const Model&, const Arguments&)> make = {};
  /// Arguments under which it changes nothing, which checks hold it to; empty: there are none.
  Arguments neutral = {};
};

/// The mechanisms, positions and wirings that a program knows: the library's and its own. A copy
/// shares them. Calls throw weft::Exception where a name is taken or a description is refused, and
/// where the axes were moved to another object.
class Axes {
 public:
  Axes();

  /// `M` has two static templates over the type, double and float:
  ///
  ///   template <class C> static void weights(const double* args, const C* z, int64_t n, C* w);
  ///   template <class C> static void gradient(const double* args, const C* z, const C* w,
  ///                                           int64_t n, const C* g, C* dz);
  ///
  /// Training, caches, windows, documents, grouped heads and bf16 follow from them, at the speed of
  /// plain loops.
  template <class M>
  void add_mechanism(const Mechanism& mechanism) {
    add_mechanism(mechanism, {&M::template weights<double>, &M::template gradient<double>},
                  {&M::template weights<float>, &M::template gradient<float>});
  }
  void add_mechanism(const Mechanism& mechanism, Formula<double> f64, Formula<float> f32);
  void add_wiring(const Wiring& wiring);

 private:
  struct Impl;
  friend struct Access;
  Impl& impl(const char* call) const;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weft::own
