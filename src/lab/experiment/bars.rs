//! The picture of an experiment: the mean error of each method, a group of bars a head.

use super::report::Report;
use crate::report::text::Text;

const WIDTH: f64 = 640.0;
const BAR: f64 = 16.0;
const LEFT: f64 = 210.0;

/// An SVG file; the naive count is grey, the default method dark.
pub fn draw(report: &Report) -> String {
    let errors = || {
        report
            .heads
            .values()
            .flat_map(|head| head.tvd_points.values())
    };
    let most = errors().copied().fold(1.0, f64::max);
    let mut y = 40.0;
    let mut body = String::new();
    for (head, figures) in &report.heads {
        for (method, tvd) in &figures.tvd_points {
            let colour = match *method {
                "naive" => "#999999",
                "score" => "#1b5e9c",
                _ => "#8fb8dc",
            };
            let long = tvd / most * (WIDTH - LEFT - 60.0);
            let (base, end) = (y + BAR - 5.0, LEFT + long + 6.0);
            let (start, thick) = (LEFT - 8.0, BAR - 3.0);
            let (head, method) = (Text(head), Text(method));
            body += &format!(
                "<text x=\"{start}\" y=\"{base}\" text-anchor=\"end\">{head}: {method}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{long:.1}\" height=\"{thick}\" fill=\"{colour}\"/>\
                 <text x=\"{end:.1}\" y=\"{base}\">{tvd:.2}</text>\n"
            );
            y += BAR;
        }
        y += BAR;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"20\" font-size=\"13\">Mean distance (TVD) from the true shares, in points</text>\n{body}</svg>\n"
    )
}
