#include "service/console/line_chart.h"

#include <algorithm>
#include <fmt/format.h>

#include "service/console/html.h"

namespace luge {

namespace {
constexpr double kWidth = 600;
constexpr double kHeight = 120;
constexpr double kTop = 6;
}  // namespace

std::string LineChart::svg() const {
  double highest = 0;
  double oldest = 60;
  std::optional<double> last;
  for (const Point& point : points) {
    highest = std::max(highest, point.value.value_or(0));
    oldest = std::max(oldest, point.seconds_ago);
    last = point.value;
  }
  const double scale = highest > 0 ? (kHeight - kTop) / highest : 0;
  std::string path;
  bool drawing = false;
  for (const Point& point : points) {
    if (point.value)
      path += fmt::format("{}{:.1f} {:.1f}", drawing ? "L" : "M", kWidth * (1 - point.seconds_ago / oldest), kHeight - *point.value * scale);
    drawing = point.value.has_value();
  }
  const std::string now = last ? text(*last) : "unknown";
  const std::string most = points.empty() ? "no samples yet" : "at most " + text(highest);
  std::string out = fmt::format("<figure class=\"chart\"><figcaption>{} <b>{}</b></figcaption>", html(title), html(now));
  out += fmt::format("<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{2}: {3} now, {4}\">", kWidth,
                     kHeight, html(title), html(now), html(most));
  out += fmt::format("<line class=\"axis\" x1=\"0\" y1=\"{0:.0f}\" x2=\"{1:.0f}\" y2=\"{0:.0f}\"/>", kHeight, kWidth);
  if (!path.empty()) out += "<path class=\"line\" d=\"" + path + "\"/>";
  out +=
      fmt::format("</svg><p class=\"range\"><span>{} ago</span><span>{}</span><span>now</span></p></figure>", html(seconds_text(oldest)), html(most));
  return out;
}

}  // namespace luge
