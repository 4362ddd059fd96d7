#include "cli/bench_plots.h"

#include <algorithm>

#include "io/atomic.h"
#include "lab/report/plot.h"

namespace weft::cli {
namespace {

using report::Plot;
using report::PlotLine;
using report::PlotPoint;

constexpr const char* kStep = "a training step: microseconds a token, logarithmic";

struct Figure {
  const char *name, *file, *title, *x, *y;
};
constexpr Figure kFigures[] = {
    {"T", "time", "Longer sequences, dim 384 x 6, 4096 tokens a step",
     "T, tokens of a sequence (8192: one sequence a step)", kStep},
    {"width", "width", "Wider models, 6 layers, T 512, batch 4", "dim", kStep},
    {"depth", "depth", "Deeper models, dim 384, T 512, batch 4", "layers", kStep},
    {"threads", "threads", "More threads, dim 384 x 6, T 512, batch 4", "threads", kStep},
    {"attention", "attention", "Attention alone, 8 heads of 64, f32, scores N(0,1)",
     "T, tokens of a sequence", "forward and backward: milliseconds, logarithmic"},
};

Plot plot_of(const Figure& figure, const std::vector<BenchResult>& results) {
  Plot plot;
  plot.title = figure.title, plot.x_label = figure.x, plot.y_label = figure.y;
  plot.log_x = plot.log_y = true;
  for (const BenchResult& r : results) {
    if (!r.plotted || r.plotted->figure != figure.name) continue;
    auto line = std::find_if(plot.lines.begin(), plot.lines.end(),
                             [&](const PlotLine& l) { return l.name == r.plotted->line; });
    if (line == plot.lines.end())
      line = plot.lines.insert(line, PlotLine{.name = r.plotted->line, .points = {}});
    line->points.push_back({r.plotted->x, r.plotted->y});
  }
  for (PlotLine& line : plot.lines) {
    std::stable_sort(line.points.begin(), line.points.end(),
                     [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
  }
  return plot;
}

}  // namespace

std::vector<std::string> write_plots(const std::vector<BenchResult>& results,
                                     const io::Path& folder) {
  std::vector<std::string> written;
  for (const Figure& figure : kFigures) {
    const Plot plot = plot_of(figure, results);
    if (plot.lines.empty()) continue;
    written.push_back(std::string(figure.file) + ".svg");
    io::write_atomic(folder / written.back(), plot_svg(plot));
  }
  return written;
}

}  // namespace weft::cli
