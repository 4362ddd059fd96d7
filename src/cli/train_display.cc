#include "cli/train_display.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace weft::cli {

TrainObserver TrainDisplay::observer() {
  TrainObserver observer;
  observer.on_start = [this](const RunStart& start) { begin(start); };
  observer.on_step = [this](const StepReport& step) { stepped(step); };
  observer.on_log = [this](const LogLine& line) { logged(line); };
  return observer;
}

void TrainDisplay::begin(const RunStart& start) {
  now_.steps = start.steps;
  first_step_ = start.first_step;
  begun_ = Clock::now();
  const std::string data =
      start.task.empty()
          ? human_count(static_cast<double>(start.corpus_tokens)) + " tokens to train on"
          : start.task + " sequences made on the fly";
  console_.note(fmt::format(
      "{} parameters, {}, {} tokens a step, {} of memory{}",
      human_count(static_cast<double>(start.parameters)), data, start.tokens_per_step,
      human_bytes(start.memory.total()),
      start.first_step > 1 ? fmt::format("; resumed after step {}", start.first_step - 1) : ""));
  if (!start.from.empty() && start.first_step == 1) {
    console_.note("from the weights of " + start.from);
  }
  if (!start.elsewhere.empty()) console_.note("note: " + start.elsewhere);
}

void TrainDisplay::stepped(const StepReport& step) {
  const Clock::time_point time = Clock::now();
  const auto done = static_cast<double>(step.step - first_step_ + 1);
  const double elapsed = std::chrono::duration<double>(time - begun_).count();
  now_.step = step.step;
  now_.loss = step.loss;
  now_.tokens_per_second = step.tokens_per_second;
  now_.seconds_left = elapsed / done * static_cast<double>(now_.steps - step.step);
  if (step.step == now_.steps || clock_.due(time)) draw();
}

void TrainDisplay::draw() {
  if (console_.draws()) console_.live(progress_bar(now_, console_.width() - 1));
}

void TrainDisplay::logged(const LogLine& line) {
  Progress p{.step = line.step, .steps = now_.steps, .loss = line.loss, .val_loss = line.val_loss};
  p.val_accuracy = line.val_accuracy;
  p.tokens_per_second = line.tokens_per_second;
  p.mfu = line.mfu.value_or(0);
  // Elsewhere than in a window nothing is given up.
  draw();  // or the bar below the line would stand at an earlier step
  const std::string text = progress_line(p, console_.draws() ? console_.width() - 1 : 1000);
  line.val_loss ? console_.highlight(text) : console_.note(text);
}

}  // namespace weft::cli
