#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luge {

/// A line over the last while as inline SVG: no script, no library, and the page's colours.
struct LineChart {
  struct Point {
    double seconds_ago = 0;
    std::optional<double> value;  ///< empty: not known; the line has a gap
  };
  std::string_view title;
  std::vector<Point> points;  ///< oldest first
  std::function<std::string(double)> text;  ///< of a value, for people

  std::string svg() const;
};

}  // namespace luge
