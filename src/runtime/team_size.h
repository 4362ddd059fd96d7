// How many threads pay while other programs want the same cores.
#pragma once

namespace weft {

/// A team that shares a core with another program waits for its slowest thread: with one of two
/// cores taken, two threads can be several times slower than one. Results do not depend on the
/// number of threads, so this looks at short windows how much work a second brings, tries fewer
/// threads where it is poor and more again after a while, and keeps what brings more work. It knows
/// no clock but the times that it is told, in seconds.
class TeamSize {
 public:
  explicit TeamSize(int most) : most_(most) {}

  /// Threads of the next region of work.
  int size() const { return size_; }
  /// There cannot be more than so many.
  void limit(int most) {
    most_ = most;
    if (size_ > most) size_ = most;
  }
  /// From then on regions are to be measured, until this grows.
  double due() const { return due_; }
  /// A region was measured: when it ended, how long it took, and the processor time of its tasks,
  /// of all threads together.
  void ran(double end, double wall, double work);

  static constexpr double kWindow = 0.01;  ///< of measured regions
  /// Between windows; the short one after a change, then doubled.
  static constexpr double kShortPause = 0.01, kLongPause = 0.2;
  /// Before a try that failed is made again; doubled with every failure.
  static constexpr double kShortWait = 0.1, kLongWait = 2;
  /// Of work with one thread before more are tried: what is over by then had better not wait for
  /// threads to be made, and for cores that may not be free.
  static constexpr double kAlone = 0.025;
  /// Of every so many tries of more in a row, one is patient: a busy system takes its time to find
  /// cores for threads that wake.
  static constexpr int kPatientTry = 6;
  static constexpr double kPatience = 0.1;
  /// More threads that were taken back sooner than this were a failure too.
  static constexpr double kHeld = 1;

 private:
  /// Tries of more threads, or of fewer.
  struct Tries {
    double wait = kShortWait, next = 0;
    int failures = 0;  ///< one after the other
    void failed(double now);
    void worked(double now);
  };

  void looked(double now, double rate);
  void tried(double now, double rate);
  int fewer(double rate);
  int more();
  void try_size(int size, double rate);
  void rest(double now);

  int most_;
  int size_ = 1;
  int kept_ = 0;                ///< the size to return to while another is tried; 0: none is
  double kept_rate_ = 0;        ///< of the window before the try
  double wall_ = 0, work_ = 0;  ///< of the window
  double settling_ = 0;         ///< seconds of regions that do not count yet, one at least
  bool fewer_halfway_ = false, more_halfway_ = false;  ///< what is tried next
  double began_ = -1;                                  ///< negative: no region has been measured
  double due_ = 0, pause_ = kShortPause;
  double grown_ = -kHeld;  ///< when more were kept last
  Tries more_, fewer_;
};

}  // namespace weft
