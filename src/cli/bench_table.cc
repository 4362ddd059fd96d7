#include <fmt/format.h>

#include <algorithm>

#include "cli/bench_document.h"
#include "cli/table.h"

namespace weft::cli {
namespace {

/// Rows of one bench, in their order.
struct Section {
  std::string bench;
  std::vector<const BenchResult*> rows;
};

std::vector<Section> sections_of(const BenchDocument& d) {
  std::vector<Section> sections;
  for (const BenchResult& r : d.results) {
    // Files of earlier versions name no bench; there the first word of the row does.
    const std::string bench = r.bench.empty() ? r.name.substr(0, r.name.find(' ')) : r.bench;
    if (sections.empty() || sections.back().bench != bench) sections.push_back({bench, {}});
    sections.back().rows.push_back(&r);
  }
  return sections;
}

/// The row's name without the word that stands above the table.
std::string short_name(const Section& section, const BenchResult& r) {
  const std::string prefix = section.bench + " ";
  return r.name.starts_with(prefix) ? r.name.substr(prefix.size()) : r.name;
}

/// "<" in front: flush left, as Table has it. `rank`: higher ones give way first.
struct Column {
  const char* title;
  int rank;
  std::string (*cell)(const BenchResult& r, const Peaks& peaks);
};
constexpr Column kColumns[] = {
    {"time", 0, [](const BenchResult& r, const Peaks&) { return human_seconds(r.seconds); }},
    {"spread", 3,
     [](const BenchResult& r, const Peaks&) { return fmt::format("{:.0f}%", 100 * r.spread); }},
    {"rate", 1, [](const BenchResult& r, const Peaks&) { return rate_text(r); }},
    {"of peak", 0,
     [](const BenchResult& r, const Peaks& peaks) {
       const auto percent = r.percent_of_peak(peaks);
       return percent ? fmt::format("{:.0f}%", *percent) : "";
     }},
    {"roofline", 4, roofline_text},
    {"tok/s", 2,
     [](const BenchResult& r, const Peaks&) {
       return r.tokens_per_second ? fmt::format("{:.0f}", *r.tokens_per_second) : "";
     }},
    {"<note", 5, [](const BenchResult& r, const Peaks&) { return r.note; }},
};

std::string header_text(const BenchDocument& d) {
  std::string out = d.machine;
  if (d.threads > 0) out += fmt::format(", {} thread{}", d.threads, d.threads == 1 ? "" : "s");
  for (const std::string* part : {&d.date, &d.command}) {
    if (!part->empty()) out += "; " + *part;
  }
  return out;
}

std::string peaks_text(const Peaks& p) {
  return fmt::format(
      "peaks measured in this run: gemm f32 {:.0f}, bf16 {:.0f} GFLOP/s; memory {:.0f} GB/s",
      p.gflops_f32, p.gflops_bf16, p.bandwidth_gb_s);
}

/// Columns of which every cell is empty say nothing.
std::vector<const Column*> columns_of(const Section& section, const Peaks& peaks) {
  std::vector<const Column*> columns;
  for (const Column& c : kColumns) {
    const bool any = std::any_of(section.rows.begin(), section.rows.end(),
                                 [&](const BenchResult* r) { return !c.cell(*r, peaks).empty(); });
    if (any) columns.push_back(&c);
  }
  return columns;
}

std::string section_text(const Section& section, const Peaks& peaks, size_t width) {
  std::vector<const Column*> columns = columns_of(section, peaks);
  std::vector<std::string> header{section.bench};
  for (const Column* c : columns) header.emplace_back(c->title);
  Table table(header);
  for (const BenchResult* r : section.rows) {
    std::vector<std::string> cells{short_name(section, *r)};
    for (const Column* c : columns) cells.push_back(c->cell(*r, peaks));
    table.row(cells);
  }
  std::string dropped;
  while (width > 0 && table.width() > width) {
    const auto least =
        std::max_element(columns.begin(), columns.end(),
                         [](const Column* a, const Column* b) { return a->rank < b->rank; });
    if (least == columns.end() || (*least)->rank == 0) break;
    const std::string title = (*least)->title;
    dropped += (dropped.empty() ? "" : ", ") + title.substr(title.starts_with('<') ? 1 : 0);
    table.drop(static_cast<size_t>(least - columns.begin()) + 1);
    columns.erase(least);
  }
  return table.str() + (dropped.empty() ? "" : "(left out for want of room: " + dropped + ")\n");
}

std::string cell_markdown(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '\\');
  }
  return text;
}

}  // namespace

std::string rate_text(const BenchResult& r) {
  const auto three = [](double x) { return fmt::format("{:.{}f}", x, x < 9.995 ? 2 : x < 99.95); };
  if (r.bound == Bound::bandwidth) return three(r.rate) + " GB/s";
  return r.gflops ? three(*r.gflops) + " GFLOP/s" : "";
}

std::string roofline_text(const BenchResult& r, const Peaks& peaks) {
  const auto least = r.roofline(peaks);
  if (!least) return "";
  return human_seconds(least->seconds) + (least->memory ? " memory" : " compute");
}

std::string bench_text(const BenchDocument& d, size_t width) {
  std::string out = header_text(d) + "\n" + peaks_text(d.peaks) + "\n";
  for (const Section& s : sections_of(d)) out += "\n" + section_text(s, d.peaks, width);
  return out;
}

std::string bench_markdown(const BenchDocument& d) {
  std::string out = fmt::format("{}; {}", d.machine, peaks_text(d.peaks));
  if (!d.command.empty()) {
    out += fmt::format(".\n`{}`, {} thread{}, {}, Weft {}", d.command, d.threads,
                       d.threads == 1 ? "" : "s", d.date, d.version);
  }
  out += ".\n";
  for (const Section& s : sections_of(d)) {
    const std::vector<const Column*> columns = columns_of(s, d.peaks);
    out += "\n| " + s.bench + " |";
    std::string rule = "|---|";
    for (const Column* c : columns) {
      const std::string title = c->title;
      const bool left = title.starts_with('<');
      out += " " + title.substr(left ? 1 : 0) + " |";
      rule += left ? "---|" : "---:|";
    }
    out += "\n" + rule + "\n";
    for (const BenchResult* r : s.rows) {
      out += "| " + cell_markdown(short_name(s, *r)) + " |";
      for (const Column* c : columns) out += " " + cell_markdown(c->cell(*r, d.peaks)) + " |";
      out += "\n";
    }
  }
  return out;
}

}  // namespace weft::cli
