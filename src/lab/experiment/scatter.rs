//! The picture of an experiment: what was estimated against what was true, a panel a head. Grey dots are naive counts,
//! blue ones corrected shares; on the line they are right.

use std::fmt::Write as _;

use crate::report::text::Text;

/// Estimates of the share of one class in one window.
#[derive(Debug, Clone, Copy)]
pub struct Dot {
    pub truth: f64,
    pub naive: f64,
    pub corrected: f64,
}

/// More dots only hide one another. The dots of one window follow one another, so these are some windows whole.
const DOTS_MAX: usize = 240;
const SIDE: f64 = 220.0;
const GAP: f64 = 48.0;
const TOP: f64 = 46.0;

/// An SVG file.
pub(super) fn draw<'a>(heads: impl Iterator<Item = (&'a str, &'a [Dot])>) -> String {
    let mut body = String::new();
    let mut left = GAP;
    for (head, dots) in heads {
        panel(&mut body, left, head, dots);
        left += SIDE + GAP;
    }
    let (width, height) = (left, TOP + SIDE + 44.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{GAP}\" y=\"18\" font-size=\"13\">Estimated share against true share, windows of 1,000 faces: \
         <tspan fill=\"#888888\">counted</tspan>, <tspan fill=\"#1b5e9c\">corrected</tspan></text>\n{body}</svg>\n"
    )
}

fn panel(body: &mut String, left: f64, head: &str, dots: &[Dot]) {
    let (right, bottom) = (left + SIDE, TOP + SIDE);
    let x = |share: f64| left + share * SIDE;
    let y = |share: f64| bottom - share * SIDE;
    let _infallible = write!(
        body,
        "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{}</text>\n\
         <rect x=\"{left}\" y=\"{TOP}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#cccccc\"/>\n\
         <line x1=\"{left}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{TOP}\" stroke=\"#333333\" stroke-width=\"0.7\"/>\n",
        TOP - 8.0,
        Text(head)
    );
    for tick in [0.0, 0.5, 1.0] {
        let _infallible = writeln!(
            body,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0} %</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            x(tick),
            bottom + 16.0,
            tick * 100.0,
            left - 5.0,
            y(tick) + 4.0,
            tick * 100.0
        );
    }
    for (colour, get) in [
        ("#aaaaaa", (|dot: &Dot| dot.naive) as fn(&Dot) -> f64),
        ("#1b5e9c", |dot| dot.corrected),
    ] {
        for dot in dots.iter().take(DOTS_MAX) {
            let _infallible = writeln!(
                body,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"1.8\" fill=\"{colour}\" fill-opacity=\"0.75\"/>",
                x(dot.truth),
                y(get(dot))
            );
        }
    }
}
