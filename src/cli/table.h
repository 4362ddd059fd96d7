// Tables and numbers for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::cli {

/// Rows of cells under a header, columns padded to their widest cell. The first column and those
/// whose header starts with '<' (not printed) are flush left, the others flush right.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void row(std::vector<std::string> cells);
  size_t columns() const { return left_.size(); }
  /// Takes a column out.
  void drop(size_t column);
  /// Of the widest line.
  size_t width() const;
  std::string str() const;

 private:
  std::vector<size_t> widths() const;  ///< of the columns

  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> left_;
};

std::string human_count(double n);    ///< "950", "12.3 k", "1.24 M", "7.1 G"
std::string human_bytes(double n);    ///< "512 B", "1.5 KiB", "3.2 GiB"
std::string human_seconds(double s);  ///< "850 ns", "12.3 ms", "45 s", "3 min 20 s", "2 h 05 min"

}  // namespace weft::cli
